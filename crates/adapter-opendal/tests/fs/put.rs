//! Every end that a put can come to.

use std::time::Duration;

use artifact_domain::port::{BlobStore, PutOptions, Swept};
use artifact_domain::{Error, ErrorKind, Timestamp};
use bytes::Bytes;
use futures::channel::mpsc;
use futures::{StreamExt, stream};

use super::{key, open, put, read, temporary};

const MIB: usize = 1 << 20;

fn mebibytes(count: usize) -> impl Iterator<Item = artifact_domain::Result<Bytes>> {
    (0..count).map(|_| Ok(Bytes::from(vec![7; MIB])))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_stream_leaves_no_temporary_file_when_the_put_returns() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    for count in [0, 1, 2, 5, 9] {
        let broken = stream::iter(mebibytes(count)).chain(stream::iter([Err(Error::new(
            ErrorKind::TooLarge,
            "broke",
        ))]));
        let put = store.put(key("x"), broken.boxed(), PutOptions::default());
        assert_eq!(put.await.unwrap_err().message(), "broke");
        assert_eq!(temporary(root.path()).len(), 0, "after {count} MiB");
    }
    assert!(!root.path().join("artifacts").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_put_leaves_no_temporary_file() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    for millis in [0, 1, 2, 5, 20, 50] {
        let endless = stream::iter(mebibytes(9)).chain(stream::pending());
        let put = store.put(key("x"), endless.boxed(), PutOptions::default());
        let ended = tokio::time::timeout(Duration::from_millis(millis), put).await;
        assert!(ended.is_err());
    }
    // A write that was under way ends on its own, and takes its file along.
    for _ in 0..100 {
        if temporary(root.path()).is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("left behind: {:?}", temporary(root.path()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_put_survives_the_sweep_of_another_process() {
    let root = tempfile::tempdir().unwrap();
    let (store, other) = (open(root.path()), open(root.path()));
    let (feed, body) = mpsc::unbounded();
    let slow = key("slow");
    let putting = {
        let slow = slow.clone();
        tokio::spawn(async move { store.put(slow, body.boxed(), PutOptions::default()).await })
    };
    for chunk in mebibytes(2) {
        feed.unbounded_send(chunk).unwrap();
    }
    while temporary(root.path()).is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let swept = other.sweep(Timestamp::MAX).await.unwrap();
    assert_eq!(swept, Swept::default());
    feed.unbounded_send(Ok(Bytes::from_static(b"end"))).unwrap();
    drop(feed);
    let stat = putting.await.unwrap().unwrap();
    assert_eq!(stat.size_bytes, 2 * MIB as u64 + 3);
    assert_eq!(read(&other, &slow).await.unwrap().len(), 2 * MIB + 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_is_swept_and_counted() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let kept = key("kept");
    put(&store, &kept, "kept").await.unwrap();
    std::fs::write(root.path().join(".tmp/left-1"), "12345").unwrap();
    std::fs::write(root.path().join(".tmp/left-2"), "123").unwrap();
    assert_eq!(
        store.sweep(Timestamp::UNIX_EPOCH).await.unwrap(),
        Swept::default()
    );
    let swept = store.sweep(Timestamp::MAX).await.unwrap();
    assert_eq!((swept.count, swept.size_bytes), (2, 8));
    assert_eq!(read(&store, &kept).await.unwrap(), b"kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_whose_temporary_file_was_taken_away_fails_and_says_so() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let (feed, body) = mpsc::unbounded();
    let lost = key("lost");
    let putting = {
        let lost = lost.clone();
        tokio::spawn(async move { store.put(lost, body.boxed(), PutOptions::default()).await })
    };
    for chunk in mebibytes(2) {
        feed.unbounded_send(chunk).unwrap();
    }
    while temporary(root.path()).is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    std::fs::remove_dir_all(root.path().join(".tmp")).unwrap();
    drop(feed);
    let error = putting.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal, "{error}");
    assert!(error.message().contains(lost.as_str()), "{error}");
    // And the next one makes what it needs.
    put(&open(root.path()), &lost, "again").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn put_stat_and_listing_agree_on_size_and_time() {
    use futures::TryStreamExt;

    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let known = key("known");
    let said = put(&store, &known, "123").await.unwrap();
    assert!(said.modified_at.is_some());
    assert_eq!(store.stat(known).await.unwrap(), said);
    let listing = store
        .list(artifact_domain::BlobPrefix::all())
        .await
        .unwrap();
    let listed: Vec<_> = listing.try_collect().await.unwrap();
    assert_eq!(listed[0].stat, said);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_blob_has_the_mode_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt;

    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let blob = key("blob");
    put(&store, &blob, "x").await.unwrap();
    std::fs::write(root.path().join("any"), "x").unwrap();
    let mode = |path: &str| {
        let metadata = std::fs::metadata(root.path().join(path)).unwrap();
        metadata.permissions().mode()
    };
    assert_eq!(mode(blob.as_str()), mode("any"));
}
