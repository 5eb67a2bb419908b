//! `artifact search`: find artifacts.

use std::time::Duration;

use artifact_app::Store;
use artifact_bootstrap::settings::ByteSize;
use artifact_domain::query::{Cursor, Filter, Glob, Order, PageSize, TagFilter, Versions};
use artifact_domain::{ArtifactRecord, ArtifactType, Result, State};
use clap::Args;
use indicatif::HumanBytes;
use serde_json::json;

use crate::context::Context;
use crate::failures::Failure;
use crate::when::When;

/// What to find.
#[derive(Debug, Args)]
#[command(after_help = "\
In patterns * stands for any characters, ? for one, [a-z] for one of a set.

Examples:
  artifact search --spec demo
  artifact search --task 'build-*' --type log --days 7
  artifact search --tag branch=main --min-size 1MB --sort size --limit 10
  artifact search --type test-results --latest 1 --json")]
pub(crate) struct SearchArgs {
    /// Specs that match this pattern
    #[arg(long, value_name = "GLOB")]
    spec: Option<Glob>,
    /// Tasks that match this pattern
    #[arg(long, visible_aliases = ["job", "execution"], value_name = "GLOB")]
    task: Option<Glob>,
    /// This type; several times for one of several
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<ArtifactType>,
    /// Names that match this pattern
    #[arg(long, value_name = "GLOB")]
    name: Option<Glob>,
    /// With this tag, whatever its value, or with this value; several times for all of several
    #[arg(long = "tag", value_name = "K[=V]", value_parser = TagFilter::parse)]
    tags: Vec<TagFilter>,
    /// Created at this time or later, in UTC where no offset is given
    #[arg(long, value_name = "TIME", conflicts_with = "days")]
    after: Option<When>,
    /// Created before this time
    #[arg(long, value_name = "TIME")]
    before: Option<When>,
    /// Created within this many days
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=365_000))]
    days: Option<u32>,
    /// At least this large, by original bytes
    #[arg(long, value_name = "SIZE")]
    min_size: Option<ByteSize>,
    /// At most this large
    #[arg(long, value_name = "SIZE")]
    max_size: Option<ByteSize>,
    /// In this state; several times for one of several [default: active and archived]
    #[arg(long = "state", value_name = "STATE")]
    states: Vec<State>,
    /// Only the newest N of what matches
    #[arg(long, value_name = "N", conflicts_with_all = ["sort", "limit"],
          value_parser = clap::value_parser!(u64).range(1..))]
    latest: Option<u64>,
    /// All versions, not only the newest of each artifact
    #[arg(long)]
    all_versions: bool,
    /// In which order: created (newest first), size (largest first), name
    #[arg(long, value_name = "ORDER", default_value_t)]
    sort: Order,
    /// At most N; the cursor for the rest is printed on stderr
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Go on where an earlier search ended
    #[arg(long)]
    cursor: Option<Cursor>,
}

impl SearchArgs {
    fn filter(&self, store: &Store) -> Filter {
        let days_ago = |days: u32| {
            store
                .now()
                .saturating_sub(Duration::from_hours(24).saturating_mul(days))
        };
        let mut filter = Filter {
            spec: self.spec.clone(),
            task: self.task.clone(),
            name: self.name.clone(),
            types: self.types.clone(),
            tags: self.tags.clone(),
            created_from: self.after.map(|when| when.0).or(self.days.map(days_ago)),
            created_before: self.before.map(|when| when.0),
            min_size_bytes: self.min_size.map(ByteSize::bytes),
            max_size_bytes: self.max_size.map(ByteSize::bytes),
            ..Filter::default()
        };
        if !self.states.is_empty() {
            filter.states.clone_from(&self.states);
        }
        if self.all_versions {
            filter.versions = Versions::All;
        }
        filter
    }
}

pub(crate) async fn run(args: SearchArgs, context: &Context) -> Result<(), Failure> {
    let store = context.store().await?;
    let filter = args.filter(&store);
    let mut wanted = args.latest.or(args.limit).unwrap_or(u64::MAX);
    let mut cursor = args.cursor.clone();
    loop {
        let limit = PageSize::new(
            usize::try_from(wanted)
                .unwrap_or(usize::MAX)
                .min(PageSize::MAX.get()),
        )?;
        let page = store
            .search(filter.clone(), args.sort, cursor, limit)
            .await?;
        for record in &page.items {
            context
                .ui
                .artifact(record, row(record, args.all_versions))?;
        }
        wanted -= page.items.len() as u64;
        cursor = page.next;
        if cursor.is_none() || context.interrupt.is_requested() {
            return Ok(());
        }
        if wanted == 0 {
            break;
        }
    }
    if let (Some(cursor), None) = (cursor, args.latest) {
        if context.ui.json() {
            context
                .ui
                .note(json!({ "next_cursor": cursor.to_string() }));
        } else {
            context
                .ui
                .note(format_args!("there is more: --cursor {cursor}"));
        }
    }
    Ok(())
}

/// Time, size and address of an artifact, aligned as far as its size goes.
fn row(record: &ArtifactRecord, with_version: bool) -> String {
    let uri = if with_version {
        record.version_uri()
    } else {
        record.uri()
    };
    let size = record
        .content
        .as_ref()
        .map(|content| HumanBytes(content.size_bytes).to_string());
    let created = record.created_at.to_string();
    let seconds = created
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end_matches('Z');
    let state = match record.state {
        State::Active => String::new(),
        other => format!("  [{}]", other.to_string().to_lowercase()),
    };
    format!(
        "{seconds}Z  {:>10}  {uri}{state}",
        size.unwrap_or_else(|| "-".to_owned())
    )
}
