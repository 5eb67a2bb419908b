//! Storing an artifact: admit, lock, begin, stream, commit, unlock, purge what was superseded.

use std::sync::Arc;
use std::time::Duration;

use artifact_codec::{EncodeOptions, Level};
use artifact_domain::policy::Reservation;
use artifact_domain::port::{CommitUpload, LockGuard, LockKey, NewUpload, PutOptions};
use artifact_domain::{
    ArtifactRecord, BlobKey, Content, Coordinate, Digest, Encoding, Error, ErrorKind, Result,
    State, Tag,
};
use artifact_guard::Finding;
use bytes::Bytes;
use tracing::Instrument;

use crate::room::Expected;
use crate::{Body, Compression, DigestMismatch, LocalCopy, Store, UploadRequest, Uploaded, encode};

/// How the bytes of a version are stored, and what they must be.
pub(crate) struct Filling {
    pub(crate) level: Option<Level>,
    /// How many will come, if known.
    pub(crate) size_bytes: Option<u64>,
    pub(crate) expected_digest: Option<Digest>,
    pub(crate) known_digest: Option<Digest>,
    /// Who keeps them on this machine meanwhile.
    pub(crate) local_copy: Option<Arc<dyn LocalCopy>>,
}

impl Filling {
    pub(crate) fn expected(&self) -> Expected {
        match (self.size_bytes, self.level) {
            (None, _) => Expected::Unknown,
            (Some(bytes), Some(_)) => Expected::AtMost(bytes),
            (Some(bytes), None) => Expected::AsTheyAre(bytes),
        }
    }
}

/// What is in the blob store once the bytes are.
struct Stored {
    content: Content,
    seek_table: Option<Bytes>,
    findings: Vec<Finding>,
}

/// A version that is committed.
pub(crate) struct Filled {
    pub(crate) record: ArtifactRecord,
    pub(crate) superseded: Vec<ArtifactRecord>,
    pub(crate) findings: Vec<Finding>,
}

impl Stored {
    /// Compares the digest before anybody can see the version.
    fn check_digest(self, expected: Option<Digest>, known: Option<Digest>) -> Result<Self> {
        let found = self.content.digest;
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            let message = format!("its SHA-256 is {found}, expected was {expected}");
            return Err(Error::new(ErrorKind::Integrity, message).with_source(DigestMismatch));
        }
        if known == Some(found) {
            let message = "it is stored already with the same bytes";
            return Err(Error::new(ErrorKind::AlreadyExists, message));
        }
        Ok(self)
    }
}

impl Store {
    /// Stores an artifact as the next version of its coordinate and returns its record.
    ///
    /// Once it returns, the artifact is found, read, and survives a crash. After an error, or when
    /// it is dropped, nothing of it is visible; what could not be cleaned up at once is reaped
    /// after its lease. Memory: a few chunks, whatever the size of `body`.
    ///
    /// # Errors
    /// `TooLarge`, `QuotaExceeded` and `StorageFull`; `Locked` when another writer of the same
    /// artifact does not finish in time; `Integrity` for bytes with another digest than the expected
    /// one, `AlreadyExists` for those with the known one; `AlreadyExists` or `Conflict` with the source
    /// [`PreconditionFailed`](crate::PreconditionFailed) where the condition does not hold; `InvalidInput`
    /// for what looks like a secret where [such is refused](crate::OnSecret::Refuse); `Conflict`
    /// when the upload was silent for longer than its lease and was reaped; an error of `body`, as it
    /// is; those of the ports.
    pub async fn upload(
        &self,
        request: UploadRequest,
        body: impl Into<Body>,
    ) -> Result<ArtifactRecord> {
        self.upload_once(request, None, body.into())
            .await
            .map(|uploaded| uploaded.record)
    }

    /// Stores an artifact as [`upload`](Self::upload) does, unless one of its versions bears the tag
    /// `once`, which the new one gets: then nothing is read, and that version is given. So an upload
    /// whose answer was lost can be made again, for as long as what it stored is there.
    ///
    /// # Errors
    /// Those of [`upload`](Self::upload); `InvalidInput` where the tag is one too many.
    pub async fn upload_once(
        &self,
        mut request: UploadRequest,
        once: Option<Tag>,
        body: Body,
    ) -> Result<Uploaded> {
        if let Some(tag) = &once {
            request.tags.set(tag.clone())?;
        }
        let uri = artifact_domain::ArtifactUri::from(request.coordinate.clone());
        let span = tracing::info_span!("upload", artifact.uri = %uri);
        async {
            if let Some(size_bytes) = body.size_bytes().or(request.size_hint_bytes) {
                self.options.quota.admit_artifact(size_bytes)?;
            }
            let guard = self.lock_coordinate(&request.coordinate).await?;
            self.take_mark_ahead().await;
            let outcome = async {
                if let Some(record) = self.stored_once(&request, once.as_ref()).await? {
                    return Ok((record, None));
                }
                self.judge(&request).await?;
                let filled = self.store(request, body).await?;
                Ok((filled.record, Some((filled.superseded, filled.findings))))
            }
            .await;
            release(guard).await;
            let (record, stored) = outcome?;
            let is_new = stored.is_some();
            let (superseded, findings) = stored.unwrap_or_default();
            if is_new {
                self.follow_up(&record, superseded).await;
            }
            Ok(Uploaded {
                record,
                is_new,
                findings,
            })
        }
        .instrument(span)
        .await
        .map_err(|error: Error| error.context(format_args!("upload of {uri}")))
    }

    /// What an upload that is done sets off.
    pub(crate) async fn follow_up(&self, record: &ArtifactRecord, superseded: Vec<ArtifactRecord>) {
        self.compare_retention_mark().await;
        self.purge_quietly(superseded).await;
        self.prune_behind(record).await;
    }

    pub(crate) async fn lock_coordinate(
        &self,
        coordinate: &Coordinate,
    ) -> Result<Option<Box<dyn LockGuard>>> {
        match &self.ports.locks {
            None => Ok(None),
            Some(locks) => {
                let key = LockKey::artifact(coordinate);
                locks
                    .acquire(key, self.options.lock_patience)
                    .await
                    .map(Some)
            }
        }
    }

    /// Begin, stream, commit.
    async fn store(&self, mut request: UploadRequest, body: Body) -> Result<Filled> {
        let known = body.size_bytes().or(request.size_hint_bytes);
        let filling = Filling {
            level: self.level(request.compression),
            size_bytes: known,
            expected_digest: request.expected_digest,
            known_digest: request.known_digest,
            local_copy: request.local_copy.take(),
        };
        let reserved = self
            .reserve(request, filling.expected(), self.options.lease)
            .await?;
        let stored = self.fill(&reserved, body, &filling).await;
        if stored.is_err() {
            self.abandon(reserved).await;
        }
        stored
    }

    pub(crate) fn level(&self, compression: Compression) -> Option<Level> {
        match compression {
            Compression::AsConfigured => self.options.compression,
            Compression::Off => None,
        }
    }

    /// Streams the bytes of a reserved version to its attempt's place, and commits it.
    pub(crate) async fn fill(
        &self,
        reserved: &ArtifactRecord,
        body: Body,
        filling: &Filling,
    ) -> Result<Filled> {
        let written = self.write_blob(reserved, body, filling).await?;
        let stored = written.check_digest(filling.expected_digest, filling.known_digest)?;
        self.commit(reserved, stored).await
    }

    pub(crate) async fn reserve(
        &self,
        request: UploadRequest,
        expected: Expected,
        lease: Duration,
    ) -> Result<ArtifactRecord> {
        let created_at = self.now();
        let expires_at =
            self.options
                .retention
                .stamp(&request.coordinate, created_at, request.retention_days);
        let upload = NewUpload {
            id: request.id.map_or_else(|| self.new_id(), Ok)?,
            coordinate: request.coordinate,
            mime_type: request.mime_type,
            tags: request.tags,
            metadata: request.metadata,
            created_at,
            lease_until: created_at.saturating_add(lease),
            retention_days: request.retention_days,
            expires_at,
            reservation: Reservation::default(),
        };
        self.begin(upload, expected).await
    }

    /// Streams the body through the codec into the blob store, renewing the lease meanwhile.
    async fn write_blob(
        &self,
        reserved: &ArtifactRecord,
        body: Body,
        filling: &Filling,
    ) -> Result<Stored> {
        let error = tokio::select! {
            stored = self.encode_and_put(reserved, body, filling) => match stored {
                Err(error) if error.kind() == ErrorKind::Unavailable => error,
                stored => return stored,
            },
            lost = self.keep_lease(reserved) => return Err(lost),
        };
        // With the lease goes what was sent in parts, of which the put may hear first.
        let Ok(now) = self.ports.index.find(reserved.id).await else {
            return Err(error);
        };
        if now.is_some_and(|now| now.state != State::Deleted) {
            return Err(error);
        }
        Err(lost_lease(error))
    }

    async fn encode_and_put(
        &self,
        reserved: &ArtifactRecord,
        body: Body,
        filling: &Filling,
    ) -> Result<Stored> {
        let options = EncodeOptions::new()
            .with_compression(filling.level)
            .with_size_hint(filling.size_bytes);
        let guard = self.options.guard.as_ref();
        let watch = guard.map(|policy| policy.watch(reserved.coordinate.name()));
        let encoding = encode::encode(body, options, self.options.quota, watch).await?;
        let form = match encoding.form {
            artifact_codec::Encoding::Gzip => Encoding::Gzip,
            artifact_codec::Encoding::Identity => Encoding::Identity,
        };
        let (stored, local_copy) = match &filling.local_copy {
            None => (encoding.stream, None),
            Some(keeper) => keeper.keep(form, encoding.stream).await,
        };
        let put = PutOptions {
            content_type: Some(reserved.mime_type.clone()),
            encoding: Some(form),
            local_copy,
            ..PutOptions::default()
        };
        let key = BlobKey::content(
            &reserved.coordinate,
            reserved.version,
            reserved.attempt,
            form,
        );
        let stream = self.with_room(reserved, filling.expected(), stored);
        let stat = self.ports.blobs.put(key.clone(), stream, put).await?;
        let encode::Written { encoded, findings } = encoding.result.await.map_err(|_| {
            Error::new(
                ErrorKind::Internal,
                "the encoder ended without saying what it wrote",
            )
        })?;
        if stat.size_bytes != encoded.stored_size_bytes {
            return Err(Error::new(
                ErrorKind::Integrity,
                format!(
                    "{} bytes were written to {key}, {} are there",
                    encoded.stored_size_bytes, stat.size_bytes
                ),
            ));
        }
        Ok(Stored {
            content: Content {
                digest: Digest::new(*encoded.digest.as_bytes()),
                size_bytes: encoded.size_bytes,
                stored_size_bytes: encoded.stored_size_bytes,
                encoding: form,
            },
            seek_table: encoded.seek_table.map(|table| table.to_bytes().into()),
            findings,
        })
    }

    /// Renews the lease for ever; returns when the upload was reaped meanwhile.
    async fn keep_lease(&self, reserved: &ArtifactRecord) -> Error {
        loop {
            tokio::time::sleep(self.options.lease / 3).await;
            let until = self.now().saturating_add(self.options.lease);
            // Who was given longer keeps that.
            let until = reserved.lease_until.map_or(until, |given| given.max(until));
            match self.ports.index.renew(reserved.id, until).await {
                Ok(()) => {}
                Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound) => {
                    return lost_lease(error);
                }
                // The lease still stands; the next round tries again.
                Err(error) => tracing::warn!(error = %error, "the lease could not be renewed"),
            }
        }
    }

    async fn commit(&self, reserved: &ArtifactRecord, stored: Stored) -> Result<Filled> {
        let commit = CommitUpload {
            id: reserved.id,
            attempt: reserved.attempt,
            content: stored.content,
            supersede: self.options.supersede,
            seek_table: stored.seek_table,
        };
        let committed = self
            .retrying("commit", || self.ports.index.commit(commit.clone()))
            .await
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => lost_lease(error),
                _ => error,
            })?;
        self.note(&committed.record, commit.seek_table).await;
        for superseded in &committed.superseded {
            self.note(superseded, None).await;
        }
        let mut gone = committed.superseded;
        if committed.record.state == State::Deleted {
            gone.push(committed.record.clone());
        }
        Ok(Filled {
            record: committed.record,
            superseded: gone,
            findings: stored.findings,
        })
    }

    /// Takes back what a failed upload has left. What fails here is reaped after the lease.
    pub(crate) async fn abandon(&self, reserved: ArtifactRecord) {
        let id = reserved.id;
        if let Err(error) = self.withdraw(reserved).await {
            tracing::warn!(artifact.id = %id, error = %error, "a failed upload waits to be reaped");
        }
    }

    async fn withdraw(&self, reserved: ArtifactRecord) -> Result<()> {
        let marked = match self.ports.index.find(reserved.id).await? {
            // A commit whose answer was lost may have happened after all: then it stands.
            Some(current) if current.state.is_live() => return Ok(()),
            Some(current) if current.state == State::Uploading => {
                self.ports.index.update(current.into_deleted()?).await?
            }
            Some(current) => current,
            // Reaped and purged while it was written: only its bytes can be left.
            None => reserved,
        };
        self.purge(vec![marked]).await
    }
}

pub(crate) fn lost_lease(cause: Error) -> Error {
    Error::new(
        ErrorKind::Conflict,
        "it was silent for longer than its lease and was given up",
    )
    .with_hint("upload it again; raise upload.lease_s if its source is that slow")
    .with_source(cause)
}

pub(crate) async fn release(guard: Option<Box<dyn LockGuard>>) {
    if let Some(guard) = guard
        && let Err(error) = guard.release().await
    {
        tracing::warn!(error = %error, "a lock could not be released; it ends with this process");
    }
}
