//! The port to where bytes are kept.

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;

use crate::{BlobKey, BlobPrefix, ByteRange, Encoding, Error, MimeType, Result, Tier, Timestamp};

/// Bytes on their way: chunks of any size, in order; the first error ends them.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send + 'static>>;

/// What a listing gives, one item per file; the first error ends it.
pub type BlobListing = Pin<Box<dyn Stream<Item = Result<ListedBlob>> + Send + 'static>>;

/// What a store can do beyond putting, getting, listing and deleting. What it declares it does;
/// what it does not declare gives `Unsupported`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// It can sign URLs that work without the store.
    pub presign: bool,
    /// It keeps the tiers itself, side by side: a blob changes its tier by a copy.
    pub tiers: bool,
    /// A blob of a colder tier may have to be restored before it can be read.
    pub restore: bool,
}

/// What is known beforehand of bytes that are put.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PutOptions {
    /// How many bytes will come, if known: lets a store choose how to send them.
    pub size_hint_bytes: Option<u64>,
    /// The media type to serve them as, where the store keeps one.
    pub content_type: Option<MimeType>,
    /// The form that they have, so that whoever is served them knows how to read them.
    pub encoding: Option<Encoding>,
    /// Whether they can be made again from what is kept elsewhere: then the put may return before
    /// they survive a loss of power. After one the blob may be missing or broken.
    pub derived: bool,
    /// A file of this machine that has exactly these bytes once their stream has ended well, and that
    /// nobody writes to from then on, whatever becomes of the put. A store of files may give it a further
    /// name instead of writing the bytes once more; its first name may be removed once the put returns.
    pub local_copy: Option<PathBuf>,
}

/// What a store knows of one blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobStat {
    /// How many bytes it has.
    pub size_bytes: u64,
    /// When it was published, if the store keeps that.
    pub modified_at: Option<Timestamp>,
}

/// One file of a listing. Not everything that lies in a bucket is the store's: `path` may not
/// parse as a [`BlobKey`], and what does not is never touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedBlob {
    /// The path relative to the store's root, `/` between components.
    pub path: String,
    /// What the store knows of it.
    pub stat: BlobStat,
}

/// A blob that could not be deleted.
#[derive(Debug)]
pub struct BlobFailure {
    /// Which.
    pub key: BlobKey,
    /// Why not.
    pub error: Error,
}

/// What a signed URL allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PresignMethod {
    /// To download the blob.
    Get,
    /// To upload it.
    Put,
}

/// What to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresignRequest {
    /// What the URL allows.
    pub method: PresignMethod,
    /// For how long.
    pub valid_for: Duration,
    /// Under which name a browser saves it.
    pub file_name: Option<String>,
}

/// A signed URL. Whoever has it can use it, so it prints only without its query.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedUrl {
    /// The URL, with its signature.
    pub url: String,
    /// Headers that must be sent along, name and value.
    pub headers: Vec<(String, String)>,
}

impl fmt::Debug for PresignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.url.split('?').next().unwrap_or_default();
        f.debug_struct("PresignedUrl")
            .field("url", &shown)
            .finish_non_exhaustive()
    }
}

/// What a sweep took away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many leftovers.
    pub count: u64,
    /// How many bytes they had, as far as known.
    pub size_bytes: u64,
}

/// Keeps bytes under keys, whole or not at all.
///
/// Errors of every method: `PermissionDenied`, `Unauthenticated`, `Unavailable` (transient) and
/// `Internal`, beside what each one names. An error says which blob it is about.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait BlobStore: Send + Sync + 'static {
    /// What the store can do. Does not change while it lives.
    fn capabilities(&self) -> Capabilities;

    /// Stores a stream under a key and says how many bytes it had.
    ///
    /// Atomicity: the blob appears whole when the stream has ended, or not at all; until then a
    /// blob that was there before is read unchanged, after that it is replaced. An error of the
    /// stream aborts the put and is given back as it is. Durability: once it returns, the blob
    /// survives a crash and a loss of power, unless the store was opened as relaxed.
    /// Idempotence: the same bytes again leave the same blob. Concurrency: of puts to one key the
    /// last to end wins. Errors: `StorageFull`. Cancel safety: dropped, it leaves no blob; what it
    /// leaves of a temporary kind is taken away by [`sweep`](Self::sweep). Memory: a few chunks,
    /// whatever the size.
    async fn put(&self, key: BlobKey, body: ByteStream, options: PutOptions) -> Result<BlobStat>;

    /// Reads a blob, whole or a range of it.
    ///
    /// Atomicity: the stream gives the bytes of the blob that was there when this returned, even
    /// if the blob is replaced or deleted before the stream has ended. Errors: `NotFound` at once,
    /// and `Conflict` for a blob that must be restored first; `Integrity` at the end of a stream
    /// that had fewer bytes than the range. Cancel safety: it can be dropped at any time. Memory: a
    /// few chunks.
    async fn get(&self, key: BlobKey, range: Option<ByteRange>) -> Result<ByteStream>;

    /// Says what is known of a blob. Errors: `NotFound`.
    async fn stat(&self, key: BlobKey) -> Result<BlobStat>;

    /// Lists every file below a prefix, those that are not the store's own too; folders and
    /// temporary files are left out.
    ///
    /// Ordering: none promised. A blob that is there for the whole time of the listing is in it
    /// exactly once; one put or deleted meanwhile may be. An empty prefix gives no items and no
    /// error. Memory: one page.
    async fn list(&self, prefix: BlobPrefix) -> Result<BlobListing>;

    /// Deletes many blobs; gives back those that could not be deleted.
    ///
    /// Idempotence: a blob that is not there counts as deleted. One failure does not stop the
    /// others. Folders that became empty may go too. Durability: once it returns, a loss of power
    /// brings back no blob that it has deleted, unless the store was opened as relaxed.
    async fn delete(&self, keys: Vec<BlobKey>) -> Result<Vec<BlobFailure>>;

    /// Signs a URL for one blob. Errors: `Unsupported` where not declared; `InvalidInput` for a
    /// time that the store does not allow. The blob need not exist.
    async fn presign(&self, key: BlobKey, request: PresignRequest) -> Result<PresignedUrl>;

    /// Copies a blob to another key, there to be kept in `tier`, with what was said of it when it
    /// was put. The bytes do not pass through the caller.
    ///
    /// Atomicity and durability as of [`put`](Self::put); the source stays. Errors: `NotFound`;
    /// `Conflict` for a blob that must be restored first; `Integrity` where the store itself sees
    /// that the copy differs; `Unsupported` where not declared. Cancel safety: dropped, it leaves
    /// the copy whole or none, at once or a moment later.
    async fn copy_to_tier(&self, from: BlobKey, to: BlobKey, tier: Tier) -> Result<BlobStat>;

    /// Asks that a blob of a colder tier can be read for some days; true once it can, and at once
    /// for one that never had to be asked for.
    ///
    /// Idempotence: asking again is a question for the progress. Errors: `NotFound`;
    /// `Unsupported` where not declared.
    async fn restore(&self, key: BlobKey, days: u32) -> Result<bool>;

    /// Says what [`sweep`](Self::sweep) would take away, and takes nothing.
    async fn leftovers(&self, older_than: Timestamp) -> Result<Swept>;

    /// Takes away what puts left that were cut off: temporary files, parts of multipart uploads.
    ///
    /// Effect: what was last written before `older_than` goes, unless its put is still running as
    /// far as the store can tell. Never a blob, never anything younger.
    async fn sweep(&self, older_than: Timestamp) -> Result<Swept>;
}
