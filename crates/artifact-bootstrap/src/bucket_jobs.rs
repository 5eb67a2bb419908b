//! The rules that the settings ask of a bucket: shown, compared with those it has, and set. Must not know who
//! asks, and prints nothing.

use artifact_app::{
    LifecyclePlan, LifecycleWish, PolicyWish, RuleDifference, Store, bucket_policy,
    cors_differences, cors_json, cors_rule, identity_policy, lifecycle_differences, lifecycle_json,
    plan_lifecycle, policy_differences, refusal,
};
use artifact_domain::policy::TierPolicy;
use artifact_domain::{Error, Result};
use serde_json::Value;

use crate::settings::Settings;
use crate::{bucket_rules, bucket_site, retention_policy};

/// What to do with the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketJob {
    /// To give them as the tools of the service take them.
    Show,
    /// To compare the bucket's with them.
    Check,
    /// To set them, or only to say what would be changed.
    Apply {
        /// Nothing is changed.
        dry_run: bool,
    },
}

/// What has come of it.
#[derive(Debug, Default)]
pub struct BucketOutcome {
    /// The rules, if they were to be shown.
    pub document: Option<Value>,
    /// How those of the bucket differ, or differed.
    pub differences: Vec<RuleDifference>,
    /// What a person is to know of them.
    pub notes: Vec<String>,
    /// Why they must not be set, and were not.
    pub refusal: Option<Error>,
}

/// The rules by which a bucket moves and deletes; `expire` has the one that deletes what the store's own
/// cleanup has left. `store` is asked only about rules that delete.
///
/// # Errors
/// `Unsupported` for a backend that is no bucket; those of the bucket. What the bucket would delete though the
/// store keeps it is a refusal, and then nothing is set.
pub async fn lifecycle_rules(
    settings: &Settings,
    expire: bool,
    job: BucketJob,
    store: impl AsyncFnOnce() -> Result<Store>,
) -> Result<BucketOutcome> {
    let (site, classes) = bucket_site(settings).await?;
    let wish = LifecycleWish {
        tiers: TierPolicy {
            warm_after_days: settings.tiers.warm_after_days,
            cold_after_days: settings.tiers.cold_after_days,
            cold_read_through: settings.tiers.cold.read_through,
        },
        classes: &classes,
        retention: &retention_policy(&settings.retention)?,
        expire,
    };
    let plan = plan_lifecycle(site.service, &wish);
    let mut outcome = BucketOutcome {
        notes: plan.notes.iter().map(ToString::to_string).collect(),
        ..BucketOutcome::default()
    };
    if job == BucketJob::Show {
        outcome.document = Some(lifecycle_json(&site, &plan.rules));
        return Ok(outcome);
    }
    let rules = bucket_rules(settings).await?;
    outcome.refusal = refused(&plan, store).await?;
    if outcome.refusal.is_some() && job != BucketJob::Check {
        return Ok(outcome);
    }
    outcome.differences = lifecycle_differences(&*rules, &plan).await?;
    if is_wanted(job, &outcome.differences) {
        rules.set_lifecycle(plan.rules).await?;
    }
    Ok(outcome)
}

/// What speaks against the plan: artifacts that the store keeps and the bucket would delete.
async fn refused(
    plan: &LifecyclePlan,
    store: impl AsyncFnOnce() -> Result<Store>,
) -> Result<Option<Error>> {
    if plan.expire_after_days().is_none() {
        return Ok(None);
    }
    Ok(refusal(&store().await?.at_risk_by(plan).await?))
}

/// The rule by which pages of the web of these origins may use signed URLs of the bucket.
///
/// # Errors
/// `Unsupported` for a backend that is no bucket; those of the bucket.
pub async fn cors_rules(
    settings: &Settings,
    origins: Vec<String>,
    read_only: bool,
    job: BucketJob,
) -> Result<BucketOutcome> {
    let (site, _) = bucket_site(settings).await?;
    let (name, rule) = cors_rule(origins, !read_only);
    let mut outcome = BucketOutcome::default();
    if job == BucketJob::Show {
        outcome.document = Some(cors_json(&site, &name, &rule));
        return Ok(outcome);
    }
    let rules = bucket_rules(settings).await?;
    outcome.differences = cors_differences(&*rules, (name, rule.clone())).await?;
    if is_wanted(job, &outcome.differences) {
        rules.set_cors(vec![rule]).await?;
    }
    Ok(outcome)
}

/// The policy for the user or role of the store, or, for a `principal`, that of the bucket itself;
/// `with_rules` lets him read and write the rules of the bucket too.
///
/// # Errors
/// `Unsupported` for a backend that is no bucket; `InvalidInput` where nobody is named to whom something is to
/// be allowed; those of the bucket.
pub async fn policy_rules(
    settings: &Settings,
    with_rules: bool,
    principal: Option<&str>,
    job: BucketJob,
) -> Result<BucketOutcome> {
    let (site, _) = bucket_site(settings).await?;
    let wish = PolicyWish {
        restore: settings.tiers.cold_after_days.is_some() || !settings.tiers.cold.read_through,
        rules: with_rules,
    };
    let mut outcome = BucketOutcome::default();
    if job == BucketJob::Show {
        outcome.document = Some(identity_policy(&site, wish));
        return Ok(outcome);
    }
    let principal = principal
        .ok_or_else(|| Error::invalid_input("nobody is named to whom it is to be allowed"))?;
    let wanted = bucket_policy(&site, wish, principal);
    let rules = bucket_rules(settings).await?;
    outcome.differences = policy_differences(&*rules, &wanted).await?;
    check_principal(principal)?;
    if is_wanted(job, &outcome.differences) {
        let statements = wanted.into_iter().map(|(_, statement)| statement);
        rules.set_policy(statements.collect()).await?;
    }
    Ok(outcome)
}

/// Somebody, and never everybody: an ARN of IAM or STS, or the number of an account.
fn check_principal(principal: &str) -> Result<()> {
    let is_account = principal.len() == 12 && principal.bytes().all(|byte| byte.is_ascii_digit());
    let is_fit = |c: char| c.is_ascii_graphic() && c != '*';
    let parts: Vec<_> = principal.splitn(6, ':').collect();
    let is_arn = matches!(parts[..], ["arn", _, "iam" | "sts", _, _, whom] if !whom.is_empty());
    if is_account || is_arn && principal.chars().all(is_fit) {
        return Ok(());
    }
    let message = "a principal is an ARN of IAM or STS without `*`, or an account of 12 digits";
    Err(Error::invalid_input(message).with_hint(
        "`arn:aws:iam::123456789012:role/ci`, say; who lets in everybody does so elsewhere",
    ))
}

fn is_wanted(job: BucketJob, differences: &[RuleDifference]) -> bool {
    job == BucketJob::Apply { dry_run: false } && !differences.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_somebody() {
        for good in [
            "123456789012",
            "arn:aws:iam::123456789012:role/ci",
            "arn:aws-cn:iam::123456789012:user/a/b@c",
            "arn:aws:sts::123456789012:assumed-role/ci/job:7",
            "arn:aws:iam:::user/owner",
        ] {
            check_principal(good).unwrap();
        }
        for bad in [
            "",
            "*",
            "somebody",
            "12345678901",
            "arn:aws:iam::123456789012:*",
            "arn:aws:iam::*:root",
            "arn:aws:s3:::bucket",
            "arn:aws:iam::123456789012:",
            "arn:aws:iam::123456789012:role/a\nb",
            "arn:aws:iam::123456789012:role/a b",
        ] {
            assert!(check_principal(bad).is_err(), "{bad}");
        }
    }
}
