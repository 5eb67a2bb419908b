//! `artifact policy`: what credentials must be allowed in the bucket.

use artifact_app::{PolicyWish, bucket_policy, identity_policy, policy_differences};
use artifact_bootstrap::settings::Settings;
use artifact_bootstrap::{bucket_rules, bucket_site};
use clap::{Args, Subcommand};
use serde_json::Value;

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
    let settings = context.settings()?.settings;
    match args.action {
        Action::Show { which } => {
            let (site, _) = bucket_site(&settings).await?;
            let policy = identity_policy(&site, wish(&settings, &which));
            bucket_changes::show(&policy, context)
        }
        Action::Apply {
            which,
            principal,
            dry_run,
        } => {
            let wanted = statements(&settings, &which, &principal).await?;
            let rules = bucket_rules(&settings).await?;
            let differences = policy_differences(&*rules, &wanted).await?;
            if !dry_run && !differences.is_empty() {
                let statements = wanted.into_iter().map(|(_, statement)| statement);
                rules.set_policy(statements.collect()).await?;
            }
            bucket_changes::applied(&differences, dry_run, context)
        }
        Action::Check { which, principal } => {
            let wanted = statements(&settings, &which, &principal).await?;
            let rules = bucket_rules(&settings).await?;
            let differences = policy_differences(&*rules, &wanted).await?;
            bucket_changes::checked(&differences, "policy", context)
        }
    }
}

async fn statements(
    settings: &Settings,
    which: &Which,
    principal: &str,
) -> Result<Vec<(String, Value)>, Failure> {
    let (site, _) = bucket_site(settings).await?;
    Ok(bucket_policy(&site, wish(settings, which), principal))
}

fn wish(settings: &Settings, which: &Which) -> PolicyWish {
    PolicyWish {
        restore: settings.tiers.cold_after_days.is_some() || !settings.tiers.cold.read_through,
        rules: which.with_rules,
    }
}
