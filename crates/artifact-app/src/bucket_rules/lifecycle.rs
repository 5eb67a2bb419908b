//! Which rules of the lifecycle follow from the settings, and their JSON.

use std::collections::BTreeMap;

use artifact_domain::policy::{RetentionPolicy, TierPolicy};
use artifact_domain::port::{LifecycleAction, LifecycleRule};
use serde_json::{Value, json};

use super::{BucketService, BucketSite};

/// How old an upload is that nobody will end any more.
const ABORT_AFTER_DAYS: u32 = 7;

/// How long the bucket waits after the store's own cleanup should have been there.
const EXPIRE_MARGIN_DAYS: u32 = 30;

/// Classes of which an object must be restored before it can be read.
const FROZEN: [&str; 2] = ["GLACIER", "DEEP_ARCHIVE"];

/// Classes to which AWS moves nothing that is younger than [`INFREQUENT_DAYS`].
const INFREQUENT: [&str; 2] = ["STANDARD_IA", "ONEZONE_IA"];
const INFREQUENT_DAYS: u32 = 30;

/// The storage classes of the colder tiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierClasses {
    /// That of what is older and still in use; none where it has none of its own.
    pub warm: Option<String>,
    /// That of what is archived; none where it has none of its own.
    pub cold: Option<String>,
}

/// What the rules follow from.
#[derive(Debug, Clone)]
pub struct LifecycleWish<'a> {
    /// From when on artifacts move to colder tiers.
    pub tiers: TierPolicy,
    /// The classes of these tiers.
    pub classes: &'a TierClasses,
    /// How long artifacts are kept.
    pub retention: &'a RetentionPolicy,
    /// Whether the bucket may delete what the store's own cleanup has left.
    pub expire: bool,
}

/// The rules that follow, and what a person is to know of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LifecyclePlan {
    /// The rules.
    pub rules: Vec<LifecycleRule>,
    /// Why rules are absent that one may expect, and what a service may not take.
    pub notes: Vec<String>,
}

impl LifecyclePlan {
    /// After how many days the bucket deletes what the store has left; none if it does not.
    pub fn expire_after_days(&self) -> Option<u32> {
        let mut rules = self.rules.iter();
        let expires = rules.find(|rule| rule.action == LifecycleAction::Expire);
        expires.map(|rule| rule.after_days)
    }
}

/// The rules that follow from the settings. An age that is not set gives no rule.
///
/// A rule of a bucket can't leave out the metadata beside the blobs, so there is none to a class
/// that must be restored before it is read: an index could not be rebuilt then.
pub fn plan_lifecycle(service: BucketService, wish: &LifecycleWish<'_>) -> LifecyclePlan {
    let mut plan = LifecyclePlan::default();
    // Google ends by itself what the store begins there.
    if service == BucketService::S3 {
        plan.rules.push(LifecycleRule {
            after_days: ABORT_AFTER_DAYS,
            action: LifecycleAction::AbortUploads,
        });
    }
    let expire = match longest_days(wish.retention) {
        _ if !wish.expire => None,
        Ok(days) => Some(days.saturating_add(EXPIRE_MARGIN_DAYS)),
        Err(why) => {
            plan.notes.push(format!("no rule deletes anything: {why}"));
            None
        }
    };
    let tiers = wish.tiers;
    let steps = [
        ("warm", tiers.warm_after_days, &wish.classes.warm),
        ("cold", tiers.cold_after_days, &wish.classes.cold),
    ];
    for (tier, days, class) in steps {
        let Some(after_days) = days else { continue };
        let key = format!("tiers.{tier}_after_days");
        let Some(class) = class else {
            plan.notes.push(format!(
                "no rule does what `{key}` says: set `storage_classes.{tier}` of the bucket"
            ));
            continue;
        };
        if service == BucketService::S3 && FROZEN.contains(&class.as_str()) {
            plan.notes.push(format!(
                "no rule moves to {class}: what is there can't be read at once, and a rule would \
                 take the metadata along; `artifact archive --by-age` moves what `{key}` says"
            ));
            continue;
        }
        if let Some(end) = expire.filter(|end| after_days >= *end) {
            plan.notes.push(format!(
                "no rule moves to {class}: `{key}` is {after_days}, and after {end} days the \
                 bucket deletes"
            ));
            continue;
        }
        let too_young = after_days < INFREQUENT_DAYS && INFREQUENT.contains(&class.as_str());
        if service == BucketService::S3 && too_young {
            plan.notes.push(format!(
                "AWS moves nothing to {class} before it is {INFREQUENT_DAYS} days old, and \
                 `{key}` is {after_days}"
            ));
        }
        plan.rules.push(LifecycleRule {
            after_days,
            action: LifecycleAction::Transition {
                storage_class: class.clone(),
            },
        });
    }
    // One class for both tiers is one move, at the earlier age.
    plan.rules
        .dedup_by(|later, first| later.action == first.action);
    plan.rules.extend(expire.map(|after_days| LifecycleRule {
        after_days,
        action: LifecycleAction::Expire,
    }));
    plan
}

/// The longest that a rule lets an artifact be, or why there is no such time.
fn longest_days(retention: &RetentionPolicy) -> Result<u32, String> {
    let never = |what: String| format!("{what} lets artifacts be for ever");
    let keeps = retention.groups().find(|group| group.keep > 0);
    if keeps.is_some() {
        return Err("`retention.keep_latest` lets the latest be for ever".to_owned());
    }
    let mut longest = retention
        .default_days
        .ok_or_else(|| never("`retention.default_days` (or `retention.enabled`)".to_owned()))?;
    for (artifact_type, days) in &retention.days_by_type {
        let rule = || never(format!("`retention.by_type.{artifact_type}`"));
        longest = longest.max(days.ok_or_else(rule)?);
    }
    for (pattern, days) in retention.days_by_task.iter() {
        let rule = || never(format!("`retention.by_task` for {pattern}"));
        longest = longest.max(days.ok_or_else(rule)?);
    }
    Ok(longest)
}

/// The rules as the service's own tools take them: for S3 what
/// `aws s3api put-bucket-lifecycle-configuration` takes, for Google what
/// `gcloud storage buckets update --lifecycle-file` takes.
pub fn lifecycle_json(site: &BucketSite, rules: &[LifecycleRule]) -> Value {
    match site.service {
        BucketService::S3 => {
            let rules: Vec<_> = rules.iter().map(|rule| s3_rule(site, rule)).collect();
            json!({ "Rules": rules })
        }
        BucketService::Gcs => {
            let rules: Vec<_> = rules.iter().map(|rule| gcs_rule(site, rule)).collect();
            json!({ "lifecycle": { "rule": rules } })
        }
    }
}

fn s3_rule(site: &BucketSite, rule: &LifecycleRule) -> Value {
    let days = rule.after_days;
    let (key, action) = match &rule.action {
        LifecycleAction::AbortUploads => (
            "AbortIncompleteMultipartUpload",
            json!({ "DaysAfterInitiation": days }),
        ),
        LifecycleAction::Transition { storage_class } => (
            "Transitions",
            json!([{ "Days": days, "StorageClass": storage_class }]),
        ),
        LifecycleAction::Expire => ("Expiration", json!({ "Days": days })),
    };
    let members = [
        ("ID", json!(site.rule_id(&rule.name()))),
        ("Filter", json!({ "Prefix": site.artifacts() })),
        ("Status", json!("Enabled")),
        (key, action),
    ];
    let members: BTreeMap<_, _> = members.into_iter().collect();
    json!(members)
}

fn gcs_rule(site: &BucketSite, rule: &LifecycleRule) -> Value {
    let action = match &rule.action {
        LifecycleAction::AbortUploads => json!({ "type": "AbortIncompleteMultipartUpload" }),
        LifecycleAction::Transition { storage_class } => {
            json!({ "type": "SetStorageClass", "storageClass": storage_class })
        }
        LifecycleAction::Expire => json!({ "type": "Delete" }),
    };
    let condition = json!({ "age": rule.after_days, "matchesPrefix": [site.artifacts()] });
    json!({ "action": action, "condition": condition })
}

#[cfg(test)]
#[path = "lifecycle_tests.rs"]
mod tests;
