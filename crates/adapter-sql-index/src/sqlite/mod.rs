//! The index on SQLite. This file joins its parts and implements the port; it must not know SQL.

mod change;
mod counters;
mod counting;
mod error;
mod find;
mod glob_function;
mod haste;
mod import;
mod log_sync;
mod open;
mod patience;
mod plan;
mod presence;
mod readers;
mod recount;
mod remark;
mod row;
mod schema;
mod search;
mod set_aside;
mod waiting;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use artifact_domain::policy::Reservation;
use artifact_domain::port::{
    ArtifactIndex, CommitUpload, Committed, DueCursor, ImportVersion, Imported, NewUpload, Recount,
    UsageRow,
};
use artifact_domain::query::{Page, Query};
use artifact_domain::{
    ArtifactId, ArtifactRecord, Coordinate, Error, ErrorKind, Result, Timestamp, Version,
};
use async_trait::async_trait;
use bytes::Bytes;

use patience::Patience;
use presence::Presence;
use readers::Readers;
use tempfile::TempDir;
use waiting::Survives;
use writer::Writer;

/// What an acknowledged change survives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// A crash and a loss of power.
    #[default]
    Full,
    /// A crash of the process; a loss of power may undo the last changes, but never leaves the
    /// index damaged.
    Relaxed,
}

/// How an index is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteOptions {
    /// What an acknowledged change survives.
    pub durability: Durability,
    /// How long a call waits for other processes before it gives up with `Unavailable`.
    pub busy_timeout: Duration,
}

impl Default for SqliteOptions {
    /// Full durability, and half a minute of patience.
    fn default() -> Self {
        Self {
            durability: Durability::Full,
            busy_timeout: Duration::from_secs(30),
        }
    }
}

/// [`ArtifactIndex`] in one SQLite file, shared by any number of processes of one machine.
///
/// One thread writes: it makes all changes that are waiting in one transaction, so that writers
/// share the wait for the disk. Up to four calls read at once on threads of their own, and never wait for a
/// writer; single records are read where they are asked for while they come from memory.
/// Dropping the index finishes the changes that were accepted and closes the file.
#[derive(Debug)]
pub struct SqliteIndex {
    // Before the writer, whose connection tidies up if it is the last to close.
    readers: Readers,
    writer: Writer,
    /// Held until the connections above are closed.
    _presence: Option<Arc<Presence>>,
    /// Where a temporary index is kept; it goes once the files in it are closed.
    folder: Option<TempDir>,
}

impl SqliteIndex {
    /// Opens the index in the file `path`, and creates it, with the directories above it, if
    /// nothing is there. An index of an older release is brought up to date.
    ///
    /// Needs a tokio runtime; the work is done on its blocking pool. Errors: `Integrity` for a file
    /// that is damaged or no database; `InvalidInput` for a directory or another program's
    /// database; `Unsupported` for the index of a newer release, or a file system that cannot hold
    /// one; `PermissionDenied`, `StorageFull`, and `Unavailable` if it stays busy too long.
    pub async fn open(path: impl Into<PathBuf>, options: SqliteOptions) -> Result<Self> {
        let path = path.into();
        let opening = tokio::task::spawn_blocking(move || Self::open_blocking(&path, &options));
        opening.await.map_err(|cause| {
            Error::new(ErrorKind::Internal, "the index was not opened").with_source(cause)
        })?
    }

    /// Sets an index that is damaged or unwanted aside, so that the next [`open`](Self::open)
    /// begins with an empty one: renames its files, whatever is in them, to `NAME.damaged-1`,
    /// `NAME.damaged-1-wal` and `NAME.damaged-1-shm`, or the next number that is free. Gives the
    /// new path of the database; none if there was nothing.
    ///
    /// Durable when it returns. A crash in between leaves the database renamed and its log not:
    /// opening refuses that, and setting aside again ends it. Needs a tokio runtime. Errors:
    /// `Locked` while an index is open there, in this process or another; `InvalidInput` for a
    /// directory; `Unsupported` where the file system has no locks, so that nobody can know who
    /// has it open; `PermissionDenied`, `StorageFull`. What other programs have open, such as the
    /// shell of SQLite, is not noticed.
    pub async fn set_aside(path: impl Into<PathBuf>) -> Result<Option<PathBuf>> {
        let path = path.into();
        let renaming = tokio::task::spawn_blocking(move || {
            let path = open::real_path(&path).map_err(|cause| error::io_error(&path, cause))?;
            set_aside::set_aside(&path)
        });
        renaming.await.map_err(|cause| {
            Error::new(ErrorKind::Internal, "the index was not set aside").with_source(cause)
        })?
    }

    /// Opens an empty index that is gone when it is dropped, for a store that keeps nothing.
    pub async fn temporary() -> Result<Self> {
        let folder = TempDir::with_prefix("artifact-index-")
            .map_err(|cause| error::io_error(Path::new("the folder for temporary files"), cause))?;
        let options = SqliteOptions {
            durability: Durability::Relaxed,
            ..SqliteOptions::default()
        };
        let mut index = Self::open(folder.path().join("index.sqlite"), options).await?;
        index.folder = Some(folder);
        Ok(index)
    }

    fn open_blocking(path: &Path, options: &SqliteOptions) -> Result<Self> {
        let path = open::real_path(path).map_err(|cause| error::io_error(path, cause))?;
        let patience = Patience::new(options.busy_timeout);
        let presence = Presence::shared(&path, patience)
            .map_err(|failure| failure.into_error(&path))?
            .map(Arc::new);
        let connection =
            open::writer(&path, patience).map_err(|failure| failure.into_error(&path))?;
        let writer = Writer::start(connection, path.clone(), options.durability, patience)
            .map_err(|cause| error::io_error(&path, cause))?;
        Ok(Self {
            readers: Readers::new(path, patience, presence.clone()),
            writer,
            _presence: presence,
            folder: None,
        })
    }
}

#[async_trait]
impl ArtifactIndex for SqliteIndex {
    async fn begin(&self, upload: NewUpload) -> Result<ArtifactRecord> {
        let change = |connection: &_| change::begin(connection, upload);
        self.writer.make(Survives::Crash, change).await
    }

    async fn renew(&self, id: ArtifactId, lease_until: Timestamp) -> Result<()> {
        let change = move |connection: &_| change::renew(connection, id, lease_until);
        self.writer.make(Survives::Crash, change).await
    }

    async fn reserve(&self, id: ArtifactId, reservation: Reservation) -> Result<()> {
        let change = move |connection: &_| change::reserve(connection, id, reservation);
        self.writer.make(Survives::Crash, change).await
    }

    async fn commit(&self, commit: CommitUpload) -> Result<Committed> {
        let change = move |connection: &_| change::commit(connection, &commit);
        self.writer.make(Survives::PowerLoss, change).await
    }

    async fn update(&self, record: ArtifactRecord) -> Result<ArtifactRecord> {
        let change = |connection: &_| change::update(connection, record);
        self.writer.make(Survives::PowerLoss, change).await
    }

    async fn remove(&self, id: ArtifactId) -> Result<()> {
        let change = move |connection: &_| change::remove(connection, id);
        self.writer.make(Survives::PowerLoss, change).await
    }

    async fn find(&self, id: ArtifactId) -> Result<Option<ArtifactRecord>> {
        let work = move |connection: &_| find::by_id(connection, id);
        Ok(self
            .readers
            .read_little(work)
            .await?
            .map(|(_, record)| record))
    }

    async fn find_version(
        &self,
        coordinate: Coordinate,
        version: Version,
    ) -> Result<Option<ArtifactRecord>> {
        let work = move |connection: &_| find::version(connection, &coordinate, version);
        self.readers.read_little(work).await
    }

    async fn find_newest(
        &self,
        coordinate: Coordinate,
        now: Timestamp,
    ) -> Result<Option<ArtifactRecord>> {
        let work = move |connection: &_| find::newest(connection, &coordinate, now);
        self.readers.read_little(work).await
    }

    async fn query(&self, query: Query) -> Result<Page> {
        let work = move |connection: &_| search::page(connection, &query, plan::FEW);
        self.readers.read(work).await
    }

    async fn usage(&self) -> Result<Vec<UsageRow>> {
        self.readers.read(counters::read).await
    }

    async fn recount(&self, repair: bool) -> Result<Recount> {
        let found = self.readers.read(recount::recount).await?;
        if found.is_sound() || !repair {
            return Ok(found);
        }
        // Counted again where nobody can change anything meanwhile.
        self.writer.make(Survives::PowerLoss, recount::repair).await
    }

    async fn due_for_expiry(
        &self,
        now: Timestamp,
        after: Option<DueCursor>,
        limit: usize,
    ) -> Result<Vec<ArtifactRecord>> {
        let work = move |connection: &_| find::due_for_expiry(connection, now, after, limit);
        self.readers.read(work).await
    }

    async fn abandoned_uploads(&self, now: Timestamp, limit: usize) -> Result<Vec<ArtifactRecord>> {
        let work = move |connection: &_| find::abandoned_uploads(connection, now, limit);
        self.readers.read(work).await
    }

    async fn seek_table(&self, id: ArtifactId) -> Result<Option<Bytes>> {
        let work = move |connection: &_| find::seek_table(connection, id);
        self.readers.read_little(work).await
    }

    async fn import(&self, versions: Vec<ImportVersion>) -> Result<Vec<Imported>> {
        let change = move |connection: &_| import::import(connection, &versions);
        self.writer.make(Survives::PowerLoss, change).await
    }

    async fn is_complete(&self) -> Result<bool> {
        self.readers.read(import::is_complete).await
    }

    async fn mark_complete(&self) -> Result<()> {
        let change = import::mark_complete;
        self.writer.make(Survives::PowerLoss, change).await
    }

    async fn retention_mark(&self) -> Result<Option<String>> {
        self.readers.read(remark::retention).await
    }

    async fn set_retention_mark(
        &self,
        expected: Option<String>,
        mark: Option<String>,
    ) -> Result<bool> {
        let change = move |connection: &_| {
            remark::set_retention(connection, expected.as_deref(), mark.as_deref())
        };
        self.writer.make(Survives::PowerLoss, change).await
    }
}
