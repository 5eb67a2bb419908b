//! How long artifacts are kept: which rule decides, and what follows from it. Reads no clock and
//! no index; whoever asks says what time it is and which versions are the latest.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::time::Duration;

use super::TaskPatterns;
use crate::query::Glob;
use crate::{ArtifactRecord, ArtifactType, Coordinate, TaskId, Timestamp};

const DAY: Duration = Duration::from_hours(24);

/// The days of an artifact that is to be kept for ever, whatever the rules say: it is stored where
/// the days are.
pub const FOR_EVER_DAYS: u32 = u32::MAX;

/// How long artifacts are kept. The empty policy lets none expire but those that say so
/// themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// Days for whatever has no other rule; for ever where there are none.
    pub default_days: Option<u32>,
    /// Days by type; for ever where a type has a rule without a number.
    pub days_by_type: BTreeMap<ArtifactType, Option<u32>>,
    /// Days by pattern of the task; for ever where a pattern has no number.
    pub days_by_task: TaskPatterns<Option<u32>>,
    /// How many of the newest versions of each spec and type no rule lets expire.
    pub keep_latest: u32,
    /// The same, of each spec and type, among the tasks that match a pattern.
    pub keep_latest_by_task: TaskPatterns<u32>,
}

/// What decides how long an artifact is kept; a nearer one before a more general one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetentionRule {
    /// The artifact's own days.
    Own,
    /// That of the most specific pattern that its task matches.
    Task(Glob),
    /// That of its type.
    Type(ArtifactType),
    /// That for the rest.
    Default,
}

/// How long a rule lets an artifact be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// Which rule; none where no rule speaks.
    pub rule: Option<RetentionRule>,
    /// For how many days; for ever where there is no number.
    pub days: Option<u32>,
}

/// A group of versions of which the newest are kept: those of a spec and a type, all of them or
/// those whose task matches a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatestGroup {
    /// The pattern of the tasks; all tasks where there is none.
    pub pattern: Option<Glob>,
    /// How many are kept.
    pub keep: u32,
}

/// What is to be done with a stored version so that it stands as the policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing.
    Keep,
    /// It is to go: its time was over at this instant.
    Expire(Timestamp),
    /// It stays, and expires at another time than its record says; or never.
    Restamp(Option<Timestamp>),
}

impl Ruling {
    /// From when on something made at `created_at` is gone by it.
    pub fn expires_at(&self, created_at: Timestamp) -> Option<Timestamp> {
        self.days
            .map(|days| created_at.saturating_add(DAY.saturating_mul(days)))
    }

    /// Whether the artifact itself says how long it is kept.
    pub fn is_own(&self) -> bool {
        self.rule == Some(RetentionRule::Own)
    }
}

impl RetentionPolicy {
    /// How long an artifact is kept, the latest of its group aside: its own `days` before the rule
    /// of its task, before that of its type, before the default.
    pub fn ruling(&self, at: &Coordinate, days: Option<u32>) -> Ruling {
        if let Some(days) = days {
            return Ruling {
                rule: Some(RetentionRule::Own),
                days: Some(days).filter(|days| *days != FOR_EVER_DAYS),
            };
        }
        if let Some((pattern, days)) = self.days_by_task.most_specific(at.task()) {
            return Ruling {
                rule: Some(RetentionRule::Task(pattern.clone())),
                days: *days,
            };
        }
        if let Some(days) = self.days_by_type.get(at.artifact_type()) {
            return Ruling {
                rule: Some(RetentionRule::Type(at.artifact_type().clone())),
                days: *days,
            };
        }
        Ruling {
            rule: self.default_days.map(|_| RetentionRule::Default),
            days: self.default_days,
        }
    }

    /// The groups whose latest versions are kept, of every spec and type.
    pub fn groups(&self) -> impl Iterator<Item = LatestGroup> {
        let all = LatestGroup {
            pattern: None,
            keep: self.keep_latest,
        };
        let by_task = self.keep_latest_by_task.iter();
        let by_task = by_task.map(|(pattern, keep)| LatestGroup {
            pattern: Some(pattern.clone()),
            keep: *keep,
        });
        std::iter::once(all)
            .chain(by_task)
            .filter(|group| group.keep > 0)
    }

    /// Those of the groups that something of `task` belongs to.
    pub fn groups_of(&self, task: &TaskId) -> impl Iterator<Item = LatestGroup> {
        self.groups().filter(|group| {
            let pattern = group.pattern.as_ref();
            pattern.is_none_or(|pattern| pattern.matches(task.as_str()))
        })
    }

    /// What an upload, or a change of its own days, writes as the time of expiry. What belongs to
    /// a group whose latest are kept is taken for one of them: cleanup sees to the others.
    pub fn stamp(
        &self,
        at: &Coordinate,
        created_at: Timestamp,
        days: Option<u32>,
    ) -> Option<Timestamp> {
        let ruling = self.ruling(at, days);
        if !ruling.is_own() && self.groups_of(at.task()).next().is_some() {
            return None;
        }
        ruling.expires_at(created_at)
    }

    /// Whether a version takes a place among the latest of its group: it is stored, and its own
    /// days are not over.
    pub fn counts(&self, record: &ArtifactRecord, now: Timestamp) -> bool {
        let ruling = self.ruling(&record.coordinate, record.retention_days);
        let over = ruling.is_own()
            && record.hold.is_none()
            && ruling
                .expires_at(record.created_at)
                .is_some_and(|end| end <= now);
        record.state.is_live() && !over
    }

    /// From when on a version is gone; `is_latest` says whether it is among the latest of a group.
    pub fn expires_at(&self, record: &ArtifactRecord, is_latest: bool) -> Option<Timestamp> {
        let ruling = self.ruling(&record.coordinate, record.retention_days);
        if is_latest && !ruling.is_own() {
            return None;
        }
        ruling.expires_at(record.created_at)
    }

    /// What is to be done with a version at `now`. What is on hold never goes.
    pub fn decide(&self, record: &ArtifactRecord, is_latest: bool, now: Timestamp) -> Decision {
        if !record.state.is_live() {
            return Decision::Keep;
        }
        let end = self.expires_at(record, is_latest);
        match end {
            Some(end) if end <= now && record.hold.is_none() => Decision::Expire(end),
            end if end != record.expires_at => Decision::Restamp(end),
            _ => Decision::Keep,
        }
    }

    /// Whether a rule can let anything of a type expire, so that it matters which are the latest.
    pub fn can_expire(&self, artifact_type: &ArtifactType) -> bool {
        let by_type = self.days_by_type.get(artifact_type);
        by_type.copied().unwrap_or(self.default_days).is_some()
            || self.days_by_task.iter().any(|(_, days)| days.is_some())
    }

    /// The rules as one text: that of another policy is another one.
    pub fn fingerprint(&self) -> String {
        let days = |days: &Option<u32>| days.map_or("never".to_owned(), |days| days.to_string());
        let mut text = format!("default {}", days(&self.default_days));
        let mut add = |line: fmt::Arguments<'_>| {
            text.write_fmt(line).expect("a String takes any text");
        };
        for (artifact_type, kept) in &self.days_by_type {
            add(format_args!("\ntype {artifact_type} {}", days(kept)));
        }
        for (pattern, kept) in self.days_by_task.iter() {
            add(format_args!("\ntask {:?} {}", pattern.as_str(), days(kept)));
        }
        add(format_args!("\nlatest {}", self.keep_latest));
        for (pattern, keep) in self.keep_latest_by_task.iter() {
            add(format_args!("\nlatest {:?} {keep}", pattern.as_str()));
        }
        text
    }
}

impl fmt::Display for RetentionRule {
    /// As the settings name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("own days"),
            Self::Task(pattern) => write!(f, "by_task {pattern}"),
            Self::Type(artifact_type) => write!(f, "by_type {artifact_type}"),
            Self::Default => f.write_str("default_days"),
        }
    }
}

impl fmt::Display for Ruling {
    /// The rule and its days: `by_type log: 7 days`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rule {
            Some(rule) => write!(f, "{rule}: ")?,
            None => f.write_str("no rule: ")?,
        }
        match self.days {
            Some(1) => f.write_str("1 day"),
            Some(days) => write!(f, "{days} days"),
            None => f.write_str("never"),
        }
    }
}

impl fmt::Display for LatestGroup {
    /// How many of what: `the latest 3 of its spec and type in tasks nightly-*`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the latest {} of its spec and type", self.keep)?;
        match &self.pattern {
            Some(pattern) => write!(f, " in tasks {pattern}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
