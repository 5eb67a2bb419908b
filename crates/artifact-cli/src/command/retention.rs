//! `artifact retention`: say how long single artifacts are kept, and show the rules for the rest.

use std::io;

use artifact_app::{KeepFor, RetentionChange};
use artifact_domain::query::Versions;
use artifact_domain::{ArtifactRef, Error};
use clap::{ArgGroup, Args, Subcommand};
use futures::StreamExt;
use serde_json::json;

use crate::context::Context;
use crate::failures::{Failure, Failures, and_failed};
use crate::filter::FilterArgs;
use crate::service::Service;
use crate::ui::Ui;

/// What to do about retention.
#[derive(Debug, Args)]
pub(crate) struct RetentionArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the rules in force
    #[command(after_help = "\
Example:
  artifact retention show --json")]
    Show,
    /// Say how long artifacts are kept, whatever the rules say
    Set(Box<SetArgs>),
}

/// Whose retention to set, and to what.
#[derive(Debug, Args)]
#[command(after_help = "\
Days count from the creation of an artifact. A URI names the newest version; with ?version=N it names
that one. What has expired and was not cleaned up yet comes back if its new time is not over.

Examples:
  artifact retention set artifact://demo/1/document/README.md --keep-days 90
  artifact retention set --spec demo --task 'release-*' --all-versions --never --dry-run
  artifact retention set --tag keep --default")]
pub(crate) struct SetArgs {
    /// URIs or ids
    #[arg(value_name = "URI|ID")]
    artifacts: Vec<ArtifactRef>,
    #[command(flatten)]
    what: FilterArgs,
    /// All versions of what the filters select, not only the newest of each artifact
    #[arg(long, conflicts_with = "artifacts")]
    all_versions: bool,
    #[command(flatten)]
    keep: KeepArgs,
    /// Say what would change and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// For how long.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("keep").required(true).args(["keep_days", "never", "default"]))]
struct KeepArgs {
    /// Keep them for this many days
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    keep_days: Option<u32>,
    /// Never let them expire
    #[arg(long)]
    never: bool,
    /// Keep them for as long as the rules say
    #[arg(long)]
    default: bool,
}

impl KeepArgs {
    fn keep_for(&self) -> KeepFor {
        match self.keep_days {
            Some(days) => KeepFor::Days(days),
            None if self.never => KeepFor::Ever,
            None => KeepFor::Rules,
        }
    }
}

pub(crate) async fn run(args: RetentionArgs, context: &Context) -> Result<(), Failure> {
    match args.action {
        Action::Show => show(context).await,
        Action::Set(args) => {
            let service = context.service().await?;
            let work = Box::pin(set(&args, &service, &context.ui));
            context.interrupt.cut_off(work).await?
        }
    }
}

async fn set(args: &SetArgs, service: &Service, ui: &Ui) -> Result<(), Failure> {
    if args.artifacts.is_empty() == args.what.is_empty() {
        let message = "either artifacts or filters are needed, and not both";
        return Err(Error::invalid_input(message)
            .with_hint("name artifacts, or select them with --spec, --task, --type, …")
            .into());
    }
    let keep = args.keep.keep_for();
    let mut filter = args.what.filter(service.now());
    if args.all_versions {
        filter.versions = Versions::All;
    }
    let mut changes = if args.artifacts.is_empty() {
        service.set_retention_all(filter, keep, args.dry_run)
    } else {
        service.set_retention_each(args.artifacts.clone(), keep, args.dry_run)
    };
    let (mut failures, mut versions) = (Failures::default(), 0_u64);
    while let Some(change) = changes.next().await {
        match change {
            Ok(change) => {
                versions += u64::from(change.is_changed);
                print(&change, ui)?;
            }
            Err(error) => failures.add(ui, &error),
        }
    }
    let did = if args.dry_run { "would be" } else { "were" };
    let failed = failures.count();
    ui.sum(
        &json!({ "changed": versions, "failed": failed, "dry_run": args.dry_run }),
        format_args!("{versions} versions {did} changed{}", and_failed(failed)),
    );
    failures.into_result()
}

fn print(change: &RetentionChange, ui: &Ui) -> io::Result<()> {
    let uri = change.record.version_uri();
    let end = change.record.expires_at;
    if ui.json() {
        return ui.object(&json!({
            "uri": uri.to_string(),
            "id": change.record.id,
            "changed": change.is_changed,
            "expires_at_before": change.before,
            "expires_at": end,
        }));
    }
    let end = end.map_or("stays".to_owned(), |end| format!("expires {end}"));
    ui.line(format_args!("{uri}  {end}"))
}

async fn show(context: &Context) -> Result<(), Failure> {
    let retention = match context.remote()? {
        Some(remote) => remote.retention().await?,
        None => context.settings()?.settings.retention,
    };
    if context.ui.json() {
        context.ui.object(&retention)?;
        return Ok(());
    }
    let days = |days: &Option<u32>| match days {
        Some(1) => "1 day".to_owned(),
        Some(days) => format!("{days} days"),
        None => "never".to_owned(),
    };
    let ui = &context.ui;
    if !retention.enabled {
        ui.line("retention.enabled is false: only what artifacts say of themselves counts")?;
    }
    let policy = artifact_bootstrap::retention_policy(&retention)?;
    for (pattern, kept) in policy.days_by_task.iter() {
        ui.line(format_args!("by_task {pattern}: {}", days(kept)))?;
    }
    for (artifact_type, kept) in &policy.days_by_type {
        ui.line(format_args!("by_type {artifact_type}: {}", days(kept)))?;
    }
    ui.line(format_args!("default_days: {}", days(&policy.default_days)))?;
    for group in policy.groups() {
        ui.line(format_args!("kept: {group}"))?;
    }
    let schedule = retention.schedule.filter(|_| retention.enabled);
    let schedule = schedule.as_deref().unwrap_or("never");
    ui.line(format_args!("schedule: {schedule}"))?;
    Ok(())
}
