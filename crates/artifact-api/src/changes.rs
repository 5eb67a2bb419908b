//! One change to many artifacts: what is asked, and what has become of each.

use artifact_domain::{Tags, query::TagFilter};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Artifact;

/// A change, and what it is made to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeRequest {
    /// URIs or ids. Where there are none, the query of the request selects.
    #[serde(default)]
    pub artifacts: Vec<String>,
    /// What is changed.
    pub change: Change,
    /// Says what would be done, and does nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What is changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Adds tags; each replaces the tag of its key.
    AddTags(Tags),
    /// Replaces all tags.
    SetTags(Tags),
    /// Takes tags away.
    RemoveTags(Vec<TagQuery>),
    /// Sets keys of the metadata.
    SetMetadata(Map<String, Value>),
    /// Takes keys of the metadata away.
    RemoveMetadata(Vec<String>),
    /// Changes the metadata by a JSON merge patch, RFC 7396.
    PatchMetadata(Map<String, Value>),
    /// Puts it on hold.
    Hold {
        /// Why.
        #[serde(default)]
        reason: Option<String>,
        /// Who says so.
        #[serde(default)]
        by: Option<String>,
    },
    /// Releases the hold.
    ReleaseHold,
    /// Keeps it for so many days from its creation.
    KeepDays(u32),
    /// Keeps it until somebody says otherwise.
    KeepForever,
    /// Keeps it for as long as the rules say.
    KeepByRules,
}

/// A tag by its key, and by its value where that matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TagQuery {
    /// The key.
    pub key: String,
    /// The value; any where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl From<TagFilter> for TagQuery {
    fn from(TagFilter { key, value }: TagFilter) -> Self {
        Self { key, value }
    }
}

impl From<TagQuery> for TagFilter {
    fn from(TagQuery { key, value }: TagQuery) -> Self {
        Self { key, value }
    }
}

/// What has become of one version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// As it is now, or would be.
    pub artifact: Artifact,
    /// Whether it was another before.
    pub changed: bool,
    /// When it was to go before, where how long it is kept was asked to be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_before: Option<artifact_domain::Timestamp>,
}

/// What was deleted in all, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// Versions.
    pub deleted: u64,
    /// Bytes of them.
    pub stored_size_bytes: u64,
    /// Versions that stay.
    pub failed: u64,
}
