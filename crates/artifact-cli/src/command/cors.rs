//! `artifact cors`: which pages of the web may use signed URLs of the bucket.

use artifact_app::cors_origin;
use artifact_bootstrap::{BucketJob, cors_rules};
use clap::{Args, Subcommand};

use crate::bucket_changes;
use crate::context::Context;
use crate::failures::Failure;

/// What to do with the rule.
#[derive(Debug, Args)]
pub(crate) struct CorsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the rule, as the service's own tools take it
    #[command(after_help = "\
Example:
  artifact cors show --origin https://ci.example.com")]
    Show {
        #[command(flatten)]
        which: Which,
    },
    /// Set the rule on the bucket; those of others stay as they are
    #[command(after_help = "\
Examples:
  artifact cors apply --origin https://ci.example.com --dry-run
  artifact cors apply --origin https://ci.example.com --read-only")]
    Apply {
        #[command(flatten)]
        which: Which,
        /// Say what would be changed and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Compare the bucket's rule with this one; exit code 6 if they differ
    #[command(after_help = "\
Example:
  artifact cors check --origin https://ci.example.com")]
    Check {
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, Args)]
struct Which {
    /// The origin of a page that may use signed URLs: scheme, host and port; may be repeated
    #[arg(long = "origin", value_name = "URL", required = true, value_parser = cors_origin)]
    origins: Vec<String>,
    /// Let pages download alone, and not upload
    #[arg(long)]
    read_only: bool,
}

pub(crate) async fn run(args: CorsArgs, context: &Context) -> Result<(), Failure> {
    let (which, job) = match args.action {
        Action::Show { which } => (which, BucketJob::Show),
        Action::Apply { which, dry_run } => (which, BucketJob::Apply { dry_run }),
        Action::Check { which } => (which, BucketJob::Check),
    };
    let report = if let Some(remote) = context.remote()? {
        remote.cors(which.origins, which.read_only, job).await?
    } else {
        let settings = context.settings()?.settings;
        let outcome = cors_rules(&settings, which.origins, which.read_only, job);
        bucket_changes::report(outcome.await?)
    };
    bucket_changes::tell(report, job, "cors", context)
}
