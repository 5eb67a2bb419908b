//! `artifact versions`: list the versions of an artifact, prune the old ones.

use std::time::Duration;

use artifact_app::{OldVersion, PruneScope};
use artifact_domain::policy::PruneRule;
use artifact_domain::query::Versions;
use artifact_domain::{ArtifactRecord, ArtifactRef, Error, Result};
use clap::{ArgGroup, Args, Subcommand};
use futures::{StreamExt, TryStreamExt};
use indicatif::HumanBytes;
use serde_json::json;

use crate::context::Context;
use crate::failures::{Failure, Failures, and_failed};
use crate::selection::{Selection, SelectionArgs};
use crate::service::Service;

const DAY: Duration = Duration::from_hours(24);

/// What to do with versions.
#[derive(Debug, Args)]
pub(crate) struct VersionsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List every version of an artifact, the newest first
    #[command(after_help = "\
Example:
  artifact versions list artifact://demo/1/log/build.log")]
    List {
        /// The artifact's URI or id
        #[arg(value_name = "URI|ID")]
        artifact: ArtifactRef,
    },
    /// Delete old versions; the newest stays, and so does what is on hold
    #[command(after_help = "\
With both --keep and --older-than only what both say goes. Versions on hold stay besides the N newest.
Flags that select say which versions may go; what stays is counted among all versions.

Examples:
  artifact versions prune artifact://demo/1/log/build.log --keep 3
  artifact versions prune --spec demo --keep 3 --older-than 30 --dry-run
  artifact versions prune --type video --min-size 1GB --older-than 7")]
    Prune(Box<PruneArgs>),
}

/// Which versions to delete.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("rule").required(true).multiple(true).args(["keep", "older_than"]))]
struct PruneArgs {
    #[command(flatten)]
    what: SelectionArgs,
    /// Keep the N newest versions of each artifact
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    keep: Option<u32>,
    /// Keep what was created less than so many days ago
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=365_000))]
    older_than: Option<u32>,
    /// Say what would be deleted and delete nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(args: VersionsArgs, context: &Context) -> Result<(), Failure> {
    match args.action {
        Action::List { artifact } => list(&artifact, context).await,
        Action::Prune(args) => prune(*args, context).await,
    }
}

async fn list(artifact: &ArtifactRef, context: &Context) -> Result<(), Failure> {
    let service = context.service().await?;
    let mut versions = service.versions(artifact).await?;
    while let Some(record) = versions.try_next().await? {
        context.ui.artifact(&record, row(&record))?;
    }
    Ok(())
}

/// Address, state, size, times and hold of a version.
fn row(record: &ArtifactRecord) -> String {
    let size = record.content.as_ref().map_or_else(String::new, |content| {
        HumanBytes(content.size_bytes).to_string()
    });
    let end = record.expires_at.map_or_else(
        || "never expires".to_owned(),
        |end| format!("expires {end}"),
    );
    let hold = if record.hold.is_some() { "  held" } else { "" };
    format!(
        "{}  {}  {size}  created {}  {end}{hold}",
        record.version_uri(),
        record.state,
        record.created_at
    )
}

/// What became of old versions.
#[derive(Debug, Default)]
struct Tally {
    gone: u64,
    stored_size_bytes: u64,
    held: u64,
    failures: Failures,
}

async fn prune(args: PruneArgs, context: &Context) -> Result<(), Failure> {
    let days = args.older_than.map(|days| DAY.saturating_mul(days));
    let rule = PruneRule::new(args.keep, days)?;
    let service = context.service().await?;
    let scopes = match args.what.selection(service.now(), Versions::All)? {
        Selection::Filtered(filter) => vec![PruneScope::Selected(filter)],
        Selection::Named(artifacts) => artifacts.into_iter().map(PruneScope::One).collect(),
    };
    if !args.dry_run {
        context.clear_leftovers(&service).await;
    }
    let mut tally = Tally::default();
    for scope in scopes {
        prune_scope(scope, rule, args.dry_run, &service, context, &mut tally).await?;
        if context.interrupt.is_requested() {
            break;
        }
    }
    conclude(tally, args.dry_run, context)
}

async fn prune_scope(
    scope: PruneScope,
    rule: PruneRule,
    dry_run: bool,
    service: &Service,
    context: &Context,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let mut outcomes = match service.prune(scope, rule, dry_run).await {
        Ok(outcomes) => outcomes,
        Err(error) => {
            tally.failures.add(&context.ui, &error);
            return Ok(());
        }
    };
    while let Some(outcome) = outcomes.next().await {
        tally.add(outcome, context)?;
        if context.interrupt.is_requested() {
            break;
        }
    }
    Ok(())
}

impl Tally {
    fn add(
        &mut self,
        outcome: Result<OldVersion, Error>,
        context: &Context,
    ) -> Result<(), Failure> {
        match outcome {
            Ok(OldVersion::Goes(record)) => {
                self.gone += 1;
                self.stored_size_bytes += record.stored_content()?.stored_size_bytes;
                context.ui.artifact(&record, record.version_uri())?;
            }
            Ok(OldVersion::Held(record)) => {
                self.held += 1;
                let held = record.held();
                context.ui.note(format_args!("kept: {}", held.message()));
            }
            Err(error) => self.failures.add(&context.ui, &error),
        }
        Ok(())
    }
}

fn conclude(tally: Tally, dry_run: bool, context: &Context) -> Result<(), Failure> {
    let failed = tally.failures.count();
    let would = if dry_run { "would be pruned" } else { "pruned" };
    context.ui.sum(
        &json!({
            "pruned": tally.gone, "stored_size_bytes": tally.stored_size_bytes,
            "held": tally.held, "failed": failed, "dry_run": dry_run,
        }),
        format_args!(
            "{} versions, {} {would}, {} kept on hold{}",
            tally.gone,
            HumanBytes(tally.stored_size_bytes),
            tally.held,
            and_failed(failed)
        ),
    );
    tally.failures.into_result()
}
