//! Which rule decides, and what follows.

use super::*;
use crate::record::tests::record;
use crate::{ArtifactName, Hold, SpecName, State};

fn at(task: &str, artifact_type: &str) -> Coordinate {
    Coordinate::new(
        SpecName::default(),
        TaskId::new(task).unwrap(),
        artifact_type.parse().unwrap(),
        ArtifactName::new("a").unwrap(),
    )
    .unwrap()
}

fn patterns<T>(all: impl IntoIterator<Item = (&'static str, T)>) -> TaskPatterns<T> {
    let pairs = all.into_iter();
    pairs
        .map(|(pattern, value)| (pattern.parse().unwrap(), value))
        .collect()
}

fn policy() -> RetentionPolicy {
    RetentionPolicy {
        default_days: Some(30),
        days_by_type: BTreeMap::from([(ArtifactType::Log, Some(7)), (ArtifactType::Video, None)]),
        days_by_task: patterns([("nightly-*", Some(3)), ("release/*", None)]),
        ..RetentionPolicy::default()
    }
}

fn days(count: u32) -> Duration {
    DAY * count
}

#[test]
fn the_nearest_rule_decides() {
    let policy = policy();
    let said =
        |task, artifact_type, days| policy.ruling(&at(task, artifact_type), days).to_string();
    assert_eq!(said("1", "log", None), "by_type log: 7 days");
    assert_eq!(said("1", "log", Some(90)), "own days: 90 days");
    assert_eq!(said("1", "log", Some(FOR_EVER_DAYS)), "own days: never");
    assert_eq!(said("1", "log", Some(0)), "own days: 0 days");
    assert_eq!(said("1", "video", None), "by_type video: never");
    assert_eq!(said("1", "code", None), "default_days: 30 days");
    assert_eq!(said("nightly-7", "log", None), "by_task nightly-*: 3 days");
    assert_eq!(
        said("nightly-7", "video", None),
        "by_task nightly-*: 3 days"
    );
    assert_eq!(said("nightly-7", "log", Some(1)), "own days: 1 day");
    assert_eq!(said("release/1", "log", None), "by_task release/*: never");
    let empty = RetentionPolicy::default();
    assert_eq!(
        empty.ruling(&at("1", "log"), None).to_string(),
        "no rule: never"
    );
    assert_eq!(empty.ruling(&at("1", "log"), Some(2)).days, Some(2));
}

#[test]
fn an_absurd_number_of_days_is_the_end_of_time_and_for_ever_is_never() {
    let empty = RetentionPolicy::default();
    let end = |days| empty.stamp(&at("1", "log"), Timestamp::UNIX_EPOCH, Some(days));
    assert_eq!(end(u32::MAX - 1), Some(Timestamp::MAX));
    assert_eq!(end(FOR_EVER_DAYS), None);
}

#[test]
fn what_may_be_among_the_latest_is_stamped_without_an_end() {
    let mut policy = policy();
    let stamp = |policy: &RetentionPolicy, task, days| {
        policy.stamp(&at(task, "log"), Timestamp::UNIX_EPOCH, days)
    };
    let after = |count| Some(Timestamp::UNIX_EPOCH.saturating_add(days(count)));
    assert_eq!(stamp(&policy, "nightly-1", None), after(3));
    policy.keep_latest_by_task = patterns([("nightly-*", 2)]);
    assert_eq!(stamp(&policy, "nightly-1", None), None);
    assert_eq!(stamp(&policy, "nightly-1", Some(1)), after(1));
    assert_eq!(stamp(&policy, "1", None), after(7));
    policy.keep_latest = 1;
    assert_eq!(stamp(&policy, "1", None), None);
}

#[test]
fn a_task_belongs_to_a_group_for_each_of_its_patterns() {
    let mut policy = policy();
    policy.keep_latest = 5;
    policy.keep_latest_by_task = patterns([("nightly-*", 2), ("*", 3), ("n*", 0)]);
    let groups = |task: &str| {
        let task = TaskId::new(task).unwrap();
        let groups = policy.groups_of(&task);
        groups.map(|group| group.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        groups("nightly-1"),
        [
            "the latest 5 of its spec and type",
            "the latest 2 of its spec and type in tasks nightly-*",
            "the latest 3 of its spec and type in tasks *",
        ]
    );
    assert_eq!(groups("1").len(), 2);
    assert_eq!(policy.groups().count(), 3);
}

#[test]
fn a_version_goes_at_the_instant_its_rule_says_and_a_hold_keeps_it() {
    let policy = policy();
    let mut record = record();
    let end = record.created_at.saturating_add(days(7));
    record.expires_at = Some(end);
    let before = end.saturating_sub(Duration::from_micros(1));
    assert_eq!(policy.decide(&record, false, before), Decision::Keep);
    assert_eq!(policy.decide(&record, false, end), Decision::Expire(end));
    assert_eq!(policy.decide(&record, true, end), Decision::Restamp(None));
    record.hold = Some(Hold {
        reason: None,
        by: None,
        since: record.created_at,
    });
    assert_eq!(
        policy.decide(&record, false, Timestamp::MAX),
        Decision::Keep
    );
    record.hold = None;
    record.state = State::Deleted;
    assert_eq!(
        policy.decide(&record, false, Timestamp::MAX),
        Decision::Keep
    );
}

#[test]
fn what_the_policy_says_counts_and_not_what_was_stamped() {
    let policy = policy();
    let mut record = record();
    let now = record.created_at.saturating_add(days(6));
    let end = record.created_at.saturating_add(days(7));
    // An earlier policy was stricter: it stays.
    record.expires_at = Some(record.created_at.saturating_add(days(1)));
    assert_eq!(
        policy.decide(&record, false, now),
        Decision::Restamp(Some(end))
    );
    // An earlier policy was laxer: it goes.
    record.expires_at = None;
    let later = end.saturating_add(days(1));
    assert_eq!(policy.decide(&record, false, later), Decision::Expire(end));
    // Its own days are obeyed even among the latest.
    record.retention_days = Some(1);
    let own = record.created_at.saturating_add(days(1));
    assert_eq!(policy.decide(&record, true, now), Decision::Expire(own));
}

#[test]
fn only_what_has_outlived_its_own_days_leaves_its_place_among_the_latest() {
    let policy = policy();
    let mut record = record();
    let later = record.created_at.saturating_add(days(100));
    assert!(policy.counts(&record, later), "a rule takes no place away");
    record.retention_days = Some(100);
    assert!(!policy.counts(&record, later));
    assert!(policy.counts(&record, later.saturating_sub(Duration::from_micros(1))));
    record.hold = Some(Hold {
        reason: None,
        by: None,
        since: record.created_at,
    });
    assert!(policy.counts(&record, later));
    record.state = State::Deleted;
    assert!(!policy.counts(&record, later));
}

#[test]
fn a_type_can_expire_by_its_own_rule_by_the_default_or_by_a_task() {
    let mut policy = policy();
    policy.days_by_task = patterns([("release/*", None)]);
    assert!(policy.can_expire(&ArtifactType::Log) && policy.can_expire(&ArtifactType::Code));
    assert!(!policy.can_expire(&ArtifactType::Video));
    policy.days_by_task = patterns([("nightly-*", Some(1))]);
    assert!(policy.can_expire(&ArtifactType::Video));
    assert!(!RetentionPolicy::default().can_expire(&ArtifactType::Log));
}

#[test]
fn every_rule_is_in_the_fingerprint() {
    type Change = fn(&mut RetentionPolicy);
    let changes: [Change; 8] = [
        |_| {},
        |p| p.default_days = None,
        |p| p.default_days = Some(31),
        |p| p.days_by_type = BTreeMap::from([(ArtifactType::Log, None)]),
        |p| p.days_by_type.clear(),
        |p| p.days_by_task = patterns([("nightly-*", Some(3))]),
        |p| p.keep_latest = 1,
        |p| p.keep_latest_by_task = patterns([("nightly-*", 1)]),
    ];
    let all: std::collections::HashSet<_> = changes
        .iter()
        .map(|change| {
            let mut policy = policy();
            change(&mut policy);
            policy.fingerprint()
        })
        .collect();
    assert_eq!(all.len(), changes.len());
}
