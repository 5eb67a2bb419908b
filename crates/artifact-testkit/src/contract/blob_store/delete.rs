//! Deleting many at once, absent ones too.

use artifact_domain::BlobPrefix;
use artifact_domain::port::BlobStore;
use futures::{StreamExt, stream};

use super::{assert_absent, paths, put, read};
use crate::{Subject, sample};

/// What was deleted is gone by every way of asking; the rest stays.
pub async fn what_was_deleted_is_gone(store: Subject<dyn BlobStore>) {
    let (gone, kept) = (sample::blob_key("x"), sample::blob_key("x"));
    put(&*store, &gone, "gone").await;
    put(&*store, &kept, "kept").await;
    assert!(store.delete(vec![gone.clone()]).await.unwrap().is_empty());
    assert_absent(&*store, &gone).await;
    assert_eq!(read(&*store, &kept).await.unwrap(), "kept");
}

/// A blob that is not there counts as deleted: never put, deleted before, or named twice.
pub async fn what_is_not_there_counts_as_deleted(store: Subject<dyn BlobStore>) {
    let (there, never) = (sample::blob_key("a/b/there"), sample::blob_key("c/never"));
    assert!(store.delete(vec![never.clone()]).await.unwrap().is_empty());
    put(&*store, &there, "x").await;
    let keys = vec![never.clone(), there.clone(), there.clone(), never];
    for _ in 0..2 {
        assert!(store.delete(keys.clone()).await.unwrap().is_empty());
        assert_absent(&*store, &there).await;
    }
}

/// To delete nothing is nothing.
pub async fn nothing_can_be_deleted(store: Subject<dyn BlobStore>) {
    assert!(store.delete(vec![]).await.unwrap().is_empty());
}

/// Thousands go in one call, more than a backend takes in one request.
pub async fn thousands_are_deleted_in_one_call(store: Subject<dyn BlobStore>) {
    let keys: Vec<_> = (0..2_100)
        .map(|n| sample::blob_key(&format!("{}/{n}", n % 10)))
        .collect();
    let kept = sample::blob_key("kept");
    stream::iter(keys.iter().chain([&kept]))
        .for_each_concurrent(64, |key| put(&*store, key, "x"))
        .await;
    assert!(store.delete(keys).await.unwrap().is_empty());
    assert_eq!(paths(&*store, BlobPrefix::all()).await, [kept.as_str()]);
}

/// A key whose blob was deleted can be put again.
pub async fn a_deleted_key_can_be_put_again(store: Subject<dyn BlobStore>) {
    let key = sample::blob_key("a/b/c/again");
    for round in 0..3 {
        put(&*store, &key, round.to_string()).await;
        assert_eq!(read(&*store, &key).await.unwrap(), round.to_string());
        assert!(store.delete(vec![key.clone()]).await.unwrap().is_empty());
    }
    assert_absent(&*store, &key).await;
}

/// A put into a folder that a delete is emptying at the same moment succeeds all the same.
pub async fn a_put_beside_a_delete_succeeds(store: Subject<dyn BlobStore>) {
    for _ in 0..100 {
        let (old, new) = (sample::blob_key("p/q/r/old"), sample::blob_key("p/q/r/new"));
        put(&*store, &old, "old").await;
        let (failures, ()) =
            futures::join!(store.delete(vec![old.clone()]), put(&*store, &new, "new"));
        assert!(failures.unwrap().is_empty());
        assert_eq!(read(&*store, &new).await.unwrap(), "new");
        store.delete(vec![new]).await.unwrap();
    }
}
