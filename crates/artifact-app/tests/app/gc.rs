//! Garbage goes, all that was planned and nothing else.

use std::sync::Arc;
use std::time::Duration;

use artifact_app::{GcItem, GcOptions, GcReport, ReindexOptions, Store};
use artifact_domain::port::{
    ArtifactIndex, BlobStore, LockKey, LockManager, LockPatience, PutOptions,
};
use artifact_domain::{ArtifactRecord, ErrorKind};
use artifact_testkit::{BlobFault, BlobOperation, FaultyBlobStore, When, sample};
use futures::{StreamExt, TryStreamExt, stream};

use crate::world::{World, get, put, uri};

const DAY: Duration = Duration::from_hours(24);

async fn plan(store: &Store) -> Vec<GcItem> {
    let plan = store.gc_plan(GcOptions::default());
    plan.try_collect().await.unwrap()
}

fn shown(items: &[GcItem]) -> Vec<(&'static str, u64)> {
    let mut shown: Vec<_> = items
        .iter()
        .map(|item| (item.reason.as_str(), item.size_bytes))
        .collect();
    shown.sort_unstable();
    shown
}

async fn collect(store: &Store) -> GcReport {
    store.gc(GcOptions::default(), |_| {}).await.unwrap()
}

fn bytes_of(world: &World) -> u64 {
    let files = world.blobs.files();
    world
        .content_paths()
        .iter()
        .map(|path| files[path].len() as u64)
        .sum()
}

async fn whole() -> World {
    let world = World::new();
    world.index.mark_complete().await.unwrap();
    world
}

/// An upload that died: its blob is there, its record says that it is on its way.
async fn died(world: &World, name: &str, bytes: &'static str) -> ArtifactRecord {
    let upload = sample::upload("demo", "1", "log", name);
    let record = world.index.begin(upload).await.unwrap();
    let key = record.possible_blob_keys().remove(0);
    world.blobs.plant(key.to_string(), bytes);
    record
}

/// A version that was marked as deleted by a process that died then.
async fn half_deleted(world: &World, name: &str, bytes: &'static str) -> ArtifactRecord {
    let record = put(&world.store, name, bytes).await;
    let marked = record.into_deleted().unwrap();
    world.index.update(marked).await.unwrap()
}

#[tokio::test]
async fn a_tidy_store_has_no_garbage() {
    let world = whole().await;
    put(&world.store, "a", "x").await;
    world.clock.advance(30 * DAY);
    assert!(plan(&world.store).await.is_empty());
    let report = collect(&world.store).await;
    assert_eq!((report.items, report.size_bytes), (0, 0));
    assert_eq!(get(&world.store, &uri("a")).await.unwrap(), "x");
}

#[tokio::test]
async fn everything_that_is_garbage_goes_and_frees_what_was_planned() {
    let world = whole().await;
    put(&world.store, "kept", "kept").await;
    let kept_bytes = bytes_of(&world);
    died(&world, "died", "12345").await;
    let deleted = half_deleted(&world, "deleted", "x").await;
    let orphan = sample::content_key(&sample::coordinate("demo", "2", "log", "orphan"));
    world.blobs.plant(orphan.to_string(), "1234567");
    let endless = stream::once(async { Ok("123456789".into()) }).chain(stream::pending());
    let cut_off = world.blobs.put(
        sample::blob_key("cut off"),
        endless.boxed(),
        PutOptions::default(),
    );
    let cut_off = tokio::time::timeout(Duration::from_millis(20), cut_off).await;
    assert!(cut_off.is_err());
    world.clock.advance(2 * DAY);

    let deleted_bytes = deleted.content.unwrap().stored_size_bytes;
    let planned = plan(&world.store).await;
    let expected = [
        ("abandoned", 5),
        ("deleted", deleted_bytes),
        ("orphan", 7),
        ("temporary", 9),
    ];
    assert_eq!(shown(&planned), expected);
    let before = bytes_of(&world);
    assert_eq!(plan(&world.store).await.len(), 4, "a plan changes nothing");

    let seen = std::sync::Mutex::new(Vec::new());
    let report = world
        .store
        .gc(GcOptions::default(), |item| {
            seen.lock().unwrap().push(item.clone());
        })
        .await
        .unwrap();
    assert_eq!(shown(&seen.into_inner().unwrap()), expected);
    let planned_bytes: u64 = planned.iter().map(|item| item.size_bytes).sum();
    assert_eq!((report.items, report.size_bytes), (4, planned_bytes));
    assert_eq!(before - bytes_of(&world), planned_bytes - 9);
    assert_eq!(bytes_of(&world), kept_bytes);
    assert_eq!(world.blobs.temporaries(), 0);
    assert_eq!(world.index.records().len(), 1);
    assert!(plan(&world.store).await.is_empty());
    assert!(report.failures.is_empty());
}

#[tokio::test]
async fn what_is_young_is_left_alone() {
    let world = whole().await;
    died(&world, "slow", "12345").await;
    let orphan = sample::content_key(&sample::coordinate("demo", "2", "log", "orphan"));
    world.blobs.plant(orphan.to_string(), "1234567");
    world.clock.advance(Duration::from_mins(30));
    assert!(plan(&world.store).await.is_empty());
    assert_eq!(collect(&world.store).await.items, 0);
    assert_eq!(world.content_paths().len(), 2);
    let eager = GcOptions {
        grace: Duration::from_mins(10),
    };
    let report = world.store.gc(eager, |_| {}).await.unwrap();
    assert_eq!((report.items, report.size_bytes), (1, 7));
}

#[tokio::test]
async fn what_the_metadata_names_is_no_orphan() {
    let world = whole().await;
    let record = put(&world.store, "a", "x").await;
    world.store.settle().await;
    // The row is lost, as in an index that was restored from an old copy.
    let marked = record.clone().into_deleted().unwrap();
    world.index.update(marked).await.unwrap();
    world.index.remove(record.id).await.unwrap();
    world.clock.advance(30 * DAY);
    assert!(plan(&world.store).await.is_empty());
    assert_eq!(collect(&world.store).await.items, 0);
    world
        .store
        .reindex(ReindexOptions::default(), |_, _| {})
        .await
        .unwrap();
    assert_eq!(get(&world.store, &uri("a")).await.unwrap(), "x");
}

/// Damages a line of the metadata of the only task.
fn damage_metadata(world: &World) {
    let path = world.metadata_paths().remove(0);
    let text = String::from_utf8(world.blobs.files()[&path].to_vec()).unwrap();
    world
        .blobs
        .plant(path, text.replacen("\"version\":1", "\"version\":7", 1));
}

#[tokio::test]
async fn damaged_metadata_protects_what_it_may_have_named_for_good() {
    let world = whole().await;
    put(&world.store, "a", "x").await;
    world.store.settle().await;
    damage_metadata(&world);
    let orphan = sample::content_key(&sample::coordinate("demo", "1", "log", "orphan"));
    let bytes = "the orphan's bytes";
    world.blobs.plant(orphan.to_string(), bytes);
    world.clock.advance(30 * DAY);
    for _ in 0..3 {
        let report = collect(&world.store).await;
        assert_eq!((report.items, report.tasks), (0, 0));
        assert_eq!(world.content_paths().len(), 2);
    }
    // Once it is taken in there is nothing left to protect.
    let recover = ReindexOptions {
        recover: true,
        ..ReindexOptions::default()
    };
    let report = world.store.reindex(recover, |_, _| {}).await.unwrap();
    assert_eq!((report.recovered, report.damaged_lines), (1, 1));
    assert_eq!(collect(&world.store).await.tasks, 1);
    assert_eq!(world.metadata_paths(), ["artifacts/demo/1/metadata.json"]);
    assert_eq!(get(&world.store, &uri("a")).await.unwrap(), "x");
    assert_eq!(get(&world.store, &uri("orphan")).await.unwrap(), bytes);
}

#[tokio::test]
async fn damaged_metadata_is_written_again_where_it_can_have_hidden_nothing() {
    let world = whole().await;
    put(&world.store, "a", "x").await;
    world.store.settle().await;
    damage_metadata(&world);
    assert_eq!(collect(&world.store).await.tasks, 1);
    let index = Arc::new(artifact_testkit::MemoryIndex::new());
    let fresh = world.store_with(None, Some(index.clone()));
    let report = fresh.reindex(ReindexOptions::default(), |_, _| {}).await;
    assert_eq!(report.unwrap().restored, 1);
    assert_eq!(index.records(), world.index.records());
}

#[tokio::test]
async fn a_delta_that_a_loss_of_power_emptied_is_folded_away() {
    let world = whole().await;
    put(&world.store, "a", "x").await;
    world.store.settle().await;
    world.blobs.plant(world.metadata_paths().remove(0), "");
    let orphan = sample::content_key(&sample::coordinate("demo", "1", "log", "orphan"));
    world.blobs.plant(orphan.to_string(), "1234567");
    world.clock.advance(30 * DAY);
    let report = collect(&world.store).await;
    assert_eq!((report.items, report.size_bytes, report.tasks), (1, 7, 1));
    assert_eq!(world.metadata_paths(), ["artifacts/demo/1/metadata.json"]);
}

#[tokio::test]
async fn an_index_that_may_lack_versions_makes_no_orphans() {
    let world = World::new();
    let orphan = sample::content_key(&sample::coordinate("demo", "1", "log", "orphan"));
    world.blobs.plant(orphan.to_string(), "1234567");
    world.clock.advance(30 * DAY);
    assert!(plan(&world.store).await.is_empty());
}

#[tokio::test]
async fn metadata_is_folded_and_what_it_lacks_is_written() {
    let world = whole().await;
    for n in 0..5 {
        put(&world.store, &n.to_string(), "x").await;
        world.store.settle().await;
    }
    let lacking = world.metadata_paths().remove(0);
    world.blobs.remove(&lacking);
    let report = collect(&world.store).await;
    assert_eq!((report.items, report.tasks), (0, 1));
    assert_eq!(world.metadata_paths(), ["artifacts/demo/1/metadata.json"]);
    let index = Arc::new(artifact_testkit::MemoryIndex::new());
    let fresh = world.store_with(None, Some(index.clone()));
    let report = fresh
        .reindex(ReindexOptions::default(), |_, _| {})
        .await
        .unwrap();
    assert_eq!((report.restored, report.recovered), (5, 0));
    assert_eq!(index.records(), world.index.records());
}

#[tokio::test]
async fn one_failure_keeps_nothing_else_from_going() {
    let world = whole().await;
    half_deleted(&world, "a", "x").await;
    half_deleted(&world, "b", "x").await;
    let blobs = Arc::new(FaultyBlobStore::new(world.blobs.clone()));
    let store = world.store_with(Some(blobs.clone()), None);
    // All at once, and the one that is then tried by itself first.
    for when in [When::Nth(1), When::Nth(2)] {
        let refused = BlobFault::Fail(ErrorKind::PermissionDenied);
        blobs.inject(BlobOperation::Delete, when, refused);
    }
    let report = collect(&store).await;
    assert_eq!((report.items, report.failures.len()), (1, 1));
    assert_eq!(world.content_paths().len(), 1);
    assert_eq!(collect(&store).await.items, 1);
    assert_eq!(world.content_paths(), [""; 0]);
}

#[tokio::test]
async fn what_is_much_goes_with_few_requests() {
    const EACH: u32 = 1_200;
    let world = whole().await;
    for n in 0..EACH {
        let name = format!("orphan-{n}");
        let orphan = sample::content_key(&sample::coordinate("demo", "2", "log", &name));
        world.blobs.plant(orphan.to_string(), "1234567");
        half_deleted(&world, &format!("{n}"), "x").await;
    }
    world.clock.advance(30 * DAY);
    let before = world.blobs.calls(BlobOperation::Delete);
    let report = collect(&world.store).await;
    assert_eq!((report.items, report.failures.len()), (2 * 1_200, 0));
    assert_eq!(world.content_paths(), [""; 0]);
    assert_eq!(world.index.records(), []);
    let requests = world.blobs.calls(BlobOperation::Delete) - before;
    assert!(requests < 40, "{requests} requests");
}

#[tokio::test]
async fn only_one_runs_at_a_time_and_none_beside_a_rebuild() {
    let world = whole().await;
    let locks: &dyn LockManager = &*world.locks;
    let guard = locks
        .acquire(LockKey::job("upkeep"), LockPatience::default())
        .await;
    let second = world.store.gc(GcOptions::default(), |_| {}).await;
    assert_eq!(second.unwrap_err().kind(), ErrorKind::Locked);
    let rebuild = world.store.reindex(ReindexOptions::default(), |_, _| {});
    assert_eq!(rebuild.await.unwrap_err().kind(), ErrorKind::Locked);
    guard.unwrap().release().await.unwrap();
}

#[tokio::test]
async fn files_of_somebody_else_are_never_touched() {
    let world = whole().await;
    for path in [
        "artifacts/demo/1/notes.txt",
        "artifacts/x",
        "artifacts/demo/1/output/log/x",
    ] {
        world.blobs.plant(path, "of somebody else");
    }
    world.clock.advance(30 * DAY);
    assert!(plan(&world.store).await.is_empty());
    collect(&world.store).await;
    assert_eq!(world.blobs.files().len(), 3);
}
