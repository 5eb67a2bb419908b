//! The lock that lets one process at a time have the index open; the others stand in line. Knows
//! nothing of what it guards.
//!
//! sled has a lock of its own, but whoever comes second gets a bare I/O error from it at once.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use artifact_domain::{Error, ErrorKind, Result};

use crate::error::from_io;

pub(crate) const FILE_NAME: &str = "lock";

/// How often who waits looks again. Constant, so that who has waited long is not behind newcomers.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The lock, held until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct DirLock {
    file: File,
}

impl DirLock {
    /// Takes the lock of `dir`, waiting for it up to `timeout`. Dropped while it waits, it holds
    /// nothing.
    pub(crate) async fn acquire(dir: &Path, timeout: Duration) -> Result<Self> {
        let path = dir.join(FILE_NAME);
        let mut file = open(&path)?;
        let begun = Instant::now();
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => {
                    return Err(from_io(&context("lock", &path), error));
                }
                Err(TryLockError::WouldBlock) => {}
            }
            let waited = begun.elapsed();
            let Some(left) = timeout.checked_sub(waited).filter(|left| !left.is_zero()) else {
                return Err(locked(dir, holder(&mut file), waited));
            };
            if !told && waited > Duration::from_secs(1) {
                told = true;
                let holder = holder(&mut file);
                tracing::info!(index.dir = %dir.display(), holder.pid = holder, "waiting for the index");
            }
            tokio::time::sleep(left.min(POLL_INTERVAL)).await;
        }
        let lock = Self { file };
        lock.sign()
            .map_err(|error| from_io(&context("sign", &path), error))?;
        Ok(lock)
    }

    /// Writes down who holds the lock, for the one who waits in vain.
    fn sign(&self) -> std::io::Result<()> {
        let mut file = &self.file;
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    }
}

impl Drop for DirLock {
    fn drop(&mut self) {
        if let Err(error) = self.file.unlock() {
            tracing::debug!(%error, "the lock of the index goes only as its file is closed");
        }
    }
}

fn open(path: &PathBuf) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|error| from_io(&context("open", path), error))
}

fn context(action: &str, path: &Path) -> String {
    format!("{action} the lock {} of the index", path.display())
}

/// The process that signed the lock last, if that can be read.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn locked(dir: &Path, holder: Option<u32>, waited: Duration) -> Error {
    let who = holder.map_or("another process".to_owned(), |pid| format!("process {pid}"));
    let message = format!(
        "the sled index {} is open in {who}, waited {:.1} s for it",
        dir.display(),
        waited.as_secs_f64()
    );
    Error::new(ErrorKind::Locked, message).with_hint(
        "one process at a time can use a sled index: wait for it to end or raise the timeout; \
         the engine `sqlite` serves many at once",
    )
}
