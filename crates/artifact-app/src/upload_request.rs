//! What is asked of an upload, and what it has come to. Stores nothing.

use std::sync::Arc;

use artifact_domain::{ArtifactId, ArtifactRecord, Coordinate, Digest, Metadata, MimeType, Tags};
use artifact_guard::Finding;

use crate::{LocalCopy, UploadCondition, guard};

/// Whether an upload is compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compression {
    /// As the store is configured.
    #[default]
    AsConfigured,
    /// Stored as it is.
    Off,
}

/// What to store, and what to remember of it.
#[derive(Debug, Clone)]
pub struct UploadRequest {
    /// The id of the version, which no other may have; one of the store's choosing where it is not
    /// said. Who must learn after a crash whether an upload was committed chooses it with
    /// [`Store::new_id`](crate::Store::new_id), writes it down and asks [`Store::outcome`](crate::Store::outcome).
    pub id: Option<ArtifactId>,
    /// Where it will stand.
    pub coordinate: Coordinate,
    /// The media type of its bytes.
    pub mime_type: MimeType,
    /// Its tags.
    pub tags: Tags,
    /// Its free metadata.
    pub metadata: Metadata,
    /// For how many days to keep it; by the rules of the store where that is not said.
    pub retention_days: Option<u32>,
    /// Whether to compress it.
    pub compression: Compression,
    /// The SHA-256 that the bytes must have, if known: with another one nothing is stored.
    pub expected_digest: Option<Digest>,
    /// A SHA-256 of bytes that need not be stored again: with it nothing is stored, and the error is
    /// `AlreadyExists`.
    pub known_digest: Option<Digest>,
    /// How many bytes will come, if known: a size over the limit is refused before any is read.
    pub size_hint_bytes: Option<u64>,
    /// Who keeps its bytes in files of this machine until they are stored: a store of files need not write them
    /// again.
    pub local_copy: Option<Arc<dyn LocalCopy>>,
    /// What must be there before; with anything else nothing is read and nothing stored.
    pub condition: Option<UploadCondition>,
}

/// What an upload has come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Uploaded {
    /// The version.
    pub record: ArtifactRecord,
    /// Whether this upload stored it.
    pub is_new: bool,
    /// What in it looks like secrets, where the store looks for them.
    pub findings: Vec<Finding>,
}

impl Uploaded {
    /// What whoever uploads it is to be told, if anything: which rules it falls under, in which lines.
    pub fn warning(&self) -> Option<String> {
        secret_warning(&self.record, &self.findings)
    }
}

impl UploadRequest {
    /// An upload to `coordinate` of which nothing else is said.
    pub fn new(coordinate: Coordinate) -> Self {
        Self {
            id: None,
            coordinate,
            mime_type: MimeType::default(),
            tags: Tags::default(),
            metadata: Metadata::default(),
            retention_days: None,
            compression: Compression::default(),
            expected_digest: None,
            known_digest: None,
            size_hint_bytes: None,
            local_copy: None,
            condition: None,
        }
    }
}

/// What whoever uploads an artifact is to be told of what in it looks like secrets, if anything does: each in
/// words, as a [`Finding`] has them.
pub fn secret_warning(record: &ArtifactRecord, found: &[impl ToString]) -> Option<String> {
    let told = || format!("{} {}", record.uri(), guard::told(found));
    (!found.is_empty()).then(told)
}
