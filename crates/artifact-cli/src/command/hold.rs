//! `artifact hold`: keep artifacts from expiry and deletion, let them go again, list what is held.

use artifact_app::Change;
use artifact_domain::query::Versions;
use artifact_domain::{ArtifactDetails, ArtifactRecord};
use clap::{Args, Subcommand};
use futures::TryStreamExt;

use crate::changing::Changing;
use crate::context::Context;
use crate::failures::Failure;
use crate::filter::FilterArgs;
use crate::selection::SelectionArgs;
use crate::task;

/// What to do with holds.
#[derive(Debug, Args)]
pub(crate) struct HoldArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Put versions on hold: they neither expire nor can be deleted
    #[command(after_help = "\
A URI names the newest version, flags select all versions. What has expired and was not removed yet
can be held, and is readable again. A hold that is there keeps its beginning and gets the new reason.

Examples:
  artifact hold set artifact://demo/1/log/build.log --reason 'audit 2026'
  artifact hold set --spec demo --task 41 --reason 'case 7' --by ann --dry-run")]
    Set {
        #[command(flatten)]
        what: SelectionArgs,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Who says so [default: whoever the CI runs for, or the user]
        #[arg(long, value_name = "WHO")]
        by: Option<String>,
        /// Say what would be held and hold nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Release holds; what has expired meanwhile is gone at once
    #[command(after_help = "\
Examples:
  artifact hold release artifact://demo/1/log/build.log
  artifact hold release --spec demo --task 41")]
    Release {
        #[command(flatten)]
        what: SelectionArgs,
        /// Say what would be released and release nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// List the versions on hold: since when, why, and who says so
    #[command(after_help = "\
Examples:
  artifact hold list
  artifact hold list --spec demo --json")]
    List {
        #[command(flatten)]
        what: FilterArgs,
    },
}

pub(crate) async fn run(args: HoldArgs, context: &Context) -> Result<(), Failure> {
    let (what, change, dry_run) = match args.action {
        Action::List { what } => return list(&what, context).await,
        Action::Release { what, dry_run } => (what, Change::ReleaseHold, dry_run),
        Action::Set {
            what,
            reason,
            by,
            dry_run,
        } => {
            let hold = Change::Hold {
                reason: Some(reason),
                by: by.or_else(task::user),
            };
            (what, hold, dry_run)
        }
    };
    let service = context.service().await?;
    let changing = Changing {
        selection: what.selection(service.now(), Versions::All)?,
        change,
        dry_run,
    };
    let now = service.now();
    let observe = |record: &ArtifactRecord| {
        if record.is_expired(now) && !dry_run {
            let uri = record.version_uri();
            let note = format!("{uri} has expired while it was held, and is gone");
            context.ui.warn(note);
        }
    };
    changing.run(&service, context, observe).await
}

async fn list(what: &FilterArgs, context: &Context) -> Result<(), Failure> {
    let service = context.service().await?;
    let mut found = service.held(what.filter(service.now()));
    while let Some(record) = found.try_next().await? {
        let Some(hold) = &record.hold else { continue };
        if context.ui.json() {
            context.ui.object(&ArtifactDetails::from(&record))?;
        } else {
            let uri = record.version_uri();
            context.ui.line(format_args!("{uri}  {hold}"))?;
        }
    }
    Ok(())
}
