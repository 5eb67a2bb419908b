//! The end of a move: what it has left goes, once the metadata names what is there. Must not know how
//! the record came to name it.

use std::collections::BTreeMap;

use artifact_domain::{ArtifactRecord, BlobKey, Result, Tier};

use super::Moved;
use crate::Store;
use crate::manifest::{Entry, TaskKey};

impl Store {
    /// Takes the former copies of moved versions away, once the metadata beside the blobs names the
    /// new ones for good: a rebuilt index must not miss them. What fails here is left for `gc`.
    pub(crate) async fn finish(&self, moved: &[Moved]) {
        let mut tasks: BTreeMap<TaskKey, Vec<&Moved>> = BTreeMap::new();
        for one in moved.iter().filter(|one| one.former.is_some()) {
            tasks.entry(TaskKey::of(&one.record)).or_default().push(one);
        }
        for (task, moved) in tasks {
            let records = moved.iter().map(|one| one.record.clone());
            if let Err(error) = self.write_down_all(&task, records.collect()).await {
                tracing::warn!(%task, error = %error, "what moves have left waits for gc");
                continue;
            }
            for place in self.places() {
                let former = moved.iter().filter_map(|one| one.former.as_ref());
                let keys = former.filter(|(at, _)| *at == place);
                let keys: Vec<_> = keys.map(|(_, key)| key.clone()).collect();
                if !keys.is_empty() {
                    self.delete_all_quietly(place, keys).await;
                }
            }
        }
    }

    /// Writes records of one task beside the blobs, as they are by now, at once and durably. Of one
    /// that was purged nothing is left standing there.
    pub(crate) async fn write_down_all(
        &self,
        task: &TaskKey,
        records: Vec<ArtifactRecord>,
    ) -> Result<()> {
        let mut entries = Vec::with_capacity(records.len());
        let mut written = Vec::with_capacity(records.len());
        for record in records {
            let seek_table = self.ports.index.seek_table(record.id).await?;
            if let Some(current) = self.find(record.id).await? {
                entries.push(Entry::version(current, seek_table));
                written.push(record);
            }
        }
        if entries.is_empty() {
            return Ok(());
        }
        self.write_down(task, entries).await?;
        // Whoever purged one meanwhile may have said so before this was written.
        for record in written {
            if self.find(record.id).await?.is_none() {
                self.note_purged(&record).await;
            }
        }
        Ok(())
    }

    pub(super) async fn delete_quietly(&self, place: Tier, key: &BlobKey) {
        self.delete_all_quietly(place, vec![key.clone()]).await;
    }

    pub(crate) async fn delete_all_quietly(&self, place: Tier, keys: Vec<BlobKey>) {
        let count = keys.len();
        let failed = match self.blobs_of(place).delete(keys).await {
            Ok(failures) => failures.into_iter().next().map(|failure| failure.error),
            Err(error) => Some(error),
        };
        if let Some(error) = failed {
            tracing::warn!(count, error = %error, "spare copies wait for gc");
        }
    }
}
