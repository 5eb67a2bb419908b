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

use super::{FileStore, blocking, cut_off, is_absence};
use crate::error::{absent, from_io, too_short};

/// How much one trip to the blocking pool reads. Twice as much is held.
const CHUNK_BYTES: u64 = 256 << 10;

impl FileStore {
    /// Opens the file and reads the first chunk in one trip: for a small blob that is all. Of a longer one the
    /// next chunk is read while one is on its way.
    pub(crate) async fn get(&self, key: BlobKey, range: Option<ByteRange>) -> Result<ByteStream> {
        let path = self.path_of(&key);
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
