//! Snapshots that sled was writing when its process died. Knows how sled names them, and nothing of
//! what is in them.

use std::fs;
use std::io;
use std::path::Path;

use artifact_domain::Result;

use crate::error::from_io;

/// What sled calls a snapshot until it is whole.
const BEGINNING: &str = "snap.";
const UNFINISHED: &str = ".generating";

/// Removes snapshots that were never finished; true if there were any.
///
/// sled 0.34.7 passes over files of another ending than the one that it gives, and so takes its own
/// unfinished snapshot for the newest, and for damage. It needs none: they only shorten what is
/// read when a database is opened.
pub(crate) fn remove_unfinished(dir: &Path) -> Result<bool> {
    let remove = || {
        let mut any = false;
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(BEGINNING) && name.ends_with(UNFINISHED) {
                fs::remove_file(entry.path())?;
                any = true;
            }
        }
        Ok::<_, io::Error>(any)
    };
    remove().map_err(|error| from_io("remove unfinished snapshots of the sled index", error))
}
