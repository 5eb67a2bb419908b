//! The file: replaced whole, by one writer at a time. Blocking, without a runtime.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use artifact_domain::{Error, ErrorKind, Result};
use fs4::FileExt;

/// What the name of the lock has more than that of the file.
const LOCK: &str = ".lock";

/// Whether the file is there, or was ever replaced, or was about to be: the lock beside it stays. What a link
/// led to may be gone with its lock, so a link is enough.
pub(crate) fn was_there(path: &Path) -> bool {
    let is_there = |path: &Path| !matches!(fs::symlink_metadata(path), Err(error) if error.kind() == io::ErrorKind::NotFound);
    is_there(path) || is_there(&beside(path, LOCK))
}

/// Where the file is that a link leads to: it is that which is replaced, since others have links to it too.
fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
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
        let path = real(path);
        let beside = beside(&path, LOCK);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&beside)
            .and_then(|file| FileExt::lock(&file).map(|()| file));
        let lock = lock.map_err(|error| fault(&beside, "locked", error))?;
        Ok(Self { path, _lock: lock })
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
