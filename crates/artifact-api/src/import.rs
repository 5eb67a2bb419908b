//! What an import tells of each file of an archive, and what it comes to.

use artifact_domain::ArtifactUri;
use serde::{Deserialize, Serialize};

use crate::{Artifact, Fault};

/// A file of an archive, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportItem {
    /// Its path in the archive.
    pub path: String,
    /// As what it is, or would be, stored, where that is known.
    pub uri: Option<ArtifactUri>,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// What became of it.
    pub outcome: ImportOutcome,
    /// What is stored, where something is.
    pub artifact: Option<Box<Artifact>>,
    /// What in it looks like secrets, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// Why it could not be imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// What became of a file of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportOutcome {
    /// It is stored now.
    Imported,
    /// It would be stored.
    Planned,
    /// A version of this artifact has the same bytes: nothing was stored.
    Present,
    /// Versioning is off, and the archive has a higher version of the artifact.
    Older,
    /// It could not be imported.
    Failed,
}

impl ImportOutcome {
    /// Its name for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Imported => "imported",
            Self::Planned => "planned",
            Self::Present => "present",
            Self::Older => "older",
            Self::Failed => "failed",
        }
    }
}

/// What an import has done, or would do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// Whether nothing was stored.
    pub dry_run: bool,
    /// How many could not be imported.
    pub failed: u64,
    /// How many artifacts were stored, or would be.
    pub imported: u64,
    /// How many were older versions of others, and versioning is off.
    pub older: u64,
    /// How many were there already.
    pub present: u64,
    /// How many bytes those have that were stored.
    pub size_bytes: u64,
}
