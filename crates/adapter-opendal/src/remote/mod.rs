//! Blobs in a bucket: what all object stores share. Knows neither how one is opened nor what its
//! own calls look like.
//!
//! A blob of the store is written once, under a key of its own attempt, so a key never changes its
//! bytes: what is read in several requests is one blob. Where a caller replaces a key all the same
//! (the metadata of a task), the tag that the service gives tells the two apart. No promise rests
//! on conditional requests: services differ in what they make of them.

mod backoff;
mod classes;
mod client;
mod clock;
mod download;
mod encoded;
mod examination;
#[cfg(feature = "gcs")]
pub(crate) mod gcs;
mod layers;
mod presign;
mod retrying;
#[cfg(feature = "s3")]
pub(crate) mod s3;
mod upload;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use artifact_domain::port::{
    BlobFailure, BlobListing, BlobStat, ByteStream, Capabilities, PresignRequest, PresignedUrl,
    PutOptions, Swept,
};
use artifact_domain::{
    BlobKey, BlobMeaning, BlobPrefix, ByteRange, Error, ErrorKind, Result, Tier, Timestamp,
};
use futures::{StreamExt, TryStreamExt, stream};
use opendal::Operator;
use tokio::sync::Semaphore;

use crate::error::from_remote;
use crate::operator::OperatorStore;
pub use classes::StorageClasses;
#[cfg(feature = "gcs")]
pub use gcs::{GcsBucketRules, GcsDoctor, GcsOptions};
#[cfg(feature = "s3")]
pub use s3::{AccessKeys, S3BucketRules, S3Doctor, S3Options};

/// How many keys a request to delete names at most.
const DELETE_BATCH: usize = 1000;

/// How many deletes are under way at once where a batch failed.
const DELETE_CONCURRENCY: usize = 16;

/// A store over one bucket.
#[derive(Debug)]
pub(crate) struct RemoteStore {
    /// Without layers: each kind of call has timeouts of its own.
    bare: Operator,
    /// For calls without a body: they are timed out and retried.
    calls: OperatorStore,
    name: &'static str,
    retries: u32,
    /// How long a request may stand still.
    patience: Duration,
    location: String,
    /// Signs URLs; none where requests are not signed at all.
    signer: Option<Operator>,
    /// The parts that downloads may hold.
    fetched: Arc<Semaphore>,
    /// The parts that uploads may send beside the one that each of them may.
    sent: Arc<Semaphore>,
    /// Whose puts run in this process.
    running: Arc<Mutex<HashSet<BlobKey>>>,
    #[cfg(feature = "s3")]
    uploads: Option<s3::Uploads>,
    /// Where the bucket keeps tiers.
    #[cfg(feature = "s3")]
    objects: Option<s3::Objects>,
    #[cfg(feature = "gcs")]
    google: Option<gcs::Google>,
}

impl RemoteStore {
    fn new(
        bare: Operator,
        name: &'static str,
        location: String,
        (retries, patience): (u32, Option<Duration>),
    ) -> Self {
        let patience = patience.unwrap_or(layers::PATIENCE);
        let calls = layers::of_calls(&bare, retries, patience);
        Self {
            bare,
            calls: OperatorStore::over(calls),
            name,
            retries,
            patience,
            location,
            signer: None,
            fetched: Arc::new(Semaphore::new(download::PARTS_OF_ALL)),
            sent: Arc::new(Semaphore::new(upload::PARTS_OF_ALL)),
            running: Arc::default(),
            #[cfg(feature = "s3")]
            uploads: None,
            #[cfg(feature = "s3")]
            objects: None,
            #[cfg(feature = "gcs")]
            google: None,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn location(&self) -> &str {
        &self.location
    }

    pub(crate) async fn put(
        &self,
        key: BlobKey,
        body: ByteStream,
        options: PutOptions,
    ) -> Result<BlobStat> {
        let _running = Running::begin(&self.running, &key);
        #[cfg(feature = "gcs")]
        if let Some(google) = &self.google {
            return google.put(&key, body, options).await;
        }
        upload::Upload {
            bare: &self.bare,
            retries: self.retries,
            patience: self.patience,
            key: &key,
            parts: &self.sent,
        }
        .run(body, options)
        .await
    }

    pub(crate) async fn get(&self, key: BlobKey, range: Option<ByteRange>) -> Result<ByteStream> {
        if range.is_some_and(|range| range.length() == 0) {
            self.stat(key).await?;
            return Ok(stream::empty().boxed());
        }
        let operator = layers::of_reads(&self.bare, self.patience);
        let parts = Arc::clone(&self.fetched);
        download::open(operator, key, range, self.retries, parts).await
    }

    pub(crate) async fn stat(&self, key: BlobKey) -> Result<BlobStat> {
        match self.calls.stat(key.clone()).await {
            Err(error) if error.kind() != ErrorKind::Unavailable => {
                Err(self.reason(&key).await.unwrap_or(error))
            }
            found => found,
        }
    }

    /// Why a blob can't be looked at, from a request whose answer has a body to say it: one that is
    /// refused without may mean a key, a right, a clock, a region or a bucket. None where nothing more
    /// is said.
    async fn reason(&self, key: &BlobKey) -> Option<Error> {
        let first = self.calls.operator().read_with(key.as_str()).range(0..1);
        let cause = first.await.err()?;
        let error = from_remote(format_args!("stat blob `{key}`"), cause);
        // The first byte of an empty blob is no reason.
        let is_other = matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Integrity);
        (!is_other).then_some(error)
    }

    pub(crate) async fn list(&self, prefix: BlobPrefix) -> Result<BlobListing> {
        // What is said of a listing would name no bucket.
        let named = |location: &str, error: Error| error.context(format_args!("`{location}`"));
        let listing = self.calls.list(prefix).await;
        let listing = listing.map_err(|error| named(&self.location, error))?;
        let location = self.location.clone();
        Ok(listing
            .map_err(move |error| named(&location, error))
            .boxed())
    }

    /// Deletes in batches; a batch that fails is gone through key by key, to say which could not
    /// be deleted.
    pub(crate) async fn delete(&self, keys: Vec<BlobKey>) -> Vec<BlobFailure> {
        let mut failures = Vec::new();
        for batch in keys.chunks(DELETE_BATCH) {
            let paths: Vec<String> = batch.iter().map(ToString::to_string).collect();
            let operator = self.calls.operator();
            let Err(cause) = operator.delete_iter(paths).await else {
                continue;
            };
            if let [key] = batch {
                if cause.kind() != opendal::ErrorKind::NotFound {
                    let error = from_remote(format_args!("delete blob `{key}`"), cause);
                    let key = key.clone();
                    failures.push(BlobFailure { key, error });
                }
                continue;
            }
            tracing::debug!(error = %cause, "a batch of deletes failed, going through its keys");
            let one_by_one = stream::iter(batch.to_vec())
                .map(|key| self.calls.delete_one(key))
                .buffer_unordered(DELETE_CONCURRENCY)
                .filter_map(std::future::ready);
            failures.extend(one_by_one.collect::<Vec<_>>().await);
        }
        failures
    }

    /// A signed URL; none where it cannot sign.
    pub(crate) async fn presign(
        &self,
        key: &BlobKey,
        request: PresignRequest,
    ) -> Option<Result<PresignedUrl>> {
        #[cfg(feature = "gcs")]
        if let Some(google) = &self.google {
            return google.presign(key, request).await;
        }
        let signer = self.signer.as_ref()?;
        Some(presign::presign(signer, key, request).await)
    }

    pub(crate) fn capabilities(&self) -> Capabilities {
        #[cfg(feature = "s3")]
        let amazon = self.objects.is_some();
        #[cfg(not(feature = "s3"))]
        let amazon = false;
        #[cfg(feature = "gcs")]
        if let Some(google) = &self.google {
            return google.capabilities();
        }
        Capabilities {
            presign: self.signer.is_some(),
            tiers: amazon,
            restore: amazon,
        }
    }

    /// None where tiers are not the bucket's business.
    pub(crate) async fn copy_to_tier(
        &self,
        from: &BlobKey,
        to: &BlobKey,
        tier: Tier,
    ) -> Option<Result<BlobStat>> {
        #[cfg(feature = "s3")]
        if let Some(objects) = &self.objects {
            let _running = Running::begin(&self.running, to);
            return Some(objects.copy(from, to, tier).await);
        }
        #[cfg(feature = "gcs")]
        if let Some(google) = &self.google {
            return google.copy(from, to, tier).await;
        }
        let _ = (from, to, tier);
        None
    }

    /// None where nothing has to be restored.
    pub(crate) async fn restore(&self, key: &BlobKey, days: u32) -> Option<Result<bool>> {
        #[cfg(feature = "s3")]
        if let Some(objects) = &self.objects {
            return Some(objects.restore(key, days).await);
        }
        let _ = (key, days);
        None
    }

    /// What cut-off puts have left.
    #[cfg_attr(
        not(feature = "s3"),
        expect(clippy::unused_async, reason = "S3 is asked, the others are not")
    )]
    pub(crate) async fn sweep(&self, older_than: Timestamp, take: bool) -> Result<Swept> {
        #[cfg(feature = "s3")]
        if let Some(uploads) = &self.uploads {
            let is_running = |key: &BlobKey| {
                let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
                running.contains(key)
            };
            return uploads.sweep(older_than, take, is_running).await;
        }
        let _ = (older_than, take);
        Ok(Swept::default())
    }
}

/// Whether it is worth memory that a blob comes and goes quickly: the metadata of a large task is read
/// and written beside the work on what it tells of, several documents at a time.
fn is_content(key: &BlobKey) -> bool {
    matches!(key.meaning(), BlobMeaning::Content { .. })
}

/// Says for as long as it lives that a put of a key is under way here.
struct Running<'a> {
    all: &'a Mutex<HashSet<BlobKey>>,
    key: &'a BlobKey,
}

impl<'a> Running<'a> {
    fn begin(all: &'a Mutex<HashSet<BlobKey>>, key: &'a BlobKey) -> Self {
        let mut running = all.lock().unwrap_or_else(PoisonError::into_inner);
        running.insert(key.clone());
        Self { all, key }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut running = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        running.remove(self.key);
    }
}
