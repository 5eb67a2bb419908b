//! Blobs in what OpenDAL reaches through an `Operator`: the calls that all its backends share.
//! Knows no file system, and no backend beyond the capabilities that it declares.

use artifact_domain::port::{BlobFailure, BlobListing, BlobStat, ListedBlob};
use artifact_domain::{BlobKey, BlobPrefix, Result, Timestamp};
use futures::{StreamExt, TryStreamExt};
use opendal::{Metadata, Operator};

use crate::error::{absent, from_listing, from_opendal};

/// How many stats are under way at once.
const CONCURRENCY: usize = 16;

/// A store over one operator.
#[derive(Debug, Clone)]
pub(crate) struct OperatorStore {
    operator: Operator,
}

impl OperatorStore {
    /// Over an operator that was opened elsewhere.
    pub(crate) fn over(operator: Operator) -> Self {
        Self { operator }
    }

    pub(crate) fn operator(&self) -> &Operator {
        &self.operator
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
        let failed = move |cause| from_listing(format_args!("list blobs in `{folder}`"), cause);
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
