//! Removing what is marked as deleted: first the bytes, then the record. Every step can be
//! repeated after a crash, and a blob that fails never keeps the others.

use std::collections::HashSet;

use artifact_domain::{ArtifactRecord, Result};
use futures::{StreamExt, stream};

use crate::Store;
use crate::edit::Edited;

/// How many records are removed at once.
const CONCURRENCY: usize = 16;

impl Store {
    /// Purges versions that are marked as deleted. A record whose bytes could not be removed
    /// stays, so that it can be purged again; the first failure is returned after all were tried.
    pub(crate) async fn purge(&self, records: Vec<ArtifactRecord>) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let keys: Vec<_> = records
            .iter()
            .flat_map(ArtifactRecord::possible_blob_keys)
            .collect();
        let failures = self
            .retrying("delete", || self.ports.blobs.delete(keys.clone()))
            .await?;
        let kept: HashSet<_> = failures.iter().map(|failure| &failure.key).collect();
        let bare = |record: &ArtifactRecord| {
            record
                .possible_blob_keys()
                .iter()
                .all(|key| !kept.contains(key))
        };
        let removable: Vec<_> = records.into_iter().filter(bare).collect();
        let removals: Vec<Result<()>> = stream::iter(removable)
            .map(|record| async move {
                self.retrying("remove", || self.ports.index.remove(record.id))
                    .await?;
                self.note_purged(&record).await;
                Ok(())
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        failures.into_iter().next().map_or(Ok(()), |failure| {
            let context = format!("the bytes at {} could not be removed", failure.key);
            Err(failure.error.context(context))
        })?;
        removals.into_iter().collect()
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
