//! Taking away what cut-off puts have left, and nothing else.

use std::time::Duration;

use artifact_domain::port::{BlobStore, PutOptions, Swept};
use artifact_domain::{BlobPrefix, Timestamp};
use futures::{SinkExt, StreamExt, stream};

use super::{MIB, fed_body, paths, pattern, present_plus, put, read};
use crate::{Subject, sample};

/// Cuts a put off after a mebibyte.
async fn cut_off_put(store: &dyn BlobStore) {
    let endless = stream::once(async { Ok(pattern(1, MIB)) }).chain(stream::pending());
    let key = sample::blob_key("cut off");
    let put = store.put(key, endless.boxed(), PutOptions::default());
    let ended = tokio::time::timeout(Duration::from_millis(150), put).await;
    assert!(ended.is_err(), "a put ended before its stream did");
}

/// In an empty store there is nothing to sweep.
pub async fn an_empty_store_has_nothing_to_sweep(store: Subject<dyn BlobStore>) {
    let soon = present_plus(Duration::from_hours(1));
    assert_eq!(store.sweep(soon).await.unwrap(), Swept::default());
}

/// What a sweep would take is said beforehand, and saying it takes nothing.
pub async fn leftovers_are_counted_before_they_are_swept(store: Subject<dyn BlobStore>) {
    cut_off_put(&*store).await;
    let soon = present_plus(Duration::from_hours(1));
    let long_ago = present_plus(Duration::ZERO).saturating_sub(Duration::from_hours(1));
    assert_eq!(store.leftovers(long_ago).await.unwrap(), Swept::default());
    let expected = store.leftovers(soon).await.unwrap();
    assert_eq!(store.leftovers(soon).await.unwrap(), expected);
    assert_eq!(store.sweep(soon).await.unwrap(), expected);
    assert_eq!(store.leftovers(soon).await.unwrap(), Swept::default());
}

/// What a cut-off put has left is taken away once it is old enough, and then it is gone.
pub async fn leftovers_are_swept_once(store: Subject<dyn BlobStore>) {
    cut_off_put(&*store).await;
    let soon = present_plus(Duration::from_hours(1));
    // How much is left of such a put is the store's own affair; some leave nothing.
    store.sweep(soon).await.unwrap();
    assert_eq!(store.sweep(soon).await.unwrap(), Swept::default());
    assert_eq!(paths(&*store, BlobPrefix::all()).await, [""; 0]);
}

/// What is younger is left alone.
pub async fn what_is_younger_is_left_alone(store: Subject<dyn BlobStore>) {
    cut_off_put(&*store).await;
    let long_ago = present_plus(Duration::ZERO).saturating_sub(Duration::from_hours(1));
    for older_than in [Timestamp::UNIX_EPOCH, long_ago] {
        assert_eq!(store.sweep(older_than).await.unwrap(), Swept::default());
    }
}

/// No sweep ever takes a blob away.
pub async fn blobs_are_never_swept(store: Subject<dyn BlobStore>) {
    let names = [
        "a",
        "dir/b",
        ".tmp",
        "x.tmp",
        "~",
        ".part",
        "tmp/upload.part",
    ];
    let keys = names.map(sample::blob_key);
    for key in &keys {
        put(&*store, key, key.to_string()).await;
    }
    cut_off_put(&*store).await;
    store
        .sweep(present_plus(Duration::from_hours(1)))
        .await
        .unwrap();
    for key in &keys {
        assert_eq!(read(&*store, key).await.unwrap(), key.to_string());
    }
    assert_eq!(paths(&*store, BlobPrefix::all()).await.len(), keys.len());
}

/// A put that is under way survives a sweep of what is older.
pub async fn a_put_under_way_survives_a_sweep(store: Subject<dyn BlobStore>) {
    let long_ago = present_plus(Duration::ZERO).saturating_sub(Duration::from_hours(1));
    let key = sample::blob_key("under way");
    let (mut feed, body) = fed_body();
    let (port, written) = (store.port(), key.clone());
    let putting = tokio::spawn(async move { port.put(written, body, PutOptions::default()).await });
    for seed in 0..3 {
        feed.send(Ok(pattern(seed, MIB))).await.unwrap();
        assert_eq!(store.sweep(long_ago).await.unwrap(), Swept::default());
    }
    drop(feed);
    assert_eq!(putting.await.unwrap().unwrap().size_bytes, 3 * MIB as u64);
    assert_eq!(read(&*store, &key).await.unwrap().len(), 3 * MIB);
}
