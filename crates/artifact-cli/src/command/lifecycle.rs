//! `artifact lifecycle`: the rules by which the bucket moves and deletes.

use artifact_app::{
    LifecyclePlan, LifecycleWish, lifecycle_differences, lifecycle_json, plan_lifecycle, refusal,
};
use artifact_bootstrap::settings::Settings;
use artifact_bootstrap::{bucket_rules, bucket_site, retention_policy};
use artifact_domain::Error;
use artifact_domain::policy::TierPolicy;
use clap::{Args, Subcommand};

use crate::bucket_changes;
use crate::context::Context;
use crate::failures::{Failure, Failures};

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
    let settings = context.settings()?.settings;
    match args.action {
        Action::Show { which } => {
            let (site, _) = bucket_site(&settings).await?;
            let plan = plan(&settings, &which, context).await?;
            bucket_changes::show(&lifecycle_json(&site, &plan.rules), context)
        }
        Action::Apply { which, dry_run } => {
            let plan = plan(&settings, &which, context).await?;
            let rules = bucket_rules(&settings).await?;
            if let Some(refused) = refused(&plan, context).await? {
                return Err(refused.into());
            }
            let differences = lifecycle_differences(&*rules, &plan).await?;
            if !dry_run && !differences.is_empty() {
                rules.set_lifecycle(plan.rules).await?;
            }
            bucket_changes::applied(&differences, dry_run, context)
        }
        Action::Check { which } => {
            let plan = plan(&settings, &which, context).await?;
            let rules = bucket_rules(&settings).await?;
            let mut failures = Failures::default();
            if let Some(refused) = refused(&plan, context).await? {
                failures.add(&context.ui, &refused);
            }
            let differences = lifecycle_differences(&*rules, &plan).await?;
            bucket_changes::checked(&differences, "lifecycle", context)?;
            failures.into_result()
        }
    }
}

/// What speaks against the plan: artifacts that the store keeps and the bucket would delete. The
/// store is opened only for a plan that deletes.
async fn refused(plan: &LifecyclePlan, context: &Context) -> Result<Option<Error>, Failure> {
    if plan.expire_after_days().is_none() {
        return Ok(None);
    }
    let store = context.store().await?;
    Ok(refusal(&store.at_risk_by(plan).await?))
}

/// The rules that follow; what a person is to know of them is said.
async fn plan(
    settings: &Settings,
    which: &Which,
    context: &Context,
) -> Result<LifecyclePlan, Failure> {
    let (site, classes) = bucket_site(settings).await?;
    let wish = LifecycleWish {
        tiers: TierPolicy {
            warm_after_days: settings.tiers.warm_after_days,
            cold_after_days: settings.tiers.cold_after_days,
            cold_read_through: settings.tiers.cold.read_through,
        },
        classes: &classes,
        retention: &retention_policy(&settings.retention)?,
        expire: !which.no_expire,
    };
    let plan = plan_lifecycle(site.service, &wish);
    for note in &plan.notes {
        context.ui.note(note);
    }
    Ok(plan)
}
