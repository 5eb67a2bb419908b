//! The file: read whole, replaced whole, by one writer at a time. Blocking, without a runtime.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use artifact_domain::{Error, ErrorKind, Result};
use fs4::FileExt;

/// What the name of the lock has more than that of the file.
const LOCK: &str = ".lock";

/// What tells one state of a file from another without reading it: every change replaces the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

/// How the file is at present; none where it is not there.
pub(crate) fn stamp(path: &Path) -> Result<Option<Stamp>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(Stamp {
            inode: metadata.ino(),
            length: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault(path, "looked at", error)),
    }
}

/// Reads the file; none where it is not there. One that others can change is not believed.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(path, "looked at", error)),
    };
    if metadata.mode() & 0o022 != 0 {
        let message = format!("{} can be changed by others", path.display());
        return Err(Error::new(ErrorKind::Internal, message)
            .with_hint(format!("`chmod 600 {}`", path.display())));
    }
    let read = fs::read(path).map(Some);
    read.map_err(|error| fault(path, "read", error))
}

/// Whether the file was ever replaced, or was about to be: the lock beside it stays.
pub(crate) fn was_replaced(path: &Path) -> bool {
    !matches!(fs::symlink_metadata(beside(path, LOCK)), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// The right to replace the file, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    path: PathBuf,
    _lock: File,
}

impl Turn {
    /// Waits for it.
    pub(crate) fn wait(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| fault(folder, "made", error))?;
        }
        let beside = beside(path, LOCK);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&beside)
            .and_then(|file| FileExt::lock(&file).map(|()| file));
        let lock = lock.map_err(|error| fault(&beside, "locked", error))?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Replaces the file, so that it is read as it was or as it is to be, whatever happens.
    pub(crate) fn replace(&self, text: &[u8]) -> Result<()> {
        let path = &self.path;
        let temporary = beside(path, ".tmp");
        let replace = || {
            // One that a crash has left may have other rights.
            let _ = fs::remove_file(&temporary);
            let mut file = OpenOptions::new()
                .create_new(true)
                .write(true)
                .mode(0o600)
                .open(&temporary)?;
            file.write_all(text)?;
            file.sync_all()?;
            fs::rename(&temporary, path)?;
            match path.parent() {
                Some(folder) => File::open(folder)?.sync_all(),
                None => Ok(()),
            }
        };
        replace().map_err(|error| fault(path, "written", error))
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn fault(path: &Path, what: &str, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::StorageFull,
        _ => ErrorKind::Internal,
    };
    let message = format!("{} can't be {what}", path.display());
    Error::new(kind, message).with_source(error)
}
