//! What one request of an upload sends: bytes in memory, or the rest of a file, which is read as it is
//! sent and can be read again. Knows no protocol.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use artifact_domain::{Digest, Error, ErrorKind, Result};
use bytes::Bytes;
use futures::stream;
use reqwest::Body;
use sha2::Digest as _;
use tokio::task::JoinHandle;

use super::unreadable;

/// How many bytes of a file are read at once.
const CHUNK_BYTES: u64 = 1 << 20;

/// Bytes that can be read from anywhere, more than once.
pub trait Rewind: Read + Seek + Send {}

impl<T: Read + Seek + Send> Rewind for T {}

/// A stretch of an upload.
pub(super) enum Piece {
    Bytes(Bytes),
    File(File),
}

impl Piece {
    /// How many bytes it has.
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(file) => file.length,
        }
    }

    /// Its bytes from `at` on.
    pub(super) fn body(&self, at: u64) -> Body {
        match self {
            Self::Bytes(bytes) => {
                let at = usize::try_from(at).unwrap_or(usize::MAX);
                bytes.slice(at.min(bytes.len())..).into()
            }
            Self::File(file) => file.body(at),
        }
    }

    /// The digest of what was read of it, each byte once.
    pub(super) fn digest(&self) -> Digest {
        let digest = match self {
            Self::Bytes(bytes) => sha2::Sha256::digest(bytes),
            Self::File(file) => lock(&file.shared).hasher.clone().finalize(),
        };
        Digest::new(digest.into())
    }

    /// Why its bytes ended before their end, if it was not the connection.
    pub(super) fn fault(&self) -> Option<Error> {
        match self {
            Self::Bytes(_) => None,
            Self::File(file) => lock(&file.shared).fault.take(),
        }
    }
}

/// A file of a length that was said before.
pub(super) struct File {
    length: u64,
    /// Its name in errors.
    what: Arc<str>,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    file: Box<dyn Rewind>,
    hasher: sha2::Sha256,
    /// How many bytes are hashed.
    hashed: u64,
    fault: Option<Error>,
}

impl File {
    pub(super) fn new(file: Box<dyn Rewind>, length: u64, what: &str) -> Self {
        Self {
            length,
            what: what.into(),
            shared: Arc::new(Mutex::new(Shared {
                file,
                hasher: sha2::Sha256::new(),
                hashed: 0,
                fault: None,
            })),
        }
    }

    fn body(&self, at: u64) -> Body {
        let chunks = Chunks::new(Arc::clone(&self.shared), &self.what, at..self.length);
        Body::wrap_stream(stream::unfold(chunks, |mut chunks| async move {
            Some((chunks.next().await?, chunks))
        }))
    }
}

/// The chunks of a stretch; the next one is read while one is sent. Nobody waits for a body that stands still:
/// it holds the file for the time of one chunk.
struct Chunks {
    shared: Arc<Mutex<Shared>>,
    what: Arc<str>,
    left: Range<u64>,
    next: Option<JoinHandle<Result<Bytes>>>,
}

impl Chunks {
    fn new(shared: Arc<Mutex<Shared>>, what: &Arc<str>, left: Range<u64>) -> Self {
        let what = Arc::clone(what);
        let mut chunks = Self {
            shared,
            what,
            left,
            next: None,
        };
        chunks.ahead();
        chunks
    }

    /// Begins to read the next one.
    fn ahead(&mut self) {
        let begin = self.left.start;
        let end = self.left.end.min(begin.saturating_add(CHUNK_BYTES));
        if begin < end {
            let (shared, what) = (Arc::clone(&self.shared), Arc::clone(&self.what));
            let read = move || lock(&shared).read(begin..end, &what);
            self.next = Some(tokio::task::spawn_blocking(read));
        }
        self.left.start = end;
    }

    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        let read = self.next.take()?.await;
        let read = read.unwrap_or_else(|fault| {
            let message = "the thread that reads stopped";
            Err(Error::new(ErrorKind::Internal, message).with_source(fault))
        });
        match read {
            Ok(chunk) => {
                self.ahead();
                Some(Ok(chunk))
            }
            Err(error) => {
                lock(&self.shared).fault = Some(error);
                Some(Err(io::Error::other("it can't be read")))
            }
        }
    }
}

/// A file that was being read when a thread panicked is read from elsewhere next.
fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn read(&mut self, part: Range<u64>, what: &str) -> Result<Bytes> {
        self.file
            .seek(SeekFrom::Start(part.start))
            .map_err(|error| unreadable(what, error))?;
        let length = part.end - part.start;
        let mut chunk = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        let read = (&mut self.file)
            .take(length)
            .read_to_end(&mut chunk)
            .map_err(|error| unreadable(what, error))?;
        if (read as u64) < length {
            let message = format!("{what} has become shorter while it was read");
            return Err(Error::new(ErrorKind::Conflict, message)
                .with_hint("store it once more when nobody writes to it"));
        }
        self.hash(&chunk, part.end);
        Ok(chunk.into())
    }

    /// Hashes what is new of bytes that end at `end`.
    fn hash(&mut self, bytes: &[u8], end: u64) {
        let new = usize::try_from(end.saturating_sub(self.hashed)).unwrap_or(usize::MAX);
        self.hasher
            .update(&bytes[bytes.len().saturating_sub(new)..]);
        self.hashed = self.hashed.max(end);
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;

    use super::*;

    const CHUNK: usize = 1 << 20;

    async fn read(piece: &Piece, at: u64) -> Option<Vec<u8>> {
        let body = reqwest::Response::from(http::Response::new(piece.body(at)));
        let chunks: Result<Vec<_>, _> = body.bytes_stream().try_collect().await;
        chunks.ok().map(|chunks| chunks.concat())
    }

    fn file(bytes: Vec<u8>, length: usize) -> Piece {
        let file = Box::new(io::Cursor::new(bytes));
        Piece::File(File::new(file, length as u64, "x"))
    }

    #[tokio::test]
    async fn it_is_read_from_anywhere_and_again() {
        let bytes: Vec<_> = (0..3 * CHUNK + 5)
            .map(|at| u8::try_from(at % 251).unwrap())
            .collect();
        for piece in [
            file(bytes.clone(), bytes.len()),
            Piece::Bytes(bytes.clone().into()),
        ] {
            assert_eq!(piece.length(), bytes.len() as u64);
            for at in [0, 7, CHUNK + 1, bytes.len() - 1, bytes.len(), 0] {
                assert!(
                    read(&piece, at as u64).await.unwrap() == bytes[at..],
                    "{at}"
                );
            }
            assert!(piece.fault().is_none());
            let digest = Digest::new(sha2::Sha256::digest(&bytes).into());
            assert_eq!(piece.digest(), digest);
        }
    }

    #[tokio::test]
    async fn what_grows_is_sent_as_far_as_was_said() {
        assert_eq!(read(&file(vec![7; 9], 5), 2).await.unwrap(), [7; 3]);
    }

    #[tokio::test]
    async fn what_becomes_shorter_is_a_fault_and_no_end() {
        let piece = file(vec![7; 5], 9);
        assert_eq!(read(&piece, 0).await, None);
        let fault = piece.fault().unwrap();
        assert_eq!(fault.kind(), ErrorKind::Conflict);
        assert!(
            fault.message().starts_with("x has become shorter"),
            "{fault}"
        );
    }

    #[tokio::test]
    async fn a_body_that_is_let_go_holds_nothing() {
        let piece = file(vec![7; 64 * CHUNK], 64 * CHUNK);
        drop(piece.body(0));
        assert_eq!(read(&piece, 64 * CHUNK_BYTES - 2).await.unwrap(), [7; 2]);
    }
}
