//! Moves what is in an index directory that is damaged or unwanted into another, so that an empty
//! index can take its place. Must not know why, and never looks into the files.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use artifact_domain::Result;

use crate::error::from_io;
use crate::generation::sync_dir;
use crate::lock::{self, DirLock};
use crate::store::{ENGINE_LOCK_GRACE, engine_in_use};

/// The database, which goes first: while the rest is still there, opening says that it is gone.
const DATABASE: &str = "db";

/// Moves everything in `dir` but the lock, durably, and gives the directory where it is now; none
/// if nothing was there. The lock stays where others wait for it.
pub(crate) fn set_aside(dir: &Path, _lock: &DirLock) -> Result<Option<PathBuf>> {
    let _engine = lock_engine(&dir.join(DATABASE))?;
    // Beside the directory itself, not beside a link to it, which may be on another device.
    let moved = dir.canonicalize().and_then(|dir| move_all(&dir));
    moved.map_err(|error| {
        let context = format!("set the sled index {} aside", dir.display());
        from_io(&context, error)
    })
}

/// Waits for a thread of sled's that outlives its database by a little, and would write into the
/// next one. None where sled has no lock to take.
fn lock_engine(database: &Path) -> Result<Option<File>> {
    let Ok(file) = File::open(database.join("db")) else {
        return Ok(None);
    };
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::Error(_)) => return Ok(None),
            Err(TryLockError::WouldBlock) if begun.elapsed() > ENGINE_LOCK_GRACE => {
                return Err(engine_in_use(database));
            }
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(2)),
        }
    }
}

fn move_all(dir: &Path) -> io::Result<Option<PathBuf>> {
    let mut names = names(dir)?;
    if names.is_empty() {
        return Ok(None);
    }
    names.sort_by_key(|name| name != DATABASE);
    let aside = make_free_dir(dir)?;
    for name in names {
        fs::rename(dir.join(&name), aside.join(&name))?;
        // Synced one by one, so that they are moved in this order after a crash too.
        sync_dir(&aside)?;
        sync_dir(dir)?;
    }
    Ok(Some(aside))
}

/// What is in the directory of an index, without its lock.
fn names(dir: &Path) -> io::Result<Vec<OsString>> {
    let names = fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name()));
    let names: io::Result<Vec<_>> = names.collect();
    Ok(names?
        .into_iter()
        .filter(|name| name != lock::FILE_NAME)
        .collect())
}

/// Makes the directory beside `dir` that has its name and the first number that is free.
fn make_free_dir(dir: &Path) -> io::Result<PathBuf> {
    let name = dir.file_name().unwrap_or(OsStr::new("index"));
    for number in 1_u64.. {
        let mut name = name.to_owned();
        name.push(format!(".damaged-{number}"));
        let free = dir.with_file_name(name);
        match fs::create_dir(&free) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => {
                made?;
                free.parent().map_or(Ok(()), sync_dir)?;
                return Ok(free);
            }
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
