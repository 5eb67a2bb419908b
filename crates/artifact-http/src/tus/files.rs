//! Steps with single files that the parts of the spool share. All of it blocks.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use artifact_domain::{Result, Timestamp};

use super::fault;

/// Makes names in the folder of `path` survive the loss of power.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Removes a file if it is there.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(fault(path, error)),
        _ => Ok(()),
    }
}

/// When a file was changed last; long ago where it is not there.
pub(super) fn changed_at(path: &Path) -> Result<Timestamp> {
    let time = match fs::metadata(path).and_then(|metadata| metadata.modified()) {
        Ok(time) => time,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Timestamp::UNIX_EPOCH);
        }
        Err(error) => return Err(fault(path, error)),
    };
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Ok(Timestamp::UNIX_EPOCH.saturating_add(since))
}
