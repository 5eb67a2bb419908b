//! Says that an index is open: a lock on a file beside the database, shared by all who have it
//! open. Must not know what is in the index.
//!
//! The lock is never on the database itself: closing any descriptor of that file would drop the
//! locks that SQLite holds on it for this process.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use artifact_domain::{Error, ErrorKind};
use rusqlite::ffi;

use super::error::{Result, io_error};
use super::open;
use super::patience::Patience;

/// The lock, given back when it is dropped or the process ends, however it ends. The file stays:
/// taking it away would let two processes hold locks on two files of that name.
#[derive(Debug)]
pub(super) struct Presence {
    file: File,
}

impl Presence {
    /// Takes the shared lock, before the database is opened. None where that can't be: in a
    /// directory that is read-only, or on a file system without locks, an index can be used still.
    ///
    /// Waits only for whoever is setting the index aside, which takes no longer than to rename
    /// three files.
    pub(super) fn shared(path: &Path, patience: Patience) -> Result<Option<Self>> {
        let file = match open_file(path) {
            Ok(file) => file,
            Err(error) => return Ok(without(path, &error)),
        };
        let taken = patience.wait_for(|| match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::Error(error)) => Ok(Some(error)),
            Err(TryLockError::WouldBlock) => Err(busy().into()),
        })?;
        Ok(match taken {
            Some(error) => without(path, &error),
            None => Some(Self { file }),
        })
    }

    /// Takes the lock for oneself alone; `Locked` while anybody has the index open.
    pub(super) fn alone(path: &Path) -> artifact_domain::Result<Self> {
        let file = open_file(path).map_err(|error| io_error(path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(in_use(path)),
            Err(TryLockError::Error(error)) => Err(io_error(path, error)),
        }
    }
}

impl Drop for Presence {
    /// Closing the file is not enough: a child process that has not begun its program yet may
    /// hold it open a little longer.
    fn drop(&mut self) {
        if let Err(error) = self.file.unlock() {
            tracing::debug!(%error, "the lock of the index goes only as its file is closed");
        }
    }
}

/// Opens the lock file, and makes it, with the directories above it, if it is not there. One that
/// is there is only read, since another user may have made it: that is enough to lock it.
fn open_file(path: &Path) -> io::Result<File> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let lock_path = open::beside(path, ".lock");
    match File::open(&lock_path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => return opened,
    }
    open::create_directory(open::directory_of(path))?;
    let mut create = OpenOptions::new();
    create.read(true).write(true).create(true).truncate(false);
    create.open(&lock_path)
}

fn without(path: &Path, error: &io::Error) -> Option<Presence> {
    tracing::debug!(index.path = %path.display(), %error, "nobody is told that the index is open");
    None
}

/// What SQLite says of a database that others are using.
fn busy() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None)
}

fn in_use(path: &Path) -> Error {
    let message = format!("index {} is open, here or elsewhere", path.display());
    Error::new(ErrorKind::Locked, message).with_hint("stop the other processes that use the store")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn many_share_the_lock_and_one_alone_keeps_them_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/index.sqlite");
        let shared = || Presence::shared(&path, Patience::new(Duration::from_millis(5)));
        let (first, second) = (shared().unwrap(), shared().unwrap());
        assert!(first.is_some());
        drop(first);
        let refused = Presence::alone(&path).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Locked);
        drop(second);
        let alone = Presence::alone(&path).unwrap();
        let busy = shared().unwrap_err().into_error(&path);
        assert_eq!(busy.kind(), ErrorKind::Unavailable);
        drop(alone);
        assert!(shared().unwrap().is_some());
    }
}
