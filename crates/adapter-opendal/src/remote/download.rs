//! A get from a bucket: one request that is read as it comes, and for what is long, parts that are
//! fetched ahead of the reader. Knows no service.
//!
//! The first request asks for everything, and is kept open while parts are fetched beside it: a
//! service goes on sending what it has begun to send. So where a blob is deleted or replaced while
//! it is read, and the later parts are gone, the reader falls back on that first answer and gets
//! the bytes of the blob that was there when `get` returned.

use std::collections::VecDeque;
use std::sync::Arc;

use artifact_domain::port::ByteStream;
use artifact_domain::{BlobKey, ByteRange, Error, ErrorKind, Result};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use opendal::{BufferStream, Operator};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use super::{backoff, retrying};
use crate::error::{brief, from_remote, too_short};

/// How many bytes a part has that is fetched ahead, and how many are read from the first request
/// before any is: short reads need no more than one request.
const PART: u64 = 8 << 20;

/// How many parts one download holds at most: those under way and the one that is read.
const AHEAD: usize = 4;

/// How many parts all downloads of a store hold at most. One that finds none left goes on reading
/// its first request.
pub(super) const PARTS_OF_ALL: usize = 8;

/// Opens a blob, or a range of it that is not empty.
pub(super) async fn open(
    operator: Operator,
    key: BlobKey,
    range: Option<ByteRange>,
    retries: u32,
    parts: Arc<Semaphore>,
) -> Result<ByteStream> {
    let source = Source {
        operator,
        key,
        retries,
    };
    let from = range.map_or(0, ByteRange::offset);
    let mut attempt = 0;
    let (stream, blob) = loop {
        match source.request(from, range.map(ByteRange::end)).await {
            Ok(opened) => break opened,
            Err(cause) => source.wait_after(&mut attempt, cause).await?,
        }
    };
    let to = range.map_or(blob.size_bytes, ByteRange::end);
    let first = Connection {
        source,
        stream: Some(stream),
        position: from,
        end: to.min(blob.size_bytes),
        blob,
    };
    let download = Download {
        from,
        position: from,
        missing: to - first.end,
        planned: from,
        first,
        ahead: None,
        ready: VecDeque::new(),
        parts,
        held: Vec::new(),
    };
    let chunks = stream::try_unfold(download, |mut download| async move {
        let chunk = download.next().await?;
        Ok(chunk.map(|chunk| (chunk, download)))
    });
    Ok(chunks.boxed())
}

/// Where requests go.
#[derive(Clone)]
struct Source {
    operator: Operator,
    key: BlobKey,
    retries: u32,
}

/// What tells a blob from another under its key.
#[derive(Clone, PartialEq, Eq)]
struct Identity {
    size_bytes: u64,
    tag: Option<String>,
}

impl Source {
    /// One request, once: for the whole blob where no end is given.
    async fn request(
        &self,
        from: u64,
        to: Option<u64>,
    ) -> opendal::Result<(BufferStream, Identity)> {
        let reader = self.operator.reader(self.key.as_str()).await?;
        let mut stream = match to {
            Some(to) => reader.into_stream(from..to).await?,
            None => reader.into_stream(..).await?,
        };
        // Asking for the metadata sends the request, here and not at the first poll.
        let metadata = stream.metadata().await?;
        let blob = Identity {
            size_bytes: metadata.content_length(),
            tag: metadata.etag().map(str::to_owned),
        };
        Ok((stream, blob))
    }

    /// Waits before the next attempt; gives the error where there is to be none.
    async fn wait_after(&self, attempt: &mut u32, cause: opendal::Error) -> Result<()> {
        if !cause.is_temporary() || *attempt >= self.retries {
            return Err(self.failed(cause));
        }
        *attempt += 1;
        let wait = backoff::after(*attempt);
        let doing = format!("get blob `{}`", self.key);
        retrying::tell(doing, *attempt, wait, &brief::of_opendal(&cause));
        tokio::time::sleep(wait).await;
        Ok(())
    }

    fn failed(&self, cause: opendal::Error) -> Error {
        from_remote(format_args!("get blob `{}`", self.key), cause)
    }
}

/// One request that goes on where it breaks.
struct Connection {
    source: Source,
    stream: Option<BufferStream>,
    position: u64,
    end: u64,
    blob: Identity,
}

impl Connection {
    /// The next bytes, none at the end.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        let mut attempt = 0;
        while self.position < self.end {
            let read = match &mut self.stream {
                Some(stream) => stream.try_next().await,
                None => match self.reopen().await? {
                    Ok(()) => continue,
                    Err(cause) => Err(cause),
                },
            };
            let cause = match read {
                Ok(Some(buffer)) => {
                    let mut bytes = buffer.to_bytes();
                    let wanted = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
                    bytes.truncate(wanted);
                    self.position += bytes.len() as u64;
                    return Ok(Some(bytes));
                }
                Ok(None) => {
                    let message = "the answer ended too early";
                    opendal::Error::new(opendal::ErrorKind::Unexpected, message).set_temporary()
                }
                Err(cause) => cause,
            };
            self.stream = None;
            self.source.wait_after(&mut attempt, cause).await?;
        }
        Ok(None)
    }

    /// Asks for the rest. What another put has written under the key is not the rest.
    async fn reopen(&mut self) -> Result<opendal::Result<()>> {
        let request = self.source.request(self.position, Some(self.end));
        let (stream, blob) = match request.await {
            Ok(opened) => opened,
            // It had bytes there before.
            Err(cause) if cause.kind() == opendal::ErrorKind::RangeNotSatisfied => {
                return Err(changed(&self.source.key));
            }
            Err(cause) => return Ok(Err(cause)),
        };
        if blob != self.blob {
            return Err(changed(&self.source.key));
        }
        self.stream = Some(stream);
        Ok(Ok(()))
    }
}

fn changed(key: &BlobKey) -> Error {
    let message = format!("blob `{key}` was replaced while it was read");
    Error::new(ErrorKind::Conflict, message).with_hint("read it again")
}

/// A blob on its way to its reader.
struct Download {
    from: u64,
    /// What the reader has.
    position: u64,
    /// Up to where parts are fetched.
    planned: u64,
    /// How many bytes were asked for that the blob does not have.
    missing: u64,
    first: Connection,
    /// The parts under way, in order; none where the first request is read.
    ahead: Option<VecDeque<Part>>,
    /// What has come of the part that is read.
    ready: VecDeque<Bytes>,
    /// What all downloads may hold.
    parts: Arc<Semaphore>,
    /// What this one may hold of it: one permit for each part.
    held: Vec<OwnedSemaphorePermit>,
}

impl Download {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(chunk) = self.ready.pop_front() {
                self.position += chunk.len() as u64;
                return Ok(Some(chunk));
            }
            if self.position >= self.first.end {
                return match self.missing {
                    0 => Ok(None),
                    missing => Err(too_short(&self.first.source.key, missing)),
                };
            }
            self.begin_ahead();
            let Some(ahead) = &mut self.ahead else {
                let chunk = self.first.next().await?;
                self.position = self.first.position;
                return Ok(chunk);
            };
            if let Some(mut part) = ahead.pop_front() {
                match part.whole().await {
                    Ok(chunks) => self.ready = chunks,
                    Err(error) => self.fall_back(error).await?,
                }
            }
        }
    }

    /// Fetches ahead what there is to fetch, once the reader has shown that it reads on. Called where
    /// no part is read.
    fn begin_ahead(&mut self) {
        let end = self.first.end;
        if self.ahead.is_none() {
            let is_long = self.position - self.from >= PART && end - self.position > PART;
            let is_long = is_long && super::is_content(&self.first.source.key);
            // The bytes of the first request that come after these are only for falling back on.
            if !is_long || self.planned > self.from || !self.may_hold(1) {
                return;
            }
            self.planned = self.position;
            self.ahead = Some(VecDeque::new());
        }
        while self.planned < end {
            let under_way = self.ahead.as_ref().map_or(0, VecDeque::len);
            if under_way == AHEAD || !self.may_hold(under_way + 1) {
                return;
            }
            let to = end.min(self.planned + PART);
            let part = Part::fetch(&self.first, self.planned, to);
            self.ahead.get_or_insert_default().push_back(part);
            self.planned = to;
        }
    }

    /// Whether so many parts may be held, which takes what that needs.
    fn may_hold(&mut self, count: usize) -> bool {
        while self.held.len() < count {
            let Ok(permit) = Arc::clone(&self.parts).try_acquire_owned() else {
                return false;
            };
            self.held.push(permit);
        }
        true
    }

    /// Reads on from the first request where a part is gone or another's.
    async fn fall_back(&mut self, error: Error) -> Result<()> {
        if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Conflict) {
            return Err(error);
        }
        tracing::debug!(error = %error, "a blob went while it was read, reading on from the first request");
        self.ahead = None;
        self.held.clear();
        while self.first.position < self.position {
            let before = self.first.position;
            let Some(mut chunk) = self.first.next().await? else {
                return Err(error);
            };
            if self.first.position > self.position {
                let had = usize::try_from(self.position - before).unwrap_or(usize::MAX);
                self.ready.push_back(chunk.split_off(had));
            }
        }
        Ok(())
    }
}

/// A part that is fetched, on a task of its own that ends with it.
struct Part {
    task: JoinHandle<Result<VecDeque<Bytes>>>,
}

impl Part {
    fn fetch(first: &Connection, from: u64, to: u64) -> Self {
        let mut connection = Connection {
            source: first.source.clone(),
            stream: None,
            position: from,
            end: to,
            blob: first.blob.clone(),
        };
        let task = tokio::spawn(async move {
            let mut chunks = VecDeque::new();
            while let Some(chunk) = connection.next().await? {
                chunks.push_back(chunk);
            }
            Ok(chunks)
        });
        Self { task }
    }

    async fn whole(&mut self) -> Result<VecDeque<Bytes>> {
        (&mut self.task).await.unwrap_or_else(|cause| {
            let error = Error::new(ErrorKind::Internal, "a part could not be fetched");
            Err(error.with_source(cause))
        })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.task.abort();
    }
}
