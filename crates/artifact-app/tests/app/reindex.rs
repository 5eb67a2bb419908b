//! An index that was lost comes back from what lies beside the blobs.

use std::sync::{Arc, Mutex};

use artifact_app::{
    DeleteScope, GcOptions, ReindexFinding, ReindexOptions, ReindexReport, Store, StoreOptions,
};
use artifact_domain::port::{ArtifactIndex, Supersede};
use artifact_domain::{ArtifactRecord, ErrorKind, Hold, State};
use artifact_testkit::{
    BlobFault, BlobOperation, FaultyBlobStore, FaultyIndex, IndexFault, IndexOperation,
    MemoryIndex, When, sample,
};
use proptest::prelude::*;

use crate::world::{World, get, put, request, uri};

fn versioned() -> World {
    World::with_options(StoreOptions {
        supersede: Supersede::Nothing,
        ..StoreOptions::default()
    })
}

/// The same store over an index that knows nothing.
fn without_index(world: &World) -> (Store, Arc<MemoryIndex>) {
    let index = Arc::new(MemoryIndex::new().strict());
    (world.store_with(None, Some(index.clone())), index)
}

async fn reindex(store: &Store) -> (ReindexReport, Vec<String>) {
    reindex_with(store, ReindexOptions::default()).await
}

async fn reindex_with(store: &Store, options: ReindexOptions) -> (ReindexReport, Vec<String>) {
    let findings = Mutex::new(Vec::new());
    let observe = |finding: Option<&ReindexFinding>, _: &ReindexReport| {
        if let Some(finding) = finding {
            findings.lock().unwrap().push(shown(finding));
        }
    };
    let report = store.reindex(options, observe).await.unwrap();
    (report, findings.into_inner().unwrap())
}

fn shown(finding: &ReindexFinding) -> String {
    let name = |record: &ArtifactRecord| record.coordinate.name().to_string();
    match finding {
        ReindexFinding::Recovered(record) => format!("recovered {}", name(record)),
        ReindexFinding::Missing(record) => format!("missing {}", name(record)),
        ReindexFinding::VersionTaken(uri, _) => format!("taken {}", uri.coordinate().name()),
        ReindexFinding::Unreadable(..) => "unreadable".to_owned(),
        ReindexFinding::DamagedMetadata(_, task, lines) => format!("damaged {task}: {lines}"),
    }
}

async fn put_tagged(store: &Store, name: &str) -> ArtifactRecord {
    let mut request = request(name);
    request.tags = sample::tags(&["branch=main", "nightly"]);
    request.metadata = sample::metadata(r#"{"n":1}"#);
    request.retention_days = Some(9);
    let body = bytes::Bytes::from(format!("the text of {name}"));
    store.upload(request, body).await.unwrap()
}

fn take_metadata(world: &World) {
    for path in world.metadata_paths() {
        world.blobs.remove(&path);
    }
}

#[tokio::test]
async fn what_was_known_is_known_again_exactly() {
    let world = versioned();
    for _ in 0..3 {
        put_tagged(&world.store, "a").await;
    }
    put(&world.store, "b", "b").await;
    let gone = put(&world.store, "gone", "x").await;
    world.store.delete(&gone.id.into()).await.unwrap();
    world.store.settle().await;

    let (store, index) = without_index(&world);
    assert!(!index.is_complete().await.unwrap());
    let (report, findings) = reindex(&store).await;
    assert_eq!((report.restored, report.recovered), (4, 0));
    assert_eq!(findings, [""; 0]);
    assert_eq!(index.records(), world.index.records());
    assert!(index.is_complete().await.unwrap());
    assert_eq!(get(&store, &uri("a")).await.unwrap(), "the text of a");
    let (again, _) = reindex(&store).await;
    assert_eq!((again.restored, again.known), (0, 4));
}

#[tokio::test]
async fn what_is_held_archived_or_expired_is_so_again() {
    let world = World::new();
    let change = async |name: &str, change: fn(&mut ArtifactRecord)| {
        let mut record = put_tagged(&world.store, name).await;
        change(&mut record);
        let changed = world.index.update(record).await.unwrap();
        // Nothing noted it, so that gc must find it out.
        let gc = world.store.gc(GcOptions::default(), |_| {}).await;
        assert_eq!(gc.unwrap().tasks, 1);
        changed
    };
    world.index.mark_complete().await.unwrap();
    change("held", |record| {
        record.hold = Some(Hold {
            reason: Some("audit".to_owned()),
            by: Some("me".to_owned()),
            since: sample::at(7),
        });
    })
    .await;
    change("archived", |record| {
        record.state = State::Archived;
        record.archived_at = Some(sample::at(8));
    })
    .await;
    let expired = change("expired", |record| record.expires_at = Some(sample::at(9))).await;
    world.store.settle().await;
    world.clock.advance(std::time::Duration::from_hours(1));
    let (store, index) = without_index(&world);
    let (report, _) = reindex(&store).await;
    assert_eq!((report.restored, report.recovered), (3, 0));
    assert_eq!(index.records(), world.index.records());
    let error = store.show(&expired.id.into()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired);
}

#[tokio::test]
async fn blobs_without_metadata_come_back_without_tags() {
    let world = versioned();
    let known = put_tagged(&world.store, "dir/a.txt").await;
    put(&world.store, "dir/a.txt", "second").await;
    world.store.settle().await;
    take_metadata(&world);

    let (store, index) = without_index(&world);
    let options = ReindexOptions {
        media_type: |name, head| {
            assert_eq!(name.as_str(), "dir/a.txt");
            assert!(head == b"second" || head == b"the text of dir/a.txt");
            "text/plain".parse().unwrap()
        },
        ..ReindexOptions::default()
    };
    let (report, findings) = reindex_with(&store, options).await;
    assert_eq!((report.restored, report.recovered), (0, 2));
    assert_eq!(findings, ["recovered dir/a.txt"; 2]);
    let found = index.find(known.id).await.unwrap().unwrap();
    assert_eq!(found.content, known.content);
    assert_eq!((found.version, found.state), (known.version, State::Active));
    assert_eq!(found.created_at, known.created_at);
    assert_eq!(found.mime_type.as_str(), "text/plain");
    assert!(found.tags.is_empty() && found.metadata.is_empty());
    assert_eq!(get(&store, &uri("dir/a.txt")).await.unwrap(), "second");

    // What was recovered has metadata again.
    let (store, index) = without_index(&world);
    let (report, _) = reindex(&store).await;
    assert_eq!((report.restored, report.recovered), (2, 0));
    assert_eq!(index.find(known.id).await.unwrap(), Some(found));
}

#[tokio::test]
async fn seek_tables_come_back_from_the_metadata_and_from_the_bytes() {
    let world = World::new();
    let lines = (0..100_000).map(|n| format!("{n} of many lines of text\n"));
    let text = lines.collect::<String>();
    let record = put(&world.store, "a.log", text).await;
    world.store.settle().await;
    let table = world.index.seek_table(record.id).await.unwrap();
    assert!(table.is_some());
    for is_recovered in [false, true] {
        if is_recovered {
            take_metadata(&world);
        }
        let (store, index) = without_index(&world);
        let (report, _) = reindex(&store).await;
        assert_eq!(report.recovered, u64::from(is_recovered));
        assert_eq!(index.seek_table(record.id).await.unwrap(), table);
    }
}

#[tokio::test]
async fn a_version_whose_bytes_are_gone_is_reported_and_not_resurrected() {
    let world = World::new();
    let lost = put(&world.store, "lost", "x").await;
    put(&world.store, "kept", "x").await;
    world.store.settle().await;
    world.blobs.remove(lost.blob_key().unwrap().as_str());

    let (store, index) = without_index(&world);
    let (report, findings) = reindex(&store).await;
    assert_eq!((report.restored, report.missing), (1, 1));
    assert_eq!(findings, ["missing lost"]);
    assert_eq!(index.records().len(), 1);
}

#[tokio::test]
async fn damaged_metadata_costs_only_the_lines_it_hit() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        put_tagged(&world.store, name).await;
    }
    world.store.settle().await;
    let path = world.metadata_paths().remove(0);
    let text = String::from_utf8(world.blobs.files()[&path].to_vec()).unwrap();
    let damaged = text.replacen("\"name\":\"b\"", "\"name\":\"B\"", 1);
    assert_ne!(text, damaged);
    world.blobs.plant(path, damaged);

    let (store, index) = without_index(&world);
    let (report, mut findings) = reindex(&store).await;
    findings.sort();
    assert_eq!(findings, ["damaged 1: 1", "recovered b"]);
    assert_eq!((report.restored, report.recovered), (2, 1));
    assert_eq!((report.damaged_lines, index.records().len()), (1, 3));
}

#[tokio::test]
async fn metadata_that_is_cut_off_or_empty_or_not_ours_loses_no_blob() {
    for cut in ["", "{}", "{\"format\":1", "no json at all\n\n\n"] {
        let world = World::new();
        put_tagged(&world.store, "a").await;
        world.store.settle().await;
        world.blobs.plant(world.metadata_paths().remove(0), cut);
        world
            .blobs
            .plant("artifacts/demo/1/metadata/notes.txt", "of somebody else");
        let (store, _) = without_index(&world);
        let (report, _) = reindex(&store).await;
        assert_eq!((report.recovered, report.failed), (1, 0), "{cut}");
        assert_eq!(get(&store, &uri("a")).await.unwrap(), "the text of a");
    }
}

#[tokio::test]
async fn a_blob_that_cannot_be_read_is_said_and_left() {
    let world = World::new();
    put(&world.store, "a", "x".repeat(1_000)).await;
    put(&world.store, "b", "b").await;
    world.store.settle().await;
    take_metadata(&world);
    let path = world.content_paths().remove(0);
    let bytes = world.blobs.files()[&path].clone();
    world
        .blobs
        .plant(path.clone(), bytes.slice(..bytes.len() - 5));

    let (store, _) = without_index(&world);
    let (report, findings) = reindex(&store).await;
    assert_eq!((report.recovered, report.failed), (1, 1));
    assert!(findings.contains(&"unreadable".to_owned()));
    assert!(world.content_paths().contains(&path));
}

#[tokio::test]
async fn beside_a_whole_index_unnamed_blobs_wait_to_be_asked_for() {
    let world = World::new();
    put(&world.store, "a", "x").await;
    world.store.settle().await;
    take_metadata(&world);
    let (store, index) = without_index(&world);
    index.mark_complete().await.unwrap();
    let (report, _) = reindex(&store).await;
    assert_eq!((report.unnamed, report.recovered), (1, 0));
    let options = ReindexOptions {
        recover: true,
        ..ReindexOptions::default()
    };
    let (report, _) = reindex_with(&store, options).await;
    assert_eq!((report.unnamed, report.recovered), (0, 1));
}

#[tokio::test]
async fn one_that_failed_is_made_again_and_only_then_is_the_index_whole() {
    let world = World::new();
    for name in ["a", "b"] {
        put(&world.store, name, name).await;
    }
    world.store.settle().await;
    let (_, index) = without_index(&world);
    let faulty = Arc::new(FaultyIndex::new(index.clone()));
    let store = world.store_with(None, Some(faulty.clone()));
    faulty.inject(
        IndexOperation::Import,
        When::Next,
        IndexFault::Fail(ErrorKind::StorageFull),
    );
    let failed = store.reindex(ReindexOptions::default(), |_, _| {}).await;
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::StorageFull);
    assert!(!index.is_complete().await.unwrap());
    world.assert_tidy();
    let (report, _) = reindex(&store).await;
    assert_eq!(report.restored, 2);
    assert!(index.is_complete().await.unwrap());
}

#[tokio::test]
async fn a_store_that_cannot_keep_metadata_still_takes_uploads() {
    let world = World::new();
    let blobs = Arc::new(FaultyBlobStore::new(world.blobs.clone()));
    let store = world.store_with(Some(blobs.clone()), None);
    let record = put(&store, "a", "x").await;
    blobs.inject(
        BlobOperation::Put,
        When::Always,
        BlobFault::Fail(ErrorKind::PermissionDenied),
    );
    store.settle().await;
    assert_eq!(world.metadata_paths(), [""; 0]);
    blobs.clear();
    put(&store, "b", "x").await;
    store.settle().await;
    assert_eq!(world.metadata_paths().len(), 1);
    let (fresh, index) = without_index(&world);
    let (report, _) = reindex(&fresh).await;
    assert_eq!((report.restored, report.recovered), (1, 1));
    assert!(index.find(record.id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_task_that_lost_its_last_version_keeps_no_metadata() {
    let world = World::new();
    for n in 0..70 {
        put(&world.store, &n.to_string(), "x").await;
        if n % 7 == 0 {
            world.store.settle().await;
        }
    }
    let scope = DeleteScope::Spec("demo".parse().unwrap());
    world.store.delete_all(&scope).await.unwrap();
    world.store.settle().await;
    world.assert_empty();
    assert_eq!(world.metadata_paths(), [""; 0]);
}

#[tokio::test]
async fn what_a_whole_index_saw_go_is_not_lost() {
    let world = World::new();
    let gone = put(&world.store, "gone", "x").await;
    world.store.settle().await;
    let before: Vec<_> = world
        .metadata_paths()
        .into_iter()
        .map(|path| (world.blobs.files()[&path].clone(), path))
        .collect();
    world.store.delete(&gone.id.into()).await.unwrap();
    world.store.settle().await;
    // The metadata says less than the index: its writer was killed.
    for (bytes, path) in before {
        world.blobs.plant(path, bytes);
    }
    world.index.mark_complete().await.unwrap();
    let (report, findings) = reindex(&world.store).await;
    assert_eq!((report.missing, findings.len()), (0, 0));
    assert_eq!(world.index.records(), []);
}

#[derive(Debug, Clone)]
enum Step {
    Put(u8),
    Delete(u8),
    DeleteAll,
    Settle,
    Reap,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0_u8..4).prop_map(Step::Put),
        3 => (0_u8..4).prop_map(Step::Delete),
        1 => Just(Step::DeleteAll),
        3 => Just(Step::Settle),
        1 => Just(Step::Reap),
    ]
}

async fn take(world: &World, step: &Step) {
    let name = |n: &u8| n.to_string();
    match step {
        Step::Put(n) => {
            put_tagged(&world.store, &name(n)).await;
        }
        Step::Delete(n) => {
            let _ = world.store.delete(&uri(&name(n))).await;
        }
        Step::DeleteAll => {
            let scope = DeleteScope::Spec("demo".parse().unwrap());
            world.store.delete_all(&scope).await.unwrap();
        }
        Step::Settle => world.store.settle().await,
        Step::Reap => {
            let limit = artifact_domain::query::PageSize::MAX;
            world.store.reap(limit).await.unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_was_done_a_lost_index_comes_back_as_it_was(
        keeps_versions: bool, steps in prop::collection::vec(step(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let world = if keeps_versions { versioned() } else { World::new() };
            for step in &steps {
                take(&world, step).await;
            }
            world.store.settle().await;
            let (store, index) = without_index(&world);
            let (report, findings) = reindex(&store).await;
            assert_eq!(findings, [""; 0]);
            assert_eq!(report.recovered, 0);
            assert_eq!(index.records(), world.index.records());
        });
    }
}
