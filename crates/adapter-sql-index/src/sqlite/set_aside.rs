//! Gives the files of an index that is damaged or unwanted another name, so that an empty one can
//! take its place. Must not know why, and never looks into them.

use std::io;
use std::path::{Path, PathBuf};

use artifact_domain::{Error, ErrorKind, Result};

use super::error::io_error;
use super::open;
use super::presence::Presence;

/// What the files of a database have after its name. The database comes first: where a crash
/// leaves only its log behind, the log is refused; a database without its log would be taken for
/// a whole one, though its last changes were missing.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

/// Renames the files of the index at `path`, durably, and gives the new name of the database;
/// none if nothing was there.
pub(super) fn set_aside(path: &Path) -> Result<Option<PathBuf>> {
    if path.is_dir() {
        let message = format!("index {} is a directory", path.display());
        return Err(
            Error::new(ErrorKind::InvalidInput, message).with_hint("give the path of a file")
        );
    }
    let failed = |error| io_error(path, error);
    if !is_there(path).map_err(failed)? {
        return Ok(None);
    }
    let _alone = Presence::alone(path)?;
    rename(path).map_err(failed)
}

fn rename(path: &Path) -> io::Result<Option<PathBuf>> {
    // Somebody else may have been quicker.
    if !is_there(path)? {
        return Ok(None);
    }
    let aside = free_name(path)?;
    for suffix in SUFFIXES {
        match std::fs::rename(open::beside(path, suffix), open::beside(&aside, suffix)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // Synced one by one, so that they are renamed in this order after a crash too.
            renamed => renamed.and_then(|()| open::sync_directory(open::directory_of(path)))?,
        }
    }
    Ok(Some(aside))
}

/// The first name with a number that no file of a database has. Its log keeps the stem, so SQLite
/// finds it there.
fn free_name(path: &Path) -> io::Result<PathBuf> {
    for number in 1_u64.. {
        let name = open::beside(path, &format!(".damaged-{number}"));
        if !is_there(&name)? {
            return Ok(name);
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn is_there(path: &Path) -> io::Result<bool> {
    for suffix in SUFFIXES {
        match open::beside(path, suffix).symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => return found.map(|_| true),
        }
    }
    Ok(false)
}
