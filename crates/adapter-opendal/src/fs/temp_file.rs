//! Files that are being put: named so that no two are alike, removed unless they are published,
//! swept when a crash left them. Knows no blobs.

use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use artifact_domain::port::Swept;
use artifact_domain::{Result, Timestamp};
use bytes::Bytes;

use super::modified_at;
use crate::error::from_io;

/// Chunks below this are gathered, so that tiny ones do not cost a write each.
const WRITE_BUFFER_BYTES: usize = 64 << 10;

/// Tells this process's files from those of any other, on this machine or another.
static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().build_hasher().finish());

static COUNT: AtomicU64 = AtomicU64::new(0);

/// A file that is removed when it is dropped, unless it was published.
///
/// It is locked for as long as it lives, so that a sweep by whatever process can tell a slow put
/// from one that was cut off. Where the file system knows no locks its age alone tells.
#[derive(Debug)]
pub(super) struct TempFile {
    file: File,
    path: PathBuf,
    published: bool,
}

impl TempFile {
    /// A new, empty file in a directory, which is made when it is missing.
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{:016x}-{number}", *PROCESS));
        let file = match File::create_new(&path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => match fs::create_dir(folder) {
                Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => Err(cause),
                _ => File::create_new(&path),
            },
            done => done,
        }?;
        if let Err(cause) = file.try_lock() {
            tracing::debug!(path = %path.display(), error = %cause, "temporary file without a lock");
        }
        Ok(Self {
            file,
            path,
            published: false,
        })
    }

    pub(super) fn append(&mut self, chunks: &[Bytes]) -> io::Result<()> {
        let mut writer = BufWriter::with_capacity(WRITE_BUFFER_BYTES, &self.file);
        for chunk in chunks {
            writer.write_all(chunk)?;
        }
        writer.flush()
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Gives the file its place, over whatever was there. Fails with `NotFound` where the
    /// directory of that place is missing, or the file itself was taken away.
    pub(super) fn publish(&mut self, place: &Path) -> io::Result<()> {
        fs::rename(&self.path, place)?;
        self.published = true;
        Ok(())
    }

    pub(super) fn is_there(&self) -> bool {
        self.path.exists()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if !self.published
            && let Err(cause) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), error = %cause, "temporary file left behind");
        }
    }
}

/// What becomes of leftovers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sweep {
    /// They are counted.
    Count,
    /// They are counted and removed.
    Remove,
}

/// Finds the files of a directory that were last written before `older_than` and that nobody
/// writes any more. Goes on after a failure, and gives the first one.
pub(super) fn sweep(folder: &Path, older_than: Timestamp, sweep: Sweep) -> Result<Swept> {
    let failed = |cause| from_io(format_args!("sweep `{}`", folder.display()), cause);
    let mut swept = Swept::default();
    let mut first_failure = None;
    let entries = match fs::read_dir(folder) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(swept),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        match sweep_one(&entry.map_err(failed)?, older_than, sweep) {
            Ok(None) => {}
            Ok(Some(size_bytes)) => {
                swept.count += 1;
                swept.size_bytes += size_bytes;
            }
            // Published or removed by its own put.
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => first_failure = first_failure.or(Some(cause)),
        }
    }
    match first_failure {
        Some(cause) => Err(failed(cause)),
        None => Ok(swept),
    }
}

/// The size of the file if it is a leftover. One whose age is not known is too young.
fn sweep_one(entry: &fs::DirEntry, older_than: Timestamp, sweep: Sweep) -> io::Result<Option<u64>> {
    let metadata = entry.metadata()?;
    let is_old = modified_at(&metadata).is_some_and(|written| written < older_than);
    if !metadata.is_file() || !is_old {
        return Ok(None);
    }
    let file = File::open(entry.path())?;
    if matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)) {
        return Ok(None);
    }
    if sweep == Sweep::Remove {
        fs::remove_file(entry.path())?;
    }
    Ok(Some(metadata.len()))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn names(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    fn write_aged(path: &Path, bytes: &str, age: Duration) {
        fs::write(path, bytes).unwrap();
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }

    fn ago(age: Duration) -> Timestamp {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Timestamp::UNIX_EPOCH.saturating_add(now.unwrap().checked_sub(age).unwrap())
    }

    #[test]
    fn what_is_not_published_goes_with_its_owner() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join(".tmp");
        let mut kept = TempFile::create(&folder).unwrap();
        let lost = TempFile::create(&folder).unwrap();
        assert_eq!(names(&folder), 2);
        drop(lost);
        kept.append(&[Bytes::from_static(b"12"), Bytes::from_static(b"3")])
            .unwrap();
        kept.publish(&temp.path().join("blob")).unwrap();
        drop(kept);
        assert_eq!(names(&folder), 0);
        assert_eq!(fs::read(temp.path().join("blob")).unwrap(), b"123");
    }

    #[test]
    fn only_what_is_old_and_abandoned_is_swept() {
        let temp = tempfile::tempdir().unwrap();
        let hour = Duration::from_hours(1);
        write_aged(&temp.path().join("old"), "12345", 2 * hour);
        write_aged(&temp.path().join("older"), "123", 3 * hour);
        write_aged(&temp.path().join("young"), "1", hour / 2);
        fs::create_dir(temp.path().join("folder")).unwrap();
        let slow = TempFile::create(temp.path()).unwrap();
        slow.file()
            .set_modified(SystemTime::now() - 2 * hour)
            .unwrap();
        let swept = sweep(temp.path(), ago(hour), Sweep::Remove).unwrap();
        assert_eq!((swept.count, swept.size_bytes), (2, 8));
        assert!(temp.path().join("young").exists() && slow.is_there());
        assert_eq!(
            sweep(temp.path(), ago(hour), Sweep::Remove).unwrap(),
            Swept::default()
        );
        let all_but_slow = sweep(temp.path(), Timestamp::MAX, Sweep::Remove).unwrap();
        assert_eq!((all_but_slow.count, all_but_slow.size_bytes), (1, 1));
        assert!(slow.is_there() && temp.path().join("folder").exists());
    }

    #[test]
    fn where_nothing_was_ever_put_there_is_nothing_to_sweep() {
        let temp = tempfile::tempdir().unwrap();
        let swept = sweep(&temp.path().join(".tmp"), Timestamp::MAX, Sweep::Remove).unwrap();
        assert_eq!(swept, Swept::default());
    }
}
