//! What looking after a store tells: item by item, and in sums. The keys stand in the order of the
//! alphabet, which is how they were always written.
#![expect(
    missing_docs,
    reason = "they are the words of the use cases, which explain them"
)]

use artifact_domain::{ArtifactId, Hold, State, Tier, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Artifact;

/// Something that a cleanup does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CleanupItem {
    /// `expire` or `restamp`.
    pub action: String,
    pub due_since: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub id: ArtifactId,
    /// The group that it is among the latest of.
    pub kept_by: Option<String>,
    pub rule: String,
    pub stored_size_bytes: u64,
    pub uri: String,
}

/// What a cleanup came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleanupReport {
    pub changed: u64,
    pub dry_run: bool,
    pub expired: u64,
    pub failed: u64,
    pub restamped: u64,
    pub stored_size_bytes: u64,
}

/// Something that is collected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GcItem {
    pub files: u64,
    pub id: Option<ArtifactId>,
    pub paths: Vec<String>,
    /// `abandoned`, `deleted`, `orphan` or `temporary`.
    pub reason: String,
    pub size_bytes: u64,
    pub tier: Tier,
    pub uri: Option<String>,
}

/// What collecting garbage came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GcReport {
    pub dry_run: bool,
    pub failed: u64,
    pub items: u64,
    pub size_bytes: u64,
    pub tasks: u64,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Finding {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ahead: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted: Option<CounterSums>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged_lines: Option<u64>,
    /// `missing`, `damaged`, `unreadable`, `found`, `metadata`, `counter`, `unreadable-counters` or
    /// `unknown`: the other keys are those of that word.
    pub finding: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArtifactId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<CounterSums>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repaired: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
}

/// What a counter says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterSums {
    pub count: u64,
    pub size_bytes: u64,
    pub stored_size_bytes: u64,
}

/// What verifying has shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyReport {
    pub findings: u64,
    pub mended: u64,
    pub size_bytes: u64,
    pub sound: bool,
    pub unread: u64,
    pub versions: u64,
}

/// What happens while a store is verified.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyEvent {
    /// Something that is not as it should be.
    Finding(Box<Finding>),
    /// How far it is.
    Progress(VerifyReport),
}

/// What moving between tiers came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveReport {
    pub dry_run: bool,
    pub failed: u64,
    pub lost: u64,
    pub moved: u64,
    pub restoring: u64,
    pub stored_size_bytes: u64,
}

/// What becomes of one version that is moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveEvent {
    /// It would go to this tier.
    Planned { artifact: Box<Artifact>, tier: Tier },
    /// It is where it was to go.
    Moved(Box<Artifact>),
    /// Its store was asked for its bytes.
    Restoring(Box<Artifact>),
    /// Its bytes are marked as lost.
    Lost(Box<Artifact>),
}

/// What becomes of an old version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OldVersion {
    /// It goes.
    Goes(Box<Artifact>),
    /// It would go, but is on hold.
    Held(Box<Artifact>),
}

/// When and by which rule a version goes, or what keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Why {
    pub created_at: Timestamp,
    pub days: Option<u32>,
    pub expires_at: Option<Timestamp>,
    /// `held`, `latest`, `unending`, `ends`, `expired`, `deleted` or `uploading`.
    pub fate: String,
    pub hold: Option<Hold>,
    pub id: ArtifactId,
    pub latest: Option<Latest>,
    pub recorded_expires_at: Option<Timestamp>,
    pub rule: Option<String>,
    pub state: State,
    pub uri: String,
}

/// The group that a version is among the latest of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latest {
    /// How many are kept.
    pub keep: u32,
    /// Which one it is.
    pub rank: u32,
    /// The pattern of the tasks; all where there is none.
    pub task: Option<String>,
}

/// A sum.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageGroup {
    /// Versions
    pub count: u64,
    /// By uploads on their way
    pub reserved_bytes: u64,
    /// How much compression saves
    pub saved_ratio: Option<f64>,
    pub size_bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub spec: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub state: Option<String>,
    pub stored_size_bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub tier: Option<String>,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub artifact_type: Option<String>,
    /// On their way
    pub uploads: u64,
}

/// The sum of everything, or of a spec, and how near the store is to its limit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageSummary {
    /// Versions
    pub count: u64,
    /// What counts against the limit
    pub held_bytes: u64,
    pub limit_bytes: Option<u64>,
    /// By uploads on their way
    pub reserved_bytes: u64,
    /// How much compression saves
    pub saved_ratio: Option<f64>,
    pub size_bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub spec: Option<String>,
    pub stored_size_bytes: u64,
    /// On their way
    pub uploads: u64,
    pub used_ratio: Option<f64>,
    /// That little room is left
    pub warning: Option<String>,
}

/// A day, in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrendDay {
    pub count: u64,
    /// `2026-03-01`
    pub date: String,
    pub median_is_exact: bool,
    pub median_size_bytes: Option<u64>,
    pub size_bytes: u64,
    pub stored_size_bytes: u64,
}

/// What is in an archive, and how much was left out of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportSums {
    pub artifacts: u64,
    pub left_out: u64,
    pub size_bytes: u64,
}
