//! What retention says, written anew from its description and as naively as can be: over all
//! records at once. Knows nothing of the policy type.

use std::collections::BTreeMap;

use artifact_domain::policy::{FOR_EVER_DAYS, RetentionPolicy};
use artifact_domain::{ArtifactId, ArtifactRecord, Timestamp};

use super::{days, patterns};

/// Rules, in the words of the settings.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) default_days: Option<u32>,
    pub(super) by_type: Vec<(&'static str, Option<u32>)>,
    /// Patterns that are a text with at most one star, at the end.
    pub(super) by_task: Vec<(&'static str, Option<u32>)>,
    pub(super) keep: u32,
    pub(super) keep_by_task: Vec<(&'static str, u32)>,
}

/// What is to become of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Gone(Timestamp),
    Stamped(Option<Timestamp>),
}

impl Rules {
    pub(super) fn policy(&self) -> RetentionPolicy {
        let by_type = self.by_type.iter();
        RetentionPolicy {
            default_days: self.default_days,
            days_by_type: by_type
                .map(|(name, days)| (name.parse().unwrap(), *days))
                .collect(),
            days_by_task: patterns(self.by_task.clone()),
            keep_latest: self.keep,
            keep_latest_by_task: patterns(self.keep_by_task.clone()),
        }
    }

    /// What is to be done with what is stored at `now`.
    pub(super) fn expected(
        &self,
        records: &[ArtifactRecord],
        now: Timestamp,
    ) -> BTreeMap<ArtifactId, Expected> {
        let mut expected = BTreeMap::new();
        for record in records.iter().filter(|record| record.state.is_live()) {
            let end = self.end(record, records, now);
            if end.is_some_and(|end| end <= now) && record.hold.is_none() {
                expected.insert(record.id, Expected::Gone(end.unwrap()));
            } else if end != record.expires_at {
                expected.insert(record.id, Expected::Stamped(end));
            }
        }
        expected
    }

    fn end(
        &self,
        record: &ArtifactRecord,
        records: &[ArtifactRecord],
        now: Timestamp,
    ) -> Option<Timestamp> {
        if record.retention_days.is_some() {
            return own_end(record);
        }
        let task = record.coordinate.task().as_str();
        let mut groups = self.keep_by_task.clone();
        groups.push(("*", self.keep));
        for (pattern, keep) in groups {
            let newer = records
                .iter()
                .filter(|other| {
                    matches(pattern, other.coordinate.task().as_str())
                        && other.coordinate.spec() == record.coordinate.spec()
                        && other.coordinate.artifact_type() == record.coordinate.artifact_type()
                        && other.state.is_live()
                        && !(own_end(other).is_some_and(|end| end <= now) && other.hold.is_none())
                        && (other.created_at, other.id) > (record.created_at, record.id)
                })
                .count();
            if matches(pattern, task) && newer < keep as usize {
                return None;
            }
        }
        let count = self.days_of(task, &record.coordinate.artifact_type().to_string());
        count.map(|count| record.created_at.saturating_add(days(count)))
    }

    fn days_of(&self, task: &str, artifact_type: &str) -> Option<u32> {
        let mut patterns: Vec<_> = self.by_task.iter().collect();
        patterns.retain(|(pattern, _)| matches(pattern, task));
        patterns.sort_by_key(|(pattern, _)| (usize::MAX - pattern.len(), *pattern));
        if let Some((_, days)) = patterns.first() {
            return *days;
        }
        let by_type = self.by_type.iter().find(|(name, _)| *name == artifact_type);
        by_type.map_or(self.default_days, |(_, days)| *days)
    }
}

fn own_end(record: &ArtifactRecord) -> Option<Timestamp> {
    match record.retention_days {
        None | Some(FOR_EVER_DAYS) => None,
        Some(count) => Some(record.created_at.saturating_add(days(count))),
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => text.starts_with(beginning),
        None => text == pattern,
    }
}
