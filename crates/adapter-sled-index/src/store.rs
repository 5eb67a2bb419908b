//! An open index directory: its lock, its database, and the order of reads and changes. Knows how
//! changes become true and durable, not what they mean.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use artifact_domain::{Error, ErrorKind, Result};

use crate::change::Change;
use crate::durable::{Arrivals, DataFiles, Failure, GroupCommit};
use crate::engine::Engine;
use crate::error::{damaged, from_io};
use crate::generation::{Generation, SyncedMark, sync_dir};
use crate::key::{Key, table};
use crate::lock::DirLock;
use crate::options::{Durability, SledOptions};
use crate::snapshot;
use crate::upgrade;

/// For how long sled's own lock may outlive ours.
pub(crate) const ENGINE_LOCK_GRACE: Duration = Duration::from_secs(5);

/// For how long a flush lets changes that have arrived go first.
const MAX_SETTLING: Duration = Duration::from_millis(4);

/// What a change must survive before it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Survives {
    /// A crash of the process.
    Crash,
    /// A loss of power too, unless the index was opened as relaxed.
    PowerLoss,
}

/// Fields are dropped in their order: the database is closed before the lock is released.
#[derive(Debug)]
pub(crate) struct Store {
    engine: Engine,
    files: DataFiles,
    synced: SyncedMark,
    durability: Durability,
    /// Changes exclude reads and each other: sled has no reads of one moment that span calls.
    order: RwLock<()>,
    /// All that is stored or reserved, once it was summed up. Nobody else writes the counters.
    held_bytes: Mutex<Option<i128>>,
    arrivals: Arrivals,
    /// The number of the last change; the first is 1.
    applied: AtomicU64,
    /// What a crash of the process no longer undoes.
    flushed: GroupCommit,
    /// What a loss of power no longer undoes.
    durable: GroupCommit,
    /// How many syncs writers have waited for.
    syncs: AtomicU64,
    /// What left the engine in doubt, if anything did.
    failed: OnceLock<Failure>,
    _lock: DirLock,
}

impl Store {
    /// Opens the index of `dir`, or makes one, under a lock that is held already.
    pub(crate) fn open(dir: &Path, options: SledOptions, lock: DirLock) -> Result<Self> {
        let expected = Generation::load(dir)?;
        let engine_dir = dir.join("db");
        let engine = open_engine(&engine_dir, options.cache_bytes)?;
        let files = DataFiles::open(&engine_dir)?;
        let found = engine
            .get(generation_key().as_bytes())?
            .map(|bytes| Generation::from_bytes(&bytes))
            .transpose()?;
        let is_new = expected.is_none() && found.is_none();
        if is_new {
            if !engine.is_empty()? {
                let message = format!(
                    "{} is a sled database of something else",
                    engine_dir.display()
                );
                return Err(Error::new(ErrorKind::Integrity, message)
                    .with_hint("choose an index directory of its own"));
            }
            write_generation(&engine, &files, &Generation::new(), dir)?;
        } else if expected != found {
            // Without the file beside it the database was not finished being made, or with an
            // earlier format in it being upgraded: it is now.
            match (&expected, &found) {
                (None, Some(found)) => found.store(dir)?,
                (Some(expected), Some(found)) if found.succeeds(expected) => found.store(dir)?,
                _ => return Err(damaged(replaced(dir))),
            }
        }
        let (synced, at_least) = SyncedMark::open(dir)?;
        let applied = stored_sequence(&engine)?;
        if applied < at_least {
            return Err(damaged(format!(
                "the sled index {} has lost changes: it knows {applied}, {at_least} were synced",
                dir.display()
            )));
        }
        if let Some(found) = &found
            && let Some(newest) = found.upgraded()
        {
            upgrade::to_newest(&engine, &files, found, &newest, dir)?;
        }
        Ok(Self {
            engine,
            files,
            synced,
            durability: options.durability,
            order: RwLock::new(()),
            held_bytes: Mutex::default(),
            arrivals: Arrivals::default(),
            applied: AtomicU64::new(applied),
            // Of the changes found, those after the mark may not have been synced.
            durable: GroupCommit::starting_at(at_least),
            flushed: GroupCommit::starting_at(applied),
            syncs: AtomicU64::new(0),
            failed: OnceLock::new(),
            _lock: lock,
        })
    }

    /// Reads what is true at one moment.
    pub(crate) fn read<T>(&self, f: impl FnOnce(&Engine) -> Result<T>) -> Result<T> {
        // Nothing that can panic runs while the lock is held.
        let _order = self.order.read().unwrap_or_else(PoisonError::into_inner);
        self.check()?;
        f(&self.engine)
    }

    /// Makes one change, all of it or nothing, and waits until it survives what it must.
    ///
    /// Where nothing changed it waits too: what the answer is based on may not be durable yet.
    pub(crate) fn write<T>(
        &self,
        survives: Survives,
        f: impl FnOnce(&mut Change<'_>) -> Result<T>,
    ) -> Result<T> {
        let (value, sequence) = self.apply(f)?;
        match (survives, self.durability) {
            (Survives::PowerLoss, Durability::Full) => self.durable.wait(sequence, || self.sync()),
            _ => self.flushed.wait(sequence, || self.flush()),
        }
        .map_err(|error| self.stop(error))?;
        Ok(value)
    }

    fn apply<T>(&self, f: impl FnOnce(&mut Change<'_>) -> Result<T>) -> Result<(T, u64)> {
        let _arrival = self.arrivals.enter();
        let _order = self.order.write().unwrap_or_else(PoisonError::into_inner);
        self.check()?;
        let mut held_bytes = self
            .held_bytes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut change = Change::new(&self.engine, *held_bytes);
        let value = f(&mut change)?;
        let held_afterwards = change.held_afterwards();
        let mut sequence = self.applied.load(Ordering::Acquire);
        if let Some(mut batch) = change.into_batch()? {
            sequence += 1;
            batch.insert(sequence_key().into_bytes(), &sequence.to_be_bytes());
            self.engine.apply(batch).map_err(|error| self.stop(error))?;
            self.applied.store(sequence, Ordering::Release);
        }
        *held_bytes = held_afterwards;
        Ok((value, sequence))
    }

    /// Hands every change that is applied now to the operating system, and gives the number of the
    /// last.
    fn flush(&self) -> Result<u64> {
        self.arrivals.settle(MAX_SETTLING);
        let upto = self.applied.load(Ordering::Acquire);
        self.engine.flush()?;
        Ok(upto)
    }

    /// Makes every change durable that is applied now, and gives the number of the last.
    fn sync(&self) -> Result<u64> {
        let upto = self.applied.load(Ordering::Acquire);
        self.flushed.wait(upto, || self.flush())?;
        self.files.sync()?;
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.synced
            .write(upto)
            .map_err(|error| from_io("write the mark of the sled index", error))?;
        Ok(upto)
    }

    /// How many syncs there were since it was opened.
    #[cfg(test)]
    pub(crate) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    fn check(&self) -> Result<()> {
        self.failed
            .get()
            .map_or(Ok(()), |failure| Err(failure.to_error()))
    }

    /// Lets no call through any more: after a failed write sled's memory and file may differ.
    fn stop(&self, error: Error) -> Error {
        self.failed.get_or_init(|| Failure::of(&error));
        error
    }
}

impl Drop for Store {
    /// Leaves everything synced and says so, where nothing failed before.
    fn drop(&mut self) {
        let upto = self.applied.load(Ordering::Acquire);
        let outcome = self
            .check()
            .and_then(|()| self.durable.wait(upto, || self.sync()));
        if let Err(error) = outcome {
            tracing::warn!(%error, "the sled index was closed without a last sync");
        }
    }
}

fn open_engine(dir: &Path, cache_bytes: u64) -> Result<Engine> {
    let begun = Instant::now();
    loop {
        match Engine::open(dir, cache_bytes) {
            Ok(Some(engine)) => return Ok(engine),
            Ok(None) => {}
            // The engine's own lock was had, so nobody is writing one.
            Err(error)
                if error.kind() == ErrorKind::Integrity && snapshot::remove_unfinished(dir)? =>
            {
                tracing::info!(%error, "opening the sled index again without an unfinished snapshot");
                continue;
            }
            Err(error) => return Err(error),
        }
        if begun.elapsed() > ENGINE_LOCK_GRACE {
            return Err(engine_in_use(dir));
        }
        thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn engine_in_use(dir: &Path) -> Error {
    let message = format!("{} is open in another program", dir.display());
    Error::new(ErrorKind::Locked, message)
        .with_hint("end the program that uses the database without the store")
}

fn write_generation(
    engine: &Engine,
    files: &DataFiles,
    generation: &Generation,
    dir: &Path,
) -> Result<()> {
    let mut batch = sled::Batch::default();
    batch.insert(generation_key().into_bytes(), generation.to_bytes());
    batch.insert(sequence_key().into_bytes(), &0_u64.to_be_bytes());
    engine.apply(batch)?;
    engine.flush()?;
    files.sync()?;
    // The mark comes first, so that no finished index is without one.
    SyncedMark::open(dir)?;
    generation.store(dir)
}

fn stored_sequence(engine: &Engine) -> Result<u64> {
    let stored = engine.get(sequence_key().as_bytes())?;
    let bytes = stored.as_deref().and_then(|value| value.try_into().ok());
    bytes
        .map(u64::from_be_bytes)
        .ok_or_else(|| damaged("the sled index does not know how many changes it has"))
}

fn replaced(dir: &Path) -> String {
    format!(
        "the sled index {} is not the one that was made there: its database is empty or another",
        dir.display()
    )
}

pub(crate) fn generation_key() -> Key {
    Key::new(table::META).text("generation")
}

fn sequence_key() -> Key {
    Key::new(table::META).text("sequence")
}

/// Makes the directory of an index, and its name durable.
pub(crate) fn make_dir(dir: &Path) -> Result<()> {
    let make = || {
        if dir.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(dir)?;
        dir.parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .map_or(Ok(()), sync_dir)
    };
    make().map_err(|error| {
        from_io(
            &format!("make the index directory {}", dir.display()),
            error,
        )
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use artifact_testkit::sample;

    use super::*;
    use crate::write;

    async fn open(dir: &Path, durability: Durability) -> Store {
        let options = SledOptions {
            durability,
            ..SledOptions::default()
        };
        let lock = DirLock::acquire(dir, Duration::ZERO).await.unwrap();
        Store::open(dir, options, lock).unwrap()
    }

    fn upload(store: &Store, name: &str) {
        let upload = sample::upload("spec", "task", "log", name);
        let id = upload.id;
        store
            .write(Survives::Crash, |change| write::begin(change, upload))
            .unwrap();
        let commit = sample::commit(id, 10);
        store
            .write(Survives::PowerLoss, |change| write::commit(change, &commit))
            .unwrap();
    }

    #[tokio::test]
    async fn commits_that_wait_at_once_share_syncs_and_begins_need_none() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(open(dir.path(), Durability::Full).await);
        let (writers, each) = (16, 20);
        thread::scope(|scope| {
            for writer in 0..writers {
                let store = &store;
                scope.spawn(move || {
                    for number in 0..each {
                        upload(store, &format!("{writer}-{number}"));
                    }
                });
            }
        });
        assert_eq!(store.applied.load(Ordering::Acquire), 2 * writers * each);
        let syncs = store.syncs();
        assert!(syncs >= each, "every writer waits for its own commits");
        assert!(syncs * 2 < writers * each, "{syncs} syncs");
    }

    #[tokio::test]
    async fn a_commit_is_on_the_disk_when_it_returns_and_a_relaxed_one_need_not_be() {
        for (durability, syncs) in [(Durability::Full, 3), (Durability::Relaxed, 0)] {
            let dir = tempfile::tempdir().unwrap();
            let store = open(dir.path(), durability).await;
            for name in ["a", "b", "c"] {
                upload(&store, name);
            }
            assert_eq!(store.syncs(), syncs);
            let (_, mark) = SyncedMark::open(dir.path()).unwrap();
            assert_eq!(mark, 2 * syncs, "the mark follows the syncs");
        }
    }

    #[tokio::test]
    async fn what_changes_nothing_still_waits_for_what_it_saw() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), Durability::Full).await;
        let begun = sample::upload("spec", "task", "log", "a");
        store
            .write(Survives::Crash, |change| write::begin(change, begun))
            .unwrap();
        assert_eq!(store.syncs(), 0);
        let remove = |change: &mut Change<'_>| write::remove(change, sample::id(1));
        store.write(Survives::PowerLoss, remove).unwrap();
        assert_eq!(store.syncs(), 1);
        store.write(Survives::PowerLoss, remove).unwrap();
        assert_eq!(store.syncs(), 1, "nothing happened since");
    }

    #[tokio::test]
    async fn an_error_of_a_change_leaves_nothing_and_stops_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), Durability::Full).await;
        let outcome = store.write(Survives::PowerLoss, |change| {
            write::begin(change, sample::upload("spec", "task", "log", "a"))?;
            Err::<(), _>(Error::new(ErrorKind::Conflict, "changed my mind"))
        });
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(store.applied.load(Ordering::Acquire), 0);
        upload(&store, "a");
    }

    #[tokio::test]
    async fn after_a_failed_write_nothing_goes_through() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), Durability::Full).await;
        let full = Error::new(ErrorKind::StorageFull, "no space");
        let first = store.stop(full);
        assert_eq!(first.message(), "no space");
        let read = store.read(Engine::is_empty).unwrap_err();
        let write = store
            .write(Survives::Crash, |change| {
                write::remove(change, sample::id(1))
            })
            .unwrap_err();
        for error in [read, write] {
            assert_eq!(error.kind(), ErrorKind::StorageFull);
            assert!(error.message().ends_with("no space"), "{error}");
        }
    }
}
