//! Blobs in the memory of the process. Knows what OpenDAL gives, and nothing of networks.

use artifact_domain::port::{BlobFailure, BlobStat, ByteStream, PutOptions};
use artifact_domain::{BlobKey, ByteRange, Error, ErrorKind, Result};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use opendal::Operator;
use opendal::options::WriteOptions;

use crate::error::{from_opendal, too_short};
use crate::operator::{OperatorStore, modified_at};

/// How many deletes are under way at once.
const CONCURRENCY: usize = 16;

/// A store that goes with its process.
#[derive(Debug)]
pub(crate) struct MemoryStore {
    calls: OperatorStore,
}

impl MemoryStore {
    /// Opens an empty one.
    pub(crate) fn open() -> Result<Self> {
        let operator = Operator::new(opendal::services::Memory::default()).map_err(|cause| {
            Error::new(ErrorKind::Internal, "the memory backend can't be opened").with_source(cause)
        })?;
        Ok(Self {
            calls: OperatorStore::over(operator),
        })
    }

    /// The calls without a body.
    pub(crate) fn calls(&self) -> &OperatorStore {
        &self.calls
    }

    pub(crate) async fn put(
        &self,
        key: BlobKey,
        mut body: ByteStream,
        options: PutOptions,
    ) -> Result<BlobStat> {
        let failed = |cause| from_opendal(format_args!("put blob `{key}`"), cause);
        let takes_type = self
            .calls
            .operator()
            .info()
            .capability()
            .write_with_content_type;
        let options = WriteOptions {
            content_type: options
                .content_type
                .filter(|_| takes_type)
                .map(|mime_type| mime_type.as_str().to_owned()),
            ..WriteOptions::default()
        };
        let writer = self
            .calls
            .operator()
            .writer_options(key.as_str(), options)
            .await;
        let mut writer = writer.map_err(failed)?;
        let mut size_bytes = 0;
        loop {
            let error = match body.try_next().await {
                Ok(Some(chunk)) if chunk.is_empty() => continue,
                Ok(Some(chunk)) => {
                    size_bytes += chunk.len() as u64;
                    match writer.write(chunk).await {
                        Ok(()) => continue,
                        Err(cause) => failed(cause),
                    }
                }
                Ok(None) => break,
                Err(error) => error,
            };
            // What can't be aborted is left to a sweep; the error that led here says more.
            if let Err(cause) = writer.abort().await {
                tracing::debug!(blob.key = %key, error = %cause, "a put could not be aborted");
            }
            return Err(error);
        }
        let metadata = writer.close().await.map_err(failed)?;
        Ok(BlobStat {
            size_bytes,
            modified_at: modified_at(&metadata),
        })
    }

    pub(crate) async fn get(&self, key: BlobKey, range: Option<ByteRange>) -> Result<ByteStream> {
        if range.is_some_and(|range| range.length() == 0) {
            self.calls.stat(key).await?;
            return Ok(stream::empty().boxed());
        }
        let failed = |cause| from_opendal(format_args!("get blob `{key}`"), cause);
        let reader = self
            .calls
            .operator()
            .reader(key.as_str())
            .await
            .map_err(failed)?;
        let opened = match range {
            Some(range) => reader.into_stream(range.offset()..range.end()).await,
            None => reader.into_stream(..).await,
        };
        let mut buffers = opened.map_err(failed)?;
        // Asking for the metadata opens the blob, here and not at the first poll.
        let metadata = match buffers.metadata().await {
            Ok(metadata) => metadata,
            Err(cause) if cause.kind() == opendal::ErrorKind::RangeNotSatisfied => {
                let error = failed(cause);
                return Ok(stream::once(async { Err(error) }).boxed());
            }
            Err(cause) => return Err(failed(cause)),
        };
        let expected = range.map_or(metadata.content_length(), ByteRange::length);
        let read = key.clone();
        let chunks = buffers
            .map_ok(|buffer| stream::iter(buffer).map(Ok))
            .try_flatten()
            .map_err(move |cause| from_opendal(format_args!("get blob `{read}`"), cause));
        Ok(of_length(chunks.boxed(), key, expected))
    }

    pub(crate) async fn delete(&self, keys: Vec<BlobKey>) -> Vec<BlobFailure> {
        stream::iter(keys)
            .map(|key| self.calls.delete_one(key))
            .buffer_unordered(CONCURRENCY)
            .filter_map(std::future::ready)
            .collect()
            .await
    }
}

/// Passes chunks on, and ends with `Integrity` where they were fewer bytes than `expected`.
fn of_length(chunks: ByteStream, key: BlobKey, expected: u64) -> ByteStream {
    let state = (chunks, key, expected);
    stream::try_unfold(state, |(mut chunks, key, missing)| async move {
        match chunks.try_next().await? {
            Some(chunk) => {
                let missing = missing.saturating_sub(chunk.len() as u64);
                Ok::<Option<(Bytes, _)>, Error>(Some((chunk, (chunks, key, missing))))
            }
            None if missing == 0 => Ok(None),
            None => Err(too_short(&key, missing)),
        }
    })
    .boxed()
}
