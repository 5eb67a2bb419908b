//! The bytes of an answer as they come, decompressed where they come compressed. Knows not what they are.

use std::io::{self, BufRead, Read};
use std::time::Duration;

use bytes::{Buf, Bytes};
use flate2::bufread::MultiGzDecoder;
use reqwest::Response;
use reqwest::header::CONTENT_ENCODING;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// How long the next bytes may take before a connection counts as broken.
const PATIENCE: Duration = Duration::from_mins(1);

/// How much is decompressed at a time, and how often before somebody takes it.
const CHUNK_BYTES: usize = 256 << 10;
const WAITING: usize = 8;

/// An answer whose bytes come.
pub(crate) enum Coming {
    AsTheyAre(Response),
    Inflated(mpsc::Receiver<Result<Bytes, Broken>>),
}

/// Why no more bytes come, if that is known.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) Option<reqwest::Error>);

impl Coming {
    /// The content of an answer. None where it is compressed otherwise than by gzip.
    pub(crate) fn of(response: Response) -> Option<Self> {
        let coding = response.headers().get(CONTENT_ENCODING);
        match coding.map(|coding| coding.as_bytes().to_ascii_lowercase()) {
            None => Some(Self::AsTheyAre(response)),
            Some(coding) if coding == b"identity" => Some(Self::AsTheyAre(response)),
            Some(coding) if coding == b"gzip" || coding == b"x-gzip" => {
                Some(Self::Inflated(inflated(response)))
            }
            Some(_) => None,
        }
    }

    /// Whether the bytes are those of the answer's entity tag.
    pub(crate) fn is_as_it_is(&self) -> bool {
        matches!(self, Self::AsTheyAre(_))
    }

    /// The next bytes; none at the end, wherever that is.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        match self {
            Self::AsTheyAre(response) => next_of(response).await,
            Self::Inflated(chunks) => chunks.recv().await.transpose(),
        }
    }

    /// Lets it go when all bytes are there. What stands behind them in gzip is waited for, so that the
    /// connection is good for the next request.
    pub(crate) async fn end(self) {
        if let Self::Inflated(mut chunks) = self {
            let _ = chunks.recv().await;
        }
    }
}

async fn next_of(response: &mut Response) -> Result<Option<Bytes>, Broken> {
    match tokio::time::timeout(PATIENCE, response.chunk()).await {
        Ok(next) => next.map_err(|cause| Broken(Some(cause))),
        Err(_) => Err(Broken(None)),
    }
}

/// Decompresses on a thread beside, which ends once nobody takes what it gives.
fn inflated(response: Response) -> mpsc::Receiver<Result<Bytes, Broken>> {
    let (chunks, taken) = mpsc::channel(WAITING);
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        let mut decoder = MultiGzDecoder::new(Wire {
            response,
            chunk: Bytes::new(),
            broken: None,
            chunks: chunks.clone(),
            runtime,
        });
        loop {
            let mut chunk = Vec::with_capacity(CHUNK_BYTES);
            let read = (&mut decoder)
                .take(CHUNK_BYTES as u64)
                .read_to_end(&mut chunk);
            let is_end = read.as_ref().is_ok_and(|count| *count == 0);
            // What came before a fault is as good as the rest.
            if !chunk.is_empty() && chunks.blocking_send(Ok(chunk.into())).is_err() || is_end {
                return;
            }
            if read.is_err() {
                let _ = chunks.blocking_send(Err(Broken(decoder.get_mut().broken.take())));
                return;
            }
        }
    });
    taken
}

/// An answer, read from a thread that may block, for as long as somebody wants its bytes.
struct Wire {
    response: Response,
    chunk: Bytes,
    broken: Option<reqwest::Error>,
    chunks: mpsc::Sender<Result<Bytes, Broken>>,
    runtime: Handle,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.len().min(buffer.len());
        self.chunk.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

impl BufRead for Wire {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.chunk.is_empty() {
            let next = self.runtime.block_on(async {
                tokio::select! {
                    next = next_of(&mut self.response) => next,
                    () = self.chunks.closed() => Ok(None),
                }
            });
            match next {
                Ok(None) => break,
                Ok(Some(chunk)) => self.chunk = chunk,
                Err(Broken(cause)) => {
                    self.broken = cause;
                    return Err(io::Error::other("the connection broke"));
                }
            }
        }
        Ok(&self.chunk)
    }

    fn consume(&mut self, count: usize) {
        self.chunk.advance(count);
    }
}
