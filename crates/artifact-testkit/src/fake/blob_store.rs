//! A blob store in memory: for tests that need a store and not a disk.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use artifact_domain::port::{
    BlobFailure, BlobListing, BlobStat, BlobStore, ByteStream, Capabilities, Clock, ListedBlob,
    PresignMethod, PresignRequest, PresignedUrl, PutOptions, Swept,
};
use artifact_domain::{
    BlobKey, BlobMeaning, BlobPrefix, ByteRange, Error, ErrorKind, Result, Tier, Timestamp,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use super::calls::Calls;
use super::clock::SystemClock;
use super::misuse;
use super::temporary::Temporaries;
use crate::BlobOperation;

/// How many bytes a read gives at a time.
const CHUNK_BYTES: usize = 64 * 1024;

#[derive(Debug, Clone)]
struct Blob {
    bytes: Bytes,
    modified_at: Timestamp,
    tier: Tier,
    /// Whether a restore was asked for, of a blob in a colder tier.
    restored: bool,
}

/// A blob store in memory.
///
/// It counts calls, and keeps aside what a cut-off put leaves until it is swept. A store that is
/// [`strict`](Self::strict) refuses what no caller should do.
pub struct MemoryBlobStore {
    blobs: Mutex<BTreeMap<String, Blob>>,
    temporaries: Temporaries,
    calls: Calls<BlobOperation>,
    clock: Arc<dyn Clock>,
    capabilities: Capabilities,
    strict: bool,
}

impl Default for MemoryBlobStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryBlobStore {
    /// An empty store that goes by the machine's clock and has no further capabilities.
    pub fn new() -> Self {
        Self {
            blobs: Mutex::default(),
            temporaries: Temporaries::default(),
            calls: Calls::default(),
            clock: Arc::new(SystemClock),
            capabilities: Capabilities::default(),
            strict: false,
        }
    }

    /// Goes by `clock`, which decides what a sweep takes away.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Can do what `capabilities` says. Where it says `restore`, a blob in [`Tier::Cold`] is read
    /// and copied only after its restore was asked for; before that it gives `Conflict`. The first
    /// time it is asked it says that this will take a while.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Refuses, with an `Internal` error that says `misuse`, to replace the content of a version
    /// (each attempt has a key of its own) and a hint at the size that is wrong.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// How often an operation was called.
    pub fn calls(&self, operation: BlobOperation) -> u64 {
        self.calls.of(&operation)
    }

    /// The path and the bytes of every file.
    pub fn files(&self) -> BTreeMap<String, Bytes> {
        self.locked(|blobs| {
            let files = blobs.iter();
            files
                .map(|(path, blob)| (path.clone(), blob.bytes.clone()))
                .collect()
        })
    }

    /// How many puts are under way or were cut off and not swept yet.
    pub fn temporaries(&self) -> usize {
        self.temporaries.count()
    }

    /// Lays a file at any path, as somebody else might who uses the same bucket.
    pub fn plant(&self, path: impl Into<String>, bytes: impl Into<Bytes>) {
        self.publish(path.into(), bytes.into(), Tier::Hot);
    }

    /// The tier in which a file is kept, if it is there.
    pub fn tier_of(&self, path: &str) -> Option<Tier> {
        self.locked(|blobs| blobs.get(path).map(|blob| blob.tier))
    }

    /// Puts a file in a tier, as a rule of the bucket's own might.
    pub fn set_tier(&self, path: &str, tier: Tier) {
        self.locked(|blobs| {
            if let Some(blob) = blobs.get_mut(path) {
                (blob.tier, blob.restored) = (tier, false);
            }
        });
    }

    /// Takes a file away, as somebody else might who uses the same bucket.
    pub fn remove(&self, path: &str) {
        self.locked(|blobs| blobs.remove(path));
    }

    fn locked<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Blob>) -> T) -> T {
        act(&mut self.blobs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn publish(&self, path: String, bytes: Bytes, tier: Tier) -> BlobStat {
        let blob = Blob {
            bytes,
            modified_at: self.clock.now(),
            tier,
            restored: false,
        };
        let stat = stat_of(&blob);
        self.locked(|blobs| blobs.insert(path, blob));
        stat
    }

    fn find(&self, key: &BlobKey) -> Result<Blob> {
        self.locked(|blobs| blobs.get(key.as_str()).cloned())
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("no blob at {key}")))
    }

    fn check_put(&self, key: &BlobKey) -> Result<()> {
        let content = matches!(key.meaning(), BlobMeaning::Content { .. });
        if self.strict && content && self.locked(|blobs| blobs.contains_key(key.as_str())) {
            return Err(misuse(format!("{key} was written before")));
        }
        Ok(())
    }

    async fn take_in(&self, mut body: ByteStream) -> Result<Bytes> {
        let put = self.temporaries.begin(self.clock.now());
        loop {
            match body.try_next().await {
                Ok(Some(chunk)) => put.append(&chunk, self.clock.now()),
                Ok(None) => return Ok(put.take()),
                Err(error) => {
                    put.take();
                    return Err(error);
                }
            }
        }
    }

    fn require_thawed(&self, key: &BlobKey, blob: &Blob) -> Result<()> {
        if self.capabilities.restore && blob.tier == Tier::Cold && !blob.restored {
            let message = format!("{key} is in the tier COLD");
            return Err(Error::new(ErrorKind::Conflict, message).with_hint("restore it first"));
        }
        Ok(())
    }

    fn require(declared: bool, what: &str, key: &BlobKey) -> Result<()> {
        if declared {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Unsupported,
            format!("this store in memory cannot {what} {key}"),
        ))
    }
}

impl fmt::Debug for MemoryBlobStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBlobStore")
            .field("files", &self.locked(|blobs| blobs.len()))
            .field("temporaries", &self.temporaries.count())
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

fn stat_of(blob: &Blob) -> BlobStat {
    BlobStat {
        size_bytes: blob.bytes.len() as u64,
        modified_at: Some(blob.modified_at),
    }
}

/// The chunks of a range, and an error at the end if the blob has fewer bytes.
fn chunks_of(key: &BlobKey, bytes: &Bytes, range: ByteRange) -> ByteStream {
    let size = bytes.len() as u64;
    let clip = |position: u64| usize::try_from(position.min(size)).unwrap_or(bytes.len());
    let mut rest = bytes.slice(clip(range.offset())..clip(range.end()));
    let missing = range.length() - rest.len() as u64;
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        chunks.push(Ok(rest.split_to(CHUNK_BYTES.min(rest.len()))));
    }
    if missing > 0 {
        chunks.push(Err(Error::new(
            ErrorKind::Integrity,
            format!("{key} has {size} bytes, {missing} of the range are missing"),
        )));
    }
    stream::iter(chunks).boxed()
}

#[async_trait]
impl BlobStore for MemoryBlobStore {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn put(&self, key: BlobKey, body: ByteStream, options: PutOptions) -> Result<BlobStat> {
        self.calls.record(BlobOperation::Put);
        self.check_put(&key)?;
        let bytes = self.take_in(body).await?;
        let hint = options.size_hint_bytes;
        if self.strict && hint.is_some_and(|hint| hint != bytes.len() as u64) {
            return Err(misuse(format!(
                "{key} has {} bytes, {hint:?} were announced",
                bytes.len()
            )));
        }
        self.check_put(&key)?;
        Ok(self.publish(key.to_string(), bytes, Tier::Hot))
    }

    async fn get(&self, key: BlobKey, range: Option<ByteRange>) -> Result<ByteStream> {
        self.calls.record(BlobOperation::Get);
        let blob = self.find(&key)?;
        self.require_thawed(&key, &blob)?;
        let whole = ByteRange::new(0, blob.bytes.len() as u64)?;
        Ok(chunks_of(&key, &blob.bytes, range.unwrap_or(whole)))
    }

    async fn stat(&self, key: BlobKey) -> Result<BlobStat> {
        self.calls.record(BlobOperation::Stat);
        self.find(&key).map(|blob| stat_of(&blob))
    }

    async fn list(&self, prefix: BlobPrefix) -> Result<BlobListing> {
        self.calls.record(BlobOperation::List);
        let items: Vec<_> = self.locked(|blobs| {
            let below = blobs
                .iter()
                .filter(|(path, _)| path.starts_with(prefix.as_str()));
            below
                .map(|(path, blob)| ListedBlob {
                    path: path.clone(),
                    stat: stat_of(blob),
                })
                .collect()
        });
        Ok(stream::iter(items.into_iter().map(Ok)).boxed())
    }

    async fn delete(&self, keys: Vec<BlobKey>) -> Result<Vec<BlobFailure>> {
        self.calls.record(BlobOperation::Delete);
        self.locked(|blobs| {
            for key in &keys {
                blobs.remove(key.as_str());
            }
        });
        Ok(Vec::new())
    }

    async fn presign(&self, key: BlobKey, request: PresignRequest) -> Result<PresignedUrl> {
        self.calls.record(BlobOperation::Presign);
        Self::require(self.capabilities.presign, "sign a URL of", &key)?;
        let method = match request.method {
            PresignMethod::Get => "GET",
            PresignMethod::Put => "PUT",
        };
        let seconds = request.valid_for.as_secs();
        Ok(PresignedUrl {
            url: format!("https://memory.invalid/{key}?method={method}&valid_for_s={seconds}"),
            headers: Vec::new(),
        })
    }

    async fn copy_to_tier(&self, from: BlobKey, to: BlobKey, tier: Tier) -> Result<BlobStat> {
        self.calls.record(BlobOperation::CopyToTier);
        Self::require(self.capabilities.tiers, "move to another tier", &from)?;
        let blob = self.find(&from)?;
        self.require_thawed(&from, &blob)?;
        self.check_put(&to)?;
        Ok(self.publish(to.to_string(), blob.bytes, tier))
    }

    async fn restore(&self, key: BlobKey, _days: u32) -> Result<bool> {
        self.calls.record(BlobOperation::Restore);
        Self::require(self.capabilities.restore, "restore", &key)?;
        let blob = self.find(&key)?;
        let ready = blob.restored || blob.tier != Tier::Cold;
        self.locked(|blobs| {
            if let Some(blob) = blobs.get_mut(key.as_str()) {
                blob.restored = true;
            }
        });
        Ok(ready)
    }

    async fn sweep(&self, older_than: Timestamp) -> Result<Swept> {
        self.calls.record(BlobOperation::Sweep);
        Ok(self.temporaries.sweep(older_than))
    }

    async fn leftovers(&self, older_than: Timestamp) -> Result<Swept> {
        self.calls.record(BlobOperation::Leftovers);
        Ok(self.temporaries.leftovers(older_than))
    }
}
