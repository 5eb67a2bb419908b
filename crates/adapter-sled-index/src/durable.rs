//! Makes acknowledged changes durable: what must be synced, and how writers share one sync. Knows
//! files and numbers of changes, not what the changes are.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use artifact_domain::{Error, ErrorKind, Result};

use crate::error::from_io;
use crate::generation::sync_dir;

/// The files of sled's that hold data.
#[derive(Debug)]
pub(crate) struct DataFiles {
    log: File,
    blob_dir: PathBuf,
    /// Blobs that are synced already. There should never be any, since values are kept small.
    known_blobs: Mutex<HashSet<OsString>>,
}

impl DataFiles {
    /// Opens the files of the database in `dir`, and makes their names durable.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        let open = || {
            let blob_dir = dir.join("blobs");
            // sled's settings: written once, and never synced by it.
            File::open(dir.join("conf"))?.sync_all()?;
            for each in [&blob_dir, dir] {
                sync_dir(each)?;
            }
            let log = File::open(dir.join("db"))?;
            Ok(Self {
                log,
                blob_dir,
                known_blobs: Mutex::default(),
            })
        };
        open().map_err(|error| from_io("open the files of the sled index", error))
    }

    /// Makes everything durable that sled has flushed.
    pub(crate) fn sync(&self) -> Result<()> {
        let sync = || {
            self.sync_blobs()?;
            self.log.sync_data()
        };
        sync().map_err(|error| from_io("sync the sled index", error))
    }

    /// sled writes a page that is too large for its log to a file of its own, which it never
    /// changes, and never syncs.
    fn sync_blobs(&self) -> io::Result<()> {
        let mut known = lock(&self.known_blobs);
        let mut present = HashSet::new();
        let mut any_new = false;
        for entry in fs::read_dir(&self.blob_dir)? {
            let entry = entry?;
            if !known.contains(&entry.file_name()) {
                match File::open(entry.path()).and_then(|file| file.sync_all()) {
                    // It is not needed any more.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    synced => synced?,
                }
                any_new = true;
            }
            present.insert(entry.file_name());
        }
        if any_new {
            sync_dir(&self.blob_dir)?;
        }
        *known = present;
        Ok(())
    }
}

/// Lets writers that wait at the same time share one sync: the first leads, and syncs for all
/// whose changes were made before it began; the others follow.
#[derive(Debug, Default)]
pub(crate) struct GroupCommit {
    progress: Mutex<Progress>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Progress {
    durable: u64,
    leading: bool,
    failure: Option<Failure>,
}

impl GroupCommit {
    /// Knows the changes up to `sequence` as durable.
    pub(crate) fn starting_at(sequence: u64) -> Self {
        let progress = Progress {
            durable: sequence,
            ..Progress::default()
        };
        Self {
            progress: Mutex::new(progress),
            moved: Condvar::new(),
        }
    }

    /// Waits until the change `sequence` is durable. `make_durable` does it, and gives the number
    /// of the last change that it did it for. Once it failed nobody knows what is on the disk, so
    /// it is never tried again.
    pub(crate) fn wait(
        &self,
        sequence: u64,
        make_durable: impl FnOnce() -> Result<u64>,
    ) -> Result<()> {
        let mut progress = lock(&self.progress);
        loop {
            if let Some(failure) = &progress.failure {
                return Err(failure.to_error());
            }
            if progress.durable >= sequence {
                return Ok(());
            }
            if !progress.leading {
                break;
            }
            progress = self
                .moved
                .wait(progress)
                .unwrap_or_else(PoisonError::into_inner);
        }
        progress.leading = true;
        drop(progress);
        let outcome = make_durable();
        let mut progress = lock(&self.progress);
        progress.leading = false;
        match &outcome {
            Ok(upto) => progress.durable = progress.durable.max(*upto),
            Err(error) => progress.failure = Some(Failure::of(error)),
        }
        self.moved.notify_all();
        outcome.map(drop)
    }
}

/// Counts the changes that have arrived and are not applied yet.
///
/// While sled flushes it applies nothing, so a flush that goes first makes all of them wait, and
/// each of them then needs a flush of its own.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    count: Mutex<usize>,
    none_left: Condvar,
}

/// A change from its arrival until it is applied, or given up.
pub(crate) struct Arrival<'a>(&'a Arrivals);

impl Arrivals {
    pub(crate) fn enter(&self) -> Arrival<'_> {
        *lock(&self.count) += 1;
        Arrival(self)
    }

    /// Waits until none is left, `at_most` so long.
    pub(crate) fn settle(&self, at_most: Duration) {
        let count = lock(&self.count);
        let waited = self
            .none_left
            .wait_timeout_while(count, at_most, |count| *count > 0);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        let mut count = lock(&self.0.count);
        *count -= 1;
        if *count == 0 {
            self.0.none_left.notify_all();
        }
    }
}

/// An error that stays: what every call gives after one that left the engine in doubt.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    kind: ErrorKind,
    message: String,
}

impl Failure {
    pub(crate) fn of(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            message: error.message().to_owned(),
        }
    }

    pub(crate) fn to_error(&self) -> Error {
        let message = format!("the sled index stopped after a failure: {}", self.message);
        Error::new(self.kind, message).with_hint("remove the cause and open the index again")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that can panic runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;
    use std::time::Instant;

    use super::*;

    #[test]
    fn writers_that_wait_at_once_share_syncs() {
        let group = GroupCommit::starting_at(0);
        let (applied, syncs) = (AtomicU64::new(0), AtomicU64::new(0));
        let (per_writer, writers) = (20, 16);
        thread::scope(|scope| {
            for _ in 0..writers {
                scope.spawn(|| {
                    for _ in 0..per_writer {
                        let sequence = applied.fetch_add(1, Ordering::SeqCst) + 1;
                        group
                            .wait(sequence, || {
                                let upto = applied.load(Ordering::SeqCst);
                                thread::sleep(Duration::from_millis(2));
                                syncs.fetch_add(1, Ordering::SeqCst);
                                Ok(upto)
                            })
                            .unwrap();
                        assert!(lock(&group.progress).durable >= sequence);
                    }
                });
            }
        });
        let (all, syncs) = (writers * per_writer, syncs.into_inner());
        assert!(syncs >= per_writer, "a writer waits for its own sync");
        assert!(syncs * 4 < all, "{syncs} syncs for {all} changes");
    }

    #[test]
    fn what_is_durable_needs_no_sync_and_a_failure_stays() {
        let group = GroupCommit::starting_at(5);
        group.wait(5, || panic!("nothing to do")).unwrap();
        let full = || Err(Error::new(ErrorKind::StorageFull, "sync: no space"));
        assert_eq!(group.wait(6, full).unwrap_err().message(), "sync: no space");
        let later = group.wait(7, || Ok(7)).unwrap_err();
        assert_eq!(later.kind(), ErrorKind::StorageFull);
        assert!(later.message().ends_with("sync: no space"), "{later}");
    }

    #[test]
    fn who_settles_waits_for_those_who_came_but_not_for_ever() {
        let arrivals = Arrivals::default();
        arrivals.settle(Duration::MAX);
        let arrival = arrivals.enter();
        let begun = Instant::now();
        arrivals.settle(Duration::from_millis(20));
        assert!(begun.elapsed() >= Duration::from_millis(20));
        thread::scope(|scope| {
            let settled = scope.spawn(|| arrivals.settle(Duration::MAX));
            drop(arrival);
            settled.join().unwrap();
        });
    }

    #[test]
    fn blobs_are_synced_once_and_forgotten_when_they_go() {
        let dir = tempfile::tempdir().unwrap();
        drop(sled::open(dir.path()).unwrap());
        let files = DataFiles::open(dir.path()).unwrap();
        let blob = dir.path().join("blobs").join("77");
        fs::write(&blob, "page").unwrap();
        files.sync().unwrap();
        assert!(lock(&files.known_blobs).contains(&OsString::from("77")));
        fs::remove_file(&blob).unwrap();
        files.sync().unwrap();
        assert!(lock(&files.known_blobs).is_empty());
    }
}
