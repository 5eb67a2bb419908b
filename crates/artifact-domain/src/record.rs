//! The record of one version of an artifact, and the steps it can take.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    ArtifactId, ArtifactUri, AttemptId, BlobKey, Coordinate, Digest, Error, ErrorKind, Metadata,
    MimeType, Result, State, Tags, Tier, Timestamp, Version,
};

/// The form in which the bytes of a version are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// As they were uploaded.
    Identity,
    /// As one member of gzip, RFC 1952.
    Gzip,
}

/// What is known of the bytes of a version once they are stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The SHA-256 of the original bytes.
    pub digest: Digest,
    /// How many original bytes there are.
    pub size_bytes: u64,
    /// How many bytes the blob has.
    pub stored_size_bytes: u64,
    /// The form of the blob.
    pub encoding: Encoding,
}

/// A promise that a version stays until the hold is released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Why, if somebody said.
    pub reason: Option<String>,
    /// Who set it, if known.
    pub by: Option<String>,
    /// Since when.
    pub since: Timestamp,
}

impl Hold {
    /// The longest reason, in bytes.
    pub const MAX_REASON_BYTES: usize = 1024;
    /// The longest name of who set it, in bytes.
    pub const MAX_BY_BYTES: usize = 256;

    /// Checks the texts of a hold that a person sets: their length, and that they have no control
    /// characters, since they are printed as they are.
    pub fn new(reason: Option<String>, by: Option<String>, since: Timestamp) -> Result<Self> {
        let texts = [
            ("reason of", reason.as_deref(), Self::MAX_REASON_BYTES),
            ("name of who sets", by.as_deref(), Self::MAX_BY_BYTES),
        ];
        for (what, text, max_bytes) in texts {
            let Some(text) = text else { continue };
            let refuse =
                |why: String| Err(Error::invalid_input(format!("the {what} a hold {why}")));
            if text.trim().is_empty() {
                return refuse("is empty".to_owned());
            }
            if text.len() > max_bytes {
                return refuse(format!("is over {max_bytes} bytes long"));
            }
            if text.chars().any(char::is_control) {
                return refuse("has a control character".to_owned());
            }
        }
        Ok(Self { reason, by, since })
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "since {}", self.since)?;
        if let Some(by) = &self.by {
            write!(f, " by {by}")?;
        }
        let reason = self.reason.as_deref().unwrap_or("no reason given");
        write!(f, " ({reason})")
    }
}

/// How often a record has been changed: what a writer must know to change it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Revision(u64);

impl Revision {
    /// Takes a stored number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Everything the index knows of one version.
///
/// Invariant, held by every index: `content` is there if the state is `Active` or `Archived`, and
/// `lease_until` if it is `Uploading`. The serde form is what embedded indexes store; golden files
/// in their tests hold it still.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArtifactRecord {
    /// The identity of this version.
    pub id: ArtifactId,
    /// What all versions have in common.
    pub coordinate: Coordinate,
    /// Which version it is.
    pub version: Version,
    /// Who writes, or wrote, the blob. A move writes another one, and makes it this.
    pub attempt: AttemptId,
    /// Where it stands in its life.
    pub state: State,
    /// How often it was changed.
    pub revision: Revision,
    /// What is known of the bytes, once they are stored.
    pub content: Option<Content>,
    /// The media type of the original bytes.
    pub mime_type: MimeType,
    /// Where the bytes are kept.
    pub tier: Tier,
    /// When the upload began.
    pub created_at: Timestamp,
    /// Until when an upload may take before it counts as abandoned.
    pub lease_until: Option<Timestamp>,
    /// How many bytes an upload on its way has reserved; 0 in any other state.
    #[serde(default, skip_serializing_if = "is_none_reserved")]
    pub reserved_bytes: u64,
    /// For how many days its uploader wanted it kept, where that was said.
    pub retention_days: Option<u32>,
    /// From when on it is gone.
    pub expires_at: Option<Timestamp>,
    /// Since when it is archived.
    pub archived_at: Option<Timestamp>,
    /// What keeps it, whatever else says it should go.
    pub hold: Option<Hold>,
    /// Its tags.
    pub tags: Tags,
    /// Its free metadata.
    pub metadata: Metadata,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks with a reference"
)]
fn is_none_reserved(bytes: &u64) -> bool {
    *bytes == 0
}

/// About what a record takes in memory without its texts of any length.
const RECORD_BYTES: usize = 1_024;

/// About what an entry of a map takes beside its texts.
const ENTRY_BYTES: usize = 64;

impl ArtifactRecord {
    /// About how much memory it takes, in bytes: what whoever holds many of them counts.
    pub fn memory_bytes(&self) -> usize {
        let tags = self.tags.iter();
        let tags: usize = tags
            .map(|(key, value)| ENTRY_BYTES + key.len() + value.len())
            .sum();
        RECORD_BYTES + tags + self.metadata.as_json().len()
    }

    /// The address of the artifact, which gives its newest version.
    pub fn uri(&self) -> ArtifactUri {
        ArtifactUri::new(self.coordinate.clone(), None)
    }

    /// The address of this version.
    pub fn version_uri(&self) -> ArtifactUri {
        ArtifactUri::new(self.coordinate.clone(), Some(self.version))
    }

    /// Whether its retention has ended at `now`. A held version never expires.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.hold.is_none() && self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether it can be read at `now`: stored, and not expired.
    pub fn is_visible(&self, now: Timestamp) -> bool {
        self.state.is_live() && !self.is_expired(now)
    }

    /// Whether its bytes lie elsewhere than when it was read as `earlier`.
    pub fn has_moved(&self, earlier: &Self) -> bool {
        (self.attempt, self.tier) != (earlier.attempt, earlier.tier)
    }

    /// What is known of the bytes; an error where none are stored.
    pub fn stored_content(&self) -> Result<&Content> {
        self.content.as_ref().ok_or_else(|| {
            Error::new(
                ErrorKind::Conflict,
                format!(
                    "{} is {} and has no content",
                    self.version_uri(),
                    self.state
                ),
            )
        })
    }

    /// How many bytes of a storage limit it takes: those of its blob, and those it has reserved.
    pub fn held_bytes(&self) -> u64 {
        let stored = self.content.as_ref().map_or(0, |c| c.stored_size_bytes);
        stored.saturating_add(self.reserved_bytes)
    }

    /// Where its blob is.
    pub fn blob_key(&self) -> Result<BlobKey> {
        self.stored_content()
            .map(|content| self.blob_key_as(content.encoding))
    }

    /// Every place where its bytes may be: one once it is committed; before that one per encoding,
    /// and where they are handed over.
    pub fn possible_blob_keys(&self) -> Vec<BlobKey> {
        if let Some(content) = &self.content {
            return vec![self.blob_key_as(content.encoding)];
        }
        let mut keys = self.attempt_blob_keys().to_vec();
        keys.push(self.handover_blob_key());
        keys
    }

    /// Where its attempt may have put the blob, one place per encoding.
    pub fn attempt_blob_keys(&self) -> [BlobKey; 2] {
        [Encoding::Gzip, Encoding::Identity].map(|form| self.blob_key_as(form))
    }

    /// Where the bytes of an upload are handed over by who has a signed URL for that, as they are.
    /// Nobody reads them there but who completes the upload, and makes the blob of them: the URL
    /// stays good for a while, and what was put there could be replaced.
    pub fn handover_blob_key(&self) -> BlobKey {
        let attempt = AttemptId::of_move(self.id);
        BlobKey::content(&self.coordinate, self.version, attempt, Encoding::Identity)
    }

    fn blob_key_as(&self, encoding: Encoding) -> BlobKey {
        BlobKey::content(&self.coordinate, self.version, self.attempt, encoding)
    }

    /// Marks it as deleted. A hold forbids that; to delete what is deleted changes nothing.
    pub fn into_deleted(mut self) -> Result<Self> {
        if self.hold.is_some() && self.state != State::Deleted {
            return Err(self.held());
        }
        self.state = State::Deleted;
        self.lease_until = None;
        self.reserved_bytes = 0;
        Ok(self)
    }

    /// The error of whoever wants to take a held version away.
    pub fn held(&self) -> Error {
        let hold = self.hold.as_ref();
        let reason = hold
            .and_then(|hold| hold.reason.as_deref())
            .map(|reason| format!(" ({reason})"))
            .unwrap_or_default();
        Error::new(
            ErrorKind::Held,
            format!("{} is on hold{reason}", self.version_uri()),
        )
        .with_hint("release the hold first")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{ArtifactName, ArtifactType, SpecName, TaskId};

    pub(crate) fn record() -> ArtifactRecord {
        let created_at = Timestamp::from_micros(1_700_000_000_000_000).unwrap();
        let id = ArtifactId::new(created_at, [1; 10]);
        ArtifactRecord {
            id,
            coordinate: Coordinate::new(
                SpecName::default(),
                TaskId::new("1").unwrap(),
                ArtifactType::Log,
                ArtifactName::new("build.log").unwrap(),
            )
            .unwrap(),
            version: Version::FIRST,
            attempt: id.into(),
            state: State::Active,
            revision: Revision::default(),
            content: Some(Content {
                digest: Digest::new([0; 32]),
                size_bytes: 10,
                stored_size_bytes: 7,
                encoding: Encoding::Gzip,
            }),
            mime_type: MimeType::default(),
            tier: Tier::Hot,
            created_at,
            lease_until: None,
            reserved_bytes: 0,
            retention_days: None,
            expires_at: None,
            archived_at: None,
            hold: None,
            tags: Tags::default(),
            metadata: Metadata::default(),
        }
    }

    #[test]
    fn a_hold_beats_expiry_and_delete() {
        let mut held = record();
        held.expires_at = Some(held.created_at);
        assert!(held.is_expired(held.created_at));
        held.hold = Some(Hold {
            reason: Some("audit".into()),
            by: None,
            since: held.created_at,
        });
        assert!(!held.is_expired(held.created_at.saturating_add(Duration::from_secs(1))));
        let error = held.into_deleted().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Held);
        assert!(error.message().contains("audit"), "{error}");
    }

    #[test]
    fn the_texts_of_a_hold_are_short_and_have_no_control_characters() {
        let hold = |reason: &str, by: &str| {
            Hold::new(Some(reason.into()), Some(by.into()), Timestamp::UNIX_EPOCH)
        };
        assert!(hold("audit 2026", "ann").is_ok());
        assert!(Hold::new(None, None, Timestamp::UNIX_EPOCH).is_ok());
        let long = "x".repeat(Hold::MAX_REASON_BYTES + 1);
        for (reason, by) in [
            (" ", "ann"),
            ("a\x1b[2J", "ann"),
            (&*long, "ann"),
            ("a", &long),
        ] {
            let error = hold(reason, by).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
    }

    #[test]
    fn expired_means_gone_from_that_instant() {
        let mut record = record();
        let end = record.created_at.saturating_add(Duration::from_mins(1));
        record.expires_at = Some(end);
        assert!(record.is_visible(end.saturating_sub(Duration::from_micros(1))));
        assert!(!record.is_visible(end));
    }

    #[test]
    fn an_upload_may_have_left_either_encoding() {
        let mut record = record();
        assert_eq!(
            record.possible_blob_keys(),
            vec![record.blob_key().unwrap()]
        );
        record.content = None;
        let keys = record.possible_blob_keys();
        assert_eq!(keys[..2], record.attempt_blob_keys());
        assert_eq!(keys[2..], [record.handover_blob_key()]);
        assert_eq!(record.blob_key().unwrap_err().kind(), ErrorKind::Conflict);
    }

    #[test]
    fn a_record_survives_its_json() {
        let record = record();
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(
            serde_json::from_str::<ArtifactRecord>(&json).unwrap(),
            record
        );
    }
}
