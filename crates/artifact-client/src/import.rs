//! Archives on their way to the server, as streams. Knows not what is in them.

use std::io::{self, Read};

use artifact_domain::Result;
use bytes::Bytes;
use futures::{StreamExt, stream};
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Method};
use tokio::sync::mpsc;

use crate::address;
use crate::client::{Client, LINES};
use crate::lines::Lines;

/// How much is read at a time, and how many times before the reader waits.
const CHUNK_BYTES: usize = 256 << 10;
const CHUNKS_IN_FLIGHT: usize = 4;

/// An archive.
pub struct Archive {
    /// A blocking reader. It is read on the blocking pool, once.
    pub reader: Box<dyn Read + Send>,
    /// How many bytes it has, if known.
    pub size_bytes: Option<u64>,
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive")
            .field("size_bytes", &self.size_bytes)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Sends an archive, and has what is in it stored: what has become of each file.
    ///
    /// It is sent once. Sent again after a fault, what is stored by then is left as it is.
    ///
    /// # Errors
    /// Those of the server, and `Unavailable` where the connection breaks or the archive can't be read to
    /// its end.
    pub async fn import(&self, pairs: &[(String, String)], archive: Archive) -> Result<Lines> {
        let path = format!("/import{}", address::query(pairs));
        let request = self
            .connection
            .request(Method::POST, &path)
            .header(ACCEPT, LINES)
            .header(CONTENT_TYPE, "application/octet-stream");
        let request = match archive.size_bytes {
            Some(size_bytes) => request.header(CONTENT_LENGTH, size_bytes),
            None => request,
        };
        let request = request.body(Body::wrap_stream(chunks(archive.reader)));
        let sent = self.connection.send_once(request).await;
        let response = sent.map_err(|fault| fault.error)?;
        Lines::of(self, response)
    }
}

/// What a blocking reader gives.
fn chunks(
    mut reader: Box<dyn Read + Send>,
) -> impl futures::Stream<Item = io::Result<Bytes>> + Send + 'static {
    let (sender, receiver) = mpsc::channel(CHUNKS_IN_FLIGHT);
    tokio::task::spawn_blocking(move || {
        loop {
            let mut chunk = Vec::new();
            let read = (&mut reader)
                .take(CHUNK_BYTES as u64)
                .read_to_end(&mut chunk);
            let chunk = match read {
                Ok(0) => return,
                read => read.map(|_| Bytes::from(chunk)),
            };
            let is_over = chunk.is_err();
            // Whoever sends it may have been refused.
            if sender.blocking_send(chunk).is_err() || is_over {
                return;
            }
        }
    });
    stream::unfold(receiver, |mut receiver| async move {
        let chunk = receiver.recv().await?;
        Some((chunk, receiver))
    })
    .fuse()
}
