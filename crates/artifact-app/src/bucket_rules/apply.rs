//! Comparing a bucket's rules with those that are wanted, and setting them. Whatever would delete
//! what the store keeps is refused.

use artifact_domain::port::{BucketRules, CorsRule, LifecycleRule};
use artifact_domain::{Error, ErrorKind, Result};
use serde_json::Value;

use super::{AtRisk, LifecyclePlan, RuleDifference, rule_differences};
use crate::Store;

/// How many artifacts a refusal names.
const NAMED: usize = 5;

/// How the bucket's lifecycle differs from the plan.
pub async fn lifecycle_differences(
    rules: &dyn BucketRules,
    plan: &LifecyclePlan,
) -> Result<Vec<RuleDifference>> {
    let found = rules.lifecycle().await?;
    let wanted: Vec<_> = plan.rules.iter().map(named).collect();
    Ok(rule_differences(&found, &wanted, ToString::to_string))
}

fn named(rule: &LifecycleRule) -> (String, LifecycleRule) {
    (rule.name(), rule.clone())
}

/// How the bucket's rules for pages of the web differ from this one.
pub async fn cors_differences(
    rules: &dyn BucketRules,
    wanted: (String, CorsRule),
) -> Result<Vec<RuleDifference>> {
    let found = rules.cors().await?;
    Ok(rule_differences(&found, &[wanted], |rule| {
        let (methods, origins) = (rule.methods.join(", "), rule.origins.join(", "));
        format!("{methods} by {origins}")
    }))
}

/// How the bucket's policy differs from these statements.
pub async fn policy_differences(
    rules: &dyn BucketRules,
    wanted: &[(String, Value)],
) -> Result<Vec<RuleDifference>> {
    let mut found = rules.policy().await?;
    // One text and a list of it say the same, and services turn one into the other.
    for found in &mut found.own {
        found.rule = found.rule.take().map(as_lists);
    }
    let wanted = wanted.iter().cloned();
    let wanted: Vec<_> = wanted.map(|(name, rule)| (name, as_lists(rule))).collect();
    Ok(rule_differences(&found, &wanted, ToString::to_string))
}

fn as_lists(mut statement: Value) -> Value {
    for key in ["Action", "Resource"] {
        if statement[key].is_string() {
            statement[key] = Value::Array(vec![statement[key].take()]);
        }
    }
    if statement["Principal"]["AWS"].is_string() {
        let one = statement["Principal"]["AWS"].take();
        statement["Principal"]["AWS"] = Value::Array(vec![one]);
    }
    statement
}

impl Store {
    /// Artifacts that the plan's bucket would delete though the store keeps them; some of them.
    pub async fn at_risk_by(&self, plan: &LifecyclePlan) -> Result<Vec<AtRisk>> {
        match plan.expire_after_days() {
            Some(days) => self.at_risk(days, NAMED).await,
            None => Ok(Vec::new()),
        }
    }
}

/// The error that names artifacts which a bucket would delete; none where there are none.
pub fn refusal(at_risk: &[AtRisk]) -> Option<Error> {
    let first = at_risk.first()?;
    let kind = match first.record.hold {
        Some(_) => ErrorKind::Held,
        None => ErrorKind::Conflict,
    };
    let all: Vec<_> = at_risk.iter().map(ToString::to_string).collect();
    let message = format!(
        "the bucket would delete what the store keeps: {}",
        all.join("; ")
    );
    Some(Error::new(kind, message).with_hint(
        "`--no-expire` leaves the rule out that deletes; the store's own cleanup does not need it",
    ))
}
