//! Ports that fail: nothing half-done is ever visible, nothing acknowledged is lost, and what
//! could not be cleaned up is cleaned up later.

use std::sync::Arc;
use std::time::Duration;

use artifact_app::{DeleteScope, Store, StoreOptions};
use artifact_domain::port::ArtifactIndex;
use artifact_domain::query::PageSize;
use artifact_domain::{ArtifactRecord, ErrorKind, Result};
use artifact_testkit::{
    BlobFault, BlobOperation, FaultyBlobStore, FaultyIndex, IndexFault, IndexOperation, When,
};
use bytes::Bytes;

use crate::world::{World, get, put, request, uri};

fn faulty_blobs(world: &World) -> (Store, Arc<FaultyBlobStore>) {
    let blobs = Arc::new(FaultyBlobStore::new(world.blobs.clone()));
    (world.store_with(Some(blobs.clone()), None), blobs)
}

fn faulty_index(world: &World) -> (Store, Arc<FaultyIndex>) {
    let index = Arc::new(FaultyIndex::new(world.index.clone()));
    (world.store_with(None, Some(index.clone())), index)
}

async fn try_put(store: &Store, bytes: &'static str) -> Result<ArtifactRecord> {
    store
        .upload(request("a"), Bytes::from_static(bytes.as_bytes()))
        .await
}

/// An hour later nothing of failed uploads is left but what was stored before.
async fn assert_only_remains(world: &World, bytes: &str) {
    world.clock.advance(Duration::from_hours(1));
    world.store.reap(PageSize::MAX).await.unwrap();
    assert_eq!(
        get(&world.store, &uri("a")).await.unwrap(),
        bytes.to_owned()
    );
    assert_eq!(world.index.records().len(), 1);
    assert_eq!(world.content_paths().len(), 1);
    world.assert_tidy();
}

#[tokio::test]
async fn a_blob_store_that_fails_anywhere_leaves_the_old_version() {
    let faults = [
        BlobFault::Fail(ErrorKind::StorageFull),
        BlobFault::FailAfter(ErrorKind::Unavailable),
        BlobFault::BreakAfter(3, ErrorKind::Unavailable),
        BlobFault::EndAfter(3),
    ];
    for fault in faults {
        let world = World::new();
        put(&world.store, "a", "old").await;
        let (store, blobs) = faulty_blobs(&world);
        blobs.inject(BlobOperation::Put, When::Next, fault);
        try_put(&store, "a newer one that is never stored")
            .await
            .unwrap_err();
        assert_eq!(
            get(&world.store, &uri("a")).await.unwrap(),
            "old",
            "{fault:?}"
        );
        assert_only_remains(&world, "old").await;
    }
}

#[tokio::test]
async fn a_full_disk_is_said_as_it_is() {
    let world = World::new();
    let (store, blobs) = faulty_blobs(&world);
    blobs.inject(
        BlobOperation::Put,
        When::Next,
        BlobFault::Fail(ErrorKind::StorageFull),
    );
    let error = try_put(&store, "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert!(
        error.message().contains("artifact://demo/1/log/a"),
        "{error}"
    );
    world.assert_empty();
}

#[tokio::test]
async fn an_index_that_fails_leaves_the_old_version() {
    for (operation, fault) in [
        (
            IndexOperation::Begin,
            IndexFault::Fail(ErrorKind::Unavailable),
        ),
        (
            IndexOperation::Begin,
            IndexFault::FailAfter(ErrorKind::Unavailable),
        ),
        (
            IndexOperation::Commit,
            IndexFault::Fail(ErrorKind::StorageFull),
        ),
    ] {
        let world = World::new();
        put(&world.store, "a", "old").await;
        let (store, index) = faulty_index(&world);
        index.inject(operation, When::Next, fault);
        try_put(&store, "new").await.unwrap_err();
        assert_only_remains(&world, "old").await;
    }
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_counts_once() {
    let world = World::new();
    put(&world.store, "a", "old").await;
    let (store, index) = faulty_index(&world);
    index.inject(
        IndexOperation::Commit,
        When::Next,
        IndexFault::FailAfter(ErrorKind::Unavailable),
    );
    let record = try_put(&store, "new").await.unwrap();
    assert_eq!(record.version.get(), 2);
    // What it superseded was named in the lost answer; the next reaping finds it.
    assert_only_remains(&world, "new").await;
}

#[tokio::test]
async fn a_commit_that_happened_but_failed_for_good_is_not_taken_back() {
    let world = World::new();
    let (store, index) = faulty_index(&world);
    index.inject(
        IndexOperation::Commit,
        When::Next,
        IndexFault::FailAfter(ErrorKind::Internal),
    );
    try_put(&store, "stored all the same").await.unwrap_err();
    assert_eq!(
        get(&world.store, &uri("a")).await.unwrap(),
        "stored all the same"
    );
}

#[tokio::test]
async fn passing_faults_are_retried_and_lasting_ones_are_not() {
    let world = World::new();
    put(&world.store, "a", "x").await;
    let (store, index) = faulty_index(&world);
    for n in 1..=3 {
        index.inject(
            IndexOperation::FindNewest,
            When::Nth(n),
            IndexFault::Fail(ErrorKind::Unavailable),
        );
    }
    assert_eq!(get(&store, &uri("a")).await.unwrap(), "x");
    assert_eq!(index.pending(), 0);
    index.inject(
        IndexOperation::FindNewest,
        When::Next,
        IndexFault::Fail(ErrorKind::PermissionDenied),
    );
    let error = get(&store, &uri("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn a_download_that_breaks_is_an_error_at_its_end() {
    for fault in [
        BlobFault::BreakAfter(2, ErrorKind::Unavailable),
        BlobFault::EndAfter(2),
        BlobFault::FlipByte(15),
    ] {
        let world = World::new();
        put(&world.store, "a", "some bytes that matter").await;
        let (store, blobs) = faulty_blobs(&world);
        blobs.inject(BlobOperation::Get, When::Next, fault);
        let error = get(&store, &uri("a")).await.unwrap_err();
        let expected = match fault {
            BlobFault::BreakAfter(..) => ErrorKind::Unavailable,
            _ => ErrorKind::Integrity,
        };
        assert_eq!(error.kind(), expected, "{fault:?}: {error}");
    }
}

#[tokio::test]
async fn bytes_that_cannot_be_deleted_now_are_deleted_later_and_stop_nothing() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        put(&world.store, name, "x").await;
    }
    let (store, blobs) = faulty_blobs(&world);
    blobs.inject(
        BlobOperation::Delete,
        When::Next,
        BlobFault::Fail(ErrorKind::PermissionDenied),
    );
    let scope = DeleteScope::Spec("demo".parse().unwrap());
    let report = store.delete_all(&scope).await.unwrap();
    assert_eq!((report.deleted, report.failures.len()), (3, 0));
    assert!(
        !store.exists(&uri("a")).await.unwrap(),
        "it was marked, so it is gone"
    );
    assert!(!world.content_paths().is_empty(), "the fault was not met");
    world.store.reap(PageSize::MAX).await.unwrap();
    world.assert_empty();
}

#[tokio::test]
async fn a_slow_store_makes_nobody_else_wait() {
    let world = World::with_options(StoreOptions::default());
    let (slow, blobs) = faulty_blobs(&world);
    blobs.inject(
        BlobOperation::Put,
        When::Next,
        BlobFault::Delay(Duration::from_millis(300)),
    );
    let upload = tokio::spawn(async move { try_put(&slow, "slow").await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    put(&world.store, "b", "quick").await;
    assert!(
        !upload.is_finished(),
        "another artifact waited for a slow one"
    );
    upload.await.unwrap().unwrap();
}

#[tokio::test]
async fn bytes_found_marked_stay_until_the_mark_is_known_to_last() {
    let world = World::new();
    let record = put(&world.store, "a", "x").await;
    let marked = record.into_deleted().unwrap();
    world.index.update(marked).await.unwrap();
    let (store, index) = faulty_index(&world);
    let fault = IndexFault::Fail(ErrorKind::StorageFull);
    index.inject(IndexOperation::Remove, When::Next, fault);
    let error = store.reap(PageSize::MAX).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert_eq!(world.content_paths().len(), 1);
    assert_eq!(store.reap(PageSize::MAX).await.unwrap().purged, 1);
    world.assert_empty();
}
