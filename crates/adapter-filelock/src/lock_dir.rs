//! Lock files on disk: taken, looked at, freed, taken away. Blocking, without a runtime, and
//! without patience: what waits stands elsewhere.
//!
//! A lock is held by whoever has the exclusive `flock` of the file *that the path names*. The
//! kernel frees it when its process ends. Files are unlinked when freed, so a lock just taken may
//! be that of a file without a name; it is checked, and does not count.
//!
//! Looking takes a *shared* lock for an instant. Whoever fails to get the exclusive lock tries the
//! shared one: if that succeeds, nobody holds the lock, somebody only looks, and it tries again at
//! once. So looking never makes an acquire fail.
//!
//! To check that a path names one's file and then to unlink it are two steps; between them somebody
//! could take the lock away and somebody else get it, whose file would then be unlinked. So whoever
//! unlinks holds [`GATE`]: shared to free its own lock, exclusive to take away another's.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use artifact_domain::Result;
use artifact_domain::port::LockHolder;
use fs4::{FileExt, TryLockError};

use crate::{error, holder_note};

/// Held by whoever unlinks lock files. No lock file has this name: theirs end in `.lock`.
const GATE: &str = ".gate";

/// How often a try is made again at once, because the file lost its name or somebody only looked
/// at it, before it counts as failed: 10 ms and more, where a look takes some microseconds.
const TRIES_AT_ONCE: u32 = 100;
/// How long to let those who look finish.
const LOOK: Duration = Duration::from_micros(100);

/// How often to try to close the gate, one millisecond apart.
const GATE_TRIES: u32 = 2_000;

/// The directory of the lock files. Made when the first lock is taken, and again if it vanishes.
#[derive(Debug, Clone)]
pub(crate) struct LockDir(PathBuf);

/// A lock that is held; dropped, it is free.
#[derive(Debug)]
pub(crate) struct LockFile {
    file: File,
    path: PathBuf,
    gate: PathBuf,
}

impl LockDir {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Takes the lock if it is free, and notes who holds it now.
    pub(crate) fn take(&self, name: &str, holder: &LockHolder) -> Result<Option<LockFile>> {
        let path = self.0.join(name);
        let named = |file: &File| {
            is_named(file, &path).map_err(|cause| error::from_io("use lock file", &path, cause))
        };
        for _ in 0..TRIES_AT_ONCE {
            let Some(file) = self.open_or_create(&path)? else {
                continue;
            };
            if try_lock(FileExt::try_lock(&file), &path)? {
                if named(&file)? {
                    // A lock without a note is a lock all the same: on a full disk, whoever
                    // deletes must get it.
                    if let Err(cause) = holder_note::write(&file, holder) {
                        tracing::warn!(lock.path = %path.display(), %cause, "cannot note who holds a lock");
                    }
                    let gate = self.0.join(GATE);
                    return Ok(Some(LockFile { file, path, gate }));
                }
            } else if !is_held(&file, &path)? {
                thread::sleep(LOOK);
            } else if named(&file)? {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Says whether somebody holds the lock.
    pub(crate) fn is_held(&self, name: &str) -> Result<bool> {
        Ok(held(&self.0.join(name))?.is_some())
    }

    /// Says who holds the lock, if somebody does and left a note.
    pub(crate) fn holder(&self, name: &str) -> Result<Option<LockHolder>> {
        let path = self.0.join(name);
        match held(&path)? {
            None => Ok(None),
            Some(file) => holder_note::read(&file)
                .map_err(|cause| error::from_io("read lock file", &path, cause)),
        }
    }

    /// Takes the lock away from whoever holds it; false if nobody does.
    pub(crate) fn take_away(&self, name: &str) -> Result<bool> {
        let path = self.0.join(name);
        if held(&path)?.is_none() {
            return Ok(false);
        }
        let gate_path = self.0.join(GATE);
        let gate = open_gate(&gate_path)
            .map_err(|cause| error::from_io("open lock file", &gate_path, cause))?;
        for _ in 0..GATE_TRIES {
            if try_lock(FileExt::try_lock(&gate), &gate_path)? {
                // Looked at again, now that nobody else unlinks it.
                let is_held = held(&path)?.is_some();
                if is_held {
                    fs::remove_file(&path)
                        .map_err(|cause| error::from_io("take away lock file", &path, cause))?;
                }
                return Ok(is_held);
            }
            thread::sleep(Duration::from_millis(1));
        }
        Err(error::gate_busy(&path))
    }

    /// Opens the lock file; nothing if the directory had to be made first.
    fn open_or_create(&self, path: &Path) -> Result<Option<File>> {
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        match opened {
            Ok(file) => Ok(Some(file)),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => fs::create_dir_all(&self.0)
                .map(|()| None)
                .map_err(|cause| error::from_io("create lock directory", &self.0, cause)),
            Err(cause) => Err(error::from_io("open lock file", path, cause)),
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        if let Err(cause) = self.remove() {
            tracing::warn!(lock.path = %self.path.display(), %cause, "a freed lock leaves its file");
        }
        // Not left to closing: a process just being spawned has a copy of the descriptor until it
        // executes its program, and would keep the lock for that time. Closing frees it if this
        // fails.
        let _ = FileExt::unlock(&self.file);
    }
}

impl LockFile {
    /// Unlinks the file if the path still names it. If somebody is taking a lock away just now,
    /// the file stays, empty: it is in nobody's way.
    fn remove(&self) -> io::Result<()> {
        if !is_named(&self.file, &self.path)? {
            return Ok(());
        }
        let gate = open_gate(&self.gate)?;
        match FileExt::try_lock_shared(&gate) {
            Ok(()) if is_named(&self.file, &self.path)? => fs::remove_file(&self.path),
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => self.file.set_len(0),
            Err(TryLockError::Error(cause)) => Err(cause),
        }
    }
}

/// Opens the lock file if somebody holds its lock. Changes nothing, makes nothing.
fn held(path: &Path) -> Result<Option<File>> {
    let opened = match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => Err(not_a_file()),
        Ok(_) => File::open(path),
        Err(cause) => Err(cause),
    };
    match opened {
        Ok(file) => Ok(is_held(&file, path)?.then_some(file)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(error::from_io("open lock file", path, cause)),
    }
}

/// Looks whether somebody has the exclusive lock of a file. In vain if one has it oneself.
fn is_held(file: &File, path: &Path) -> Result<bool> {
    let is_shared = try_lock(FileExt::try_lock_shared(file), path)?;
    if is_shared {
        FileExt::unlock(file).map_err(|cause| error::from_io("unlock file", path, cause))?;
    }
    Ok(!is_shared)
}

fn open_gate(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

/// Whether a lock was got.
fn try_lock(outcome: Result<(), TryLockError>, path: &Path) -> Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(cause)) => Err(error::from_io("lock file", path, cause)),
    }
}

/// Whether the path still names the file.
fn is_named(file: &File, path: &Path) -> io::Result<bool> {
    let named = match fs::symlink_metadata(path) {
        Ok(named) if !named.is_file() => return Err(not_a_file()),
        Ok(named) => named,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(cause) => return Err(cause),
    };
    let opened = file.metadata()?;
    Ok((named.dev(), named.ino()) == (opened.dev(), opened.ino()))
}

fn not_a_file() -> io::Error {
    io::Error::new(io::ErrorKind::IsADirectory, "it is not a regular file")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use tempfile::TempDir;

    use super::*;

    const NAME: &str = "a.lock";

    fn fixture() -> (TempDir, LockDir, LockHolder) {
        let temp = tempfile::tempdir().unwrap();
        let dir = LockDir::new(temp.path().join("locks"));
        let me = LockHolder {
            pid: 1,
            host: "a".into(),
            since: "2026-03-01T12:00:00Z".parse().unwrap(),
        };
        (temp, dir, me)
    }

    fn files(dir: &LockDir) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&dir.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_look_does_not_make_a_take_fail() {
        let (_temp, dir, me) = fixture();
        drop(dir.take(NAME, &me).unwrap().expect("free"));
        fs::write(dir.0.join(NAME), "").unwrap();
        let looking = File::open(dir.0.join(NAME)).unwrap();
        FileExt::try_lock_shared(&looking).unwrap();
        let looker = thread::spawn(move || {
            thread::sleep(Duration::from_millis(3));
            drop(looking);
        });
        assert!(dir.take(NAME, &me).unwrap().is_some());
        looker.join().unwrap();
    }

    #[test]
    fn a_file_that_lost_its_name_locks_nothing() {
        let (_temp, dir, me) = fixture();
        let first = dir.take(NAME, &me).unwrap().expect("free");
        fs::remove_file(dir.0.join(NAME)).unwrap();
        let second = dir.take(NAME, &me).unwrap().expect("free again");
        drop(first);
        assert_eq!(
            files(&dir),
            [GATE, NAME].map(String::from)[1..].to_vec(),
            "the new holder's file stays"
        );
        assert!(dir.is_held(NAME).unwrap());
        drop(second);
        assert_eq!(files(&dir), [GATE]);
    }

    #[test]
    fn whoever_frees_while_the_gate_is_closed_unlinks_nothing() {
        let (_temp, dir, me) = fixture();
        let held = dir.take(NAME, &me).unwrap().expect("free");
        let gate = open_gate(&dir.0.join(GATE)).unwrap();
        FileExt::try_lock(&gate).unwrap();
        drop(held);
        assert_eq!(files(&dir), [GATE, NAME]);
        assert!(!dir.is_held(NAME).unwrap());
        assert_eq!(fs::read(dir.0.join(NAME)).unwrap(), b"");
        drop(gate);
        drop(dir.take(NAME, &me).unwrap().expect("free"));
        assert_eq!(files(&dir), [GATE]);
    }

    #[test]
    fn what_is_taken_away_is_free_and_the_old_holder_disturbs_nobody() {
        let (_temp, dir, me) = fixture();
        let old = dir.take(NAME, &me).unwrap().expect("free");
        assert!(dir.take_away(NAME).unwrap());
        assert!(!dir.is_held(NAME).unwrap());
        assert!(!dir.take_away(NAME).unwrap());
        let new = dir.take(NAME, &me).unwrap().expect("free");
        drop(old);
        assert!(dir.is_held(NAME).unwrap());
        assert!(dir.take(NAME, &me).unwrap().is_none());
        drop(new);
    }

    #[test]
    fn an_old_holder_that_lets_go_just_then_does_not_unlink_the_new_ones_file() {
        let (_temp, dir, me) = fixture();
        let is_over = AtomicBool::new(false);
        let until = Instant::now() + Duration::from_secs(30);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) && Instant::now() < until {
                    drop(dir.take(NAME, &me).unwrap());
                }
            });
            let mut taken = 0;
            while taken < 500 {
                assert!(Instant::now() < until, "the two met only {taken} times");
                if !dir.take_away(NAME).unwrap() {
                    continue;
                }
                if let Some(new) = dir.take(NAME, &me).unwrap() {
                    taken += 1;
                    thread::yield_now();
                    let is_mine = is_named(&new.file, &new.path).unwrap();
                    assert!(is_mine, "its file is gone after {taken} times");
                }
            }
            is_over.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn looking_makes_nothing() {
        let (_temp, dir, _me) = fixture();
        assert!(!dir.is_held(NAME).unwrap());
        assert_eq!(dir.holder(NAME).unwrap(), None);
        assert!(!dir.take_away(NAME).unwrap());
        assert!(!dir.0.exists());
    }

    #[test]
    fn a_link_in_place_of_the_file_is_an_error_and_its_target_stays_as_it_is() {
        let (temp, dir, me) = fixture();
        let target = temp.path().join("precious");
        fs::write(&target, "data").unwrap();
        fs::create_dir(&dir.0).unwrap();
        std::os::unix::fs::symlink(&target, dir.0.join(NAME)).unwrap();
        for error in [
            dir.take(NAME, &me).unwrap_err(),
            dir.is_held(NAME).unwrap_err(),
            dir.take_away(NAME).unwrap_err(),
        ] {
            assert!(error.message().contains("not a regular file"), "{error}");
        }
        assert_eq!(fs::read(&target).unwrap(), b"data");
    }
}
