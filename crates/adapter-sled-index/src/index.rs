//! The port, implemented: sends each call to the blocking pool and lets the modules beside it
//! answer.

use std::path::PathBuf;
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
use tokio::task::spawn_blocking;

use crate::change::Change;
use crate::engine::Engine;
use crate::key::table;
use crate::lock::DirLock;
use crate::options::SledOptions;
use crate::store::{self, Store, Survives};
use crate::{chunk, import, read, remark, search, set_aside, usage, write};

/// An [`ArtifactIndex`] on sled, in a directory of its own.
///
/// While it lives no other process, and no second one in this process, has the directory open;
/// they wait in line. It is closed when it is dropped and the calls that were under way have
/// ended; what was acknowledged is safe without that.
///
/// After a write that failed (a full disk, a fault of the device) every call gives that error
/// until the index is opened again: what sled has in memory may then differ from its file.
#[derive(Debug, Clone)]
pub struct SledIndex {
    store: Arc<Store>,
}

impl SledIndex {
    /// Opens the index of a directory, or makes one, waiting for other processes that have it
    /// open. Dropped while it waits, it holds nothing.
    ///
    /// # Errors
    ///
    /// `Locked` after the timeout, with the process that holds it; `Integrity` where the database
    /// is damaged, emptied or not the one that was there; `Unsupported` where a newer release
    /// wrote it; `InvalidInput` where the path is no directory; `PermissionDenied`,
    /// `StorageFull`, `Internal`.
    pub async fn open(dir: impl Into<PathBuf>, options: SledOptions) -> Result<Self> {
        let dir = dir.into();
        let made = dir.clone();
        blocking(move || store::make_dir(&made)).await?;
        let lock = DirLock::acquire(&dir, options.lock_timeout).await?;
        let store = blocking(move || Store::open(&dir, options, lock)).await?;
        Ok(Self {
            store: Arc::new(store),
        })
    }

    /// Sets an index that is damaged or unwanted aside, so that the next [`open`](Self::open)
    /// begins with an empty one: moves all that is in its directory but the lock, whatever it is,
    /// to `NAME.damaged-1` beside it, or the next number that is free. Gives that directory; none
    /// if there was nothing.
    ///
    /// Durable when it returns. A crash in between leaves a part behind that opening refuses;
    /// setting aside again moves that too, to the next number.
    ///
    /// # Errors
    ///
    /// `Locked` while the index is open, in this process or another; `InvalidInput` where the
    /// path is no directory; `PermissionDenied`, `StorageFull`, `Internal`.
    pub async fn set_aside(dir: impl Into<PathBuf>) -> Result<Option<PathBuf>> {
        let dir = dir.into();
        if !dir.exists() {
            return Ok(None);
        }
        let lock = DirLock::acquire(&dir, Duration::ZERO).await;
        let lock = lock.map_err(|error| match error.kind() {
            ErrorKind::Locked => error.with_hint("stop the other processes that use the store"),
            _ => error,
        })?;
        blocking(move || set_aside::set_aside(&dir, &lock)).await
    }

    async fn read<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Engine) -> Result<T> + Send + 'static,
    {
        let store = Arc::clone(&self.store);
        blocking(move || store.read(f)).await
    }

    async fn write<T, F>(&self, survives: Survives, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Change<'_>) -> Result<T> + Send + 'static,
    {
        let store = Arc::clone(&self.store);
        blocking(move || store.write(survives, f)).await
    }
}

/// Runs to its end even if the caller no longer waits for it.
async fn blocking<T, F>(f: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T> + Send + 'static,
{
    spawn_blocking(f).await.unwrap_or_else(|cause| {
        let message = "a call of the sled index did not end";
        Err(Error::new(ErrorKind::Internal, message).with_source(cause))
    })
}

#[async_trait]
impl ArtifactIndex for SledIndex {
    async fn begin(&self, upload: NewUpload) -> Result<ArtifactRecord> {
        self.write(Survives::Crash, |change| write::begin(change, upload))
            .await
    }

    async fn renew(&self, id: ArtifactId, lease_until: Timestamp) -> Result<()> {
        self.write(Survives::Crash, move |change| {
            write::renew(change, id, lease_until)
        })
        .await
    }

    async fn reserve(&self, id: ArtifactId, reservation: Reservation) -> Result<()> {
        self.write(Survives::Crash, move |change| {
            write::reserve(change, id, reservation)
        })
        .await
    }

    async fn commit(&self, commit: CommitUpload) -> Result<Committed> {
        self.write(Survives::PowerLoss, move |change| {
            write::commit(change, &commit)
        })
        .await
    }

    async fn update(&self, record: ArtifactRecord) -> Result<ArtifactRecord> {
        self.write(Survives::PowerLoss, |change| write::update(change, record))
            .await
    }

    async fn remove(&self, id: ArtifactId) -> Result<()> {
        self.write(Survives::PowerLoss, move |change| write::remove(change, id))
            .await
    }

    async fn find(&self, id: ArtifactId) -> Result<Option<ArtifactRecord>> {
        self.read(move |engine| read::find(engine, id)).await
    }

    async fn find_version(
        &self,
        coordinate: Coordinate,
        version: Version,
    ) -> Result<Option<ArtifactRecord>> {
        self.read(move |engine| read::find_version(engine, &coordinate, version))
            .await
    }

    async fn find_newest(
        &self,
        coordinate: Coordinate,
        now: Timestamp,
    ) -> Result<Option<ArtifactRecord>> {
        self.read(move |engine| read::find_newest(engine, &coordinate, now))
            .await
    }

    async fn query(&self, query: Query) -> Result<Page> {
        query.validate()?;
        self.read(move |engine| search::query(engine, &query)).await
    }

    async fn usage(&self) -> Result<Vec<UsageRow>> {
        self.read(usage::rows).await
    }

    async fn recount(&self, repair: bool) -> Result<Recount> {
        let (found, _) = self.read(usage::recount).await?;
        if found.is_sound() || !repair {
            return Ok(found);
        }
        // Counted again where nobody can change anything meanwhile.
        self.write(Survives::PowerLoss, |change| {
            let (found, counted) = usage::recount(change.engine())?;
            change.set_counters(&counted)?;
            Ok(found)
        })
        .await
    }

    async fn due_for_expiry(
        &self,
        now: Timestamp,
        after: Option<DueCursor>,
        limit: usize,
    ) -> Result<Vec<ArtifactRecord>> {
        self.read(move |engine| read::due_for_expiry(engine, now, after, limit))
            .await
    }

    async fn abandoned_uploads(&self, now: Timestamp, limit: usize) -> Result<Vec<ArtifactRecord>> {
        self.read(move |engine| read::abandoned_uploads(engine, now, limit))
            .await
    }

    async fn seek_table(&self, id: ArtifactId) -> Result<Option<Bytes>> {
        self.read(move |engine| {
            let bytes = chunk::join(engine, table::SEEK_TABLE, id)?;
            Ok(bytes.map(Bytes::from))
        })
        .await
    }

    async fn import(&self, versions: Vec<ImportVersion>) -> Result<Vec<Imported>> {
        self.write(Survives::PowerLoss, move |change| {
            import::import(change, &versions)
        })
        .await
    }

    async fn is_complete(&self) -> Result<bool> {
        self.read(import::is_complete).await
    }

    async fn mark_complete(&self) -> Result<()> {
        self.write(Survives::PowerLoss, import::mark_complete).await
    }

    async fn retention_mark(&self) -> Result<Option<String>> {
        self.read(remark::retention).await
    }

    async fn set_retention_mark(
        &self,
        expected: Option<String>,
        mark: Option<String>,
    ) -> Result<bool> {
        self.write(Survives::PowerLoss, move |change| {
            remark::set_retention(change, expected.as_deref(), mark.as_deref())
        })
        .await
    }
}
