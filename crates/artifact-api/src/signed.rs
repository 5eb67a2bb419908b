//! Signed URLs, and uploads whose bytes go past the server: begun here, put to a bucket, completed here.

use std::collections::BTreeMap;

use artifact_domain::{
    ArtifactId, ArtifactName, ArtifactType, Digest, Metadata, MimeType, SpecName, Tags, TaskId,
    Timestamp, Version,
};
use serde::{Deserialize, Serialize};

/// A URL that whoever has it may use until it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedUrl {
    /// To be sent along.
    pub headers: BTreeMap<String, String>,
    /// Of which version.
    pub id: ArtifactId,
    /// `GET` or `PUT`.
    pub method: String,
    /// The address of its artifact.
    pub uri: String,
    /// The URL.
    pub url: String,
    /// When it ends.
    pub valid_until: Timestamp,
    /// The number of the version.
    pub version: Version,
}

/// What is to be put to a URL that is signed for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeginRequest {
    /// The project.
    pub spec: SpecName,
    /// The run.
    pub task: TaskId,
    /// What it is; guessed from its name where it is not said.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<ArtifactType>,
    /// Its name, which may have folders.
    pub name: ArtifactName,
    /// The media type; guessed from its name where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<MimeType>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// Its free metadata.
    #[serde(default)]
    pub metadata: Metadata,
    /// For how many days it is kept; by the rules of the store where that is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
    /// How many bytes will come, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// For how many seconds the URL is good; an hour where that is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_s: Option<u64>,
}

/// What the bytes must be that were put to a URL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompleteRequest {
    /// Their SHA-256, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// How many there must be, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// False: they are stored as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compress: Option<bool>,
}
