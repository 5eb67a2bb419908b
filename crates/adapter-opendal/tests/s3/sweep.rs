//! What uploads leave that were cut off with their process.

use std::time::{Duration, SystemTime};

use adapter_opendal::{OpendalStore, S3Options};
use artifact_domain::port::{BlobStore, PutOptions, Swept};
use artifact_domain::{BlobPrefix, Timestamp};
use artifact_testkit::sample;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use crate::bucket::Service;

const MIB: usize = 1 << 20;

pub(crate) fn present_plus(ahead: Duration) -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::UNIX_EPOCH.saturating_add(since_epoch.unwrap() + ahead)
}

/// Begins a put, and kills what runs it once its first parts are sent.
fn cut_off(options: S3Options, name: &str) {
    let key = sample::blob_key(name);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = OpendalStore::s3(options.clone()).await.unwrap();
        // Another one, for which that put is none of its own.
        let watching = OpendalStore::s3(options).await.unwrap();
        let soon = present_plus(Duration::from_hours(1));
        let before = watching.leftovers(soon).await.unwrap().size_bytes;
        let chunks = stream::repeat(Bytes::from(vec![7; MIB])).take(26).map(Ok);
        let body = chunks.chain(stream::pending()).boxed();
        let put = tokio::spawn(async move { store.put(key, body, PutOptions::default()).await });
        while watching.leftovers(soon).await.unwrap().size_bytes < before + 2 * 8 * MIB as u64 {
            assert!(!put.is_finished());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    // Nothing gets to run once more, as if the process had been killed.
    runtime.shutdown_background();
}

async fn cut_off_apart(options: S3Options, name: &'static str) {
    let cut = tokio::task::spawn_blocking(move || cut_off(options, name));
    cut.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_uploads_that_died_are_counted_and_taken_away() {
    let service = Service::start().await;
    let mut options = service.options();
    options.prefix = Some("ours".to_owned());
    let mut others = service.options();
    others.prefix = Some("theirs".to_owned());
    // More than one page of the listing.
    for name in ["a", "b", "c", "d b/ü", "e"] {
        cut_off_apart(options.clone(), name).await;
    }
    cut_off_apart(others.clone(), "x").await;

    let store = OpendalStore::s3(options).await.unwrap();
    let soon = present_plus(Duration::from_hours(1));
    let long_ago = present_plus(Duration::ZERO).saturating_sub(Duration::from_hours(1));
    assert_eq!(store.leftovers(long_ago).await.unwrap(), Swept::default());
    let expected = store.leftovers(soon).await.unwrap();
    assert_eq!(expected.count, 5);
    assert!(expected.size_bytes >= 5 * 8 * MIB as u64, "{expected:?}");
    assert_eq!(store.sweep(long_ago).await.unwrap(), Swept::default());
    assert_eq!(store.sweep(soon).await.unwrap(), expected);
    assert_eq!(store.leftovers(soon).await.unwrap(), Swept::default());
    let listing = store.list(BlobPrefix::all()).await.unwrap();
    assert!(listing.try_collect::<Vec<_>>().await.unwrap().is_empty());
    // What is not the store's is left alone.
    let others = OpendalStore::s3(others).await.unwrap();
    assert_eq!(others.leftovers(soon).await.unwrap().count, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_of_this_process_is_not_swept_however_long_it_takes() {
    let service = Service::start().await;
    let store = OpendalStore::s3(service.options()).await.unwrap();
    let store = std::sync::Arc::new(store);
    let (feed, body) = futures::channel::mpsc::unbounded();
    let (putting, key) = (store.clone(), sample::blob_key("slow"));
    let read = key.clone();
    let put = tokio::spawn(async move {
        let body = body.boxed();
        putting.put(key, body, PutOptions::default()).await
    });
    for _ in 0..26 {
        feed.unbounded_send(Ok(Bytes::from(vec![7; MIB]))).unwrap();
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let soon = present_plus(Duration::from_hours(1));
    assert_eq!(store.sweep(soon).await.unwrap(), Swept::default());
    drop(feed);
    assert_eq!(put.await.unwrap().unwrap().size_bytes, 26 * MIB as u64);
    assert_eq!(store.stat(read).await.unwrap().size_bytes, 26 * MIB as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_is_dropped_or_fails_aborts_its_upload() {
    let service = Service::start().await;
    let store = OpendalStore::s3(service.options()).await.unwrap();
    let soon = present_plus(Duration::from_hours(1));
    let parts = || stream::repeat(Bytes::from(vec![7; MIB])).take(26).map(Ok);
    let body = parts().chain(stream::pending()).boxed();
    let put = store.put(sample::blob_key("dropped"), body, PutOptions::default());
    let ended = tokio::time::timeout(Duration::from_millis(1500), put).await;
    assert!(ended.is_err());
    // It is aborted behind the caller's back.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(store.leftovers(soon).await.unwrap(), Swept::default());

    let broken = artifact_domain::Error::invalid_input("the source broke");
    let body = parts().chain(stream::iter([Err(broken)])).boxed();
    let put = store.put(sample::blob_key("failed"), body, PutOptions::default());
    assert_eq!(put.await.unwrap_err().message(), "the source broke");
    assert_eq!(store.leftovers(soon).await.unwrap(), Swept::default());
}
