//! A put to a bucket: small ones in one request, others in parts. Knows how parts are cut, not what
//! the service makes of them.

use std::time::Duration;

use artifact_domain::port::{BlobStat, ByteStream, PutOptions};
use artifact_domain::{BlobKey, Encoding, Error, Result};
use bytes::Bytes;
use futures::TryStreamExt;
use opendal::options::WriteOptions;
use opendal::{Buffer, Metadata, Operator, Writer};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::layers;
use crate::error::from_remote;
use crate::operator::modified_at;

const MIB: u64 = 1 << 20;

/// The size of the first parts, and of what is put in one request. Some services want all parts to
/// be of one size: so these are, up to 8 GB.
const PART: u64 = 8 * MIB;

/// How many parts a service takes.
const MAX_PARTS: u64 = 10_000;

/// From which part on they grow. To the last one they come to more than 5 TiB.
const GROW_AFTER: u64 = 1_000;

/// By how many parts the size grows by one more [`PART`].
const GROW_EVERY: u64 = 60;

/// How many parts all uploads of a store send at once, beside one of each upload that finds none
/// left. Parts that are larger count as several.
pub(super) const PARTS_OF_ALL: usize = 4;

/// How many bytes part number `number`, counted from 0, has at least.
fn part_bytes(number: u64, hint: Option<u64>) -> u64 {
    let grown = PART + PART * (number.saturating_sub(GROW_AFTER) / GROW_EVERY);
    // A hint that is too small does no harm; one that is right keeps all parts the same.
    let even = hint.map_or(0, |size| size.div_ceil(MAX_PARTS).next_multiple_of(MIB));
    grown.max(even)
}

/// One put.
pub(super) struct Upload<'a> {
    pub(super) bare: &'a Operator,
    pub(super) retries: u32,
    pub(super) patience: Duration,
    pub(super) key: &'a BlobKey,
    /// What all uploads may send at once.
    pub(super) parts: &'a Semaphore,
}

impl Upload<'_> {
    /// Sends a stream.
    ///
    /// In memory are at most the parts that are sent, one that waits and one that is filled.
    pub(super) async fn run(&self, body: ByteStream, options: PutOptions) -> Result<BlobStat> {
        let hint = options.size_hint_bytes;
        let largest = part_bytes(0, hint);
        let mut body = Parts::of(body);
        let first = body.next(largest).await?;
        let parts = if body.is_at_end || !super::is_content(self.key) {
            Vec::new()
        } else {
            self.take_parts(largest)
        };
        let at_once = u16::try_from(parts.len()).unwrap_or(1).max(1);
        let operator =
            layers::of_writes(self.bare, largest, at_once, (self.retries, self.patience));
        let options = write_options(&operator, options, at_once);
        if body.is_at_end {
            let size_bytes = first.len() as u64;
            let written = operator.write_options(self.key.as_str(), first, options);
            let metadata = written.await.map_err(|cause| self.failed(cause))?;
            return Ok(stat_of(size_bytes, &metadata));
        }
        let writer = operator.writer_options(self.key.as_str(), options).await;
        let writer = writer.map_err(|cause| self.failed(cause))?;
        let unfinished = Unfinished {
            writer: Some(writer),
        };
        self.in_parts(&operator, unfinished, first, body, hint)
            .await
    }

    /// What is left of the parts that may be sent at once, counted in parts of this size. It waits
    /// for none: what another upload waits for may never come.
    fn take_parts(&self, size: u64) -> Vec<SemaphorePermit<'_>> {
        let each = u32::try_from(size.div_ceil(PART)).unwrap_or(u32::MAX);
        std::iter::from_fn(|| self.parts.try_acquire_many(each).ok()).collect()
    }

    async fn in_parts(
        &self,
        operator: &Operator,
        mut unfinished: Unfinished,
        first: Buffer,
        mut body: Parts,
        hint: Option<u64>,
    ) -> Result<BlobStat> {
        let mut part = first;
        let mut size_bytes = 0;
        let mut number = 0;
        while !part.is_empty() {
            size_bytes += part.len() as u64;
            number += 1;
            if let Err(cause) = unfinished.writer().write(part).await {
                unfinished.abort().await;
                return Err(self.failed(cause));
            }
            part = match body.next(part_bytes(number, hint)).await {
                Ok(part) => part,
                Err(error) => {
                    unfinished.abort().await;
                    return Err(error);
                }
            };
        }
        let metadata = match unfinished.writer().close().await {
            Ok(metadata) => metadata,
            Err(cause) => {
                // Maybe it is published, and only the answer was lost: asked again, the service
                // knows no such upload any more.
                let Some(metadata) = self.published(operator, size_bytes).await else {
                    unfinished.abort().await;
                    return Err(self.failed(cause));
                };
                metadata
            }
        };
        unfinished.writer = None;
        Ok(stat_of(size_bytes, &metadata))
    }

    /// What is there after all. No other put writes to its key, so its size tells.
    async fn published(&self, operator: &Operator, size_bytes: u64) -> Option<Metadata> {
        let found = operator.stat(self.key.as_str()).await.ok()?;
        (found.content_length() == size_bytes).then_some(found)
    }

    fn failed(&self, cause: opendal::Error) -> Error {
        from_remote(format_args!("put blob `{}`", self.key), cause)
    }
}

fn write_options(operator: &Operator, asked: PutOptions, at_once: u16) -> WriteOptions {
    let can = operator.info().capability();
    WriteOptions {
        concurrent: usize::from(at_once),
        // Some services cannot read what they themselves say of an object without one.
        content_type: Some(asked.content_type.unwrap_or_default())
            .filter(|_| can.write_with_content_type)
            .map(|mime_type| mime_type.as_str().to_owned()),
        content_encoding: asked
            .encoding
            .filter(|encoding| *encoding == Encoding::Gzip && can.write_with_content_encoding)
            .map(|_| "gzip".to_owned()),
        ..WriteOptions::default()
    }
}

fn stat_of(size_bytes: u64, metadata: &Metadata) -> BlobStat {
    BlobStat {
        size_bytes,
        modified_at: modified_at(metadata),
    }
}

/// A stream, cut anew.
pub(super) struct Parts {
    body: ByteStream,
    /// What was taken from the stream and did not fit.
    rest: Bytes,
    pub(super) is_at_end: bool,
}

impl Parts {
    pub(super) fn of(body: ByteStream) -> Self {
        Self {
            body,
            rest: Bytes::new(),
            is_at_end: false,
        }
    }

    /// The next `size` bytes; fewer at the end. The end is known once a part is not full.
    pub(super) async fn next(&mut self, size: u64) -> Result<Buffer> {
        let mut chunks = Vec::new();
        let mut missing = usize::try_from(size).unwrap_or(usize::MAX);
        while missing > 0 {
            if self.rest.is_empty() {
                let Some(chunk) = self.body.try_next().await? else {
                    self.is_at_end = true;
                    break;
                };
                self.rest = chunk;
            }
            let taken = self.rest.split_to(missing.min(self.rest.len()));
            missing -= taken.len();
            if !taken.is_empty() {
                chunks.push(taken);
            }
        }
        Ok(Buffer::from(chunks))
    }
}

/// A multipart upload that is neither published nor aborted. Dropped, it is aborted behind, as long
/// as the runtime lives; what is left after all is taken away by a sweep.
struct Unfinished {
    writer: Option<Writer>,
}

impl Unfinished {
    fn writer(&mut self) -> &mut Writer {
        self.writer
            .as_mut()
            .expect("it is taken only by what ends the upload")
    }

    /// What can't be aborted is left to a sweep; the error that led here says more.
    async fn abort(mut self) {
        if let Some(writer) = self.writer.take() {
            abort(writer).await;
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let (Some(writer), Ok(runtime)) =
            (self.writer.take(), tokio::runtime::Handle::try_current())
        {
            runtime.spawn(abort(writer));
        }
    }
}

async fn abort(mut writer: Writer) {
    if let Err(cause) = writer.abort().await {
        tracing::debug!(error = %cause, "a put could not be aborted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIB: u64 = 1 << 40;

    #[test]
    fn the_largest_object_fits_in_the_parts_that_there_are() {
        let all: u64 = (0..MAX_PARTS).map(|number| part_bytes(number, None)).sum();
        assert!(all >= 5 * TIB, "{all} bytes");
        assert!(part_bytes(0, Some(5 * TIB)) * MAX_PARTS >= 5 * TIB);
        // No part is larger than a service takes.
        assert!(part_bytes(MAX_PARTS - 1, None) <= 5 << 30);
    }

    #[test]
    fn up_to_eight_gigabytes_all_parts_are_alike() {
        for hint in [None, Some(1), Some(5_000_000_000)] {
            assert!((0..=GROW_AFTER).all(|number| part_bytes(number, hint) == PART));
        }
    }
}
