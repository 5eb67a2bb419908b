//! The metadata of a task beside its blobs: what the index knew of each version, so that a lost
//! index can be rebuilt. This file says what it is; it must not know how it is read or written.
//!
//! ```text
//! artifacts/SPEC/TASK/metadata.json           the whole, as of the last fold
//! artifacts/SPEC/TASK/metadata/DELTA.json     what came since, one document per batch
//! ```
//!
//! The documents of a task are merged by id: of two entries the later revision counts, and a
//! version that was purged stays purged. So their order is of no account, a document may be read
//! twice, and a fold that was cut off is simply made again. A record leaves only when an entry
//! says that it was purged, never because somebody does not know it.

mod check;
mod document;
mod entry;
mod fold;
mod journal;
mod lines;
mod reader;

use artifact_domain::{
    ArtifactRecord, BlobKey, BlobMeaning, BlobPrefix, Coordinate, SpecName, TaskId,
};

pub(crate) use check::TaskCheck;
pub(crate) use entry::Entry;
pub(crate) use fold::{BY_CHANCE, Urgency};
pub(crate) use journal::Journal;
pub(crate) use reader::ManifestReader;

/// Whose metadata it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TaskKey {
    pub(crate) spec: SpecName,
    pub(crate) task: TaskId,
}

impl TaskKey {
    pub(crate) fn of(record: &ArtifactRecord) -> Self {
        Self::from(&record.coordinate)
    }

    /// Whose the file is.
    pub(crate) fn of_key(key: &BlobKey) -> Self {
        match key.meaning() {
            BlobMeaning::TaskMetadata { spec, task }
            | BlobMeaning::TaskMetadataDelta { spec, task, .. } => Self { spec, task },
            BlobMeaning::Content { coordinate, .. } => Self::from(&coordinate),
        }
    }

    fn whole(&self) -> BlobKey {
        BlobKey::task_metadata(&self.spec, &self.task)
    }

    fn deltas(&self) -> BlobPrefix {
        BlobPrefix::task_metadata_deltas(&self.spec, &self.task)
    }
}

impl From<&Coordinate> for TaskKey {
    fn from(coordinate: &Coordinate) -> Self {
        Self {
            spec: coordinate.spec().clone(),
            task: coordinate.task().clone(),
        }
    }
}

impl std::fmt::Display for TaskKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "task `{}` of spec `{}`", self.task, self.spec)
    }
}
