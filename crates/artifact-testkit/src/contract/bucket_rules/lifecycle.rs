//! What becomes of objects: rules are told by their action, and each store has its own.

use artifact_domain::port::{LifecycleAction, LifecycleRule};

use super::{RuleKind, SharedBucket, own};
use crate::Subject;

fn rule(after_days: u32, action: LifecycleAction) -> LifecycleRule {
    LifecycleRule { after_days, action }
}

/// One rule of each kind, sorted by name.
fn all(bucket: &SharedBucket) -> Vec<LifecycleRule> {
    let storage_class = bucket.storage_class.to_owned();
    vec![
        rule(7, LifecycleAction::AbortUploads),
        rule(400, LifecycleAction::Expire),
        rule(40, LifecycleAction::Transition { storage_class }),
    ]
}

fn named(rules: &[LifecycleRule]) -> Vec<(String, LifecycleRule)> {
    let rules = rules.iter();
    rules.map(|rule| (rule.name(), rule.clone())).collect()
}

/// A bucket without any gives none.
pub async fn a_bucket_has_none_at_first(bucket: Subject<SharedBucket>) {
    let found = bucket.own.lifecycle().await.unwrap();
    assert_eq!((found.own.len(), found.others), (0, 0));
}

/// Rules of every kind come back as they were set, under the names of their actions.
pub async fn rules_are_found_as_they_were_set(bucket: Subject<SharedBucket>) {
    let rules = all(&bucket);
    bucket.own.set_lifecycle(rules.clone()).await.unwrap();
    let found = bucket.own.lifecycle().await.unwrap();
    assert_eq!(found.others, 0);
    assert_eq!(own(found), named(&rules));
}

/// What is not among the new rules is gone, and of the same action the new days hold.
pub async fn rules_are_replaced_as_a_whole(bucket: Subject<SharedBucket>) {
    bucket.own.set_lifecycle(all(&bucket)).await.unwrap();
    let fewer = vec![
        rule(9, LifecycleAction::AbortUploads),
        rule(500, LifecycleAction::Expire),
    ];
    bucket.own.set_lifecycle(fewer.clone()).await.unwrap();
    assert_eq!(own(bucket.own.lifecycle().await.unwrap()), named(&fewer));
}

/// Writing what is there changes nothing.
pub async fn the_same_rules_again_change_nothing(bucket: Subject<SharedBucket>) {
    let rules = all(&bucket);
    for _ in 0..3 {
        bucket.own.set_lifecycle(rules.clone()).await.unwrap();
        let found = bucket.own.lifecycle().await.unwrap();
        assert_eq!(own(found), named(&rules));
    }
}

/// No rules take away those that are there, and may be set where there are none.
pub async fn no_rules_take_away_what_is_there(bucket: Subject<SharedBucket>) {
    bucket.own.set_lifecycle(Vec::new()).await.unwrap();
    bucket.own.set_lifecycle(all(&bucket)).await.unwrap();
    for _ in 0..2 {
        bucket.own.set_lifecycle(Vec::new()).await.unwrap();
        let found = bucket.own.lifecycle().await.unwrap();
        assert_eq!((found.own.len(), found.others), (0, 0));
    }
}

/// A rule of somebody else's is counted, and stays whatever is set and taken away.
pub async fn rules_of_others_stay(bucket: Subject<SharedBucket>) {
    (bucket.add_foreign)(RuleKind::Lifecycle);
    for rules in [all(&bucket), Vec::new(), all(&bucket), Vec::new()] {
        bucket.own.set_lifecycle(rules.clone()).await.unwrap();
        let found = bucket.own.lifecycle().await.unwrap();
        assert_eq!(found.others, 1);
        assert_eq!(own(found), named(&rules));
    }
}

/// Two stores of one bucket do not see each other's rules as their own.
pub async fn each_store_has_its_own_rules(bucket: Subject<SharedBucket>) {
    let (ours, theirs) = (all(&bucket), vec![rule(3, LifecycleAction::AbortUploads)]);
    bucket.other.set_lifecycle(theirs.clone()).await.unwrap();
    assert_eq!(bucket.own.lifecycle().await.unwrap().others, 1);
    bucket.own.set_lifecycle(ours.clone()).await.unwrap();
    let found = bucket.other.lifecycle().await.unwrap();
    assert_eq!(found.others, ours.len());
    assert_eq!(own(found), named(&theirs));
    bucket.other.set_lifecycle(Vec::new()).await.unwrap();
    let found = bucket.own.lifecycle().await.unwrap();
    assert_eq!(found.others, 0);
    assert_eq!(own(found), named(&ours));
}

/// Rules of the lifecycle, of pages and of the policy have nothing to do with each other.
pub async fn kinds_of_rules_are_kept_apart(bucket: Subject<SharedBucket>) {
    let rules = all(&bucket);
    bucket.own.set_lifecycle(rules.clone()).await.unwrap();
    let cors = super::cors::rule(&["https://a.example.com"], true);
    bucket.own.set_cors(vec![cors]).await.unwrap();
    assert_eq!(own(bucket.own.lifecycle().await.unwrap()), named(&rules));
    bucket.own.set_lifecycle(Vec::new()).await.unwrap();
    assert_eq!(bucket.own.cors().await.unwrap().own.len(), 1);
}
