//! Content on its way from the server: it goes on where it was cut off, and is compared with its digest
//! at the end. Knows not where it goes.

use std::time::Duration;

use artifact_api::Artifact;
use artifact_domain::port::ByteStream;
use artifact_domain::{ByteRange, Digest, Error, ErrorKind, RangeRequest, Result};
use bytes::Bytes;
use futures::stream;
use reqwest::header::{ACCEPT_ENCODING, ETAG, HeaderValue, IF_RANGE, RANGE};
use reqwest::{Method, Response, StatusCode, Version};
use sha2::Digest as _;

use crate::address;
use crate::backoff::Backoff;
use crate::client::Client;
use crate::coming::{Broken, Coming};
use crate::connection::{Connection, Repeat};
use crate::faults;
use crate::hashing::Hashing;

/// How long the next bytes may take of answers that can't be asked for in parts, and take time to be made.
const LONG_PATIENCE: Duration = Duration::from_mins(10);

/// Content of more bytes is hashed, and decompressed, on a thread of its own.
const MUCH_BYTES: u64 = 1 << 20;

/// Which bytes are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Part {
    /// All of them.
    #[default]
    All,
    /// Those of a range.
    Range(RangeRequest),
}

/// Which lines are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excerpt {
    /// The last ones.
    LastLines(u64),
    /// Those that begin in one stretch.
    Page {
        /// Which stretch, from 1.
        number: u64,
        /// How long each is.
        size_bytes: u64,
    },
}

/// Content on its way.
pub struct Fetched {
    /// How many bytes come, where that is known.
    pub length_bytes: Option<u64>,
    /// The bytes. They are sound only if the stream ends without an error.
    pub body: ByteStream,
}

impl std::fmt::Debug for Fetched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetched")
            .field("length_bytes", &self.length_bytes)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Fetches the content of one version. With `verify` the SHA-256 of all bytes is compared here, and of a
    /// range the server compares what it can.
    ///
    /// # Errors
    /// Those of the server; `InvalidInput` for a range beyond the end; in the stream `Integrity` where the
    /// bytes are not those that were stored, and `Unavailable` once no try has come further.
    pub async fn download(&self, artifact: &Artifact, part: Part, verify: bool) -> Result<Fetched> {
        let size = artifact.size_bytes.ok_or_else(|| {
            let message = format!("{} has no content yet", artifact.uri);
            Error::new(ErrorKind::NotFound, message)
        })?;
        let range = match part {
            Part::All => ByteRange::new(0, size)?,
            Part::Range(range) => range.resolve(size)?,
        };
        let is_whole = range.length() == size;
        let check = artifact
            .sha256
            .filter(|_| verify && is_whole)
            .map(|digest| Check::new(digest, size));
        let path = format!("{}/content", address::artifact(artifact.id));
        let mut content = Content {
            connection: self.connection.clone(),
            // What is compared here need not be compared there.
            path: if verify && check.is_none() {
                path
            } else {
                format!("{path}?verify=false")
            },
            what: artifact.uri.to_string(),
            at: range.offset(),
            end: range.end(),
            is_whole,
            coming: None,
            etag: None,
            backoff: Backoff::default(),
            check,
        };
        // What can't be fetched at all is said before anything is made ready for it.
        if range.length() > 0 || is_whole {
            content.ask().await?;
        }
        Ok(Fetched {
            length_bytes: Some(range.length()),
            body: Box::pin(stream::try_unfold(content, |mut content| async move {
                Ok(content.next().await?.map(|chunk| (chunk, content)))
            })),
        })
    }

    /// Fetches lines of one version.
    ///
    /// # Errors
    /// Those of the server; in the stream `Unavailable` where it is cut off.
    pub async fn excerpt(&self, artifact: &Artifact, excerpt: Excerpt) -> Result<Fetched> {
        let wanted = match excerpt {
            Excerpt::LastLines(lines) => format!("tail={lines}"),
            Excerpt::Page { number, size_bytes } => format!("page={number}&page_size={size_bytes}"),
        };
        let path = format!("{}/content?{wanted}", address::artifact(artifact.id));
        let connection = &self.connection;
        let make = || connection.request(Method::GET, &path);
        let response = connection.send(Repeat::Harmless, make).await?;
        self.rest_of(response)
    }

    /// The bytes of an answer that can't be asked for in parts.
    pub(crate) fn rest_of(&self, response: Response) -> Result<Fetched> {
        let server = self.connection.server.clone();
        let length_bytes = response.content_length();
        if response.version() < Version::HTTP_11 && length_bytes.is_none() {
            let message = format!("nobody could tell whether an answer of {server} is whole");
            return Err(Error::new(ErrorKind::Unsupported, message)
                .with_hint("let the proxy before it speak HTTP/1.1"));
        }
        let body = stream::try_unfold((response, server), |(mut response, server)| async move {
            match tokio::time::timeout(LONG_PATIENCE, response.chunk()).await {
                Ok(Ok(Some(chunk))) => Ok(Some((chunk, (response, server)))),
                Ok(Ok(None)) => Ok(None),
                Ok(Err(cause)) => Err(faults::cut_off(&server).with_source(cause.without_url())),
                Err(_) => Err(faults::cut_off(&server)),
            }
        });
        Ok(Fetched {
            length_bytes,
            body: Box::pin(body),
        })
    }
}

/// Content on its way, and where it is.
struct Content {
    connection: Connection,
    path: String,
    /// Its name in errors.
    what: String,
    /// The next byte.
    at: u64,
    /// The byte behind the last.
    end: u64,
    /// Whether everything is wanted, from its first byte on.
    is_whole: bool,
    coming: Option<Coming>,
    /// What the first answer was of, if its bytes came as they are.
    etag: Option<HeaderValue>,
    backoff: Backoff,
    check: Option<Check>,
}

impl Content {
    /// Asks for the bytes that are missing.
    async fn ask(&mut self) -> Result<()> {
        let is_begin = self.is_whole && self.at == 0;
        let (connection, path, etag) = (&self.connection, &self.path, &self.etag);
        let (at, last) = (self.at, self.end.saturating_sub(1));
        // On one machine the way costs nothing, and a server decompresses on all processors.
        let is_gzip = is_begin && self.end > MUCH_BYTES && !connection.server.is_loopback();
        let make = || {
            let mut request = connection.request(Method::GET, path);
            if !is_begin {
                request = request.header(RANGE, format!("bytes={at}-{last}"));
            } else if is_gzip {
                request = request.header(ACCEPT_ENCODING, "gzip");
            }
            if let Some(etag) = etag {
                request = request.header(IF_RANGE, etag);
            }
            request
        };
        let response = connection.send(Repeat::Harmless, make).await?;
        if !is_begin && response.status() != StatusCode::PARTIAL_CONTENT {
            let message = format!("{} has other content than before", self.what);
            return Err(Error::new(ErrorKind::Conflict, message).with_hint("fetch it once more"));
        }
        let etag = response.headers().get(ETAG).cloned();
        let coming = Coming::of(response).ok_or_else(|| {
            faults::nonsense(
                &self.connection.server,
                "content in a coding that nobody asked for",
            )
        })?;
        if self.etag.is_none() && coming.is_as_it_is() {
            self.etag = etag;
        }
        self.coming = Some(coming);
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if self.at == self.end {
                if let Some(coming) = self.coming.take() {
                    coming.end().await;
                }
                if let Some(check) = self.check.take() {
                    check.end(&self.what).await?;
                }
                return Ok(None);
            }
            let Some(coming) = &mut self.coming else {
                self.ask().await?;
                continue;
            };
            let cause = match coming.next().await {
                Ok(Some(chunk)) => return self.take(chunk).await.map(Some),
                Ok(None) => None,
                Err(Broken(cause)) => cause,
            };
            self.coming = None;
            tracing::info!(at = self.at, "the connection broke, going on from there");
            if !self.backoff.pause(None).await {
                let error = faults::cut_off(&self.connection.server).context(&self.what);
                return Err(match cause {
                    Some(cause) => error.with_source(cause.without_url()),
                    None => error,
                });
            }
        }
    }

    async fn take(&mut self, mut chunk: Bytes) -> Result<Bytes> {
        let left = self.end - self.at;
        chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        if !chunk.is_empty() {
            self.at += chunk.len() as u64;
            self.backoff.go_on();
        }
        if let Some(check) = &mut self.check {
            check.add(&chunk).await;
        }
        Ok(chunk)
    }
}

/// Whether the bytes are those that were stored.
struct Check {
    expected: Digest,
    hasher: Hasher,
}

enum Hasher {
    Here(sha2::Sha256),
    Beside(Hashing),
}

impl Check {
    fn new(expected: Digest, size_bytes: u64) -> Self {
        let hasher = if size_bytes > MUCH_BYTES {
            Hasher::Beside(Hashing::start())
        } else {
            Hasher::Here(sha2::Sha256::new())
        };
        Self { expected, hasher }
    }

    async fn add(&mut self, chunk: &Bytes) {
        match &mut self.hasher {
            Hasher::Here(hasher) => hasher.update(chunk),
            Hasher::Beside(hashing) => hashing.add(chunk.clone()).await,
        }
    }

    async fn end(self, what: &str) -> Result<()> {
        let found = match self.hasher {
            Hasher::Here(hasher) => Digest::new(hasher.finalize().into()),
            Hasher::Beside(hashing) => hashing.end().await?,
        };
        if found == self.expected {
            return Ok(());
        }
        let message = format!("{what} arrived damaged: its SHA-256 is not the one that was stored");
        Err(Error::new(ErrorKind::Integrity, message).with_hint(
            "fetch it once more; if that fails too, `artifact verify` tells what is wrong",
        ))
    }
}
