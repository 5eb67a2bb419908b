//! The database below an index, opened behind its back.

use std::path::Path;
use std::thread;
use std::time::Duration;

/// Opens it. Threads of one that was dropped may hold its lock for a moment still.
pub(crate) fn opened(dir: &Path) -> sled::Db {
    loop {
        match sled::open(dir.join("db")) {
            Err(sled::Error::Io(cause)) if cause.to_string().contains("acquire lock") => {
                thread::sleep(Duration::from_millis(10));
            }
            database => return database.unwrap(),
        }
    }
}
