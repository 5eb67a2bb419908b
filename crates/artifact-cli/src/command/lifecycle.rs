//! `artifact lifecycle`: the rules by which the bucket moves and deletes.

use artifact_bootstrap::{BucketJob, lifecycle_rules};
use clap::{Args, Subcommand};

use crate::bucket_changes;
use crate::context::Context;
use crate::failures::Failure;

/// What to do with the rules.
#[derive(Debug, Args)]
pub(crate) struct LifecycleArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the rules that follow from the settings, as the service's own tools take them
    #[command(after_help = "\
Examples:
  artifact lifecycle show
  artifact lifecycle show --no-expire > lifecycle.json")]
    Show {
        #[command(flatten)]
        which: Which,
    },
    /// Set these rules on the bucket; those of others stay as they are
    #[command(after_help = "\
Refuses while the bucket would delete what the store keeps: what is on hold, never expires, or
expires later.

Examples:
  artifact lifecycle apply --dry-run
  artifact lifecycle apply --no-expire")]
    Apply {
        #[command(flatten)]
        which: Which,
        /// Say what would be changed and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Compare the bucket's rules with those that follow; exit code 6 if they differ
    #[command(after_help = "\
Examples:
  artifact lifecycle check
  artifact lifecycle check --no-expire --json")]
    Check {
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, Args)]
struct Which {
    /// Leave out the rule that deletes what the store's own cleanup has left
    #[arg(long)]
    no_expire: bool,
}

pub(crate) async fn run(args: LifecycleArgs, context: &Context) -> Result<(), Failure> {
    let (which, job) = match args.action {
        Action::Show { which } => (which, BucketJob::Show),
        Action::Apply { which, dry_run } => (which, BucketJob::Apply { dry_run }),
        Action::Check { which } => (which, BucketJob::Check),
    };
    let report = if let Some(remote) = context.remote()? {
        remote.lifecycle(which.no_expire, job).await?
    } else {
        let settings = context.settings()?.settings;
        let own = async || context.store().await;
        let outcome = lifecycle_rules(&settings, !which.no_expire, job, own);
        bucket_changes::report(outcome.await?)
    };
    bucket_changes::tell(report, job, "lifecycle", context)
}
