//! `artifact policy`: what credentials must be allowed in the bucket.

use artifact_bootstrap::{BucketJob, policy_rules};
use clap::{Args, Subcommand};

use crate::bucket_changes;
use crate::context::Context;
use crate::failures::Failure;

/// What to do with the policy.
#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the policy for the user or role of the store: what it needs and no more
    #[command(after_help = "\
Examples:
  artifact policy show > policy.json
  artifact policy show --with-rules")]
    Show {
        #[command(flatten)]
        which: Which,
    },
    /// Allow it to somebody in the bucket's own policy; statements of others stay as they are
    #[command(after_help = "\
Whom a bucket lets in, it lets in past a server and its tokens.

Example:
  artifact policy apply --principal arn:aws:iam::123456789012:role/ci --dry-run")]
    Apply {
        #[command(flatten)]
        which: Which,
        /// Whom to allow it
        #[arg(long, value_name = "ARN")]
        principal: String,
        /// Say what would be changed and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Compare the bucket's own policy with it; exit code 6 if they differ
    #[command(after_help = "\
Example:
  artifact policy check --principal arn:aws:iam::123456789012:role/ci")]
    Check {
        #[command(flatten)]
        which: Which,
        /// Whom it is to be allowed
        #[arg(long, value_name = "ARN")]
        principal: String,
    },
}

#[derive(Debug, Args)]
struct Which {
    /// Allow reading and writing the rules of the bucket too
    #[arg(long)]
    with_rules: bool,
}

pub(crate) async fn run(args: PolicyArgs, context: &Context) -> Result<(), Failure> {
    let (which, principal, job) = match args.action {
        Action::Show { which } => (which, None, BucketJob::Show),
        Action::Apply {
            which,
            principal,
            dry_run,
        } => (which, Some(principal), BucketJob::Apply { dry_run }),
        Action::Check { which, principal } => (which, Some(principal), BucketJob::Check),
    };
    let report = if let Some(remote) = context.remote()? {
        remote.policy(which.with_rules, principal, job).await?
    } else {
        let settings = context.settings()?.settings;
        let outcome = policy_rules(&settings, which.with_rules, principal.as_deref(), job);
        bucket_changes::report(outcome.await?)
    };
    bucket_changes::tell(report, job, "policy", context)
}
