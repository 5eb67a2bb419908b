//! Blobs that nobody names: neither the index nor the metadata beside them. Finds them, in every
//! store; must not know what becomes of them.

use std::collections::{HashMap, HashSet};

use artifact_domain::{
    ArtifactId, ArtifactRecord, AttemptId, BlobKey, BlobMeaning, BlobPrefix, Coordinate, ErrorKind,
    Result, State, Tier, Timestamp, Version,
};
use futures::{Stream, StreamExt, TryStreamExt, stream};

use crate::Store;
use crate::manifest::{Entry, ManifestReader, TaskKey};

/// How many questions are asked at once.
const CONCURRENCY: usize = 16;

/// How many blobs are looked for at once.
pub(crate) const BATCH: usize = 1_024;

/// A blob that nobody names.
#[derive(Debug)]
pub(crate) struct Orphan {
    /// In which store.
    pub(crate) place: Tier,
    pub(crate) key: BlobKey,
    pub(crate) size_bytes: u64,
    /// The version that it is a copy of, if the index knows that by another copy.
    pub(crate) spare_of: Option<Box<ArtifactRecord>>,
    pub(crate) attempt: AttemptId,
    coordinate: Coordinate,
    version: Version,
}

impl Orphan {
    /// What a path says, if it is that of a blob.
    pub(crate) fn maybe(place: Tier, path: &str, size_bytes: u64) -> Option<Self> {
        let key = BlobKey::parse(path).ok()?;
        let BlobMeaning::Content {
            coordinate,
            version,
            attempt,
            ..
        } = key.meaning()
        else {
            return None;
        };
        Some(Self {
            place,
            key,
            size_bytes,
            spare_of: None,
            attempt,
            coordinate,
            version,
        })
    }

    pub(crate) fn task(&self) -> TaskKey {
        TaskKey::from(&self.coordinate)
    }

    /// Whether it is a copy of that version: what a move left, or has not brought to an end.
    fn is_spare_of(&self, record: &ArtifactRecord) -> bool {
        let is_original = self.attempt.artifact_id() == record.id;
        let content = record.content.as_ref();
        let has_size = content.is_some_and(|content| content.stored_size_bytes == self.size_bytes);
        (is_original || self.attempt.is_move()) && has_size
    }
}

impl Store {
    /// Blobs that were written before `before` and that nobody names. What metadata names can be
    /// taken in by a rebuild, and damaged metadata may have named anything of its task. But what a
    /// copy is worth whose version the index knows, the index says; and it is worth everything as
    /// long as the copy that the index names is not there.
    pub(crate) fn orphans(
        &self,
        before: Timestamp,
    ) -> impl Stream<Item = Result<Orphan>> + Send + '_ {
        let old = self.list_everywhere(BlobPrefix::all()).try_filter_map(
            move |(place, listed)| async move {
                let blob = Orphan::maybe(place, &listed.path, listed.stat.size_bytes);
                Ok(blob.filter(|blob| {
                    // A blob of unknown age is as old as its attempt.
                    let written = listed.stat.modified_at;
                    written.unwrap_or_else(|| blob.attempt.artifact_id().created_at()) < before
                }))
            },
        );
        old.try_chunks(BATCH)
            .map_err(|error| error.1)
            .and_then(|blobs| async {
                let (spares, unknown) = self
                    .without_record(blobs)
                    .await?
                    .into_iter()
                    .partition::<Vec<_>, _>(|blob| blob.spare_of.is_some());
                let mut orphans = self.without_metadata(unknown).await?;
                for spare in spares {
                    if self.can_spare(&spare).await? {
                        orphans.push(spare);
                    }
                }
                Ok(orphans)
            })
            .map_ok(|orphans| stream::iter(orphans.into_iter().map(Ok)))
            .try_flatten()
    }

    /// Whether a spare copy is needed no more: its version is gone, or the copy that the index
    /// names is there.
    pub(crate) async fn can_spare(&self, blob: &Orphan) -> Result<bool> {
        let Some(record) = blob.spare_of.as_deref().filter(|one| one.state.is_live()) else {
            return Ok(true);
        };
        match self.whereabouts(record).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let uri = record.version_uri();
                tracing::warn!(%uri, path = %blob.key, "the only copy is one that the index does not name");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a task has a blob of a version that the index does not know, beside `known` ones.
    pub(crate) async fn has_unknown_blob(
        &self,
        task: &TaskKey,
        known: &[ArtifactId],
    ) -> Result<bool> {
        let prefix = BlobPrefix::task(&task.spec, &task.task);
        let blobs = self
            .list_everywhere(prefix)
            .try_filter_map(|(place, listed)| async move {
                Ok(Orphan::maybe(place, &listed.path, listed.stat.size_bytes))
            });
        let mut batches = std::pin::pin!(blobs.try_chunks(BATCH));
        while let Some(blobs) = batches.next().await {
            let unknown = self.without_record(blobs.map_err(|error| error.1)?).await?;
            let is_unknown = |blob: &Orphan| {
                blob.spare_of.is_none() && !known.contains(&blob.attempt.artifact_id())
            };
            if unknown.iter().any(is_unknown) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Those that the index does not name. A deletion removes the bytes before the record, so what
    /// is still there after the index was asked is not one that was just deleted.
    ///
    /// All answers are there when it returns. A stream that asks ahead would leave questions
    /// unattended while its items are worked on: each may hold one of the connections that the
    /// work waits for.
    pub(crate) async fn without_record(&self, blobs: Vec<Orphan>) -> Result<Vec<Orphan>> {
        stream::iter(blobs.into_iter().map(Ok))
            .map_ok(|blob| async move {
                let Some(blob) = self.unless_named(blob).await? else {
                    return Ok(None);
                };
                match self.blobs_of(blob.place).stat(blob.key.clone()).await {
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

    /// The blob, with the version that it is a copy of; none if the index names it. In which store
    /// it lies does not matter: no two attempts are alike, so it has the bytes of that version.
    pub(crate) async fn unless_named(&self, mut blob: Orphan) -> Result<Option<Orphan>> {
        let index = &self.ports.index;
        let mut record = None;
        if !blob.attempt.is_move() {
            record = index.find(blob.attempt.artifact_id()).await?;
            if record
                .as_ref()
                .is_some_and(|one| one.attempt == blob.attempt)
            {
                return Ok(None);
            }
            record = record
                .filter(|one| one.coordinate == blob.coordinate && one.version == blob.version);
        }
        if record.is_none() {
            let coordinate = blob.coordinate.clone();
            record = index.find_version(coordinate, blob.version).await?;
        }
        if record
            .as_ref()
            .is_some_and(|one| one.attempt == blob.attempt)
        {
            return Ok(None);
        }
        // Bytes that were handed over wait until the upload is completed, or its lease ends.
        let is_handed_over = |record: &ArtifactRecord| {
            record.state == State::Uploading && record.handover_blob_key() == blob.key
        };
        if record.as_ref().is_some_and(is_handed_over) {
            return Ok(None);
        }
        let spare_of = record.filter(|record| blob.is_spare_of(record));
        blob.spare_of = spare_of.map(Box::new);
        Ok(Some(blob))
    }

    async fn without_metadata(&self, blobs: Vec<Orphan>) -> Result<Vec<Orphan>> {
        let mut orphans = Vec::new();
        for (task, mut blobs) in by_task(blobs) {
            let mut unnamed: HashSet<_> = blobs.iter().map(|blob| blob.attempt).collect();
            let mut reader = ManifestReader::open(&*self.ports.blobs, &task).await?;
            while let Some(entry) = reader.next().await? {
                if let Entry::Version { record, .. } = entry {
                    unnamed.remove(&record.attempt);
                }
            }
            if reader.damage() == 0 {
                blobs.retain(|blob| unnamed.contains(&blob.attempt));
                orphans.append(&mut blobs);
            }
        }
        Ok(orphans)
    }

    /// Those of which a version may be made that nothing else tells of. A move makes its copy known
    /// to the metadata, for good, before it takes the source away. So a copy that whole metadata
    /// does not name is one that was not needed yet, and its version may be deleted since.
    pub(crate) async fn recoverable(&self, blobs: Vec<Orphan>) -> Result<Vec<Orphan>> {
        let (copies, mut recoverable) = blobs
            .into_iter()
            .partition::<Vec<_>, _>(|blob| blob.attempt.is_move());
        for (task, mut copies) in by_task(copies) {
            let mut reader = ManifestReader::open(&*self.ports.blobs, &task).await?;
            let (mut named, mut is_empty) = (HashSet::new(), true);
            while let Some(entry) = reader.next().await? {
                is_empty = false;
                if let Entry::Version { record, .. } = entry {
                    named.insert(record.attempt);
                }
            }
            if !is_empty && reader.damage() == 0 {
                copies.retain(|blob| named.contains(&blob.attempt));
            }
            recoverable.append(&mut copies);
        }
        Ok(recoverable)
    }
}

fn by_task(blobs: Vec<Orphan>) -> HashMap<TaskKey, Vec<Orphan>> {
    let mut by_task: HashMap<TaskKey, Vec<Orphan>> = HashMap::new();
    for blob in blobs {
        by_task.entry(blob.task()).or_default().push(blob);
    }
    by_task
}
