//! Answers of two parts, `multipart/mixed` (RFC 2046): bytes on their way, and behind them what is to be said
//! of them. Knows not what either is.

use std::sync::Arc;

use artifact_domain::Result;
use artifact_domain::port::ByteStream;
use bytes::{Bytes, BytesMut};
use futures::{TryStreamExt, stream};
use memchr::memmem::Finder;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use serde::Serialize;
use tokio::sync::oneshot;

use crate::address::{self, Address};
use crate::client::{Client, with_json};
use crate::connection::Repeat;
use crate::faults;

/// The media type of such an answer.
const MULTIPART: &str = "multipart/mixed";

/// How long the head of a part may be.
const MOST_HEAD_BYTES: usize = 16 << 10;

/// How long the second part may be, which is taken into memory.
const MOST_SECOND_BYTES: usize = 64 << 20;

/// An answer of two parts.
pub struct TwoParts {
    /// The headers of the answer.
    pub headers: HeaderMap,
    /// The first part.
    pub first: ByteStream,
    /// The second, there once the first has come to its end. Without it there was none.
    pub second: oneshot::Receiver<Bytes>,
}

impl std::fmt::Debug for TwoParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TwoParts")
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Asks for an answer of two parts.
    ///
    /// # Errors
    /// Those of the server. In the stream `Unavailable` for an answer that is cut off, in whichever part.
    pub async fn two_parts(
        &self,
        path: &str,
        pairs: &[(String, String)],
        body: &impl Serialize,
    ) -> Result<TwoParts> {
        let path = format!("{path}{}", address::query(pairs));
        let make = || {
            let request = self.connection.request(Method::POST, &path);
            with_json(request.header(ACCEPT, MULTIPART), body)
        };
        let response = self.connection.send(Repeat::Harmless, make).await?;
        let headers = response.headers().clone();
        let server = Arc::clone(&self.connection.server);
        let boundary = boundary_of(&headers)
            .ok_or_else(|| faults::nonsense(&server, "an answer without parts"))?;
        let (sender, second) = oneshot::channel();
        let split = Split {
            server,
            source: self.rest_of(response)?.body,
            held: BytesMut::new(),
            first_line: format!("--{boundary}\r\n").into_bytes(),
            between: Finder::new(&format!("\r\n--{boundary}")).into_owned(),
            second: Some(sender),
            is_begun: false,
        };
        let first = stream::try_unfold(split, |mut split| async move {
            let chunk = split.next().await?;
            Ok(chunk.map(|chunk| (chunk, split)))
        });
        Ok(TwoParts {
            headers,
            first: Box::pin(first),
            second,
        })
    }
}

fn boundary_of(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let rest = kind.strip_prefix(MULTIPART)?;
    let (_, boundary) = rest.split_once("boundary=")?;
    let boundary = boundary.split(';').next()?.trim().trim_matches('"');
    (!boundary.is_empty()).then(|| boundary.to_owned())
}

/// Where the parts of an answer end.
struct Split {
    server: Arc<Address>,
    source: ByteStream,
    /// What has come and was not given.
    held: BytesMut,
    first_line: Vec<u8>,
    between: Finder<'static>,
    second: Option<oneshot::Sender<Bytes>>,
    is_begun: bool,
}

impl Split {
    /// The next bytes of the first part; none once the second was handed over.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if !self.is_begun {
            self.begin().await?;
        }
        if self.second.is_none() {
            return Ok(None);
        }
        loop {
            if let Some(at) = self.between.find(&self.held) {
                let last = self.held.split_to(at);
                let _ = self.held.split_to(self.between.needle().len());
                let second = self.rest().await?;
                if let Some(sender) = self.second.take() {
                    // Whoever does not wait for it does not want it.
                    let _ = sender.send(second);
                }
                return Ok(Some(last.freeze()).filter(|last| !last.is_empty()));
            }
            // What may be the beginning of the end is held back.
            let sure = (self.held.len() + 1).saturating_sub(self.between.needle().len());
            if sure > 0 {
                return Ok(Some(self.held.split_to(sure).freeze()));
            }
            self.more().await?;
        }
    }

    /// Reads on up to the first byte of the first part.
    async fn begin(&mut self) -> Result<()> {
        let end = self.head().await?;
        if !self.held.starts_with(&self.first_line) {
            return Err(faults::nonsense(&self.server, "a part without a beginning"));
        }
        let _ = self.held.split_to(end);
        self.is_begun = true;
        Ok(())
    }

    /// How long the head is that is held.
    async fn head(&mut self) -> Result<usize> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.held, b"\r\n\r\n") {
                return Ok(at + 4);
            }
            if self.held.len() > MOST_HEAD_BYTES {
                return Err(faults::nonsense(
                    &self.server,
                    "the head of a part has no end",
                ));
            }
            self.more().await?;
        }
    }

    /// The second part, once its boundary was taken away.
    async fn rest(&mut self) -> Result<Bytes> {
        let end = self.head().await?;
        let _ = self.held.split_to(end);
        loop {
            if let Some(at) = self.between.find(&self.held) {
                return Ok(self.held.split_to(at).freeze());
            }
            if self.held.len() > MOST_SECOND_BYTES {
                return Err(faults::nonsense(&self.server, "a part has no end"));
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Result<()> {
        match self.source.try_next().await? {
            Some(chunk) => {
                self.held.extend_from_slice(&chunk);
                Ok(())
            }
            None => Err(faults::cut_off(&self.server)),
        }
    }
}

#[cfg(test)]
mod tests {
    use artifact_domain::ErrorKind;

    use super::*;

    fn split(chunks: &[&[u8]]) -> (Split, oneshot::Receiver<Bytes>) {
        let chunks: Vec<_> = chunks
            .iter()
            .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
            .collect();
        let (sender, second) = oneshot::channel();
        let split = Split {
            server: Arc::new(Address::parse("http://a.example").unwrap()),
            source: Box::pin(stream::iter(chunks)),
            held: BytesMut::new(),
            first_line: b"--B\r\n".to_vec(),
            between: Finder::new("\r\n--B").into_owned(),
            second: Some(sender),
            is_begun: false,
        };
        (split, second)
    }

    const WHOLE: &[u8] = b"--B\r\nContent-Type: x\r\n\r\nab\r\n--\r\n\r\nc\r\n--B\r\nContent-Type: y\r\n\r\n{}\n\r\n--B--\r\n";

    #[tokio::test]
    async fn the_parts_are_found_however_they_come() {
        for size in 1..=WHOLE.len() {
            let chunks: Vec<_> = WHOLE.chunks(size).collect();
            let (mut split, second) = split(&chunks);
            let mut first = Vec::new();
            while let Some(chunk) = split.next().await.unwrap() {
                first.extend_from_slice(&chunk);
            }
            assert_eq!(first, b"ab\r\n--\r\n\r\nc", "{size}");
            assert_eq!(second.await.unwrap(), &b"{}\n"[..], "{size}");
        }
    }

    #[tokio::test]
    async fn what_is_cut_off_is_no_end() {
        for length in 0..WHOLE.len() - b"--\r\n".len() - 1 {
            let (mut split, _second) = split(&[&WHOLE[..length]]);
            let outcome = loop {
                match split.next().await {
                    Ok(Some(_)) => {}
                    outcome => break outcome.map(|_| ()),
                }
            };
            assert_eq!(
                outcome.map_err(|error| error.kind()),
                Err(ErrorKind::Unavailable),
                "{length}"
            );
        }
    }
}
