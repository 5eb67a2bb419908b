//! Files that are being put: named so that no two are alike, removed unless they are published,
//! swept when a crash left them. Knows no blobs.

use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, BufWriter, Write};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use artifact_domain::port::Swept;
use artifact_domain::{Result, Timestamp};
use bytes::Bytes;

use super::touch::touch;
use super::{modified_at, unnamed};
use crate::error::from_io;

/// Chunks below this are gathered, so that tiny ones do not cost a write each.
const WRITE_BUFFER_BYTES: usize = 64 << 10;

/// How much is written with one call. For more of it Linux takes larger blocks of memory, which a virtual
/// machine may have to get from its host first: that takes up to ten times as long as the copy.
const PIECE_BYTES: usize = 128 << 10;

/// Tells this process's files from those of any other, on this machine or another.
static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().build_hasher().finish());

static COUNT: AtomicU64 = AtomicU64::new(0);

/// A file that is gone when it is dropped, unless it was published.
#[derive(Debug)]
pub(super) struct TempFile {
    file: File,
    /// Where it will get a name, if it needs one before its place.
    folder: PathBuf,
    name: Name,
}

/// What a temporary file is called.
#[derive(Debug)]
enum Name {
    /// Nothing at all: the system takes it away with its last descriptor.
    None,
    /// A name of its own. It is locked for as long as it lives, so that a sweep by whatever
    /// process can tell a slow put from one that was cut off. Where the file system knows no locks
    /// its age alone tells.
    Own(PathBuf),
    /// One beside that of whoever has written it, otherwise the same.
    Further(PathBuf),
    /// That of a blob.
    Place,
}

impl TempFile {
    /// A new, empty file in a directory, which is made when it is missing.
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        let path = own_name(folder);
        let file = in_folder(folder, || File::create_new(&path))?;
        lock(&file, &path);
        Ok(Self {
            file,
            folder: folder.to_owned(),
            name: Name::Own(path),
        })
    }

    /// A new, empty file without a name, which costs less than half of one with a name.
    /// `Unsupported` where the system or the file system has no such files.
    pub(super) fn create_unnamed(folder: &Path) -> io::Result<Self> {
        let file = in_folder(folder, || unnamed::create(folder))?;
        Ok(Self {
            file,
            folder: folder.to_owned(),
            name: Name::None,
        })
    }

    /// A further name for a file of the same file system that somebody else has written or still writes.
    pub(super) fn link(folder: &Path, original: &Path) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(original)?;
        let its_folder = in_folder(folder, || fs::metadata(folder))?;
        if !metadata.is_file() || !has_group_of(&its_folder, &metadata) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let file = File::open(original)?;
        let path = own_name(folder);
        // Before it is seen here: a sweep takes away what is old and not locked.
        lock(&file, &path);
        touch(&file)?;
        fs::hard_link(original, &path)?;
        Ok(Self {
            file,
            folder: folder.to_owned(),
            name: Name::Further(path),
        })
    }

    pub(super) fn append(&mut self, chunks: &[Bytes]) -> io::Result<()> {
        let mut writer = BufWriter::with_capacity(WRITE_BUFFER_BYTES, &self.file);
        for piece in chunks.iter().flat_map(|chunk| chunk.chunks(PIECE_BYTES)) {
            writer.write_all(piece)?;
        }
        writer.flush()
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Whether it has no name, so that naming it changes the file itself and not its directory
    /// alone.
    pub(super) fn is_unnamed(&self) -> bool {
        matches!(self.name, Name::None)
    }

    /// Gives the file its place, over whatever was there. Fails with `NotFound` where the
    /// directory of that place is missing, or the file itself was taken away.
    pub(super) fn publish(&mut self, place: &Path) -> io::Result<()> {
        if self.is_unnamed() {
            match unnamed::link(&self.file, place) {
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => self.take_a_name()?,
                done => {
                    done?;
                    self.name = Name::Place;
                    return Ok(());
                }
            }
        }
        if let Name::Own(path) | Name::Further(path) = &self.name {
            fs::rename(path, place)?;
            if let Name::Further(path) = mem::replace(&mut self.name, Name::Place) {
                // Where the place is a name of the very file already, a rename leaves both.
                let _ = fs::remove_file(path);
            }
        }
        Ok(())
    }

    /// A link replaces nothing, a rename does.
    fn take_a_name(&mut self) -> io::Result<()> {
        let path = own_name(&self.folder);
        lock(&self.file, &path);
        unnamed::link(&self.file, &path)?;
        self.name = Name::Own(path);
        Ok(())
    }

    /// Whether nobody took it away.
    pub(super) fn is_there(&self) -> bool {
        match &self.name {
            Name::Own(path) | Name::Further(path) => path.exists(),
            Name::None | Name::Place => true,
        }
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if let Name::Own(path) | Name::Further(path) = &self.name
            && let Err(cause) = fs::remove_file(path)
        {
            tracing::warn!(path = %path.display(), error = %cause, "temporary file left behind");
        }
    }
}

/// Whether the file has the group that a new one in `folder` would get, where the folder gives it one.
#[cfg(unix)]
fn has_group_of(folder: &fs::Metadata, file: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    const SET_GROUP: u32 = 0o2000;
    folder.mode() & SET_GROUP == 0 || folder.gid() == file.gid()
}

#[cfg(not(unix))]
fn has_group_of(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}

fn own_name(folder: &Path) -> PathBuf {
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    folder.join(format!("{:016x}-{number}", *PROCESS))
}

fn lock(file: &File, path: &Path) {
    if let Err(cause) = file.try_lock() {
        tracing::debug!(path = %path.display(), error = %cause, "temporary file without a lock");
    }
}

/// Makes the directory if what is created in it misses it.
fn in_folder<T>(folder: &Path, create: impl Fn() -> io::Result<T>) -> io::Result<T> {
    match create() {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => match fs::create_dir(folder) {
            Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => Err(cause),
            _ => create(),
        },
        done => done,
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
    Ok(Some(freed_bytes(&metadata)))
}

/// How many bytes its removal frees: none of a file that has another name too.
#[cfg(unix)]
fn freed_bytes(metadata: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;

    match metadata.nlink() {
        0 | 1 => metadata.len(),
        _ => 0,
    }
}

#[cfg(not(unix))]
fn freed_bytes(metadata: &fs::Metadata) -> u64 {
    metadata.len()
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

    #[cfg(target_os = "linux")]
    #[test]
    fn what_has_no_name_is_published_and_replaces_what_is_there() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join(".tmp");
        let place = temp.path().join("blob");
        for text in ["first", "second"] {
            let mut file = match TempFile::create_unnamed(&folder) {
                Err(cause) if cause.kind() == io::ErrorKind::Unsupported => {
                    eprintln!("NOT TRIED: files without names, since there are none here: {cause}");
                    return;
                }
                file => file.unwrap(),
            };
            assert!(file.is_unnamed() && file.is_there());
            file.append(&[Bytes::from(text)]).unwrap();
            let missing = file.publish(&temp.path().join("missing/blob"));
            assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
            assert_eq!(names(&folder), 0);
            file.publish(&place).unwrap();
            assert!(!file.is_unnamed());
            drop(file);
            assert_eq!(fs::read(&place).unwrap(), text.as_bytes());
            assert_eq!(names(&folder), 0);
        }
        drop(TempFile::create_unnamed(&folder).unwrap());
        assert_eq!(names(&folder), 0);
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

    #[cfg(target_os = "linux")]
    #[test]
    fn a_further_name_is_swept_without_its_bytes() {
        let temp = tempfile::tempdir().unwrap();
        let original = temp.path().join("original");
        fs::write(&original, "12345").unwrap();
        let folder = temp.path().join(".tmp");
        drop(TempFile::link(&folder, &original).unwrap());
        assert_eq!(names(&folder), 0);
        let swept = || {
            let swept = sweep(&folder, Timestamp::MAX, Sweep::Remove).unwrap();
            (swept.count, swept.size_bytes)
        };
        let linked = TempFile::link(&folder, &original).unwrap();
        assert_eq!((swept(), names(&folder)), ((0, 0), 1));
        drop(linked);
        // As a crash leaves it.
        fs::hard_link(&original, folder.join("left")).unwrap();
        fs::write(folder.join("alone"), "123").unwrap();
        assert_eq!(swept(), (2, 3));
        assert_eq!(fs::read(&original).unwrap(), b"12345");
    }

    #[test]
    fn where_nothing_was_ever_put_there_is_nothing_to_sweep() {
        let temp = tempfile::tempdir().unwrap();
        let swept = sweep(&temp.path().join(".tmp"), Timestamp::MAX, Sweep::Remove).unwrap();
        assert_eq!(swept, Swept::default());
    }
}
