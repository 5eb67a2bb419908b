//! What a caller expects to find before it changes anything, and what it has stored before. Knows
//! nothing of how that is asked for.

use std::fmt;

use artifact_domain::query::{Filter, Order, PageSize, TagFilter};
use artifact_domain::{
    ArtifactRecord, Coordinate, Digest, Error, ErrorKind, Result, Revision, Tag,
};

use crate::{Store, UploadRequest};

/// What must be at a coordinate before an upload stores another version there. Judged under the lock
/// of the coordinate, so of many uploads with the same condition one succeeds; without locks it is
/// judged once, before the first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadCondition {
    /// Nothing that can be read.
    Absent,
    /// Something, whatever it is.
    Present,
    /// The newest version has this SHA-256.
    Newest(Digest),
}

/// The source of an error that says: what was to be changed is not what the caller expects. Told apart
/// from a conflict with somebody else by this type alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreconditionFailed;

impl fmt::Display for PreconditionFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a condition of the request does not hold")
    }
}

impl std::error::Error for PreconditionFailed {}

/// The source of an error that says: the bytes that came are not those that were announced. The store
/// itself is sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigestMismatch;

impl fmt::Display for DigestMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes differ from those that were announced")
    }
}

impl std::error::Error for DigestMismatch {}

impl UploadCondition {
    /// Compares with the newest version that can be read, if there is one.
    pub(crate) fn judge(self, at: &Coordinate, newest: Option<&ArtifactRecord>) -> Result<()> {
        let found = newest.and_then(|record| record.content.as_ref());
        let failed = |kind, message| Err(Error::new(kind, message).with_source(PreconditionFailed));
        match (self, found) {
            (Self::Absent, None) | (Self::Present, Some(_)) => Ok(()),
            (Self::Absent, Some(_)) => {
                let message = format!("there is an artifact named `{}` already", at.name());
                failed(ErrorKind::AlreadyExists, message)
            }
            (Self::Newest(digest), Some(found)) if found.digest == digest => Ok(()),
            (Self::Newest(_), Some(found)) => {
                let message = format!("the newest version has the SHA-256 {}", found.digest);
                failed(ErrorKind::Conflict, message)
            }
            (Self::Present | Self::Newest(_), None) => {
                let message = "there is nothing yet that could be replaced".to_owned();
                failed(ErrorKind::Conflict, message)
            }
        }
    }
}

/// Compares the revision that a caller has seen with the one that is stored.
pub(crate) fn require_revision(record: &ArtifactRecord, expected: Option<Revision>) -> Result<()> {
    if expected.is_none_or(|expected| expected == record.revision) {
        return Ok(());
    }
    let message = format!("{} was changed meanwhile", record.version_uri());
    Err(Error::new(ErrorKind::Conflict, message)
        .with_hint("look at it again, and repeat the change with what you see then")
        .with_source(PreconditionFailed))
}

impl Store {
    /// The version that bears the tag already.
    pub(crate) async fn stored_once(
        &self,
        request: &UploadRequest,
        once: Option<&Tag>,
    ) -> Result<Option<ArtifactRecord>> {
        let Some(tag) = once else {
            return Ok(None);
        };
        let mut filter = Filter::versions_of(&request.coordinate);
        filter.tags.push(TagFilter {
            key: tag.key().to_owned(),
            value: Some(tag.value().to_owned()),
        });
        let found = self
            .search(filter, Order::Created, None, PageSize::new(1)?)
            .await?;
        let Some(record) = found.items.into_iter().next() else {
            return Ok(None);
        };
        let stored = record.stored_content()?.digest;
        if request
            .expected_digest
            .is_some_and(|expected| expected != stored)
        {
            let message = format!("other bytes were stored under {tag}");
            return Err(Error::new(ErrorKind::Integrity, message).with_source(DigestMismatch));
        }
        Ok(Some(record))
    }

    /// Whether what the caller expects is there.
    pub(crate) async fn judge(&self, request: &UploadRequest) -> Result<()> {
        let Some(condition) = request.condition else {
            return Ok(());
        };
        let (at, now) = (&request.coordinate, self.now());
        let newest = self
            .retrying("find", || self.ports.index.find_newest(at.clone(), now))
            .await?;
        condition.judge(at, newest.as_ref())
    }
}
