//! `artifact search`: find artifacts.

use artifact_domain::query::{Cursor, Filter, Order, PageSize, Versions};
use artifact_domain::{ArtifactRecord, State, Timestamp};
use clap::Args;
use indicatif::HumanBytes;
use serde_json::json;

use crate::context::Context;
use crate::failures::Failure;
use crate::filter::FilterArgs;

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
    #[command(flatten)]
    what: FilterArgs,
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
    fn filter(&self, now: Timestamp) -> Filter {
        let mut filter = self.what.filter(now);
        if self.all_versions {
            filter.versions = Versions::All;
        }
        filter
    }
}

pub(crate) async fn run(args: SearchArgs, context: &Context) -> Result<(), Failure> {
    let service = context.service().await?;
    let filter = args.filter(service.now());
    let mut wanted = args.latest.or(args.limit).unwrap_or(u64::MAX);
    let mut cursor = args.cursor.clone();
    loop {
        let limit = PageSize::new(
            usize::try_from(wanted)
                .unwrap_or(usize::MAX)
                .min(PageSize::MAX.get()),
        )?;
        let page = service
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
        context.ui.sum(
            &json!({ "next_cursor": cursor.to_string() }),
            format_args!("there is more: --cursor {cursor}"),
        );
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
