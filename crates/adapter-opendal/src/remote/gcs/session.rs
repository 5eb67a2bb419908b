//! A resumable upload: one address, to which the bytes of an object go one chunk after the other. What
//! breaks goes on behind the last byte that the service has. Knows no objects.

use std::sync::Arc;
use std::time::Duration;

use artifact_domain::{Error, ErrorKind, Result};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use opendal::Buffer;

use super::raw::{RawClient, RawRequest, RawResponse, wait};
use crate::error::from_remote;

const HASH: HeaderName = HeaderName::from_static("x-goog-hash");

/// What the service calls a session that was given up by its client.
const GIVEN_UP: u16 = 499;

/// An upload that is neither published nor given up. Dropped, it is given up behind, as long as the
/// runtime lives; what is left after all is seen by nobody, costs nothing, and ends after a week.
#[derive(Debug)]
pub(super) struct Session {
    client: Arc<RawClient>,
    /// Whoever knows it can write: it is in no message and no log.
    address: String,
    doing: String,
    /// How many bytes the service has.
    offset: u64,
    is_open: bool,
}

/// What became of a request.
enum Outcome {
    /// The object is there.
    Published(RawResponse),
    /// The service has all bytes up to this one, and waits for more.
    Incomplete(u64),
    /// Nothing can be told; it can be asked again.
    Unknown(Error),
    /// The service knows no such session, any more.
    Gone,
}

/// What is asked of the service in one request.
struct Chunk<'a> {
    bytes: Buffer,
    begins_at: u64,
    /// How long the object is; none before its last chunk.
    total: Option<u64>,
    checksum: Option<&'a str>,
    patience: Duration,
}

impl Session {
    pub(super) fn new(client: Arc<RawClient>, address: String, doing: String) -> Self {
        Self {
            client,
            address,
            doing,
            offset: 0,
            is_open: true,
        }
    }

    /// Where the object ends if this is its last chunk.
    pub(super) fn end_of(&self, last: &Buffer) -> u64 {
        self.offset + last.len() as u64
    }

    /// Sends a chunk after which others come.
    pub(super) async fn send(&mut self, bytes: Buffer, patience: Duration) -> Result<()> {
        let chunk = Chunk {
            bytes,
            begins_at: self.offset,
            total: None,
            checksum: None,
            patience,
        };
        match self.bring(&chunk).await? {
            Outcome::Incomplete(_) => Ok(()),
            _ => Err(self.forgotten()),
        }
    }

    /// Sends the last chunk, with the checksum of the whole, which publishes the object. None where the
    /// service knows no such session any more: it may be published.
    pub(super) async fn finish(
        mut self,
        bytes: Buffer,
        checksum: &str,
        patience: Duration,
    ) -> Result<Option<RawResponse>> {
        let chunk = Chunk {
            total: Some(self.end_of(&bytes)),
            bytes,
            begins_at: self.offset,
            checksum: Some(checksum),
            patience,
        };
        let outcome = self.bring(&chunk).await?;
        self.is_open = matches!(outcome, Outcome::Incomplete(_));
        match outcome {
            Outcome::Published(answer) => Ok(Some(answer)),
            Outcome::Gone => Ok(None),
            _ => Err(self.forgotten()),
        }
    }

    /// Sends a chunk until the service has it.
    async fn bring(&mut self, chunk: &Chunk<'_>) -> Result<Outcome> {
        let end = chunk.begins_at + chunk.bytes.len() as u64;
        let mut attempt = 0;
        loop {
            let begun = self.offset;
            let (outcome, was_asked) = match self.send_rest(chunk).await? {
                Outcome::Unknown(error) => {
                    attempt += 1;
                    self.pause(attempt, error).await?;
                    (self.ask(chunk, &mut attempt).await?, true)
                }
                outcome => (outcome, false),
            };
            let Outcome::Incomplete(offset) = outcome else {
                return Ok(outcome);
            };
            if offset < begun || offset > end {
                return Err(self.forgotten());
            }
            self.offset = offset;
            if offset == end && chunk.total.is_none() {
                return Ok(outcome);
            }
            if offset > begun {
                attempt = 0;
            } else if !was_asked {
                attempt += 1;
                let message = format!("{}: the service takes no more bytes", self.doing);
                let error = Error::new(ErrorKind::Unavailable, message);
                self.pause(attempt, error).await?;
            }
        }
    }

    /// Asks how much the service has, until it says so.
    async fn ask(&self, chunk: &Chunk<'_>, attempt: &mut u32) -> Result<Outcome> {
        let mut request = self.request(chunk.patience);
        let total = chunk.total.map(|total| total.to_string());
        let asked = format!("bytes */{}", total.as_deref().unwrap_or("*"));
        self.set(&mut request, header::CONTENT_RANGE, &asked)?;
        loop {
            match self.exchange(&request).await? {
                Outcome::Unknown(error) => {
                    *attempt += 1;
                    self.pause(*attempt, error).await?;
                }
                outcome => return Ok(outcome),
            }
        }
    }

    /// Sends what the service has not got of a chunk.
    async fn send_rest(&self, chunk: &Chunk<'_>) -> Result<Outcome> {
        let mut request = self.request(chunk.patience);
        let skipped = usize::try_from(self.offset - chunk.begins_at).unwrap_or(usize::MAX);
        request.body = chunk.bytes.slice(skipped.min(chunk.bytes.len())..);
        let total = chunk.total.map(|total| total.to_string());
        let total = total.as_deref().unwrap_or("*");
        let range = match request.body.len() as u64 {
            0 => format!("bytes */{total}"),
            length => format!("bytes {}-{}/{total}", self.offset, self.offset + length - 1),
        };
        self.set(&mut request, header::CONTENT_RANGE, &range)?;
        if let Some(checksum) = chunk.checksum {
            self.set(&mut request, HASH, &format!("crc32c={checksum}"))?;
        }
        self.exchange(&request).await
    }

    async fn exchange(&self, request: &RawRequest) -> Result<Outcome> {
        let answer = match self.client.send_once(request).await {
            Ok(answer) => answer,
            Err(cause) => {
                let is_passing = cause.is_temporary();
                let error = self.discreet(cause);
                return if is_passing {
                    Ok(Outcome::Unknown(error))
                } else {
                    Err(error)
                };
            }
        };
        match answer.status {
            StatusCode::PERMANENT_REDIRECT => Ok(Outcome::Incomplete(persisted(&answer))),
            status if status.is_success() => Ok(Outcome::Published(answer)),
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Outcome::Gone),
            _ if answer.is_passing() => Ok(Outcome::Unknown(answer.error(&self.doing))),
            _ => Err(answer.error(&self.doing)),
        }
    }

    fn request(&self, patience: Duration) -> RawRequest {
        let mut request = RawRequest::new(Method::PUT, self.address.clone());
        // The address is all that is needed, and could be anybody's.
        request.is_signed = false;
        request.patience = patience;
        request
    }

    fn set(&self, request: &mut RawRequest, name: HeaderName, value: &str) -> Result<()> {
        let value = HeaderValue::from_str(value).map_err(|cause| {
            let message = format!("{}: a header is wrong", self.doing);
            Error::new(ErrorKind::Internal, message).with_source(cause)
        })?;
        request.headers.insert(name, value);
        Ok(())
    }

    /// Waits before the next attempt; the error where there is to be none.
    async fn pause(&self, attempt: u32, error: Error) -> Result<()> {
        if attempt > self.client.retries() {
            return Err(error.lasting());
        }
        wait(&self.doing, attempt, &error.to_string()).await;
        Ok(())
    }

    /// What failed, without the address that the driver tells of.
    fn discreet(&self, cause: opendal::Error) -> Error {
        let told = std::error::Error::source(&cause).map(ToString::to_string);
        let told = told.unwrap_or_else(|| cause.message().to_owned());
        let error = from_remote(&self.doing, cause);
        let discreet = Error::new(error.kind(), error.message()).with_source(told);
        match error.hint() {
            Some(hint) => discreet.with_hint(hint),
            None => discreet,
        }
    }

    fn forgotten(&self) -> Error {
        let message = format!("{}: the service has lost the upload", self.doing);
        Error::new(ErrorKind::Unavailable, message)
            .with_hint("try again")
            .lasting()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if self.is_open {
            let mut request = self.request(super::raw::PATIENCE);
            request.method = Method::DELETE;
            runtime.spawn(give_up(Arc::clone(&self.client), request));
        }
    }
}

/// Gives a session up. What can't be is left to its end; what led here says more.
async fn give_up(client: Arc<RawClient>, request: RawRequest) {
    match client.send_once(&request).await {
        Ok(answer) if answer.status.as_u16() == GIVEN_UP || answer.status.is_success() => {}
        Ok(answer) => tracing::debug!(status = %answer.status, "an upload could not be given up"),
        Err(_) => tracing::debug!("an upload could not be given up"),
    }
}

/// How many bytes the service has kept: none where it names no range. Nobody keeps one byte alone, but
/// some say so of none.
fn persisted(answer: &RawResponse) -> u64 {
    let range = answer.headers.get(header::RANGE);
    let last = range.and_then(|range| range.to_str().ok()?.rsplit_once('-')?.1.parse::<u64>().ok());
    last.filter(|last| *last > 0)
        .map_or(0, |last| last.saturating_add(1))
}
