//! A blob store that fails, hesitates, or loses and falsifies bytes, on demand.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use artifact_domain::port::{
    BlobFailure, BlobListing, BlobStat, BlobStore, ByteStream, Capabilities, PresignRequest,
    PresignedUrl, PutOptions, Swept,
};
use artifact_domain::{BlobKey, BlobPrefix, ByteRange, Error, ErrorKind, Result, Tier, Timestamp};
use async_trait::async_trait;

use super::cut::{cut, flip};
use super::plan::{Plan, When};
use crate::BlobOperation;

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobFault {
    /// It fails at once, without any effect.
    Fail(ErrorKind),
    /// It takes effect and fails all the same, as when an answer is lost.
    FailAfter(ErrorKind),
    /// It begins so much later.
    Delay(Duration),
    /// The stream of a `put` or `get` breaks with an error after so many bytes.
    BreakAfter(u64, ErrorKind),
    /// The stream of a `put` or `get` ends after so many bytes as if that were all of it.
    EndAfter(u64),
    /// The byte at this position of the stream of a `put` or `get` is another one.
    FlipByte(u64),
}

impl BlobFault {
    fn is_of_a_stream(self) -> bool {
        matches!(
            self,
            Self::BreakAfter(..) | Self::EndAfter(_) | Self::FlipByte(_)
        )
    }
}

/// Decorates a blob store with faults.
///
/// ```
/// use std::sync::Arc;
///
/// use artifact_domain::ErrorKind;
/// use artifact_domain::port::{BlobStore, PutOptions};
/// use artifact_testkit::{BlobFault, BlobOperation, FaultyBlobStore, MemoryBlobStore, When};
/// use artifact_testkit::{body, collect, sample};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = FaultyBlobStore::new(Arc::new(MemoryBlobStore::new()));
/// store
///     .inject(BlobOperation::Put, When::Next, BlobFault::Fail(ErrorKind::Unavailable))
///     .inject(BlobOperation::Get, When::Nth(2), BlobFault::EndAfter(3));
///
/// let key = sample::blob_key("a.txt");
/// let put = || store.put(key.clone(), body("abcdef"), PutOptions::default());
/// assert_eq!(put().await.unwrap_err().kind(), ErrorKind::Unavailable);
/// assert!(put().await.is_ok());
/// for expected in ["abcdef", "abc", "abcdef"] {
///     let stream = store.get(key.clone(), None).await.unwrap();
///     assert_eq!(collect(stream).await.unwrap(), expected);
/// }
/// # });
/// ```
pub struct FaultyBlobStore {
    inner: Arc<dyn BlobStore>,
    plan: Plan<BlobOperation, BlobFault>,
}

impl FaultyBlobStore {
    /// Decorates `inner`, without any fault yet.
    pub fn new(inner: Arc<dyn BlobStore>) -> Self {
        Self {
            inner,
            plan: Plan::default(),
        }
    }

    /// Sets a fault up. Several may meet one call: delays come first, then failures, then what
    /// happens to the stream, each in the order they were set up.
    ///
    /// # Panics
    /// If a fault of streams is given to an operation that has none, or [`When::Nth`] zero.
    pub fn inject(&self, operation: BlobOperation, when: When, fault: BlobFault) -> &Self {
        let streams = [BlobOperation::Put, BlobOperation::Get];
        assert!(
            !fault.is_of_a_stream() || streams.contains(&operation),
            "{operation:?} has no stream for {fault:?}"
        );
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

    /// Counts a call and lets it wait or fail; gives what is left for the stream and the end.
    async fn begin(&self, operation: BlobOperation, on: &str) -> Result<Met> {
        let faults = self.plan.meet(&operation);
        for fault in &faults {
            if let BlobFault::Delay(delay) = fault {
                tokio::time::sleep(*delay).await;
            }
        }
        for fault in &faults {
            if let BlobFault::Fail(kind) = fault {
                return Err(injected(*kind, operation, on));
            }
        }
        Ok(Met {
            operation,
            on: on.to_owned(),
            faults,
        })
    }
}

/// The faults that one call has met.
struct Met {
    operation: BlobOperation,
    on: String,
    faults: Vec<BlobFault>,
}

impl Met {
    fn stream(&self, mut body: ByteStream) -> ByteStream {
        for fault in &self.faults {
            body = match *fault {
                BlobFault::BreakAfter(bytes, kind) => {
                    let error = injected(kind, self.operation, &self.on);
                    cut(body, bytes, Some(error))
                }
                BlobFault::EndAfter(bytes) => cut(body, bytes, None),
                BlobFault::FlipByte(position) => flip(body, position),
                BlobFault::Fail(_) | BlobFault::FailAfter(_) | BlobFault::Delay(_) => body,
            };
        }
        body
    }

    fn end<T>(&self, result: Result<T>) -> Result<T> {
        let value = result?;
        let lost = self.faults.iter().find_map(|fault| match fault {
            BlobFault::FailAfter(kind) => Some(*kind),
            _ => None,
        });
        match lost {
            Some(kind) => Err(injected(kind, self.operation, &self.on)),
            None => Ok(value),
        }
    }
}

fn injected(kind: ErrorKind, operation: BlobOperation, on: &str) -> Error {
    Error::new(kind, format!("injected fault of {operation:?} on {on}"))
}

impl fmt::Debug for FaultyBlobStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyBlobStore")
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl BlobStore for FaultyBlobStore {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn put(&self, key: BlobKey, body: ByteStream, options: PutOptions) -> Result<BlobStat> {
        let met = self.begin(BlobOperation::Put, key.as_str()).await?;
        let body = met.stream(body);
        met.end(self.inner.put(key, body, options).await)
    }

    async fn get(&self, key: BlobKey, range: Option<ByteRange>) -> Result<ByteStream> {
        let met = self.begin(BlobOperation::Get, key.as_str()).await?;
        let stream = met.end(self.inner.get(key, range).await)?;
        Ok(met.stream(stream))
    }

    async fn stat(&self, key: BlobKey) -> Result<BlobStat> {
        let met = self.begin(BlobOperation::Stat, key.as_str()).await?;
        met.end(self.inner.stat(key).await)
    }

    async fn list(&self, prefix: BlobPrefix) -> Result<BlobListing> {
        let met = self.begin(BlobOperation::List, prefix.as_str()).await?;
        met.end(self.inner.list(prefix).await)
    }

    async fn delete(&self, keys: Vec<BlobKey>) -> Result<Vec<BlobFailure>> {
        let on = format!("{} blobs", keys.len());
        let met = self.begin(BlobOperation::Delete, &on).await?;
        met.end(self.inner.delete(keys).await)
    }

    async fn presign(&self, key: BlobKey, request: PresignRequest) -> Result<PresignedUrl> {
        let met = self.begin(BlobOperation::Presign, key.as_str()).await?;
        met.end(self.inner.presign(key, request).await)
    }

    async fn copy_to_tier(&self, from: BlobKey, to: BlobKey, tier: Tier) -> Result<BlobStat> {
        let met = self.begin(BlobOperation::CopyToTier, from.as_str()).await?;
        met.end(self.inner.copy_to_tier(from, to, tier).await)
    }

    async fn restore(&self, key: BlobKey, days: u32) -> Result<bool> {
        let met = self.begin(BlobOperation::Restore, key.as_str()).await?;
        met.end(self.inner.restore(key, days).await)
    }

    async fn sweep(&self, older_than: Timestamp) -> Result<Swept> {
        let met = self.begin(BlobOperation::Sweep, "everything").await?;
        met.end(self.inner.sweep(older_than).await)
    }

    async fn leftovers(&self, older_than: Timestamp) -> Result<Swept> {
        let met = self.begin(BlobOperation::Leftovers, "everything").await?;
        met.end(self.inner.leftovers(older_than).await)
    }
}
