//! What one request of an upload sends: bytes in memory, or the rest of a file, which is read as it is
//! sent and can be read again. Knows no protocol.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use artifact_domain::{Digest, Error, ErrorKind, Result};
use bytes::Bytes;
use futures::stream;
use reqwest::Body;
use sha2::Digest as _;
use tokio::sync::mpsc;

use super::unreadable;

/// How many bytes of a file are read at once, and how many such chunks may wait.
const CHUNK_BYTES: usize = 256 << 10;
const WAITING: usize = 8;

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
        let (sender, receiver) = mpsc::channel(WAITING);
        let (shared, what) = (Arc::clone(&self.shared), Arc::clone(&self.what));
        let left = self.length.saturating_sub(at);
        // A body that is dropped ends the thread, which the next one waits for.
        tokio::task::spawn_blocking(move || {
            let mut shared = lock(&shared);
            if let Err(error) = shared.send(at, left, &what, &sender) {
                shared.fault = Some(error);
                let _ = sender.blocking_send(Err(io::Error::other("it can't be read")));
            }
        });
        Body::wrap_stream(stream::unfold(receiver, |mut receiver| async move {
            Some((receiver.recv().await?, receiver))
        }))
    }
}

/// A file that was being read when a thread panicked is read from elsewhere next.
fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn send(
        &mut self,
        mut at: u64,
        mut left: u64,
        what: &str,
        chunks: &mpsc::Sender<io::Result<Bytes>>,
    ) -> Result<()> {
        self.file
            .seek(SeekFrom::Start(at))
            .map_err(|error| unreadable(what, error))?;
        while left > 0 {
            let mut chunk = Vec::with_capacity(CHUNK_BYTES);
            let read = (&mut self.file)
                .take(left.min(CHUNK_BYTES as u64))
                .read_to_end(&mut chunk)
                .map_err(|error| unreadable(what, error))?;
            if read == 0 {
                let message = format!("{what} has become shorter while it was read");
                return Err(Error::new(ErrorKind::Conflict, message)
                    .with_hint("store it once more when nobody writes to it"));
            }
            let chunk = Bytes::from(chunk);
            left = left.saturating_sub(read as u64);
            at += read as u64;
            if chunks.blocking_send(Ok(chunk.clone())).is_err() {
                return Ok(());
            }
            // While it is on its way.
            self.hash(&chunk, at);
        }
        Ok(())
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
        let bytes: Vec<_> = (0..3 * CHUNK_BYTES + 5)
            .map(|at| u8::try_from(at % 251).unwrap())
            .collect();
        for piece in [
            file(bytes.clone(), bytes.len()),
            Piece::Bytes(bytes.clone().into()),
        ] {
            assert_eq!(piece.length(), bytes.len() as u64);
            for at in [0, 7, CHUNK_BYTES + 1, bytes.len() - 1, bytes.len(), 0] {
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
        let piece = file(vec![7; 64 * CHUNK_BYTES], 64 * CHUNK_BYTES);
        drop(piece.body(0));
        assert_eq!(
            read(&piece, 64 * CHUNK_BYTES as u64 - 2).await.unwrap(),
            [7; 2]
        );
    }
}
