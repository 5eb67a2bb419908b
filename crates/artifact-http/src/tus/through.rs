//! Bytes of an upload that go on into the store while they are written down, so that nobody reads them
//! once more afterwards. Knows no headers.

use std::fs::File;

use artifact_domain::port::ByteStream;
use artifact_domain::{Error, ErrorKind};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio_util::io::ReaderStream;
use tokio_util::sync::CancellationToken;

/// How often bytes may be passed on before the store takes them.
const WAITING: usize = 1;

/// How many bytes are read at once of what came before.
const CHUNK_BYTES: usize = 256 << 10;

/// The way into the store.
#[derive(Debug)]
pub(super) struct Through {
    passed: mpsc::Sender<Passed>,
    /// Cancelled once the store wants no byte of it, and never will.
    pub(super) refused: CancellationToken,
    compresses: CancellationToken,
}

#[derive(Debug)]
enum Passed {
    Bytes(Vec<Bytes>),
    /// All bytes are there, and are the right ones.
    End,
}

impl Through {
    /// The way, and what comes out of it: the first `count` bytes of `before`, then what is passed on.
    /// It ends well only if that is said. From when `compresses` is cancelled on, whatever was or will be passed
    /// on is written down compressed.
    pub(super) fn new(
        before: File,
        count: u64,
        compresses: CancellationToken,
    ) -> (Self, ByteStream) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let way = Self {
            passed: sender,
            refused: CancellationToken::new(),
            compresses,
        };
        let before = tokio::fs::File::from_std(before).take(count);
        let before = ReaderStream::with_capacity(before, CHUNK_BYTES).map_err(|cause| {
            let message = "what came of the upload before can't be read";
            Error::new(ErrorKind::Internal, message).with_source(cause)
        });
        let passed = stream::try_unfold(receiver, |mut receiver| async move {
            match receiver.recv().await {
                Some(Passed::Bytes(bytes)) => {
                    let chunks = stream::iter(bytes.into_iter().map(Ok));
                    Ok(Some((chunks, receiver)))
                }
                Some(Passed::End) => Ok(None),
                None => {
                    let message = "the bytes that are missing have not come";
                    Err(Error::new(ErrorKind::Unavailable, message).lasting())
                }
            }
        });
        (way, Box::pin(before.chain(passed.try_flatten())))
    }

    /// Whether what is passed on is written down behind it, so that nobody else needs to.
    pub(super) fn is_written_down(&self) -> bool {
        self.compresses.is_cancelled()
    }

    /// Passes bytes on. A store that has stopped to listen says itself why.
    pub(super) async fn pass(&self, bytes: Vec<Bytes>) {
        let _ = self.passed.send(Passed::Bytes(bytes)).await;
    }

    /// Says that this was all.
    pub(super) async fn end(self) {
        let _ = self.passed.send(Passed::End).await;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn way(before: &[u8], count: u64) -> (Through, ByteStream) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(before).unwrap();
        Through::new(file.reopen().unwrap(), count, CancellationToken::new())
    }

    #[tokio::test]
    async fn what_came_before_comes_first() {
        let (way, stream) = way(b"abcdef", 4);
        let send = async {
            way.pass(vec![Bytes::from_static(b"1"), Bytes::from_static(b"2")])
                .await;
            way.end().await;
        };
        let ((), all) = tokio::join!(send, stream.try_collect::<Vec<_>>());
        assert_eq!(all.unwrap().concat(), b"abcd12");
    }

    #[tokio::test]
    async fn what_is_not_ended_is_cut_off() {
        let (way, mut stream) = way(b"", 0);
        way.pass(vec![Bytes::from_static(b"1"), Bytes::from_static(b"2")])
            .await;
        drop(way);
        assert_eq!(stream.next().await.unwrap().unwrap(), &b"1"[..]);
        assert_eq!(stream.next().await.unwrap().unwrap(), &b"2"[..]);
        assert!(stream.next().await.unwrap().is_err());
    }

    #[tokio::test]
    async fn nobody_waits_for_a_store_that_is_gone() {
        let (way, stream) = way(b"", 0);
        drop(stream);
        for _ in 0..2 * WAITING {
            way.pass(vec![Bytes::from_static(b"x")]).await;
        }
        way.end().await;
    }
}
