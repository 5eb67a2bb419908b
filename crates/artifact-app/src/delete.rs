//! Deleting: one artifact, a task, a spec.

use artifact_domain::query::{Filter, Glob, Query, Versions};
use artifact_domain::{
    ArtifactRecord, ArtifactRef, ArtifactUri, Error, Result, SpecName, TaskId, Timestamp,
};
use futures::{Stream, StreamExt};

use crate::Store;
use crate::find::not_found;

/// How many versions are marked at once; their commits share what makes them durable.
const CONCURRENCY: usize = 32;

/// How many are purged together. Each has two places where its bytes may be, and most stores delete a
/// thousand with one request.
const BATCH: usize = 500;

/// Everything of a task or of a spec, all versions, what has expired too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeleteScope {
    /// Everything of a spec.
    Spec(SpecName),
    /// Everything of a task of a spec.
    Task(SpecName, TaskId),
}

/// A version that could not be deleted.
#[derive(Debug)]
pub struct DeleteFailure {
    /// Which.
    pub uri: ArtifactUri,
    /// Why not.
    pub error: Error,
}

/// What deleting many has done.
#[derive(Debug, Default)]
pub struct DeleteReport {
    /// How many versions are gone.
    pub deleted: u64,
    /// How many bytes their blobs had.
    pub stored_size_bytes: u64,
    /// What could not be deleted.
    pub failures: Vec<DeleteFailure>,
}

impl Store {
    /// Deletes one version: the newest, or the one that the address or the id names. From the
    /// moment it returns it is not found any more.
    ///
    /// # Errors
    /// `NotFound`, `Held`. What has expired can be deleted.
    pub async fn delete(&self, artifact: &ArtifactRef) -> Result<ArtifactRecord> {
        let record = self.show_deletable(artifact).await?;
        let deleted = self
            .mark_deleted(record)
            .await?
            .ok_or_else(|| not_found(artifact))?;
        self.purge_quietly(vec![deleted.clone()]).await;
        Ok(deleted)
    }

    /// What [`delete`](Self::delete) would delete, or the error it would give.
    pub async fn plan_delete(&self, artifact: &ArtifactRef) -> Result<ArtifactRecord> {
        let record = self.show_deletable(artifact).await?;
        record.clone().into_deleted()?;
        Ok(record)
    }

    /// Deletes everything of a task or spec, one failure never keeping the rest. An upload that
    /// is still on its way is left alone.
    pub async fn delete_all(&self, scope: &DeleteScope) -> Result<DeleteReport> {
        let marked = self
            .deletable(scope)
            .map(|found| async {
                let record = found?;
                let (uri, size) = (record.version_uri(), stored_size(&record));
                Ok::<_, Error>((uri, size, self.mark_deleted(record).await))
            })
            .buffer_unordered(CONCURRENCY);
        let mut report = DeleteReport::default();
        let mut batches = std::pin::pin!(marked.chunks(BATCH));
        while let Some(batch) = batches.next().await {
            let mut gone = Vec::with_capacity(batch.len());
            for outcome in batch {
                match outcome? {
                    (_, size, Ok(Some(record))) => {
                        report.deleted += 1;
                        report.stored_size_bytes += size;
                        gone.push(record);
                    }
                    // Somebody else was quicker.
                    (_, _, Ok(None)) => {}
                    (uri, _, Err(error)) => report.failures.push(DeleteFailure { uri, error }),
                }
            }
            self.purge_quietly(gone).await;
        }
        Ok(report)
    }

    /// A live version, expired or not.
    async fn show_deletable(&self, artifact: &ArtifactRef) -> Result<ArtifactRecord> {
        self.look_up(artifact, self.now())
            .await?
            .filter(|record| record.state.is_live())
            .ok_or_else(|| not_found(artifact))
    }

    /// What [`delete_all`](Self::delete_all) deletes, held versions included, which it will not.
    pub fn deletable(
        &self,
        scope: &DeleteScope,
    ) -> impl Stream<Item = Result<ArtifactRecord>> + Send + 'static {
        let (spec, task) = match scope {
            DeleteScope::Spec(spec) => (spec, None),
            DeleteScope::Task(spec, task) => (spec, Some(task)),
        };
        let filter = Filter {
            spec: Some(Glob::exactly(spec.as_str())),
            task: task.map(|task| Glob::exactly(task.as_str())),
            versions: Versions::All,
            ..Filter::default()
        };
        // At the epoch nothing has expired, so what has is found too.
        self.pages(Query::new(filter, Timestamp::UNIX_EPOCH))
    }
}

fn stored_size(record: &ArtifactRecord) -> u64 {
    record
        .content
        .as_ref()
        .map_or(0, |content| content.stored_size_bytes)
}
