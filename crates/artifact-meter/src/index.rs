//! An index whose calls are counted. Changes nothing of what it gives.

use std::fmt;
use std::sync::Arc;

use artifact_domain::policy::Reservation;
use artifact_domain::port::{
    ArtifactIndex, CommitUpload, Committed, DueCursor, ImportVersion, Imported, NewUpload, Recount,
    UsageRow,
};
use artifact_domain::query::{Page, Query};
use artifact_domain::{ArtifactId, ArtifactRecord, Coordinate, Result, Timestamp, Version};
use async_trait::async_trait;
use bytes::Bytes;

use crate::{Meter, Operation};

/// Counts the calls of an index.
pub struct MeteredIndex {
    inner: Arc<dyn ArtifactIndex>,
    meter: Meter,
}

impl MeteredIndex {
    /// Counts the calls of `inner` with `meter`.
    pub fn new(inner: Arc<dyn ArtifactIndex>, meter: Meter) -> Self {
        Self { inner, meter }
    }
}

impl fmt::Debug for MeteredIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeteredIndex").finish_non_exhaustive()
    }
}

#[async_trait]
impl ArtifactIndex for MeteredIndex {
    async fn begin(&self, upload: NewUpload) -> Result<ArtifactRecord> {
        let call = self.inner.begin(upload);
        self.meter.time(Operation::IndexBegin, call).await
    }

    async fn renew(&self, id: ArtifactId, lease_until: Timestamp) -> Result<()> {
        let call = self.inner.renew(id, lease_until);
        self.meter.time(Operation::IndexRenew, call).await
    }

    async fn reserve(&self, id: ArtifactId, reservation: Reservation) -> Result<()> {
        let call = self.inner.reserve(id, reservation);
        self.meter.time(Operation::IndexReserve, call).await
    }

    async fn commit(&self, commit: CommitUpload) -> Result<Committed> {
        let call = self.inner.commit(commit);
        self.meter.time(Operation::IndexCommit, call).await
    }

    async fn update(&self, record: ArtifactRecord) -> Result<ArtifactRecord> {
        let call = self.inner.update(record);
        self.meter.time(Operation::IndexUpdate, call).await
    }

    async fn remove(&self, id: ArtifactId) -> Result<()> {
        let call = self.inner.remove(id);
        self.meter.time(Operation::IndexRemove, call).await
    }

    async fn find(&self, id: ArtifactId) -> Result<Option<ArtifactRecord>> {
        let call = self.inner.find(id);
        self.meter.time(Operation::IndexFind, call).await
    }

    async fn find_version(
        &self,
        coordinate: Coordinate,
        version: Version,
    ) -> Result<Option<ArtifactRecord>> {
        let call = self.inner.find_version(coordinate, version);
        self.meter.time(Operation::IndexFindVersion, call).await
    }

    async fn find_newest(
        &self,
        coordinate: Coordinate,
        now: Timestamp,
    ) -> Result<Option<ArtifactRecord>> {
        let call = self.inner.find_newest(coordinate, now);
        self.meter.time(Operation::IndexFindNewest, call).await
    }

    async fn query(&self, query: Query) -> Result<Page> {
        let call = self.inner.query(query);
        self.meter.time(Operation::IndexQuery, call).await
    }

    async fn usage(&self) -> Result<Vec<UsageRow>> {
        let call = self.inner.usage();
        self.meter.time(Operation::IndexUsage, call).await
    }

    async fn recount(&self, repair: bool) -> Result<Recount> {
        let call = self.inner.recount(repair);
        self.meter.time(Operation::IndexRecount, call).await
    }

    async fn due_for_expiry(
        &self,
        now: Timestamp,
        after: Option<DueCursor>,
        limit: usize,
    ) -> Result<Vec<ArtifactRecord>> {
        let call = self.inner.due_for_expiry(now, after, limit);
        self.meter.time(Operation::IndexDueForExpiry, call).await
    }

    async fn abandoned_uploads(&self, now: Timestamp, limit: usize) -> Result<Vec<ArtifactRecord>> {
        let call = self.inner.abandoned_uploads(now, limit);
        self.meter
            .time(Operation::IndexAbandonedUploads, call)
            .await
    }

    async fn seek_table(&self, id: ArtifactId) -> Result<Option<Bytes>> {
        let call = self.inner.seek_table(id);
        self.meter.time(Operation::IndexSeekTable, call).await
    }

    async fn import(&self, versions: Vec<ImportVersion>) -> Result<Vec<Imported>> {
        let call = self.inner.import(versions);
        self.meter.time(Operation::IndexImport, call).await
    }

    async fn is_complete(&self) -> Result<bool> {
        let call = self.inner.is_complete();
        self.meter.time(Operation::IndexIsComplete, call).await
    }

    async fn mark_complete(&self) -> Result<()> {
        let call = self.inner.mark_complete();
        self.meter.time(Operation::IndexMarkComplete, call).await
    }

    async fn retention_mark(&self) -> Result<Option<String>> {
        let call = self.inner.retention_mark();
        self.meter.time(Operation::IndexRetentionMark, call).await
    }

    async fn set_retention_mark(
        &self,
        expected: Option<String>,
        mark: Option<String>,
    ) -> Result<bool> {
        let call = self.inner.set_retention_mark(expected, mark);
        self.meter
            .time(Operation::IndexSetRetentionMark, call)
            .await
    }
}
