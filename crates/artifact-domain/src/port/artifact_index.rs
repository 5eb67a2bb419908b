//! The port to the index: which versions there are, in which state, with which content.

use async_trait::async_trait;
use bytes::Bytes;

use super::usage::{Recount, UsageRow};
use crate::policy::Reservation;
use crate::query::{Page, Query};
use crate::{
    ArtifactId, ArtifactRecord, AttemptId, Content, Coordinate, Metadata, MimeType, Result, Tags,
    Timestamp, Version,
};

/// What is known when an upload begins.
#[derive(Debug, Clone, PartialEq)]
pub struct NewUpload {
    /// The identity of the version to be; also that of the attempt that writes it.
    pub id: ArtifactId,
    /// Where it will stand.
    pub coordinate: Coordinate,
    /// The media type of its bytes.
    pub mime_type: MimeType,
    /// Its tags.
    pub tags: Tags,
    /// Its free metadata.
    pub metadata: Metadata,
    /// When it began.
    pub created_at: Timestamp,
    /// When it counts as abandoned.
    pub lease_until: Timestamp,
    /// For how many days its uploader wants it kept, where that was said.
    pub retention_days: Option<u32>,
    /// From when on it is gone.
    pub expires_at: Option<Timestamp>,
    /// The room that it takes until it is committed or given up.
    pub reservation: Reservation,
}

/// What a commit does to the other versions of the coordinate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supersede {
    /// Nothing: versioning is on.
    Nothing,
    /// Every older live version that is not held becomes `Deleted`. If a newer one is live
    /// already, the committed version itself becomes `Deleted` at once: it came too late.
    Older,
}

/// What is known when the bytes are stored.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitUpload {
    /// Which upload.
    pub id: ArtifactId,
    /// Who wrote the bytes: what the record says, unless another has taken the upload over.
    pub attempt: AttemptId,
    /// What was stored.
    pub content: Content,
    /// What becomes of the other versions.
    pub supersede: Supersede,
    /// Where the blocks of the blob begin, in the codec's own format, where it has any.
    pub seek_table: Option<Bytes>,
}

/// What a commit has done.
#[derive(Debug, Clone, PartialEq)]
pub struct Committed {
    /// The version, `Active`, or `Deleted` if a newer one had superseded it already.
    pub record: ArtifactRecord,
    /// The versions that this commit made `Deleted`: their bytes are to be purged.
    pub superseded: Vec<ArtifactRecord>,
}

/// A version as another index knew it, to be taken in as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportVersion {
    /// Its record, in any state but `Uploading`.
    pub record: ArtifactRecord,
    /// Where the blocks of its blob begin, where that was known.
    pub seek_table: Option<Bytes>,
}

/// What became of a version that was to be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// It is stored now.
    Added,
    /// Its id is known already; what was known stays as it was.
    Known,
    /// Its coordinate has another version of that number; nothing was stored.
    VersionTaken,
}

/// Where a page of what is due for expiry ended: the next one begins after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueCursor {
    /// When the last record expired.
    pub expires_at: Timestamp,
    /// The last record.
    pub id: ArtifactId,
}

impl DueCursor {
    /// The cursor right after `record`; none if it never expires.
    pub fn after(record: &ArtifactRecord) -> Option<Self> {
        record.expires_at.map(|expires_at| Self {
            expires_at,
            id: record.id,
        })
    }
}

/// Knows every version, whatever its state, and keeps counters of them.
///
/// Atomicity: every method is one transaction; what it returns is what is true at one moment, and
/// the counters always agree with the records. Isolation: as if all calls, of all processes, came
/// one after another. Durability: once `commit`, `update` or `remove` returns, what it did
/// survives a crash and a loss of power, unless the index was opened as relaxed. `begin`, `renew`
/// and `reserve` survive a crash of the process; a loss of power may undo them as long as no later
/// commit was acknowledged.
/// Cancel safety: a dropped call has happened or not, never half. Memory: one page of records.
/// Errors of every method: `Integrity` for a stored record that cannot be read, `StorageFull`,
/// `PermissionDenied`, `Unavailable` (transient, such as a busy database) and `Internal`.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait ArtifactIndex: Send + Sync + 'static {
    /// Reserves the next version of a coordinate, in state `Uploading`.
    ///
    /// The version is one more than the highest that the index knows of the coordinate, whatever
    /// its state, so two uploads never share one. The record has revision 0 and no content; its
    /// attempt is its id. Its reservation is counted from now on, in the counters of uploads.
    /// Idempotence: none; an id that is known already gives `AlreadyExists`. Errors:
    /// `QuotaExceeded` where [`Reservation::admit`] refuses beside all that the counters hold;
    /// then nothing has changed.
    async fn begin(&self, upload: NewUpload) -> Result<ArtifactRecord>;

    /// Extends the lease of an upload. The revision does not change.
    ///
    /// Errors: `NotFound`; `Conflict` once the version is no longer `Uploading`: it was reaped,
    /// and its writer must stop.
    async fn renew(&self, id: ArtifactId, lease_until: Timestamp) -> Result<()>;

    /// Sets how many bytes an upload reserves, more or fewer. The revision does not change.
    ///
    /// Idempotence: yes. Errors: `NotFound`; `Conflict` once the version is no longer `Uploading`;
    /// `QuotaExceeded` where it would reserve more than before and [`Reservation::admit`] refuses
    /// that beside all others; then it reserves what it did.
    async fn reserve(&self, id: ArtifactId, reservation: Reservation) -> Result<()>;

    /// Makes an upload visible, and with [`Supersede::Older`] the older versions go in the same
    /// transaction. The lease ends, the bytes stored take the place of those reserved; the
    /// revision grows by one on every record it changes.
    ///
    /// Idempotence: committing the same content again gives the record as it is and supersedes
    /// nothing. Errors: `NotFound` for an upload that was reaped and purged; `Conflict` for one
    /// that was reaped, that another attempt has taken over, or that was committed with other
    /// content. A lease that has merely ended is no
    /// error. After an error nothing has changed.
    async fn commit(&self, commit: CommitUpload) -> Result<Committed>;

    /// Replaces a record by a changed one, if nobody else changed it since it was read.
    ///
    /// `record.revision` is the one that was read; the record that is stored, and given back, has
    /// the next. Id, coordinate, version and `created_at` cannot change; what an upload reserves
    /// stays as it is stored, and is given back when it ends. Errors: `NotFound`;
    /// `Conflict` for another revision, or for a step of state that is not legal; `InvalidInput`
    /// for a change of what cannot change, or a state that disagrees with `content`.
    async fn update(&self, record: ArtifactRecord) -> Result<ArtifactRecord>;

    /// Forgets a version that is `Deleted`, with its seek table.
    ///
    /// Idempotence: a version that is not known is no error. Errors: `Conflict` for one in any
    /// other state.
    async fn remove(&self, id: ArtifactId) -> Result<()>;

    /// Finds a version by its id, in any state, expired or not.
    async fn find(&self, id: ArtifactId) -> Result<Option<ArtifactRecord>>;

    /// Finds one version of a coordinate, in any state, expired or not.
    async fn find_version(
        &self,
        coordinate: Coordinate,
        version: Version,
    ) -> Result<Option<ArtifactRecord>>;

    /// Finds the highest version of a coordinate that can be read at `now`.
    async fn find_newest(
        &self,
        coordinate: Coordinate,
        now: Timestamp,
    ) -> Result<Option<ArtifactRecord>>;

    /// Answers a question, one page at a time. A page has as many records as asked for, or as have
    /// room in [`Page::MAX_BYTES`].
    ///
    /// Ordering: exactly that of [`Order`](crate::query::Order). Records that are neither changed
    /// nor removed while a client goes through the pages are seen exactly once. Errors:
    /// `InvalidInput` for a cursor of another order.
    async fn query(&self, query: Query) -> Result<Page>;

    /// Gives the counters; rows without any version are left out. Ordering: that of the rows.
    async fn usage(&self) -> Result<Vec<UsageRow>>;

    /// Counts every record anew and says which counters disagree; with `repair` they are put right
    /// in the same transaction.
    ///
    /// Reads every record, so its time grows with their number; with `repair` nothing is changed
    /// meanwhile, and in an index that has no snapshots nothing is without it either. Idempotence: yes. Memory: two sets of counters. Errors: `Integrity` for a record
    /// that cannot be read; a counter that cannot is part of the answer.
    async fn recount(&self, repair: bool) -> Result<Recount>;

    /// Finds live versions that have expired at `now` and are not held, those first that expired
    /// first, of one instant by id, at most `limit`; from the first one after `after` on.
    async fn due_for_expiry(
        &self,
        now: Timestamp,
        after: Option<DueCursor>,
        limit: usize,
    ) -> Result<Vec<ArtifactRecord>>;

    /// Finds uploads whose lease has ended at `now`, those first whose lease ended first, at most
    /// `limit`.
    async fn abandoned_uploads(&self, now: Timestamp, limit: usize) -> Result<Vec<ArtifactRecord>>;

    /// Gives the seek table that a version was committed with, if it had one.
    async fn seek_table(&self, id: ArtifactId) -> Result<Option<Bytes>>;

    /// Takes versions in as they are, revision and all, all in one transaction; says of each what
    /// became of it, in the same order.
    ///
    /// Idempotence: what is known stays. Errors: `InvalidInput` for a version that is `Uploading`,
    /// or whose state disagrees with its content; then nothing is stored.
    async fn import(&self, versions: Vec<ImportVersion>) -> Result<Vec<Imported>>;

    /// Whether the index is known to hold every version of its store. A new one is not: until it
    /// is marked it can't tell an empty store from one whose index was lost.
    async fn is_complete(&self) -> Result<bool>;

    /// Remembers for good that the index holds every version. Idempotence: yes.
    async fn mark_complete(&self) -> Result<()>;

    /// The text that [`set_retention_mark`](Self::set_retention_mark) was last given; none in a new
    /// index. What it means is for the use case that sets it.
    async fn retention_mark(&self) -> Result<Option<String>>;

    /// Keeps a text, at most 1 KiB, in place of the last one, or none; all at once, and only if the
    /// present one is `expected`. Says whether it was. Idempotence: none.
    async fn set_retention_mark(
        &self,
        expected: Option<String>,
        mark: Option<String>,
    ) -> Result<bool>;
}
