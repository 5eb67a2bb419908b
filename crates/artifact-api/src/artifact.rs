//! One version of an artifact, and a page of them. Knows not who asks.

use artifact_domain::{
    ArtifactId, ArtifactName, ArtifactRecord, ArtifactType, ArtifactUri, Content, Coordinate,
    Digest, Encoding, Error, ErrorKind, Hold, Metadata, MimeType, Result, Revision, SpecName,
    State, Tags, TaskId, Tier, Timestamp, Version,
};
use serde::{Deserialize, Serialize};

/// One version of an artifact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[expect(
    missing_docs,
    reason = "they are the words of `artifact-domain`, which explains them"
)]
pub struct Artifact {
    /// UUIDv7 of this version
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: ArtifactId,
    /// `artifact://SPEC/TASK/TYPE/NAME`
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub uri: ArtifactUri,
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub spec: SpecName,
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub task: TaskId,
    /// `log`, `diff`, … or `custom:NAME`
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub r#type: ArtifactType,
    /// May have folders
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub name: ArtifactName,
    #[cfg_attr(feature = "openapi", schema(value_type = u32, minimum = 1))]
    pub version: Version,
    /// `UPLOADING`, `ACTIVE`, `ARCHIVED` or `DELETED`
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub state: State,
    /// `HOT`, `WARM` or `COLD`
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub tier: Tier,
    /// Original bytes; null while an upload has not ended
    pub size_bytes: Option<u64>,
    /// Bytes as they are stored
    pub stored_size_bytes: Option<u64>,
    /// Of the original bytes, in hexadecimal
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub sha256: Option<Digest>,
    pub compressed: Option<bool>,
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub mime_type: MimeType,
    /// RFC 3339, UTC
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub created_at: Timestamp,
    /// When it is gone; null for never
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub expires_at: Option<Timestamp>,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub archived_at: Option<Timestamp>,
    /// Whether it is kept, whatever else says that it should go
    pub held: bool,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true, value_type = std::collections::BTreeMap<String, String>))]
    pub tags: Tags,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true, value_type = serde_json::Map<String, serde_json::Value>))]
    pub metadata: Metadata,
    /// Why, by whom and since when it is held; lists say only that it is
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<HoldSchema>))]
    pub hold: Option<Hold>,
}

/// What keeps an artifact.
#[cfg(feature = "openapi")]
#[derive(utoipa::ToSchema)]
#[schema(as = Hold)]
#[expect(
    dead_code,
    reason = "`artifact-domain`, whose document it is, knows no OpenAPI"
)]
struct HoldSchema {
    reason: Option<String>,
    by: Option<String>,
    since: String,
}

impl From<&ArtifactRecord> for Artifact {
    /// With the hold, if there is one.
    fn from(record: &ArtifactRecord) -> Self {
        let (at, content) = (&record.coordinate, record.content.as_ref());
        Self {
            id: record.id,
            uri: record.uri(),
            spec: at.spec().clone(),
            task: at.task().clone(),
            r#type: at.artifact_type().clone(),
            name: at.name().clone(),
            version: record.version,
            state: record.state,
            tier: record.tier,
            size_bytes: content.map(|content| content.size_bytes),
            stored_size_bytes: content.map(|content| content.stored_size_bytes),
            sha256: content.map(|content| content.digest),
            compressed: content.map(|content| content.encoding == Encoding::Gzip),
            mime_type: record.mime_type.clone(),
            created_at: record.created_at,
            expires_at: record.expires_at,
            archived_at: record.archived_at,
            held: record.hold.is_some(),
            tags: record.tags.clone(),
            metadata: record.metadata.clone(),
            hold: record.hold.clone(),
        }
    }
}

impl Artifact {
    /// As much of it as somebody is told who has done something to it and may not read it: where it is and
    /// how it stands there, and nothing of its content nor of what others have said of it.
    #[must_use]
    pub fn outline(self) -> Self {
        Self {
            size_bytes: None,
            stored_size_bytes: None,
            sha256: None,
            compressed: None,
            mime_type: MimeType::default(),
            expires_at: None,
            archived_at: None,
            tags: Tags::default(),
            metadata: Metadata::default(),
            hold: None,
            ..self
        }
    }

    /// The bytes, once they are stored.
    fn content(&self) -> Option<Content> {
        Some(Content {
            digest: self.sha256?,
            size_bytes: self.size_bytes?,
            stored_size_bytes: self.stored_size_bytes?,
            encoding: if self.compressed? {
                Encoding::Gzip
            } else {
                Encoding::Identity
            },
        })
    }

    /// The record, as far as a client can know it: what only the store itself works with (the
    /// attempt, the revision, leases and reservations) is as it was at the beginning. It is for
    /// showing, and never for changing what is stored.
    ///
    /// # Errors
    /// `Internal` for a coordinate that cannot be.
    pub fn into_record(self) -> Result<ArtifactRecord> {
        let content = self.content();
        let coordinate = Coordinate::new(self.spec, self.task, self.r#type, self.name);
        let coordinate = coordinate.map_err(|cause| {
            Error::new(ErrorKind::Internal, "the server names what cannot be").with_source(cause)
        })?;
        let unsaid = || Hold {
            reason: None,
            by: None,
            since: self.created_at,
        };
        Ok(ArtifactRecord {
            id: self.id,
            coordinate,
            version: self.version,
            attempt: self.id.into(),
            state: self.state,
            revision: Revision::default(),
            content,
            mime_type: self.mime_type,
            tier: self.tier,
            created_at: self.created_at,
            lease_until: None,
            reserved_bytes: 0,
            retention_days: None,
            expires_at: self.expires_at,
            archived_at: self.archived_at,
            hold: self.hold.or_else(|| self.held.then(unsaid)),
            tags: self.tags,
            metadata: self.metadata,
        })
    }
}

/// A page of artifacts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page {
    #[expect(missing_docs, reason = "a page has nothing else")]
    pub items: Vec<Artifact>,
    /// What to ask for the next page with; null on the last
    pub next_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use artifact_domain::ArtifactDetails;

    use super::*;

    fn record() -> ArtifactRecord {
        let text = r#"{
            "id": "018bcfe5-6800-7101-8101-010101010101",
            "uri": "artifact://demo/run%207/custom:x/a/b.log",
            "spec": "demo", "task": "run 7", "type": "custom:x", "name": "a/b.log", "version": 3,
            "state": "ARCHIVED", "tier": "COLD", "size_bytes": 10, "stored_size_bytes": 7,
            "sha256": "0000000000000000000000000000000000000000000000000000000000000007",
            "compressed": true, "mime_type": "text/plain", "created_at": "2023-11-14T22:13:20Z",
            "expires_at": "2024-11-14T22:13:20Z", "archived_at": null, "held": true,
            "tags": {"a": "", "b": "1"}, "metadata": {"x": {"y": [1, 2.5, null]}},
            "hold": {"reason": "audit", "by": null, "since": "2023-11-15T00:00:00Z"}
        }"#;
        let artifact: Artifact = serde_json::from_str(text).unwrap();
        artifact.into_record().unwrap()
    }

    #[test]
    fn the_document_is_the_one_that_the_store_writes() {
        let mut record = record();
        for _ in 0..2 {
            let written = serde_json::to_string(&ArtifactDetails::from(&record)).unwrap();
            let artifact: Artifact = serde_json::from_str(&written).unwrap();
            assert_eq!(serde_json::to_string(&artifact).unwrap(), written);
            assert_eq!(Artifact::from(&record), artifact);
            assert_eq!(artifact.into_record().unwrap(), record);
            (record.content, record.hold) = (None, None);
        }
    }

    #[test]
    fn a_list_says_that_something_is_held_though_not_why() {
        let mut artifact = Artifact::from(&record());
        artifact.hold = None;
        let record = artifact.into_record().unwrap();
        assert!(record.hold.is_some_and(|hold| hold.reason.is_none()));
    }
}
