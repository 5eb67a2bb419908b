//! Blobs that nobody knows: neither the index nor the metadata beside them. Finds them; must not
//! know what becomes of them.

use std::collections::{HashMap, HashSet};

use artifact_domain::{ArtifactId, BlobKey, BlobMeaning, BlobPrefix, ErrorKind, Result, Timestamp};
use futures::{Stream, StreamExt, TryStreamExt, stream};

use crate::Store;
use crate::manifest::{Entry, ManifestReader, TaskKey};

/// How many questions are asked at once.
const CONCURRENCY: usize = 16;

/// How many blobs are looked for at once.
pub(crate) const BATCH: usize = 1_024;

/// A blob that nobody knows.
#[derive(Debug)]
pub(crate) struct Orphan {
    pub(crate) key: BlobKey,
    pub(crate) size_bytes: u64,
    id: ArtifactId,
    task: TaskKey,
}

impl Orphan {
    /// What a path says, if it is that of a blob.
    pub(crate) fn maybe(path: &str, size_bytes: u64) -> Option<Self> {
        let key = BlobKey::parse(path).ok()?;
        let BlobMeaning::Content {
            coordinate,
            attempt,
            ..
        } = key.meaning()
        else {
            return None;
        };
        Some(Self {
            id: attempt.artifact_id(),
            task: TaskKey::from(&coordinate),
            key,
            size_bytes,
        })
    }
}

impl Store {
    /// Blobs that were written before `before` and that nobody knows. What metadata names can be
    /// taken in by a rebuild, and damaged metadata may have named anything of its task.
    pub(crate) fn orphans(
        &self,
        before: Timestamp,
    ) -> impl Stream<Item = Result<Orphan>> + Send + '_ {
        let old = stream::once(self.ports.blobs.list(BlobPrefix::all()))
            .try_flatten()
            .try_filter_map(move |listed| async move {
                let blob = Orphan::maybe(&listed.path, listed.stat.size_bytes);
                Ok(blob.filter(|blob| {
                    // A blob of unknown age is as old as its version.
                    let written = listed.stat.modified_at;
                    written.unwrap_or_else(|| blob.id.created_at()) < before
                }))
            });
        old.try_chunks(BATCH)
            .map_err(|error| error.1)
            .and_then(|blobs| async {
                let unknown = self.without_record(blobs).await?;
                self.without_metadata(unknown).await
            })
            .map_ok(|orphans| stream::iter(orphans.into_iter().map(Ok)))
            .try_flatten()
    }

    /// Whether a task has a blob that the index does not know, beside `known` ones.
    pub(crate) async fn has_unknown_blob(
        &self,
        task: &TaskKey,
        known: &[ArtifactId],
    ) -> Result<bool> {
        let prefix = BlobPrefix::task(&task.spec, &task.task);
        let blobs = self.ports.blobs.list(prefix).await?;
        let blobs =
            blobs.try_filter_map(|listed| async move { Ok(Orphan::maybe(&listed.path, 0)) });
        let mut batches = std::pin::pin!(blobs.try_chunks(BATCH));
        while let Some(blobs) = batches.next().await {
            let unknown = self.without_record(blobs.map_err(|error| error.1)?).await?;
            if unknown.iter().any(|blob| !known.contains(&blob.id)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Those that the index does not know. A deletion removes the bytes before the record, so what
    /// is still there after the index was asked is not one that was just deleted.
    ///
    /// All answers are there when it returns. A stream that asks ahead would leave questions
    /// unattended while its items are worked on: each may hold one of the connections that the
    /// work waits for.
    pub(crate) async fn without_record(&self, blobs: Vec<Orphan>) -> Result<Vec<Orphan>> {
        stream::iter(blobs.into_iter().map(Ok))
            .map_ok(|blob| async move {
                if self.ports.index.find(blob.id).await?.is_some() {
                    return Ok(None);
                }
                match self.ports.blobs.stat(blob.key.clone()).await {
                    Ok(_) => Ok(Some(blob)),
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(error),
                }
            })
            .try_buffer_unordered(CONCURRENCY)
            .try_filter_map(|blob| async move { Ok(blob) })
            .try_collect()
            .await
    }

    async fn without_metadata(&self, blobs: Vec<Orphan>) -> Result<Vec<Orphan>> {
        let mut by_task: HashMap<TaskKey, Vec<Orphan>> = HashMap::new();
        for blob in blobs {
            by_task.entry(blob.task.clone()).or_default().push(blob);
        }
        let mut orphans = Vec::new();
        for (task, mut blobs) in by_task {
            let mut unnamed: HashSet<_> = blobs.iter().map(|blob| blob.id).collect();
            let mut reader = ManifestReader::open(&*self.ports.blobs, &task).await?;
            while let Some(entry) = reader.next().await? {
                if let Entry::Version { record, .. } = entry {
                    unnamed.remove(&record.id);
                }
            }
            if reader.damage() == 0 {
                blobs.retain(|blob| unnamed.contains(&blob.id));
                orphans.append(&mut blobs);
            }
        }
        Ok(orphans)
    }
}
