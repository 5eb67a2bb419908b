//! An index that fails before or after it took effect, or hesitates, on demand.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use artifact_domain::policy::Reservation;
use artifact_domain::port::{
    ArtifactIndex, CommitUpload, Committed, DueCursor, ImportVersion, Imported, NewUpload, Recount,
    UsageRow,
};
use artifact_domain::query::{Page, Query};
use artifact_domain::{
    ArtifactId, ArtifactRecord, Coordinate, Error, ErrorKind, Result, Timestamp, Version,
};
use async_trait::async_trait;
use bytes::Bytes;

use super::plan::{Plan, When};
use crate::IndexOperation;

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexFault {
    /// It fails at once, without any effect.
    Fail(ErrorKind),
    /// It takes effect and fails all the same, as when an answer is lost.
    FailAfter(ErrorKind),
    /// It begins so much later.
    Delay(Duration),
}

/// Decorates an index with faults.
///
/// ```
/// use std::sync::Arc;
///
/// use artifact_domain::ErrorKind;
/// use artifact_domain::port::ArtifactIndex;
/// use artifact_testkit::{FaultyIndex, IndexFault, IndexOperation, MemoryIndex, When, sample};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let index = FaultyIndex::new(Arc::new(MemoryIndex::new()));
/// let lost = IndexFault::FailAfter(ErrorKind::Unavailable);
/// index.inject(IndexOperation::Begin, When::Next, lost);
///
/// let upload = sample::upload("demo", "1", "log", "build.log");
/// assert!(index.begin(upload.clone()).await.is_err());
/// assert!(index.find(upload.id).await.unwrap().is_some(), "it took effect");
/// # });
/// ```
pub struct FaultyIndex {
    inner: Arc<dyn ArtifactIndex>,
    plan: Plan<IndexOperation, IndexFault>,
}

impl FaultyIndex {
    /// Decorates `inner`, without any fault yet.
    pub fn new(inner: Arc<dyn ArtifactIndex>) -> Self {
        Self {
            inner,
            plan: Plan::default(),
        }
    }

    /// Sets a fault up. Several may meet one call: delays come first, then failures, each in the
    /// order they were set up.
    ///
    /// # Panics
    /// If it is given [`When::Nth`] zero.
    pub fn inject(&self, operation: IndexOperation, when: When, fault: IndexFault) -> &Self {
        self.plan.set_up(operation, when, fault);
        self
    }

    /// Takes every fault away.
    pub fn clear(&self) {
        self.plan.clear();
    }

    /// How many faults were not met yet; those that always strike count for ever.
    pub fn pending(&self) -> usize {
        self.plan.pending()
    }

    async fn call<T>(
        &self,
        operation: IndexOperation,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let injected =
            |kind: ErrorKind| Error::new(kind, format!("injected fault of {operation:?}"));
        let faults = self.plan.meet(&operation);
        for fault in &faults {
            if let IndexFault::Delay(delay) = fault {
                tokio::time::sleep(*delay).await;
            }
        }
        for fault in &faults {
            if let IndexFault::Fail(kind) = fault {
                return Err(injected(*kind));
            }
        }
        let value = call.await?;
        for fault in &faults {
            if let IndexFault::FailAfter(kind) = fault {
                return Err(injected(*kind));
            }
        }
        Ok(value)
    }
}

impl fmt::Debug for FaultyIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyIndex")
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ArtifactIndex for FaultyIndex {
    async fn begin(&self, upload: NewUpload) -> Result<ArtifactRecord> {
        let call = self.inner.begin(upload);
        self.call(IndexOperation::Begin, call).await
    }

    async fn renew(&self, id: ArtifactId, lease_until: Timestamp) -> Result<()> {
        let call = self.inner.renew(id, lease_until);
        self.call(IndexOperation::Renew, call).await
    }

    async fn reserve(&self, id: ArtifactId, reservation: Reservation) -> Result<()> {
        let call = self.inner.reserve(id, reservation);
        self.call(IndexOperation::Reserve, call).await
    }

    async fn commit(&self, commit: CommitUpload) -> Result<Committed> {
        let call = self.inner.commit(commit);
        self.call(IndexOperation::Commit, call).await
    }

    async fn update(&self, record: ArtifactRecord) -> Result<ArtifactRecord> {
        let call = self.inner.update(record);
        self.call(IndexOperation::Update, call).await
    }

    async fn remove(&self, id: ArtifactId) -> Result<()> {
        let call = self.inner.remove(id);
        self.call(IndexOperation::Remove, call).await
    }

    async fn find(&self, id: ArtifactId) -> Result<Option<ArtifactRecord>> {
        let call = self.inner.find(id);
        self.call(IndexOperation::Find, call).await
    }

    async fn find_version(
        &self,
        coordinate: Coordinate,
        version: Version,
    ) -> Result<Option<ArtifactRecord>> {
        let call = self.inner.find_version(coordinate, version);
        self.call(IndexOperation::FindVersion, call).await
    }

    async fn find_newest(
        &self,
        coordinate: Coordinate,
        now: Timestamp,
    ) -> Result<Option<ArtifactRecord>> {
        let call = self.inner.find_newest(coordinate, now);
        self.call(IndexOperation::FindNewest, call).await
    }

    async fn query(&self, query: Query) -> Result<Page> {
        let call = self.inner.query(query);
        self.call(IndexOperation::Query, call).await
    }

    async fn usage(&self) -> Result<Vec<UsageRow>> {
        let call = self.inner.usage();
        self.call(IndexOperation::Usage, call).await
    }

    async fn recount(&self, repair: bool) -> Result<Recount> {
        let call = self.inner.recount(repair);
        self.call(IndexOperation::Recount, call).await
    }

    async fn due_for_expiry(
        &self,
        now: Timestamp,
        after: Option<DueCursor>,
        limit: usize,
    ) -> Result<Vec<ArtifactRecord>> {
        let call = self.inner.due_for_expiry(now, after, limit);
        self.call(IndexOperation::DueForExpiry, call).await
    }

    async fn abandoned_uploads(&self, now: Timestamp, limit: usize) -> Result<Vec<ArtifactRecord>> {
        let call = self.inner.abandoned_uploads(now, limit);
        self.call(IndexOperation::AbandonedUploads, call).await
    }

    async fn seek_table(&self, id: ArtifactId) -> Result<Option<Bytes>> {
        let call = self.inner.seek_table(id);
        self.call(IndexOperation::SeekTable, call).await
    }

    async fn import(&self, versions: Vec<ImportVersion>) -> Result<Vec<Imported>> {
        let call = self.inner.import(versions);
        self.call(IndexOperation::Import, call).await
    }

    async fn is_complete(&self) -> Result<bool> {
        let call = self.inner.is_complete();
        self.call(IndexOperation::IsComplete, call).await
    }

    async fn mark_complete(&self) -> Result<()> {
        let call = self.inner.mark_complete();
        self.call(IndexOperation::MarkComplete, call).await
    }

    async fn retention_mark(&self) -> Result<Option<String>> {
        let call = self.inner.retention_mark();
        self.call(IndexOperation::RetentionMark, call).await
    }

    async fn set_retention_mark(
        &self,
        expected: Option<String>,
        mark: Option<String>,
    ) -> Result<bool> {
        let call = self.inner.set_retention_mark(expected, mark);
        self.call(IndexOperation::SetRetentionMark, call).await
    }
}
