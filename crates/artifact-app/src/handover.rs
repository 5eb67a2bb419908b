//! Uploads whose bytes go to the blob store by a signed URL, past this software: reserved here, put
//! there by whoever has the URL, and completed here. Must not know how a store signs.
//!
//! The URL is good for a while after its bytes are there, and whoever has it could replace them.
//! So what was put is never the blob of a version: completing reads it as it reads any source,
//! hashes and compresses it, and writes the blob to a place that no URL was given for.

use std::time::Duration;

use artifact_domain::port::{PresignMethod, PresignRequest, PresignedUrl};
use artifact_domain::{
    ArtifactId, ArtifactRecord, AttemptId, Digest, Error, ErrorKind, Result, State, Tier, Timestamp,
};

use crate::presign::check_time;
use crate::relocate::Moved;
use crate::room::Expected;
use crate::upload::{Filled, Filling, lost_lease, release};
use crate::{Body, Compression, DigestMismatch, Store, UploadRequest, guard};

/// An upload that waits for its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Handover {
    /// The version to be.
    pub record: ArtifactRecord,
    /// Where to put the bytes, as they are.
    pub url: PresignedUrl,
    /// When the URL ends. Some time later the upload counts as abandoned.
    pub valid_until: Timestamp,
}

/// Which upload to complete, and what its bytes must be.
#[derive(Debug, Clone)]
pub struct CompleteRequest {
    /// The id of the version.
    pub id: ArtifactId,
    /// The SHA-256 that the bytes must have, if known.
    pub expected_digest: Option<Digest>,
    /// How many there must be, if known.
    pub expected_size_bytes: Option<u64>,
    /// Whether they are compressed.
    pub compression: Compression,
}

impl Store {
    /// Reserves the next version of a coordinate and signs a URL that its bytes can be put to. Of
    /// the request, what is said of bytes that are not there yet is left to
    /// [`complete_upload`](Self::complete_upload), but for the size hint.
    ///
    /// # Errors
    /// `Unsupported` where the store cannot sign; `InvalidInput` for less than a second or more
    /// than seven days; `TooLarge` and `QuotaExceeded`; those of the ports. After an error nothing
    /// is reserved.
    pub async fn begin_upload(
        &self,
        request: UploadRequest,
        valid_for: Duration,
    ) -> Result<Handover> {
        check_time(valid_for)?;
        if !self.ports.blobs.capabilities().presign {
            return Err(cannot_sign());
        }
        let expected = match request.size_hint_bytes {
            Some(size_bytes) => {
                self.options.quota.admit_artifact(size_bytes)?;
                Expected::AsTheyAre(size_bytes)
            }
            None => Expected::Unknown,
        };
        let lease = valid_for.saturating_add(self.options.lease);
        let valid_until = self.now().saturating_add(valid_for);
        let record = self.reserve(request, expected, lease).await?;
        let signing = PresignRequest {
            method: PresignMethod::Put,
            valid_for,
            file_name: None,
        };
        let blobs = &self.ports.blobs;
        match blobs.presign(record.handover_blob_key(), signing).await {
            Ok(url) => Ok(Handover {
                record,
                url,
                valid_until,
            }),
            Err(error) => {
                let uri = record.version_uri();
                self.abandon(record).await;
                Err(error.context(uri))
            }
        }
    }

    /// Completes an upload whose bytes were put to its URL: reads and checks them, stores them as
    /// [`upload`](Self::upload) does, and gives the record. To complete it again changes nothing.
    ///
    /// After an error nothing of it is visible, and until its lease ends other bytes can be put to
    /// the URL, and be completed; but what is refused since it looks like a secret is given up. Memory: that of an upload.
    ///
    /// # Errors
    /// `NotFound` for an unknown or abandoned upload, and for one without bytes; `Integrity` for
    /// bytes of another digest or size than the expected ones; `Conflict` where another completes
    /// it at the same time; those of [`upload`](Self::upload). What looks like a secret and is not refused
    /// is told to the log.
    pub async fn complete_upload(&self, request: CompleteRequest) -> Result<ArtifactRecord> {
        let id = request.id;
        let found = self.retrying("find", || self.ports.index.find(id)).await?;
        let Some(record) = found else {
            let message = format!("no upload has the id {id}");
            return Err(Error::new(ErrorKind::NotFound, message)
                .with_hint("it may have been abandoned: begin it again"));
        };
        let uri = record.version_uri();
        let completed = async {
            match record.state {
                State::Uploading => self.complete(record, &request).await,
                State::Active | State::Archived => completed_before(record, &request),
                State::Deleted => {
                    let message = "it was given up, or deleted since";
                    Err(Error::new(ErrorKind::NotFound, message).with_hint("begin it again"))
                }
            }
        };
        completed.await.map_err(|error| error.context(uri))
    }

    /// Gives an upload up that was begun and not completed, and takes away what was put.
    ///
    /// # Errors
    /// `NotFound` for an unknown upload; `Conflict` for one that was completed; those of the ports.
    pub async fn abort_upload(&self, id: ArtifactId) -> Result<()> {
        let found = self.retrying("find", || self.ports.index.find(id)).await?;
        let Some(record) = found else {
            let message = format!("no upload has the id {id}");
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        if record.state.is_live() {
            let message = format!(
                "{} is uploaded, and cannot be aborted",
                record.version_uri()
            );
            return Err(Error::new(ErrorKind::Conflict, message)
                .with_hint(format!("`artifact delete {id}` deletes it")));
        }
        if let Some(given_up) = self.give_up(record).await? {
            self.purge(vec![given_up]).await?;
        }
        Ok(())
    }

    async fn complete(
        &self,
        record: ArtifactRecord,
        request: &CompleteRequest,
    ) -> Result<ArtifactRecord> {
        let source = record.handover_blob_key();
        let blobs = &self.ports.blobs;
        let stat = self.retrying("stat", || blobs.stat(source.clone())).await;
        let size_bytes = match stat {
            Ok(stat) => stat.size_bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let message = "nothing was put to its URL yet";
                return Err(Error::new(ErrorKind::NotFound, message).with_source(error));
            }
            Err(error) => return Err(error),
        };
        check_size(request, size_bytes)?;
        self.options.quota.admit_artifact(size_bytes)?;
        let lock = self.lock_coordinate(&record.coordinate).await?;
        self.take_mark_ahead().await;
        let outcome = self.take_in(record, request, size_bytes).await;
        release(lock).await;
        if outcome.as_ref().is_err_and(guard::is_refused)
            && let Err(error) = self.abort_upload(request.id).await
        {
            tracing::warn!(artifact.id = %request.id, error = %error, "what was put waits to be reaped");
        }
        let Filled {
            record,
            superseded,
            findings,
        } = outcome?;
        if !findings.is_empty() {
            let uri = record.version_uri();
            tracing::warn!(artifact.uri = %uri, "it {}", guard::told(&findings));
        }
        let handed_over = Moved {
            record: record.clone(),
            former: Some((Tier::Hot, source)),
        };
        // As with a move: the metadata names the blob for good before its source goes.
        self.finish(std::slice::from_ref(&handed_over)).await;
        self.follow_up(&record, superseded).await;
        Ok(record)
    }

    /// Makes a blob of what was handed over, by an attempt of its own: of two that complete the
    /// same upload only the last to begin can commit.
    async fn take_in(
        &self,
        mut record: ArtifactRecord,
        request: &CompleteRequest,
        size_bytes: u64,
    ) -> Result<Filled> {
        let source = record.handover_blob_key();
        record.attempt = AttemptId::of_move(self.new_id()?);
        let lease = self.now().saturating_add(self.options.lease);
        record.lease_until = record.lease_until.max(Some(lease));
        let id = record.id;
        let own = match self.ports.index.update(record).await {
            // Completed by another at the same time, or given up since it was looked up.
            Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound) => {
                let now = self.ports.index.find(id).await?;
                let is_there = now.is_some_and(|now| now.state != State::Deleted);
                return Err(if is_there { error } else { lost_lease(error) });
            }
            own => own?,
        };
        let filling = Filling {
            level: self.level(request.compression),
            size_bytes: Some(size_bytes),
            expected_digest: request.expected_digest,
            known_digest: None,
            local_copy: None,
        };
        let blobs = &self.ports.blobs;
        let opened = self.retrying("get", || blobs.get(source.clone(), None));
        let filled = match opened.await {
            Ok(body) => self.fill(&own, Body::Stream(body), &filling).await,
            Err(error) => Err(error),
        };
        let is_own = |filled: &Filled| filled.record.attempt == own.attempt;
        if !filled.as_ref().is_ok_and(is_own)
            && let Err(error) = self.take_back(own).await
        {
            tracing::warn!(artifact.id = %request.id, error = %error, "what was written waits for gc");
        }
        filled
    }

    /// Takes away what an attempt has written that did not complete its upload. A commit whose
    /// answer was lost may have happened, and stands then; one that is still to come must not.
    async fn take_back(&self, own: ArtifactRecord) -> Result<()> {
        match self.ports.index.find(own.id).await? {
            Some(current) if current.attempt != own.attempt => {}
            Some(current) if current.state == State::Uploading => {
                let attempt = AttemptId::of_move(self.new_id()?);
                let other = ArtifactRecord { attempt, ..current };
                self.ports.index.update(other).await?;
            }
            Some(current) if current.state.is_live() => return Ok(()),
            _ => {}
        }
        let left = own.attempt_blob_keys().to_vec();
        self.delete_all_quietly(Tier::Hot, left).await;
        Ok(())
    }
}

fn check_size(request: &CompleteRequest, found: u64) -> Result<()> {
    match request.expected_size_bytes {
        Some(expected) if expected != found => {
            let message = format!("it has {found} bytes, expected were {expected}");
            Err(Error::new(ErrorKind::Integrity, message).with_source(DigestMismatch))
        }
        _ => Ok(()),
    }
}

fn completed_before(record: ArtifactRecord, request: &CompleteRequest) -> Result<ArtifactRecord> {
    let content = record.stored_content()?;
    check_size(request, content.size_bytes)?;
    match request.expected_digest {
        Some(expected) if expected != content.digest => {
            let found = content.digest;
            let message = format!("its SHA-256 is {found}, expected was {expected}");
            Err(Error::new(ErrorKind::Integrity, message).with_source(DigestMismatch))
        }
        _ => Ok(record),
    }
}

fn cannot_sign() -> Error {
    let message = "this store cannot sign URLs";
    Error::new(ErrorKind::Unsupported, message)
        .with_hint("a bucket (backend s3 or gcs) can; here `artifact upload` takes the bytes")
}
