//! Deleting and purging, and that both can be repeated.

use std::sync::Arc;

use crate::world::{World, get, put, uri};
use artifact_app::{CleanupOptions, DeleteScope, StoreOptions};
use artifact_domain::policy::RetentionPolicy;
use artifact_domain::port::{ArtifactIndex, Supersede};
use artifact_domain::query::PageSize;
use artifact_domain::{ArtifactRecord, ErrorKind, Hold, State};
use artifact_testkit::{BlobFault, BlobOperation, FaultyBlobStore, IndexOperation, When, sample};
use bytes::Bytes;
use futures::TryStreamExt;

fn versioned() -> World {
    World::with_options(StoreOptions {
        supersede: Supersede::Nothing,
        ..StoreOptions::default()
    })
}

async fn hold(world: &World, record: &ArtifactRecord) {
    let mut held = record.clone();
    held.hold = Some(Hold {
        reason: Some("audit".into()),
        by: None,
        since: sample::now(),
    });
    world.index.update(held).await.unwrap();
}

async fn upload(world: &World, spec: &str, task: &str, name: &str) -> ArtifactRecord {
    let coordinate = sample::coordinate(spec, task, "data", name);
    let request = artifact_app::UploadRequest::new(coordinate);
    world
        .store
        .upload(request, Bytes::from_static(b"bytes"))
        .await
        .unwrap()
}

#[tokio::test]
async fn deleting_removes_bytes_and_record() {
    let world = World::new();
    put(&world.store, "a", "x").await;
    let deleted = world.store.delete(&uri("a")).await.unwrap();
    assert_eq!(deleted.state, State::Deleted);
    world.assert_empty();
    let again = world.store.delete(&uri("a")).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn an_address_names_the_newest_version_and_only_that_goes() {
    let world = versioned();
    put(&world.store, "a", "one").await;
    put(&world.store, "a", "two").await;
    assert_eq!(
        world.store.delete(&uri("a")).await.unwrap().version.get(),
        2
    );
    assert_eq!(get(&world.store, &uri("a")).await.unwrap(), "one");
}

#[tokio::test]
async fn a_task_or_a_spec_goes_whole_and_nothing_else() {
    let world = versioned();
    for (spec, task, name) in [
        ("demo", "1", "a"),
        ("demo", "1", "a"),
        ("demo", "1", "b"),
        ("demo", "10", "a"),
        ("demo2", "1", "a"),
        ("[d]emo", "*", "a"),
    ] {
        upload(&world, spec, task, name).await;
    }
    let scope = DeleteScope::Task("demo".parse().unwrap(), "1".parse().unwrap());
    let planned: Vec<_> = world.store.deletable(&scope).try_collect().await.unwrap();
    let report = world.store.delete_all(&scope).await.unwrap();
    assert_eq!((planned.len(), report.deleted), (3, 3));
    assert!(report.stored_size_bytes > 0 && report.failures.is_empty());
    assert_eq!(world.index.records().len(), 3);
    assert_eq!(world.content_paths().len(), 3);

    // A pattern in a name is a name.
    let odd = DeleteScope::Task("[d]emo".parse().unwrap(), "*".parse().unwrap());
    assert_eq!(world.store.delete_all(&odd).await.unwrap().deleted, 1);
    let spec = DeleteScope::Spec("demo".parse().unwrap());
    assert_eq!(world.store.delete_all(&spec).await.unwrap().deleted, 1);
    assert_eq!(world.store.delete_all(&spec).await.unwrap().deleted, 0);
    assert_eq!(world.index.records()[0].coordinate.spec().as_str(), "demo2");
}

#[tokio::test]
async fn more_than_a_page_goes_too() {
    const COUNT: u64 = 1_300;
    let world = World::new();
    for n in 0..COUNT {
        upload(&world, "demo", "1", &format!("file-{n}")).await;
    }
    world.store.settle().await;
    let before = world.blobs.calls(BlobOperation::Delete);
    let scope = DeleteScope::Spec("demo".parse().unwrap());
    assert_eq!(world.store.delete_all(&scope).await.unwrap().deleted, COUNT);
    let requests = world.blobs.calls(BlobOperation::Delete) - before;
    assert!(requests < 20, "{requests} requests");
    world.assert_empty();
}

#[tokio::test]
async fn a_held_version_stays_and_the_rest_goes() {
    let world = versioned();
    let kept = upload(&world, "demo", "1", "kept").await;
    hold(&world, &kept).await;
    upload(&world, "demo", "1", "gone").await;
    let scope = DeleteScope::Spec("demo".parse().unwrap());
    let report = world.store.delete_all(&scope).await.unwrap();
    assert_eq!(report.deleted, 1);
    assert_eq!(report.failures.len(), 1);
    assert_eq!(report.failures[0].error.kind(), ErrorKind::Held);
    let one = world
        .store
        .delete(&kept.version_uri().into())
        .await
        .unwrap_err();
    assert_eq!(one.kind(), ErrorKind::Held);
    let planned = world
        .store
        .plan_delete(&kept.version_uri().into())
        .await
        .unwrap_err();
    assert_eq!(planned.kind(), ErrorKind::Held);
    assert_eq!(world.content_paths().len(), 1);
}

#[tokio::test]
async fn what_has_expired_can_be_deleted() {
    let world = World::with_options(StoreOptions {
        retention: RetentionPolicy {
            default_days: Some(1),
            ..RetentionPolicy::default()
        },
        ..StoreOptions::default()
    });
    put(&world.store, "a", "x").await;
    put(&world.store, "b", "x").await;
    world.clock.advance(std::time::Duration::from_hours(48));
    world.store.delete(&uri("a")).await.unwrap();
    let scope = DeleteScope::Spec("demo".parse().unwrap());
    assert_eq!(world.store.delete_all(&scope).await.unwrap().deleted, 1);
    world.assert_empty();
}

#[tokio::test]
async fn a_deletion_that_was_cut_off_is_finished_later() {
    let world = World::new();
    let record = put(&world.store, "a", "x").await;
    // Marked, and then the process died.
    world
        .index
        .update(record.into_deleted().unwrap())
        .await
        .unwrap();
    assert!(!world.store.exists(&uri("a")).await.unwrap());
    let report = world.store.reap(PageSize::MAX).await.unwrap();
    assert_eq!(report.purged, 1);
    world.assert_empty();
    assert_eq!(world.store.reap(PageSize::MAX).await.unwrap().purged, 0);
}

#[tokio::test]
async fn of_many_who_delete_one_artifact_at_least_one_succeeds_and_none_harms() {
    let world = World::new();
    put(&world.store, "a", "x").await;
    let artifact = uri("a");
    let outcomes = futures::future::join_all((0..20).map(|_| world.store.delete(&artifact))).await;
    assert!(outcomes.iter().any(Result::is_ok));
    for error in outcomes.into_iter().filter_map(Result::err) {
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    world.assert_empty();
}

#[tokio::test]
async fn deletions_that_fail_each_time_keep_no_others_waiting() {
    let world = World::new();
    for name in ["a", "b", "c", "d", "e"] {
        let record = put(&world.store, name, "x").await;
        let marked = record.into_deleted().unwrap();
        world.index.update(marked).await.unwrap();
    }
    let blobs = Arc::new(FaultyBlobStore::new(world.blobs.clone()));
    let store = world.store_with(Some(blobs.clone()), None);
    let stuck = BlobFault::Fail(ErrorKind::PermissionDenied);
    blobs.inject(BlobOperation::Delete, When::Next, stuck);
    let limit = PageSize::new(2).unwrap();
    let error = store.reap(limit).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(world.index.records().len(), 3, "as many went as may");
    assert_eq!(store.reap(PageSize::MAX).await.unwrap().purged, 3);
    world.assert_empty();
}

#[tokio::test]
async fn what_was_marked_since_the_page_before_is_made_to_last_too() {
    let world = World::new();
    for number in 0..250 {
        let record = put(&world.store, &number.to_string(), "x").await;
        let marked = record.into_deleted().unwrap();
        world.index.update(marked).await.unwrap();
    }
    let removals = || world.index.calls(IndexOperation::Remove);
    let before = removals();
    let clean = world.store.cleanup(CleanupOptions::default(), |_, _| {});
    clean.await.unwrap();
    world.assert_empty();
    // Two pages, each with a change before it.
    assert_eq!(removals() - before, 252);
}
