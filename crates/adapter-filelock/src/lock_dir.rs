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
//! Who has a locked file to spare needs no new one: a link gives it the name of the lock, if no file
//! has that name, and freeing takes the name away and leaves the file. See [`spare`](crate::spare).
//!
//! To check that a path names one's file and then to unlink it are two steps; between them somebody
//! could take the lock away and somebody else get it, whose file would then be unlinked. So whoever
//! unlinks holds [`GATE`]: shared to free its own lock, exclusive to take away another's.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use artifact_domain::Result;
use artifact_domain::port::LockHolder;
use fs4::{FileExt, TryLockError};

use crate::spare::{Spare, Spares};
use crate::{error, holder_note};

/// What the names of lock files end in.
pub(crate) const SUFFIX: &str = ".lock";

/// Held by whoever unlinks lock files. No lock file has this name.
const GATE: &str = ".gate";

/// How often a try is made again at once, because the file lost its name or somebody only looked
/// at it, before it counts as failed: 100 ms and more. A look takes some microseconds, but who looks
/// may be kept from going on.
const TRIES_AT_ONCE: u32 = 1_000;
/// How long to let those who look finish.
const LOOK: Duration = Duration::from_micros(100);

/// How often to try to close the gate, one millisecond apart.
const GATE_TRIES: u32 = 2_000;

/// The directory of the lock files. Made when the first lock is taken, and again if it vanishes.
#[derive(Debug, Clone)]
pub(crate) struct LockDir {
    path: PathBuf,
    spares: Arc<Spares>,
}

/// A lock that is held; dropped, it is free.
#[derive(Debug)]
pub(crate) struct LockFile {
    path: PathBuf,
    file: Held,
}

/// The file that is locked.
#[derive(Debug)]
enum Held {
    /// One of its own, with the path of the gate.
    Own(File, PathBuf),
    /// One that is kept; always there until the lock is dropped.
    Spare(Option<Spare>, Arc<Spares>),
}

impl LockDir {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            spares: Arc::default(),
        }
    }

    /// Takes the lock if it is free, and notes who holds it now.
    pub(crate) fn take(&self, name: &str, holder: &LockHolder) -> Result<Option<LockFile>> {
        let path = self.path.join(name);
        let spare = self.spares.take(&self.path, &self.path.join(GATE));
        if let Some(lock) = spare.and_then(|spare| self.take_with(spare, &path, holder)) {
            return Ok(Some(lock));
        }
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
                    let file = Held::Own(file, self.path.join(GATE));
                    return Ok(Some(LockFile { path, file }));
                }
            } else if !is_held(&file, &path)? {
                thread::sleep(LOOK);
            } else if named(&file)? {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Takes the lock with a file that is at hand, in a few quick calls that wait for nobody. If it
    /// does not get it, that says nothing: [`take`](Self::take) does.
    pub(crate) fn take_at_once(&self, name: &str, holder: &LockHolder) -> Option<LockFile> {
        let spare = self.spares.idle()?;
        self.take_with(spare, &self.path.join(name), holder)
    }

    /// Takes the lock by a link, where nothing has its name. What else can fail is tried again, and
    /// told, without.
    fn take_with(&self, spare: Spare, path: &Path, holder: &LockHolder) -> Option<LockFile> {
        if let Err(cause) = holder_note::write(&spare.file, holder) {
            tracing::warn!(lock.path = %path.display(), %cause, "cannot note who holds a lock");
        }
        match fs::hard_link(spare.path(), path) {
            Ok(()) => Some(LockFile {
                path: path.to_owned(),
                file: Held::Spare(Some(spare), Arc::clone(&self.spares)),
            }),
            Err(cause) => {
                if cause.kind() == io::ErrorKind::AlreadyExists {
                    self.spares.give_back(spare);
                }
                None
            }
        }
    }

    /// Says whether somebody holds the lock.
    pub(crate) fn is_held(&self, name: &str) -> Result<bool> {
        Ok(held(&self.path.join(name))?.is_some())
    }

    /// Says who holds the lock, if somebody does and left a note.
    pub(crate) fn holder(&self, name: &str) -> Result<Option<LockHolder>> {
        let path = self.path.join(name);
        match held(&path)? {
            None => Ok(None),
            Some(file) => holder_note::read(&file)
                .map_err(|cause| error::from_io("read lock file", &path, cause)),
        }
    }

    /// Takes the lock away from whoever holds it; false if nobody does.
    pub(crate) fn take_away(&self, name: &str) -> Result<bool> {
        let path = self.path.join(name);
        if held(&path)?.is_none() {
            return Ok(false);
        }
        let gate_path = self.path.join(GATE);
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
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => fs::create_dir_all(&self.path)
                .map(|()| None)
                .map_err(|cause| error::from_io("create lock directory", &self.path, cause)),
            Err(cause) => Err(error::from_io("open lock file", path, cause)),
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        let removed = match &mut self.file {
            Held::Own(file, gate) => remove_own(file, &self.path, gate),
            Held::Spare(spare, spares) => spare.take().map_or(Ok(()), |spare| {
                if remove_link(&spare, &self.path)? {
                    spares.give_back(spare);
                }
                Ok(())
            }),
        };
        if let Err(cause) = removed {
            tracing::warn!(lock.path = %self.path.display(), %cause, "a freed lock leaves its file");
        }
        if let Held::Own(file, _) = &self.file {
            // Not left to closing: a process just being spawned has a copy of the descriptor until
            // it executes its program, and would keep the lock for that time. Closing frees it if
            // this fails.
            let _ = FileExt::unlock(file);
        }
    }
}

/// Unlinks the file if the path still names it. If somebody is taking a lock away just now, the
/// file stays, empty: it is in nobody's way once it is unlocked.
pub(crate) fn remove_own(file: &File, path: &Path, gate: &Path) -> io::Result<()> {
    if !is_named(file, path)? {
        return Ok(());
    }
    let gate = open_gate(gate)?;
    match FileExt::try_lock_shared(&gate) {
        Ok(()) if is_named(file, path)? => fs::remove_file(path),
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => file.set_len(0),
        Err(TryLockError::Error(cause)) => Err(cause),
    }
}

/// Unlinks what the path names if that is the spare file, and says whether that can lock something
/// else now. If somebody is taking a lock away just now it can't: it keeps the name, empty, and is
/// in nobody's way once it is unlocked.
fn remove_link(spare: &Spare, path: &Path) -> io::Result<bool> {
    match FileExt::try_lock_shared(&spare.gate) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return spare.file.set_len(0).map(|()| false),
        Err(TryLockError::Error(cause)) => return Err(cause),
    }
    if is_named(&spare.file, path)? {
        fs::remove_file(path)?;
    }
    FileExt::unlock(&spare.gate).map(|()| true)
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
mod tests;
