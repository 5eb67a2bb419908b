//! A blob store whose calls are counted. Changes nothing of what it gives.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use artifact_domain::port::{
    BlobFailure, BlobListing, BlobStat, BlobStore, ByteStream, Capabilities, PresignRequest,
    PresignedUrl, PutOptions, Swept,
};
use artifact_domain::{BlobKey, BlobPrefix, ByteRange, Result, Tier, Timestamp};
use async_trait::async_trait;
use futures::{Stream, TryStreamExt};

use crate::{Meter, Operation};

/// Counts the calls of a blob store.
pub struct MeteredBlobs {
    inner: Arc<dyn BlobStore>,
    meter: Meter,
}

impl MeteredBlobs {
    /// Counts the calls of `inner` with `meter`.
    pub fn new(inner: Arc<dyn BlobStore>, meter: Meter) -> Self {
        Self { inner, meter }
    }

    /// Counts what goes wrong with a stream on its way.
    fn watched<T: 'static>(
        &self,
        operation: Operation,
        stream: Pin<Box<dyn Stream<Item = Result<T>> + Send>>,
    ) -> Pin<Box<dyn Stream<Item = Result<T>> + Send>> {
        let meter = self.meter.clone();
        Box::pin(stream.inspect_err(move |error| meter.failed(operation, error.kind())))
    }
}

impl fmt::Debug for MeteredBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeteredBlobs").finish_non_exhaustive()
    }
}

#[async_trait]
impl BlobStore for MeteredBlobs {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn put(&self, key: BlobKey, body: ByteStream, options: PutOptions) -> Result<BlobStat> {
        let call = self.inner.put(key, body, options);
        self.meter.time(Operation::BlobsPut, call).await
    }

    async fn get(&self, key: BlobKey, range: Option<ByteRange>) -> Result<ByteStream> {
        let call = self.inner.get(key, range);
        let stream = self.meter.time(Operation::BlobsGet, call).await?;
        Ok(self.watched(Operation::BlobsGet, stream))
    }

    async fn stat(&self, key: BlobKey) -> Result<BlobStat> {
        let call = self.inner.stat(key);
        self.meter.time(Operation::BlobsStat, call).await
    }

    async fn list(&self, prefix: BlobPrefix) -> Result<BlobListing> {
        let call = self.inner.list(prefix);
        let listing = self.meter.time(Operation::BlobsList, call).await?;
        Ok(self.watched(Operation::BlobsList, listing))
    }

    async fn delete(&self, keys: Vec<BlobKey>) -> Result<Vec<BlobFailure>> {
        let call = self.inner.delete(keys);
        let failures = self.meter.time(Operation::BlobsDelete, call).await?;
        for failure in &failures {
            let kind = failure.error.kind();
            self.meter.failed(Operation::BlobsDelete, kind);
        }
        Ok(failures)
    }

    async fn presign(&self, key: BlobKey, request: PresignRequest) -> Result<PresignedUrl> {
        let call = self.inner.presign(key, request);
        self.meter.time(Operation::BlobsPresign, call).await
    }

    async fn copy_to_tier(&self, from: BlobKey, to: BlobKey, tier: Tier) -> Result<BlobStat> {
        let call = self.inner.copy_to_tier(from, to, tier);
        self.meter.time(Operation::BlobsCopyToTier, call).await
    }

    async fn restore(&self, key: BlobKey, days: u32) -> Result<bool> {
        let call = self.inner.restore(key, days);
        self.meter.time(Operation::BlobsRestore, call).await
    }

    async fn leftovers(&self, older_than: Timestamp) -> Result<Swept> {
        let call = self.inner.leftovers(older_than);
        self.meter.time(Operation::BlobsLeftovers, call).await
    }

    async fn sweep(&self, older_than: Timestamp) -> Result<Swept> {
        let call = self.inner.sweep(older_than);
        self.meter.time(Operation::BlobsSweep, call).await
    }
}
