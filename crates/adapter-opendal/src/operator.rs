//! Blobs in what OpenDAL reaches through an `Operator`: the part that all its backends share.
//! Knows no file system, and no backend beyond the capabilities that it declares.

use artifact_domain::port::{
    BlobFailure, BlobListing, BlobStat, ByteStream, ListedBlob, PutOptions,
};
use artifact_domain::{BlobKey, BlobPrefix, ByteRange, Error, ErrorKind, Result, Timestamp};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use opendal::options::WriteOptions;
use opendal::{Metadata, Operator};

use crate::error::{absent, from_opendal, too_short};

/// How many deletes or stats are under way at once.
const CONCURRENCY: usize = 16;

/// A store over one operator.
#[derive(Debug, Clone)]
pub(crate) struct OperatorStore {
    operator: Operator,
    name: &'static str,
}

impl OperatorStore {
    /// Keeps blobs in memory.
    pub(crate) fn memory() -> Result<Self> {
        let operator = Operator::new(opendal::services::Memory::default()).map_err(|cause| {
            Error::new(ErrorKind::Internal, "the memory backend can't be opened").with_source(cause)
        })?;
        Ok(Self::over(operator, "memory"))
    }

    /// Over an operator that was opened elsewhere.
    pub(crate) fn over(operator: Operator, name: &'static str) -> Self {
        Self { operator, name }
    }

    #[cfg(feature = "remote")]
    pub(crate) fn operator(&self) -> &Operator {
        &self.operator
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) async fn put(
        &self,
        key: BlobKey,
        mut body: ByteStream,
        options: PutOptions,
    ) -> Result<BlobStat> {
        let failed = |cause| from_opendal(format_args!("put blob `{key}`"), cause);
        let takes_type = self.operator.info().capability().write_with_content_type;
        let options = WriteOptions {
            content_type: options
                .content_type
                .filter(|_| takes_type)
                .map(|mime_type| mime_type.as_str().to_owned()),
            ..WriteOptions::default()
        };
        let writer = self.operator.writer_options(key.as_str(), options).await;
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
            self.stat(key).await?;
            return Ok(stream::empty().boxed());
        }
        let failed = |cause| from_opendal(format_args!("get blob `{key}`"), cause);
        let reader = self.operator.reader(key.as_str()).await.map_err(failed)?;
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

    pub(crate) async fn stat(&self, key: BlobKey) -> Result<BlobStat> {
        let metadata = self.operator.stat(key.as_str()).await;
        let metadata =
            metadata.map_err(|cause| from_opendal(format_args!("stat blob `{key}`"), cause))?;
        if metadata.is_file() {
            Ok(stat_of(&metadata))
        } else {
            Err(absent(&key))
        }
    }

    pub(crate) async fn list(&self, prefix: BlobPrefix) -> Result<BlobListing> {
        let folder = prefix.as_str().to_owned();
        let failed = move |cause| from_opendal(format_args!("list blobs in `{folder}`"), cause);
        let lister = self.operator.lister_with(prefix.as_str()).recursive(true);
        let entries = lister.await.map_err(&failed)?;
        let operator = self.operator.clone();
        let items = entries
            .try_filter(|entry| std::future::ready(!entry.path().ends_with('/')))
            .map_ok(move |entry| {
                let operator = operator.clone();
                async move {
                    let (path, metadata) = entry.into_parts();
                    // A backend that lists names alone is asked for the rest.
                    let known = if metadata.is_file() {
                        Some(metadata)
                    } else {
                        match operator.stat(&path).await {
                            Ok(metadata) => Some(metadata),
                            // Deleted since it was listed.
                            Err(cause) if cause.kind() == opendal::ErrorKind::NotFound => None,
                            Err(cause) => return Err(cause),
                        }
                    };
                    Ok(known.map(|metadata| ListedBlob {
                        path,
                        stat: stat_of(&metadata),
                    }))
                }
            })
            .try_buffered(CONCURRENCY)
            .try_filter_map(|item| std::future::ready(Ok(item)))
            .map_err(failed);
        Ok(items.boxed())
    }

    /// Deletes one blob; gives back why it could not be.
    pub(crate) async fn delete_one(&self, key: BlobKey) -> Option<BlobFailure> {
        match self.operator.delete(key.as_str()).await {
            Err(cause) if cause.kind() != opendal::ErrorKind::NotFound => {
                let error = from_opendal(format_args!("delete blob `{key}`"), cause);
                Some(BlobFailure { key, error })
            }
            _ => None,
        }
    }

    pub(crate) async fn delete(&self, keys: Vec<BlobKey>) -> Vec<BlobFailure> {
        stream::iter(keys)
            .map(|key| self.delete_one(key))
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

fn stat_of(metadata: &Metadata) -> BlobStat {
    BlobStat {
        size_bytes: metadata.content_length(),
        modified_at: modified_at(metadata),
    }
}

pub(crate) fn modified_at(metadata: &Metadata) -> Option<Timestamp> {
    let time = metadata.last_modified()?;
    Timestamp::from_micros(time.into_inner().as_microsecond()).ok()
}
