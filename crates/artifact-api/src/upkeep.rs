//! What is asked and told of the store as a whole: its index, its locks, its bucket, and whether it works.

use artifact_domain::{ArtifactId, Check, CheckOutcome, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Fault;

/// What is found while the index is rebuilt. Which keys there are depends on what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReindexFinding {
    /// `recovered`, `missing`, `version-taken`, `unreadable` or `damaged-metadata`.
    pub finding: String,
    /// Of which version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArtifactId>,
    /// How many lines are damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
    /// Why it can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Of which blob.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Whose metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<String>,
    /// Whose metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Of which version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
}

/// What rebuilding the index has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReindexReport {
    /// How many lines of metadata are damaged.
    pub damaged_lines: u64,
    /// How many could not be read, or not be taken in.
    pub failed: u64,
    /// How many the index knew already.
    pub known: u64,
    /// How many the metadata names without their bytes being there.
    pub missing: u64,
    /// How many were recovered from their blobs.
    pub recovered: u64,
    /// How many were taken in from the metadata, as they were.
    pub restored: u64,
    /// How many blobs are spare copies.
    pub spare: u64,
    /// How many blobs nothing names.
    pub unnamed: u64,
}

/// What happens while the index is rebuilt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReindexEvent {
    /// Something was found.
    Finding(Box<ReindexFinding>),
    /// How far it is.
    Progress(ReindexReport),
}

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// On which machine.
    pub host: String,
    /// Which process.
    pub pid: u32,
    /// Since when.
    pub since: Timestamp,
}

/// Whether an artifact is locked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockStatus {
    /// By whom, where that is known.
    pub holder: Option<LockHolder>,
    /// Whether it is.
    pub locked: bool,
    /// Which artifact.
    pub uri: String,
}

/// What became of a lock that was to be broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlocked {
    /// Whether it was broken now.
    pub unlocked: bool,
    /// Of which artifact.
    pub uri: String,
    /// Whether there was one.
    pub was_locked: bool,
}

/// One thing of the store that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// What, in kebab case.
    pub check: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The kind of the failure, for one that failed.
    pub kind: Option<String>,
    /// What was found.
    pub message: String,
    /// `ok`, `warn` or `fail`.
    pub outcome: String,
}

impl From<&Check> for HealthCheck {
    fn from(check: &Check) -> Self {
        Self {
            check: check.name.to_owned(),
            hint: check.hint.clone(),
            kind: match check.outcome {
                CheckOutcome::Fail(kind) => Some(kind.as_str().to_owned()),
                CheckOutcome::Ok | CheckOutcome::Warn => None,
            },
            message: check.message.clone(),
            outcome: check.outcome.as_str().to_owned(),
        }
    }
}

/// How many things were tried, and how many of them failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReport {
    /// How many were tried.
    pub checks: u64,
    /// How many failed.
    pub failed: u64,
}

/// A rule of a bucket that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleDifference {
    /// `add`, `change` or `remove`.
    pub change: String,
    /// What it says on the bucket, if it is there and can be understood.
    pub found: Option<String>,
    /// Which rule.
    pub rule: String,
    /// What it should say, if it should be there.
    pub wanted: Option<String>,
}

/// What the settings ask of a bucket, or how its rules differ from that.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BucketReport {
    /// How they differ, where they were compared.
    #[serde(default)]
    pub differences: Vec<RuleDifference>,
    /// The rules, as the tools of the service take them, where they were asked for.
    #[serde(default)]
    pub document: Option<Value>,
    /// What a person is to know of them.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Why they must not be set, where they were compared.
    #[serde(default)]
    pub refusal: Option<Fault>,
}
