//! Putting: a stream goes into a temporary file, which is made durable and renamed into place.
//! Knows the order of those steps; how each is done is the business of its neighbours.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use artifact_domain::port::{BlobStat, ByteStream, PutOptions};
use artifact_domain::{BlobKey, Error, ErrorKind, Result};
use bytes::Bytes;
use futures::{TryStreamExt, try_join};

use super::temp_file::TempFile;
use super::touch::touch;
use super::{Durability, FileStore, TEMP_FOLDER, blocking, stat_of};
use crate::error::from_io;

/// How much is gathered before it is written: what fits is put in one trip to the blocking pool,
/// and what does not costs one trip per batch. Two batches are held at most.
const BATCH_BYTES: usize = 1 << 20;

/// Bounds what is held for streams of tiny chunks.
const BATCH_CHUNKS: usize = 4_096;

/// How often a directory may be removed from under a put before it gives up.
const MAX_RENAMES: usize = 10_000;

impl FileStore {
    /// A file keeps no media type, and takes bytes as they come: only what is derived is put in
    /// another way, without a sync.
    pub(crate) async fn put(
        &self,
        key: BlobKey,
        mut body: ByteStream,
        options: PutOptions,
    ) -> Result<BlobStat> {
        let durability = if options.derived {
            Durability::Relaxed
        } else {
            self.durability
        };
        let claim = Claim::default();
        if let Some(copy) = options.local_copy
            && let Some(linked) = self.link(copy).await?
        {
            let right = claim.share();
            return self.put_linked(key, body, linked, right, durability).await;
        }
        let mut batch = Batch::gather(&mut body).await?;
        let mut temp = None;
        while !batch.is_last {
            let (store, blob) = (self.clone(), key.clone());
            let write = blocking(move || store.append(temp, &batch.chunks, &blob));
            // A failed write ends the put at once. A failed stream waits for the write, so that
            // the temporary file is gone when the put returns.
            let gather = async { Ok(Batch::gather(&mut body).await) };
            let (written, next) = try_join!(write, gather)?;
            temp = Some(written);
            batch = next?;
        }
        let (store, right) = (self.clone(), claim.share());
        blocking(move || {
            let temp = match temp {
                None => store
                    .small_temp_file()
                    .map(Some)
                    .map_err(|cause| put_failed(&key, cause))?,
                begun => begun,
            };
            let temp = store.append(temp, &batch.chunks, &key)?;
            store.publish(temp, &key, &right, durability)
        })
        .await
    }

    /// A further name for a file that is to become a blob; none where it can't have one here, and must be
    /// written as any other.
    async fn link(&self, file: PathBuf) -> Result<Option<TempFile>> {
        let folder = self.root.join(TEMP_FOLDER);
        blocking(move || {
            Ok(TempFile::link(&folder, &file)
                .inspect_err(|cause| {
                    tracing::debug!(path = %file.display(), error = %cause, "written once more");
                })
                .ok())
        })
        .await
    }

    /// Publishes a file under its further name once the stream has ended, which brings the same bytes.
    async fn put_linked(
        &self,
        key: BlobKey,
        mut body: ByteStream,
        linked: TempFile,
        right: Claim,
        durability: Durability,
    ) -> Result<BlobStat> {
        let mut size_bytes = 0;
        while let Some(chunk) = body.try_next().await? {
            size_bytes += chunk.len() as u64;
        }
        let store = self.clone();
        blocking(move || {
            let file = linked.file();
            let prepare = || {
                // It is published now, whenever it was written.
                touch(file)?;
                // Whatever is promised: its first name may be the one that survives a loss of power, and whoever
                // goes on with what is found there must not find less than the blob has. That it has more than
                // one name survives too.
                file.sync_all()?;
                Ok(file.metadata()?.len())
            };
            let found = prepare().map_err(|cause| put_failed(&key, cause))?;
            if found != size_bytes {
                let message = format!(
                    "put blob `{key}`: its local copy has {found} bytes, {size_bytes} came"
                );
                return Err(Error::new(ErrorKind::Integrity, message));
            }
            store.publish(linked, &key, &right, durability)
        })
        .await
    }

    /// For what is put in one go: nobody has to tell whether it is still being written.
    fn small_temp_file(&self) -> io::Result<TempFile> {
        let folder = self.root.join(TEMP_FOLDER);
        if self.unnamed.load(Ordering::Relaxed) {
            match TempFile::create_unnamed(&folder) {
                Err(cause) if cause.kind() == io::ErrorKind::Unsupported => {
                    self.unnamed.store(false, Ordering::Relaxed);
                }
                done => return done,
            }
        }
        TempFile::create(&folder)
    }

    fn append(&self, temp: Option<TempFile>, chunks: &[Bytes], key: &BlobKey) -> Result<TempFile> {
        let temp = temp.map_or_else(|| TempFile::create(&self.root.join(TEMP_FOLDER)), Ok);
        temp.and_then(|mut temp| {
            temp.append(chunks)?;
            Ok(temp)
        })
        .map_err(|cause| put_failed(key, cause))
    }

    /// An error after the rename leaves a blob that is whole and may not be durable: taking it
    /// away again could not bring back the one that it replaced.
    fn publish(
        &self,
        mut temp: TempFile,
        key: &BlobKey,
        right: &Claim,
        durability: Durability,
    ) -> Result<BlobStat> {
        let failed = |cause| put_failed(key, cause);
        let stat = stat_of(&temp.file().metadata().map_err(failed)?);
        if durability == Durability::Full {
            temp.file().sync_data().map_err(failed)?;
        }
        let Some(publishing) = right.take() else {
            let message = format!("put blob `{key}`: given up by its caller");
            return Err(Error::new(ErrorKind::Internal, message));
        };
        let place = self.path_of(key);
        let folder = place.parent().unwrap_or(&self.root);
        let was_unnamed = temp.is_unnamed();
        let done = self.rename(&mut temp, &place, folder);
        drop(publishing);
        done.inspect_err(|_| self.folders.prune(folder))
            .and_then(|()| match durability {
                Durability::Full => {
                    if was_unnamed {
                        // The file knows how many names it has; where no journal ties that to the
                        // directory, the first name is lost unless the file is synced again.
                        temp.file().sync_all()?;
                    }
                    self.folders.sync(folder)
                }
                Durability::Relaxed => {
                    self.folders.leave_unsynced(folder);
                    Ok(())
                }
            })
            .map_err(failed)?;
        Ok(stat)
    }

    /// The directory is there more often than not, so it is made only when the rename misses it;
    /// and again whenever a delete removes it before the rename comes to use it.
    fn rename(&self, temp: &mut TempFile, place: &Path, folder: &Path) -> io::Result<()> {
        for _ in 0..MAX_RENAMES {
            match temp.publish(place) {
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
                done => return done,
            }
            if !temp.is_there() {
                let message = "the temporary file was taken away";
                return Err(io::Error::other(message));
            }
            match self.folders.create(folder) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
                _ => {}
            }
        }
        let message = "the directory is removed again and again";
        Err(io::Error::new(io::ErrorKind::ResourceBusy, message))
    }
}

/// A put fails with `NotFound` only where the root itself is gone.
fn put_failed(key: &BlobKey, cause: io::Error) -> Error {
    if cause.kind() == io::ErrorKind::NotFound {
        let message = format!("put blob `{key}`: the directory of the store is gone");
        return Error::new(ErrorKind::Unavailable, message)
            .with_hint("mount or create it again, or open the store anew")
            .with_source(cause);
    }
    from_io(format_args!("put blob `{key}`"), cause)
}

/// Chunks that are written together.
struct Batch {
    chunks: Vec<Bytes>,
    is_last: bool,
}

impl Batch {
    async fn gather(body: &mut ByteStream) -> Result<Self> {
        let mut chunks = Vec::new();
        let mut size_bytes = 0;
        while size_bytes < BATCH_BYTES && chunks.len() < BATCH_CHUNKS {
            match body.try_next().await? {
                Some(chunk) => {
                    size_bytes += chunk.len();
                    chunks.push(chunk);
                }
                None => {
                    return Ok(Self {
                        chunks,
                        is_last: true,
                    });
                }
            }
        }
        Ok(Self {
            chunks,
            is_last: false,
        })
    }
}

/// The right to publish. It can be taken once: by the work on the blocking pool, which can't be
/// stopped, or by the future of the put when it is dropped, after which nothing may appear. So a
/// drop that comes while the work is at it waits until the blob is there: whoever gave the put up
/// finds it then, and can delete it.
#[derive(Default)]
struct Claim(Arc<Mutex<bool>>);

impl Claim {
    fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// The right, for as long as it is held; none if it was taken before.
    fn take(&self) -> Option<MutexGuard<'_, bool>> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!std::mem::replace(&mut *taken, true)).then_some(taken)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_taken_once_and_by_the_drop_of_either_side() {
        let claim = Claim::default();
        let right = claim.share();
        assert!(right.take().is_some() && right.take().is_none() && claim.take().is_none());
        let claim = Claim::default();
        let right = claim.share();
        drop(claim);
        assert!(right.take().is_none());
    }

    #[test]
    fn who_gives_up_waits_until_the_blob_is_there() {
        let claim = Claim::default();
        let right = claim.share();
        let publishing = right.take().unwrap();
        let (dropped, drops) = std::sync::mpsc::channel();
        let giving_up = std::thread::spawn(move || {
            drop(claim);
            dropped.send(()).unwrap();
        });
        let early = drops.recv_timeout(std::time::Duration::from_millis(50));
        assert!(early.is_err(), "it did not wait");
        drop(publishing);
        drops.recv().unwrap();
        giving_up.join().unwrap();
    }
}
