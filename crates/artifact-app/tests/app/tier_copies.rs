//! Copies in several stores: rebuilt from, collected, and found again after a change of settings.

use std::sync::Arc;
use std::time::Duration;

use artifact_app::{GcOptions, ReindexOptions};
use artifact_domain::port::{ArtifactIndex, BlobStore, PutOptions};
use artifact_domain::query::PageSize;
use artifact_domain::{ArtifactRecord, AttemptId, BlobKey, BlobMeaning, ErrorKind, State, Tier};
use artifact_testkit::{BlobFault, BlobOperation, FaultyBlobStore, When, sample};
use futures::{StreamExt, stream};

use crate::tiers::{Tiered, shown, without_index};
use crate::world::{get, put, uri};

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn a_lost_index_comes_back_with_its_tiers() {
    let tiered = Tiered::new().await;
    put(&tiered.store, "a", "a").await;
    put(&tiered.store, "b", vec![7; 600_000]).await;
    tiered.store.archive(&uri("b")).await.unwrap();
    tiered.store.settle().await;
    let (store, index) = without_index(&tiered);
    let report = store.reindex(ReindexOptions::default(), |_, _| {}).await;
    assert_eq!(report.unwrap().restored, 2);
    assert_eq!(index.records(), tiered.world.index.records());
    let id = store.show(&uri("b")).await.unwrap().id;
    let table = index.seek_table(id).await.unwrap();
    assert!(table.is_some(), "its seek table came along");
}

#[tokio::test]
async fn a_blob_alone_in_the_cold_store_comes_back_archived() {
    let tiered = Tiered::new().await;
    let record = put(&tiered.store, "a", "text").await;
    tiered.store.archive(&uri("a")).await.unwrap();
    for path in tiered.world.metadata_paths() {
        tiered.world.blobs.remove(&path);
    }
    let (store, _) = without_index(&tiered);
    let report = store
        .reindex(ReindexOptions::default(), |_, _| {})
        .await
        .unwrap();
    assert_eq!((report.recovered, report.failed), (1, 0));
    let found = store.show(&uri("a")).await.unwrap();
    assert_eq!(shown(&found), (State::Archived, Tier::Cold));
    assert_eq!(found.version, record.version);
    assert_eq!(get(&store, &uri("a")).await.unwrap(), "text");
}

/// A copy that a move was cut off from naming.
fn spare_copy(tiered: &Tiered, record: &ArtifactRecord) -> String {
    let key = record.blob_key().unwrap();
    let BlobMeaning::Content { encoding, .. } = key.meaning() else {
        unreachable!("it is a blob");
    };
    let attempt = AttemptId::of_move(sample::fresh_id());
    let copy = BlobKey::content(&record.coordinate, record.version, attempt, encoding);
    let bytes = tiered.world.blobs.files()[key.as_str()].clone();
    tiered.cold.plant(copy.to_string(), bytes);
    copy.to_string()
}

#[tokio::test]
async fn of_two_copies_without_metadata_one_comes_back() {
    let tiered = Tiered::new().await;
    let record = put(&tiered.store, "a", "text").await;
    let spare = spare_copy(&tiered, &record);
    tiered.store.settle().await;
    for path in tiered.world.metadata_paths() {
        tiered.world.blobs.remove(&path);
    }
    let (store, index) = without_index(&tiered);
    let report = store
        .reindex(ReindexOptions::default(), |_, _| {})
        .await
        .unwrap();
    assert_eq!((report.recovered, report.spare, report.failed), (1, 1, 0));
    let found = store.show(&uri("a")).await.unwrap();
    assert_eq!((found.id, found.tier), (record.id, Tier::Hot));
    assert_eq!(index.records().len(), 1);
    tiered.world.clock.advance(2 * DAY);
    store.gc(GcOptions::default(), |_| {}).await.unwrap();
    assert!(!tiered.cold_paths().contains(&spare));
    assert_eq!(get(&store, &uri("a")).await.unwrap(), "text");
}

#[tokio::test]
async fn a_spare_copy_brings_nothing_back_that_was_deleted() {
    let tiered = Tiered::new().await;
    let record = put(&tiered.store, "a", "text").await;
    put(&tiered.store, "other of the task", "x").await;
    spare_copy(&tiered, &record);
    tiered.store.delete(&uri("a")).await.unwrap();
    tiered.store.settle().await;
    for recover in [false, true] {
        let (store, index) = without_index(&tiered);
        let options = ReindexOptions {
            recover,
            ..ReindexOptions::default()
        };
        let report = store.reindex(options, |_, _| {}).await.unwrap();
        assert_eq!((report.restored, report.unnamed), (1, 1));
        assert_eq!(index.records().len(), 1);
    }
    tiered.assert_gc_leaves_one_blob_each().await;
}

#[tokio::test]
async fn the_only_copy_is_never_garbage() {
    let tiered = Tiered::new().await;
    let record = put(&tiered.store, "a", "text").await;
    let spare = spare_copy(&tiered, &record);
    tiered.store.settle().await;
    tiered
        .world
        .blobs
        .remove(record.blob_key().unwrap().as_str());
    tiered.world.clock.advance(30 * DAY);
    let report = tiered.store.gc(GcOptions::default(), |_| {}).await.unwrap();
    assert_eq!(report.items, 0);
    assert_eq!(tiered.cold_paths(), [spare]);
}

#[tokio::test]
async fn a_young_copy_is_left_to_its_writer() {
    let tiered = Tiered::new().await;
    let record = put(&tiered.store, "a", "text").await;
    tiered.world.clock.advance(30 * DAY);
    spare_copy(&tiered, &record);
    tiered.store.gc(GcOptions::default(), |_| {}).await.unwrap();
    assert_eq!(tiered.blobs(), (1, 1));
    tiered.assert_gc_leaves_one_blob_each().await;
    assert_eq!(get(&tiered.store, &uri("a")).await.unwrap(), "text");
}

#[tokio::test]
async fn a_tier_that_gets_a_store_of_its_own_later_loses_nothing() {
    let tiered = Tiered::new().await;
    let one_store = &tiered.world.store;
    put(one_store, "a", "text").await;
    put(one_store, "b", "b").await;
    one_store.archive(&uri("a")).await.unwrap();
    one_store.archive(&uri("b")).await.unwrap();
    one_store.settle().await;
    let store = &tiered.store;
    assert_eq!(get(store, &uri("a")).await.unwrap(), "text");
    tiered.world.clock.advance(30 * DAY);
    let report = store.gc(GcOptions::default(), |_| {}).await.unwrap();
    assert_eq!(report.items, 0);
    store.delete(&uri("b")).await.unwrap();
    assert_eq!(tiered.blobs(), (1, 0));
    store.archive(&uri("a")).await.unwrap();
    assert_eq!(tiered.blobs(), (0, 1));
    assert_eq!(get(store, &uri("a")).await.unwrap(), "text");
}

#[tokio::test]
async fn what_a_dead_mover_was_writing_is_swept_from_the_colder_store_too() {
    let tiered = Tiered::new().await;
    let key = put(&tiered.store, "a", "text").await.blob_key().unwrap();
    let endless = stream::iter([Ok("te".into())])
        .chain(stream::pending())
        .boxed();
    let writing = tiered.cold.put(key, endless, PutOptions::default());
    let cut = tokio::time::timeout(Duration::from_millis(20), writing).await;
    assert!(cut.is_err(), "an endless put ended");
    assert_eq!(tiered.cold.temporaries(), 1);
    tiered.world.clock.advance(DAY);
    let report = tiered.store.reap(PageSize::MAX).await.unwrap();
    assert_eq!(report.temporaries, 1);
    assert_eq!(tiered.cold.temporaries(), 0);
}

#[tokio::test]
async fn a_colder_store_that_is_out_of_reach_keeps_nothing_from_being_reaped() {
    let tiered = Tiered::new().await;
    let record = put(&tiered.store, "a", "text").await;
    let marked = record.into_deleted().unwrap();
    tiered.world.index.update(marked).await.unwrap();
    let cold = Arc::new(FaultyBlobStore::new(tiered.cold.clone()));
    let store = tiered.store_as(|ports| ports.tiers.cold = Some(cold.clone()));
    let away = BlobFault::Fail(ErrorKind::Unavailable);
    cold.inject(BlobOperation::Sweep, When::Next, away);
    assert_eq!(store.reap(PageSize::MAX).await.unwrap().purged, 1);
    assert_eq!(cold.pending(), 0, "it was not asked");
    // Anything else is told, once the rest is done.
    let refused = BlobFault::Fail(ErrorKind::PermissionDenied);
    cold.inject(BlobOperation::Sweep, When::Next, refused);
    let error = store.reap(PageSize::MAX).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}
