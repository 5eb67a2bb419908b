//! The contract of `BlobStore`.

pub mod atomicity;
pub mod capabilities;
pub mod concurrency;
pub mod delete;
pub mod get;
pub mod keys;
pub mod list;
pub mod local_copy;
pub mod put;
pub mod sweep;

use std::time::{Duration, SystemTime};

use artifact_domain::port::{BlobStore, ByteStream, ListedBlob, PutOptions};
use artifact_domain::{BlobKey, BlobPrefix, ByteRange, Error, ErrorKind, Result, Timestamp};
use bytes::Bytes;
use futures::channel::mpsc;
use futures::{StreamExt, TryStreamExt};

/// One mebibyte: more than any store's chunk.
const MIB: usize = 1 << 20;

/// Puts one chunk.
async fn put(store: &dyn BlobStore, key: &BlobKey, bytes: impl Into<Bytes>) {
    let put = store.put(key.clone(), crate::body(bytes), PutOptions::default());
    put.await.unwrap();
}

/// Reads the whole of a blob.
async fn read(store: &dyn BlobStore, key: &BlobKey) -> Result<Bytes> {
    crate::collect(store.get(key.clone(), None).await?).await
}

/// Reads a range of a blob.
async fn read_range(
    store: &dyn BlobStore,
    key: &BlobKey,
    offset: u64,
    length: u64,
) -> Result<Bytes> {
    let range = ByteRange::new(offset, length).unwrap();
    crate::collect(store.get(key.clone(), Some(range)).await?).await
}

/// Lists everything below a prefix, sorted by path.
async fn listed(store: &dyn BlobStore, prefix: BlobPrefix) -> Vec<ListedBlob> {
    let listing = store.list(prefix).await.unwrap();
    let mut items: Vec<_> = listing.try_collect().await.unwrap();
    items.sort_by(|a, b| a.path.cmp(&b.path));
    items
}

/// The paths of everything below a prefix, sorted.
async fn paths(store: &dyn BlobStore, prefix: BlobPrefix) -> Vec<String> {
    let items = listed(store, prefix).await;
    items.into_iter().map(|item| item.path).collect()
}

/// Asserts that there is no such blob, by every way of asking.
async fn assert_absent(store: &dyn BlobStore, key: &BlobKey) {
    let kind = |error: Option<Error>| error.map(|error| error.kind());
    let not_found = Some(ErrorKind::NotFound);
    assert_eq!(kind(store.stat(key.clone()).await.err()), not_found);
    assert_eq!(kind(store.get(key.clone(), None).await.err()), not_found);
    let all = paths(store, BlobPrefix::all()).await;
    assert!(!all.contains(&key.to_string()), "{key} is still listed");
}

/// Bytes that differ from place to place, and from seed to seed.
fn pattern(seed: u8, length: usize) -> Bytes {
    let mut state = u32::from(seed) + 1;
    let bytes = std::iter::repeat_with(|| {
        // Numerical Recipes' linear congruential generator: its upper byte varies well.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    bytes.take(length).collect()
}

/// The error that a cut-off source gives.
fn broken_source() -> Error {
    Error::new(ErrorKind::TooLarge, "the source of this test broke").with_hint("mend it")
}

/// A body that is fed by the test, so that a put can be looked at while it is under way.
fn fed_body() -> (mpsc::Sender<Result<Bytes>>, ByteStream) {
    let (feed, body) = mpsc::channel(0);
    (feed, body.boxed())
}

/// The present of the machine, which is what stores go by, `ahead` of now.
fn present_plus(ahead: Duration) -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("the clock of a test machine is set");
    Timestamp::UNIX_EPOCH.saturating_add(since_epoch + ahead)
}
