//! Getting: one open file for a whole stream, so that it stays on the bytes it began with. Knows
//! neither how they were put nor what they mean.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use artifact_domain::port::ByteStream;
use artifact_domain::{BlobKey, ByteRange, Result};
use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::task::JoinHandle;

use super::{FileStore, blocking, cached, cut_off, is_absence};
use crate::error::{absent, from_io, too_short};

/// How much one trip to the blocking pool reads. Twice as much is held.
const CHUNK_BYTES: u64 = 256 << 10;

/// How much is read at once where it is in memory: copying it takes some 50 µs, a trip to the blocking pool and
/// back, with a thread to wake each way, about as long and more of the processor.
const CACHED_BYTES: u64 = CHUNK_BYTES;

impl FileStore {
    /// What is small and in memory is read at once: a trip to the blocking pool takes longer. Of what else there
    /// is the file is opened and the first chunk read in one trip; of a long one the next chunk is read while
    /// one is on its way.
    pub(crate) async fn get(&self, key: BlobKey, range: Option<ByteRange>) -> Result<ByteStream> {
        let path = self.path_of(&key);
        if self.reads_cached
            && let Some(bytes) = cached(&path, range)
        {
            return Ok(stream::iter([Ok(bytes)]).boxed());
        }
        let (first, reading) = blocking(move || {
            let mut reading = Reading::open(&path, key, range)?;
            Ok((reading.next_chunk(), reading))
        })
        .await?;
        let (first, reading) = match first {
            Ok(Some(first)) if reading.missing > 0 => (first, reading),
            // Nothing follows: the file is closed here.
            only => return Ok(stream::iter(only.transpose()).boxed()),
        };
        let rest = stream::try_unfold(reading.read_ahead(), |next| async {
            let Some(next) = next else {
                return Ok(None);
            };
            let (chunk, reading) = next.await.map_err(cut_off)??;
            Ok(chunk.map(|chunk| (chunk, reading.read_ahead())))
        });
        Ok(stream::iter([Ok(first)]).chain(rest).boxed())
    }
}

/// The bytes of a blob or of a range, if they are few and in memory. Not even an error of it is told here.
fn cached(path: &Path, range: Option<ByteRange>) -> Option<Bytes> {
    if range.is_some_and(|range| range.length() > CACHED_BYTES) {
        return None;
    }
    let file = cached::open(path)?;
    let metadata = file.metadata().ok()?;
    let (offset, length) = match range {
        None => (0, metadata.len()),
        Some(range) => (range.offset(), range.length()),
    };
    let is_whole = offset
        .checked_add(length)
        .is_some_and(|end| end <= metadata.len());
    if !metadata.is_file() || length > CACHED_BYTES || !is_whole {
        return None;
    }
    cached::read(&file, offset, usize::try_from(length).ok()?).map(Bytes::from)
}

/// A chunk, and what follows it.
type Next = (Option<Bytes>, Reading);

/// A file that is being read, and how many bytes it still owes.
struct Reading {
    file: File,
    key: BlobKey,
    missing: u64,
}

impl Reading {
    fn open(path: &Path, key: BlobKey, range: Option<ByteRange>) -> Result<Self> {
        match Self::try_open(path, range) {
            Ok(Some((file, missing))) => Ok(Self { file, key, missing }),
            Ok(None) => Err(absent(&key)),
            Err(cause) if is_absence(&cause) => Err(absent(&key).with_source(cause)),
            Err(cause) => Err(from_io(format_args!("get blob `{key}`"), cause)),
        }
    }

    /// The file at the beginning of the range, and the length of the range. Nothing where it is
    /// no file.
    fn try_open(path: &Path, range: Option<ByteRange>) -> io::Result<Option<(File, u64)>> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let size = metadata.len();
        let Some(range) = range else {
            return Ok(Some((file, size)));
        };
        if range.offset() > 0 {
            // Beyond the end there is nothing to read, and some offsets can't even be sought.
            file.seek(SeekFrom::Start(range.offset().min(size)))?;
        }
        Ok(Some((file, range.length())))
    }

    /// Reads the next chunk, if there is one, whether or not somebody waits for it by now.
    fn read_ahead(mut self) -> Option<JoinHandle<Result<Next>>> {
        (self.missing > 0)
            .then(|| tokio::task::spawn_blocking(move || Ok((self.next_chunk()?, self))))
    }

    fn next_chunk(&mut self) -> Result<Option<Bytes>> {
        if self.missing == 0 {
            return Ok(None);
        }
        let chunk = self
            .read(self.missing.min(CHUNK_BYTES))
            .map_err(|cause| from_io(format_args!("get blob `{}`", self.key), cause))?;
        if chunk.is_empty() {
            return Err(too_short(&self.key, self.missing));
        }
        self.missing -= chunk.len() as u64;
        Ok(Some(chunk.into()))
    }

    /// So many bytes, or fewer at the end of the file.
    fn read(&mut self, length: u64) -> io::Result<Vec<u8>> {
        let capacity = usize::try_from(length).expect("a chunk is 256 KiB at most");
        let mut chunk = Vec::with_capacity(capacity);
        (&mut self.file).take(length).read_to_end(&mut chunk)?;
        Ok(chunk)
    }
}

#[cfg(test)]
mod tests {
    use artifact_domain::ErrorKind;
    use artifact_domain::port::PutOptions;
    use artifact_testkit::{body, collect, sample};

    use super::super::{Durability, FsOptions};
    use super::*;

    #[tokio::test]
    async fn what_is_in_memory_is_read_as_anything_else_is() {
        let root = tempfile::tempdir().unwrap();
        let quick = FileStore::open(FsOptions {
            root: root.path().to_owned(),
            durability: Durability::Relaxed,
        });
        let quick = quick.unwrap();
        let usual = FileStore {
            reads_cached: false,
            ..quick.clone()
        };
        let limit = usize::try_from(CACHED_BYTES).unwrap();
        for length in [0, 1, 4_096, limit, limit + 1, 300_000] {
            let key = sample::blob_key("x");
            let bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
            let put = quick.put(key.clone(), body(bytes.clone()), PutOptions::default());
            put.await.unwrap();
            let end = length as u64;
            let mut ranges = vec![None];
            for (offset, length) in [(0, 0), (0, end), (end / 2, end / 2), (end, 1), (end, 0)] {
                ranges.push(Some(ByteRange::new(offset, length).unwrap()));
            }
            ranges.push(Some(ByteRange::new(u64::MAX - 1, 1).unwrap()));
            for range in ranges {
                let mut read = Vec::new();
                for store in [&quick, &usual] {
                    let stream = store.get(key.clone(), range).await.unwrap();
                    let all = collect(stream).await;
                    read.push(all.map_err(|error| (error.kind(), error.to_string())));
                }
                assert_eq!(read[0], read[1], "{length} bytes, {range:?}");
            }
        }
        for store in [&quick, &usual] {
            let missing = store.get(sample::blob_key("missing"), None).await;
            assert_eq!(missing.err().unwrap().kind(), ErrorKind::NotFound);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn nothing_is_in_memory_that_is_no_file_or_not_there() {
        let root = tempfile::tempdir().unwrap();
        if !cached::is_possible(root.path()) {
            eprintln!("NOT TRIED: what is in memory, since the file system does not tell");
            return;
        }
        let file = root.path().join("file");
        std::fs::write(&file, "12345").unwrap();
        assert_eq!(cached(&file, None).as_deref(), Some(&b"12345"[..]));
        let range = |offset, length| Some(ByteRange::new(offset, length).unwrap());
        assert_eq!(cached(&file, range(1, 3)).as_deref(), Some(&b"234"[..]));
        assert_eq!(cached(&file, range(1, 5)), None);
        assert_eq!(cached(root.path(), None), None);
        assert_eq!(cached(&root.path().join("missing"), None), None);
    }
}
