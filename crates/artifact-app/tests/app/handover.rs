//! Uploads whose bytes are put by a signed URL, and completed.

use std::sync::Arc;
use std::time::Duration;

use artifact_app::{
    CompleteRequest, Compression, GcOptions, Handover, ReindexOptions, Store, StoreOptions,
    UploadRequest,
};
use artifact_domain::policy::QuotaPolicy;
use artifact_domain::port::{ArtifactIndex, Supersede};
use artifact_domain::query::PageSize;
use artifact_domain::{ArtifactRecord, ArtifactRef, Encoding, ErrorKind, State};
use artifact_testkit::{
    BlobFault, BlobOperation, FaultyBlobStore, FaultyIndex, IndexFault, IndexOperation,
    MemoryIndex, When,
};
use futures::TryStreamExt;

use crate::world::{World, get, put, request, uri};

const HOUR: Duration = Duration::from_hours(1);

fn text() -> String {
    "all of it is text. ".repeat(100)
}

fn world() -> World {
    World::signing(StoreOptions::default())
}

fn complete(handover: &Handover) -> CompleteRequest {
    CompleteRequest {
        id: handover.record.id,
        expected_digest: None,
        expected_size_bytes: None,
        compression: Compression::AsConfigured,
    }
}

/// Begins an upload, and puts its bytes as whoever has its URL does.
async fn handed_over(world: &World, name: &str, bytes: impl Into<bytes::Bytes>) -> Handover {
    let handover = world.store.begin_upload(request(name), HOUR).await.unwrap();
    hand_over(world, &handover, bytes);
    handover
}

fn hand_over(world: &World, handover: &Handover, bytes: impl Into<bytes::Bytes>) {
    let key = handover.record.handover_blob_key();
    let named = format!("https://memory.invalid/{key}?method=PUT");
    assert!(handover.url.url.starts_with(&named), "{handover:?}");
    world.blobs.plant(key.to_string(), bytes);
}

async fn garbage(world: &World) -> usize {
    let plan = world.store.gc_plan(GcOptions::default());
    plan.try_collect::<Vec<_>>().await.unwrap().len()
}

#[tokio::test]
async fn what_was_put_is_checked_compressed_and_becomes_visible() {
    let world = world();
    let handover = handed_over(&world, "a", text()).await;
    assert_eq!(handover.record.state, State::Uploading);
    let hidden = get(&world.store, &uri("a")).await.unwrap_err();
    assert_eq!(hidden.kind(), ErrorKind::NotFound);
    let wanted = CompleteRequest {
        expected_size_bytes: Some(1_900),
        ..complete(&handover)
    };
    let record = world.store.complete_upload(wanted.clone()).await.unwrap();
    let content = record.content.clone().unwrap();
    assert_eq!(
        (record.state, content.encoding),
        (State::Active, Encoding::Gzip)
    );
    assert_eq!(get(&world.store, &uri("a")).await.unwrap(), text());
    let blob = record.blob_key().unwrap().to_string();
    assert_eq!(
        world.content_paths(),
        [blob],
        "what was handed over is gone"
    );
    let again = world.store.complete_upload(wanted).await.unwrap();
    assert_eq!(again, record);
    world.assert_tidy();
}

#[tokio::test]
async fn other_bytes_at_the_url_change_nothing_that_is_stored() {
    let world = world();
    world.index.mark_complete().await.unwrap();
    let handover = handed_over(&world, "a", text()).await;
    let completed = world.store.complete_upload(complete(&handover)).await;
    completed.unwrap();
    hand_over(&world, &handover, "something else");
    assert_eq!(get(&world.store, &uri("a")).await.unwrap(), text());
    assert_eq!(garbage(&world).await, 0, "it is too young");
    world.clock.advance(25 * HOUR);
    assert_eq!(garbage(&world).await, 1);
    world.store.gc(GcOptions::default(), |_| {}).await.unwrap();
    assert_eq!(world.content_paths().len(), 1);
    assert_eq!(get(&world.store, &uri("a")).await.unwrap(), text());
}

#[tokio::test]
async fn wrong_bytes_are_refused_and_can_be_put_again() {
    let world = world();
    let handover = world.store.begin_upload(request("a"), HOUR).await.unwrap();
    let early = world.store.complete_upload(complete(&handover)).await;
    let error = early.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains("nothing was put"), "{error}");
    let right = artifact_app::digest(&mut text().as_bytes()).unwrap();
    hand_over(&world, &handover, text().replace("all", "any"));
    let of_size = |expected_size_bytes| CompleteRequest {
        expected_size_bytes,
        expected_digest: Some(right),
        ..complete(&handover)
    };
    for wrong in [of_size(Some(1_899)), of_size(None)] {
        let error = world.store.complete_upload(wrong).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
        assert_eq!(world.content_paths().len(), 1, "only what was handed over");
    }
    hand_over(&world, &handover, text());
    let record = world.store.complete_upload(of_size(None)).await.unwrap();
    assert_eq!(record.content.unwrap().digest, right);
    let other = CompleteRequest {
        expected_size_bytes: Some(7),
        ..complete(&handover)
    };
    let error = world.store.complete_upload(other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    world.assert_tidy();
}

#[tokio::test]
async fn an_upload_that_nobody_completes_is_reaped_after_its_url() {
    let world = world();
    let handover = handed_over(&world, "a", text()).await;
    world.index.mark_complete().await.unwrap();
    world.clock.advance(HOUR + Duration::from_mins(14));
    assert_eq!(garbage(&world).await, 0);
    world.clock.advance(Duration::from_mins(2));
    let plan = world.store.gc_plan(GcOptions::default());
    let plan: Vec<_> = plan.try_collect().await.unwrap();
    assert_eq!((plan.len(), plan[0].size_bytes), (1, 1_900));
    let limit = PageSize::new(10).unwrap();
    assert_eq!(world.store.reap(limit).await.unwrap().uploads, 1);
    world.assert_empty();
    let error = world.store.complete_upload(complete(&handover)).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
}

/// A collector with a short grace leaves what waits for a URL that is good for a week.
#[tokio::test]
async fn an_upload_that_is_given_up_while_it_is_completed_says_so() {
    let world = world();
    let handover = handed_over(&world, "a", text()).await;
    let index = Arc::new(FaultyIndex::new(world.index.clone()));
    let nap = IndexFault::Delay(Duration::from_millis(100));
    index.inject(IndexOperation::Update, When::Next, nap);
    let slow = world.store_with(None, Some(index.clone()));
    let wanted = complete(&handover);
    let late = tokio::spawn(async move { slow.complete_upload(wanted).await });
    while index.pending() > 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    world.clock.advance(2 * HOUR);
    let marked = handover.record.clone().into_deleted().unwrap();
    world.index.update(marked).await.unwrap();
    let error = late.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("lease"), "{error}");
}

#[tokio::test]
async fn what_was_handed_over_is_no_garbage_while_it_can_be_completed() {
    let world = world();
    world.index.mark_complete().await.unwrap();
    let handover = world.store.begin_upload(request("a"), 7 * 24 * HOUR).await;
    let handover = handover.unwrap();
    hand_over(&world, &handover, text());
    world.clock.advance(6 * 24 * HOUR);
    world.store.gc(GcOptions::default(), |_| {}).await.unwrap();
    let record = world.store.complete_upload(complete(&handover)).await;
    assert_eq!(record.unwrap().state, State::Active);
    assert_eq!(get(&world.store, &uri("a")).await.unwrap(), text());
}

#[tokio::test]
async fn an_upload_can_be_aborted_until_it_is_complete() {
    let world = world();
    let handover = handed_over(&world, "a", text()).await;
    world.store.abort_upload(handover.record.id).await.unwrap();
    world.assert_empty();
    let gone = world.store.abort_upload(handover.record.id).await;
    assert_eq!(gone.unwrap_err().kind(), ErrorKind::NotFound);
    let handover = handed_over(&world, "a", text()).await;
    let done = world.store.complete_upload(complete(&handover)).await;
    done.unwrap();
    let late = world.store.abort_upload(handover.record.id).await;
    assert_eq!(late.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(get(&world.store, &uri("a")).await.unwrap(), text());
}

#[tokio::test]
async fn limits_hold_before_and_after_the_bytes_are_there() {
    let quota = QuotaPolicy {
        max_artifact_bytes: Some(2_000),
        max_storage_bytes: Some(3_000),
        ..QuotaPolicy::default()
    };
    let world = World::signing(StoreOptions {
        quota,
        ..StoreOptions::default()
    });
    let begin = async |size| {
        let request = UploadRequest {
            size_hint_bytes: Some(size),
            ..request("a")
        };
        let begun = world.store.begin_upload(request, HOUR).await;
        begun.map_err(|error| error.kind())
    };
    assert_eq!(begin(2_001).await.unwrap_err(), ErrorKind::TooLarge);
    let first = begin(2_000).await.unwrap();
    assert_eq!(begin(2_000).await.unwrap_err(), ErrorKind::QuotaExceeded);
    hand_over(&world, &first, "x".repeat(2_001));
    let error = world.store.complete_upload(complete(&first)).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::TooLarge);
    world.store.abort_upload(first.record.id).await.unwrap();
    world.assert_empty();
    assert!(begin(2_000).await.is_ok());
}

#[tokio::test]
async fn a_store_that_cannot_sign_reserves_nothing() {
    let world = World::new();
    let error = world.store.begin_upload(request("a"), HOUR).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Unsupported);
    let world = self::world();
    let error = world.store.begin_upload(request("a"), 8 * 24 * HOUR).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidInput);
    let faulty = Arc::new(FaultyBlobStore::new(world.blobs.clone()));
    let fails = BlobFault::Fail(ErrorKind::Internal);
    faulty.inject(BlobOperation::Presign, When::Next, fails);
    let store = world.store_with(Some(faulty), None);
    let error = store.begin_upload(request("a"), HOUR).await.unwrap_err();
    assert!(error.message().contains("/log/a"), "{error}");
    world.assert_empty();
}

#[tokio::test]
async fn completing_supersedes_as_an_upload_does() {
    let world = World::signing(StoreOptions {
        supersede: Supersede::Older,
        ..StoreOptions::default()
    });
    put(&world.store, "a", "old").await;
    let handover = handed_over(&world, "a", text()).await;
    let done = world.store.complete_upload(complete(&handover)).await;
    assert_eq!(done.unwrap().version.get(), 2);
    assert_eq!(world.content_paths().len(), 1);
    assert_eq!(get(&world.store, &uri("a")).await.unwrap(), text());
}

/// Of two that complete one upload, the later one takes it over.
#[tokio::test]
async fn of_two_that_complete_an_upload_one_commits() {
    let world = world();
    let handover = handed_over(&world, "a", text()).await;
    let slow = Arc::new(FaultyBlobStore::new(world.blobs.clone()));
    let delay = BlobFault::Delay(Duration::from_millis(200));
    slow.inject(BlobOperation::Put, When::Next, delay);
    // Without locks: they are for turns, not for safety.
    let first = world.store_as(|ports| {
        ports.blobs = slow;
        ports.locks = None;
    });
    let second = world.store_as(|ports| ports.locks = None);
    let (first, second) = tokio::join!(first.complete_upload(complete(&handover)), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        second.complete_upload(complete(&handover)).await
    });
    let record = second.unwrap();
    // The first found it done, with the same bytes, or was told that it came too late.
    if let Ok(first) = first {
        assert_eq!(first.attempt, record.attempt);
    }
    assert_eq!(get(&world.store, &uri("a")).await.unwrap(), text());
    let blob = record.blob_key().unwrap().to_string();
    assert_eq!(world.content_paths(), [blob]);
}

#[tokio::test]
async fn a_rebuilt_index_has_what_was_completed_and_nothing_else() {
    let world = world();
    let handover = handed_over(&world, "a", text()).await;
    let done = world.store.complete_upload(complete(&handover)).await;
    let record = done.unwrap();
    handed_over(&world, "b", "never completed").await;
    world.store.settle().await;
    let index = Arc::new(MemoryIndex::new());
    let rebuilt = world.store_with(None, Some(index.clone()));
    let report = rebuilt.reindex(ReindexOptions::default(), |_, _| {}).await;
    report.unwrap();
    assert_eq!(index.records().len(), 1);
    let id = ArtifactRef::Id(record.id);
    assert_eq!(get(&rebuilt, &id).await.unwrap(), text());
}

/// Whatever call fails, before or after it took effect: what is acknowledged is there, what is not
/// can be completed again, and nothing is left over.
#[tokio::test]
async fn completing_that_fails_at_any_call_can_be_repeated() {
    let blob_calls = [
        BlobOperation::Stat,
        BlobOperation::Get,
        BlobOperation::Put,
        BlobOperation::Delete,
    ];
    let index_calls = [
        IndexOperation::Find,
        IndexOperation::Update,
        IndexOperation::Commit,
        IndexOperation::Reserve,
    ];
    let mut met = 0;
    for kind in [ErrorKind::Unavailable, ErrorKind::Internal] {
        for (nth, number) in (1..4).flat_map(|nth| (0..16).map(move |number| (nth, number))) {
            let world = world();
            world.index.mark_complete().await.unwrap();
            let handover = handed_over(&world, "a", text()).await;
            let blobs = Arc::new(FaultyBlobStore::new(world.blobs.clone()));
            let index = Arc::new(FaultyIndex::new(world.index.clone()));
            let (when, call) = (When::Nth(nth), number / 2 % 4);
            let after = number % 2 == 1;
            if number < 8 {
                let fault = if after {
                    BlobFault::FailAfter(kind)
                } else {
                    BlobFault::Fail(kind)
                };
                blobs.inject(blob_calls[call], when, fault);
            } else {
                let fault = if after {
                    IndexFault::FailAfter(kind)
                } else {
                    IndexFault::Fail(kind)
                };
                index.inject(index_calls[call], when, fault);
            }
            let what = format!("{kind:?}, call {number}, {when:?}");
            let store = world.store_with(Some(blobs.clone()), Some(index.clone()));
            let outcome = store.complete_upload(complete(&handover)).await;
            store.settle().await;
            met += usize::from(blobs.pending() + index.pending() == 0);
            blobs.clear();
            index.clear();
            let record = match outcome {
                Ok(record) => record,
                Err(_) => repeated(&world.store, &handover, &what).await,
            };
            let id = ArtifactRef::Id(record.id);
            assert_eq!(get(&world.store, &id).await.unwrap(), text(), "{what}");
            world.clock.advance(25 * HOUR);
            world.store.gc(GcOptions::default(), |_| {}).await.unwrap();
            let blob = record.blob_key().unwrap().to_string();
            assert_eq!(world.content_paths(), [blob], "{what}");
            world.assert_tidy();
        }
    }
    assert!(met >= 20, "only {met} faults were met");
}

async fn repeated(store: &Store, handover: &Handover, what: &str) -> ArtifactRecord {
    let again = store.complete_upload(complete(handover)).await;
    again.unwrap_or_else(|error| panic!("{what}: {error}"))
}
