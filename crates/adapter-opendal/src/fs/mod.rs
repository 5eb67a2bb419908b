//! Blobs as plain files below one directory. Knows the file system, and nothing of OpenDAL.
//!
//! ```text
//! ROOT/artifacts/…    the blobs, each at the path that its key says
//! ROOT/.tmp/…         what is being put, renamed into place once it is whole
//! ```
//!
//! This is written on `std::fs`, on the blocking pool: OpenDAL's own `fs` service (0.59.5) was
//! measured beside it in the same run, and read, and costs or lacks too much. 4 KiB blobs, 4 busy
//! cores, medians of 7 rounds:
//!
//! | | OpenDAL | here |
//! | --- | --- | --- |
//! | gets per second, 1 / 16 at once | 2,400 / 4,000 (a 2 MiB buffer each); with a stat first, to bound the buffer, 7,700 / 32,000 | 11,900 / 80,500: one trip to the pool; 19,800 / 171,000 of what is in memory, without one |
//! | listing 4,000, ms | 82: two trips per entry | 7: one trip per thousand |
//! | puts per second on tmpfs, 1 / 16 at once | 2,500 / 13,900: ten trips | 9,500 / 58,000: one trip |
//! | puts per second on ext4, where the disk decides, 16 at once | 2,260 | 2,290 |
//! | what a get reads | the size by path, the bytes by a later open: maybe of two different blobs | one open file gives both |
//! | what a put syncs | the file, always; no directory | all that is needed, or nothing |
//! | a directory that goes while a put is under way | fails the put | is made again |
//! | names in a listing | trimmed and forced to UTF-8: a folder `a ` lists `a` twice | as they are |

mod cached;
mod doctor;
mod folders;
mod publish;
mod read;
mod temp_file;
mod touch;
mod unnamed;
mod walk;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::UNIX_EPOCH;

use artifact_domain::port::{BlobFailure, BlobStat, Swept};
use artifact_domain::{BlobKey, Error, ErrorKind, Result, Timestamp};

use tokio::task::JoinError;

use crate::error::{absent, from_io};
pub use doctor::examine_folder;
use folders::Folders;
use temp_file::Sweep;

/// Where what is being put lies, below the root: on the same file system as the blobs, since it is
/// renamed into place, and outside of what listings see.
const TEMP_FOLDER: &str = ".tmp";

/// Below which directories come and go with their blobs.
const BLOB_FOLDER: &str = "artifacts";

/// Whether an acknowledged put survives a loss of power.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// It does: file, directory and every directory made for it are synced first.
    #[default]
    Full,
    /// It survives a crash of the process only. Nothing is ever synced.
    Relaxed,
}

/// Where and how blobs are kept as files.
#[derive(Debug, Clone)]
pub struct FsOptions {
    /// The directory to keep them in; created when it is missing. May be a symbolic link.
    pub root: PathBuf,
    /// What a put promises once it returns.
    pub durability: Durability,
}

/// Blobs below one directory. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct FileStore {
    root: Arc<Path>,
    durability: Durability,
    folders: Arc<Folders>,
    /// Whether there are files without a name here, as far as it is known.
    unnamed: Arc<AtomicBool>,
    /// Whether small blobs can be read without waiting.
    reads_cached: bool,
}

impl FileStore {
    /// Opens a directory, and creates it when it is missing. Blocks.
    pub(crate) fn open(options: FsOptions) -> Result<Self> {
        let FsOptions { root, durability } = options;
        let failed = |cause: io::Error| {
            let shown = root.display();
            match cause.kind() {
                io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => Error::new(
                    ErrorKind::InvalidInput,
                    format!("open blob store `{shown}`: it is no directory, or lies below a file"),
                )
                .with_hint("choose another directory, or move the file out of the way")
                .with_source(cause),
                _ => from_io(format_args!("open blob store `{shown}`"), cause),
            }
        };
        let root: Arc<Path> = folders::create_root(&root, durability)
            .map_err(failed)?
            .into();
        Ok(Self {
            folders: Arc::new(Folders::new(Arc::clone(&root), durability)),
            unnamed: Arc::new(AtomicBool::new(unnamed::can_be_linked())),
            reads_cached: cached::is_possible(&root),
            root,
            durability,
        })
    }

    pub(crate) async fn stat(&self, key: BlobKey) -> Result<BlobStat> {
        let path = self.path_of(&key);
        blocking(move || match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => Ok(stat_of(&metadata)),
            Ok(_) => Err(absent(&key)),
            Err(cause) if is_absence(&cause) => Err(absent(&key).with_source(cause)),
            Err(cause) => Err(from_io(format_args!("stat blob `{key}`"), cause)),
        })
        .await
    }

    pub(crate) async fn delete(&self, keys: Vec<BlobKey>) -> Result<Vec<BlobFailure>> {
        let store = self.clone();
        blocking(move || Ok(store.delete_now(keys))).await
    }

    fn delete_now(&self, keys: Vec<BlobKey>) -> Vec<BlobFailure> {
        let mut failures = Vec::new();
        let mut removed = BTreeMap::<PathBuf, Vec<BlobKey>>::new();
        for key in keys {
            let path = self.path_of(&key);
            match std::fs::remove_file(&path) {
                Err(cause) if !is_absence(&cause) => {
                    let error = from_io(format_args!("delete blob `{key}`"), cause);
                    failures.push(BlobFailure { key, error });
                }
                // What is not there may have been removed just now, and not for good yet.
                _ => {
                    let folder = path.parent().unwrap_or(&self.root);
                    removed.entry(folder.to_owned()).or_default().push(key);
                }
            }
        }
        for (folder, keys) in removed {
            self.folders.prune(&folder);
            if let Err(cause) = self.folders.sync_removal(&folder) {
                failures.extend(keys.into_iter().map(|key| {
                    let cause = io::Error::new(cause.kind(), cause.to_string());
                    let error = from_io(format_args!("delete blob `{key}` for good"), cause);
                    BlobFailure { key, error }
                }));
            }
        }
        failures
    }

    pub(crate) async fn leftovers(&self, older_than: Timestamp) -> Result<Swept> {
        let folder = self.root.join(TEMP_FOLDER);
        blocking(move || temp_file::sweep(&folder, older_than, Sweep::Count)).await
    }

    pub(crate) async fn sweep(&self, older_than: Timestamp) -> Result<Swept> {
        let folder = self.root.join(TEMP_FOLDER);
        blocking(move || temp_file::sweep(&folder, older_than, Sweep::Remove)).await
    }

    /// A key's components are safe on every file system: the key's type sees to that.
    fn path_of(&self, key: &BlobKey) -> PathBuf {
        self.root.join(key.as_str())
    }
}

/// Runs on the blocking pool. When its future is dropped the work still runs to its end.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|cause| Err(cut_off(cause)))
}

fn cut_off(cause: JoinError) -> Error {
    let message = "work on the file system was cut off: the runtime is shutting down";
    Error::new(ErrorKind::Internal, message).with_source(cause)
}

/// Whether there is nothing at a path: no such entry, or a file where its directory would be.
fn is_absence(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn stat_of(metadata: &std::fs::Metadata) -> BlobStat {
    BlobStat {
        size_bytes: metadata.len(),
        modified_at: modified_at(metadata),
    }
}

/// When a file was last written, cut to the microsecond; nothing where the system does not say.
fn modified_at(metadata: &std::fs::Metadata) -> Option<Timestamp> {
    let time = metadata.modified().ok()?;
    let micros = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).ok()?,
        Err(before) => -i64::try_from(before.duration().as_micros()).ok()?,
    };
    Timestamp::from_micros(micros).ok()
}
