//! The SHA-256 of a stream, on a thread beside it. Knows not what the bytes are.

use artifact_domain::{Digest, Error, ErrorKind, Result};
use bytes::Bytes;
use sha2::Digest as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How many chunks may wait: the fewer, the likelier is one in the processor's cache still.
const WAITING: usize = 4;

/// A digest that grows.
#[derive(Debug)]
pub(crate) struct Hashing {
    chunks: mpsc::Sender<Bytes>,
    digest: JoinHandle<Digest>,
}

impl Hashing {
    pub(crate) fn start() -> Self {
        let (chunks, mut waiting) = mpsc::channel::<Bytes>(WAITING);
        let digest = tokio::task::spawn_blocking(move || {
            let mut hasher = sha2::Sha256::new();
            while let Some(chunk) = waiting.blocking_recv() {
                hasher.update(&chunk);
            }
            Digest::new(hasher.finalize().into())
        });
        Self { chunks, digest }
    }

    /// Takes the next bytes.
    pub(crate) async fn add(&self, chunk: Bytes) {
        // Where the thread is gone, the end says so.
        let _ = self.chunks.send(chunk).await;
    }

    /// The digest of all.
    pub(crate) async fn end(self) -> Result<Digest> {
        drop(self.chunks);
        self.digest.await.map_err(|fault| {
            Error::new(ErrorKind::Internal, "the thread that hashes stopped").with_source(fault)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_the_digest_of_all_bytes() {
        let hashing = Hashing::start();
        hashing.add(Bytes::from_static(b"a")).await;
        hashing.add(Bytes::from_static(b"bc")).await;
        assert_eq!(
            hashing.end().await.unwrap().to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
