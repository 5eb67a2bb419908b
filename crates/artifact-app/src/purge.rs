//! Removing what is marked as deleted: first the bytes, then the record. Every step can be
//! repeated after a crash, and a blob that fails never keeps the others.

use std::collections::HashSet;

use artifact_domain::{ArtifactId, ArtifactRecord, BlobKey, Error, Result, Tier};
use futures::{StreamExt, stream};

use crate::Store;
use crate::edit::Edited;

/// How many records are removed at once.
const CONCURRENCY: usize = 16;

impl Store {
    /// Purges versions that are marked as deleted. A record whose bytes could not be removed
    /// stays, so that it can be purged again; the first failure is returned after all were tried.
    pub(crate) async fn purge(&self, records: Vec<ArtifactRecord>) -> Result<()> {
        self.purge_all(records).await.1.map_or(Ok(()), Err)
    }

    /// The same; says which went, and the first failure.
    pub(crate) async fn purge_all(
        &self,
        records: Vec<ArtifactRecord>,
    ) -> (Vec<ArtifactId>, Option<Error>) {
        if records.is_empty() {
            return (Vec::new(), None);
        }
        let (kept, mut failure) = self.remove_bytes(&records).await;
        let bare = |record: &ArtifactRecord| keys_of(record).iter().all(|key| !kept.contains(key));
        let removable: Vec<_> = records.into_iter().filter(bare).collect();
        let removals: Vec<Result<ArtifactId>> = stream::iter(removable)
            .map(|record| async move {
                self.retrying("remove", || self.ports.index.remove(record.id))
                    .await?;
                self.note_purged(&record).await;
                Ok(record.id)
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        let mut purged = Vec::with_capacity(removals.len());
        for removal in removals {
            match removal {
                Ok(id) => purged.push(id),
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        (purged, failure)
    }

    /// Removes the bytes of versions; gives those that are still there, and the first failure. A
    /// store that is out of reach keeps no bytes of another from going.
    async fn remove_bytes(&self, records: &[ArtifactRecord]) -> (HashSet<BlobKey>, Option<Error>) {
        let (mut kept, mut first) = (HashSet::new(), None);
        for place in self.places() {
            let keys: Vec<_> = records
                .iter()
                // What was moved may lie in any store: the settings may have given its tier another
                // one since. What never was lies in the hot one.
                .filter(|record| place == Tier::Hot || record.attempt.is_move())
                .flat_map(keys_of)
                .collect();
            if keys.is_empty() {
                continue;
            }
            let blobs = self.blobs_of(place);
            match self.retrying("delete", || blobs.delete(keys.clone())).await {
                Ok(failures) => {
                    for failure in failures {
                        let context = format!("the bytes at {} could not be removed", failure.key);
                        first.get_or_insert(failure.error.context(context));
                        kept.insert(failure.key);
                    }
                }
                Err(error) => {
                    first.get_or_insert(error);
                    kept.extend(keys);
                }
            }
        }
        (kept, first)
    }

    /// Purges what can wait if it fails: it stays marked, and is purged with the next leftovers.
    pub(crate) async fn purge_quietly(&self, records: Vec<ArtifactRecord>) {
        let count = records.len();
        if let Err(error) = self.purge(records).await {
            tracing::warn!(count, error = %error, "deleted versions wait to be purged");
        }
    }

    /// Marks a version as deleted, whoever else changes it meanwhile. `None` if it was gone.
    pub(crate) async fn mark_deleted(
        &self,
        record: ArtifactRecord,
    ) -> Result<Option<ArtifactRecord>> {
        let edited = self
            .edit(record, |record| {
                *record = record.clone().into_deleted()?;
                // Marked already or not, once it is written it is durable.
                Ok(true)
            })
            .await?;
        Ok(match edited {
            Edited::Changed(deleted) | Edited::Unchanged(deleted) => Some(deleted),
            Edited::Gone => None,
        })
    }
}

/// Where the bytes of a version may lie. Those that it was uploaded with may still be there after a
/// move that was cut off, and would be taken for a version of their own if the index were lost.
fn keys_of(record: &ArtifactRecord) -> Vec<BlobKey> {
    let mut keys = record.possible_blob_keys();
    if record.attempt.is_move() {
        let mut uploaded = record.clone();
        uploaded.attempt = record.id.into();
        keys.extend(uploaded.possible_blob_keys());
    }
    keys
}
