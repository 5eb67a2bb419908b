//! The storage limit: what is on its way counts, and what does not fit leaves nothing. And what the
//! counters say of it all.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::world::{World, put, request, uri};
use artifact_app::{
    Body, Compression, StoreOptions, UploadRequest, UsageKey, VerifyFinding, VerifyOptions,
};
use artifact_domain::policy::QuotaPolicy;
use artifact_domain::query::PageSize;
use artifact_domain::{ArtifactRecord, ErrorKind, Result};
use artifact_testkit::{
    BlobFault, BlobOperation, FaultyBlobStore, FaultyIndex, IndexFault, IndexOperation, When,
};
use bytes::Bytes;
use futures::future::join_all;

const MIB: u64 = 1 << 20;

fn limited(max_storage_bytes: u64) -> World {
    World::with_options(StoreOptions {
        quota: QuotaPolicy {
            max_storage_bytes: Some(max_storage_bytes),
            warn_storage_bytes: Some(max_storage_bytes / 2),
            ..QuotaPolicy::default()
        },
        ..StoreOptions::default()
    })
}

/// A request whose bytes are stored as they are.
fn plain(name: &str) -> UploadRequest {
    UploadRequest {
        compression: Compression::Off,
        ..request(name)
    }
}

fn kind(outcome: Result<ArtifactRecord>) -> ErrorKind {
    outcome.unwrap_err().kind()
}

/// So many bytes that come from a reader of unknown length, and how many were read of it.
fn endless(bytes: u64) -> (Body, Arc<AtomicU64>) {
    struct Counted(Arc<AtomicU64>, io::Take<io::Repeat>);
    impl Read for Counted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.read(buffer)?;
            self.0.fetch_add(count as u64, Ordering::Relaxed);
            Ok(count)
        }
    }
    let read = Arc::new(AtomicU64::new(0));
    let body = Body::reader(Counted(Arc::clone(&read), io::repeat(7).take(bytes)));
    (body, read)
}

/// What is stored or reserved.
async fn held(world: &World) -> u64 {
    world.store.usage().await.unwrap().total().held_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r61_of_fifty_uploads_at_once_exactly_those_succeed_that_fit() {
    for (size, limit, fit) in [(1_000, 20_500, 20), (70_000, 1_000_000, 14)] {
        let world = limited(limit);
        let uploads = (0..50).map(|number| {
            let (store, request) = (world.store.clone(), plain(&format!("{number}")));
            let bytes = Bytes::from(vec![7; size]);
            tokio::spawn(async move { store.upload(request, bytes).await })
        });
        let mut stored = 0;
        for outcome in join_all(uploads).await {
            match outcome.unwrap() {
                Ok(_) => stored += 1,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
                    assert!(error.message().contains(&limit.to_string()), "{error}");
                    assert!(error.hint().unwrap().contains("quota.max_storage_gb"));
                }
            }
        }
        assert_eq!(stored, fit);
        assert!(world.index.most_held_bytes() <= limit);
        assert_eq!(held(&world).await, size as u64 * fit as u64);
        assert_eq!(world.content_paths().len(), fit);
        assert_eq!(
            world.index.records().len(),
            fit,
            "a refused one has left a record"
        );
        world.assert_tidy();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r61_streams_of_unknown_length_cannot_pass_the_limit_together() {
    let limit = 5 * MIB;
    let world = limited(limit);
    let uploads = (0..8).map(|number| {
        let (store, request) = (world.store.clone(), plain(&format!("{number}")));
        let (body, _) = endless(2 * MIB);
        tokio::spawn(async move { store.upload(request, body).await })
    });
    let outcomes: Vec<_> = join_all(uploads)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let stored = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!(stored <= 2, "{stored} of 2 MiB are more than 5");
    let failed = outcomes.into_iter().filter_map(Result::err);
    assert!(
        failed
            .map(|error| error.kind())
            .all(|kind| kind == ErrorKind::QuotaExceeded)
    );
    assert!(world.index.most_held_bytes() <= limit);
    assert_eq!(held(&world).await, 2 * MIB * stored as u64);
    assert_eq!(world.content_paths().len(), stored);
    world.assert_tidy();
}

#[tokio::test]
async fn r61_a_stream_is_cut_off_at_the_limit_and_leaves_nothing() {
    let limit = 3 * MIB;
    let world = limited(limit);
    let (body, read) = endless(1 << 40);
    let outcome = world.store.upload(plain("a"), body).await;
    assert_eq!(kind(outcome), ErrorKind::QuotaExceeded);
    // Not many more are read than fit: what is in the pipe.
    assert!(read.load(Ordering::Relaxed) < limit + 4 * MIB);
    assert!(world.index.most_held_bytes() > limit - MIB, "room was left");
    assert!(world.index.most_held_bytes() <= limit);
    world.assert_empty();
    assert_eq!(held(&world).await, 0);

    // To the last byte.
    let (body, _) = endless(limit);
    world.store.upload(plain("a"), body).await.unwrap();
    assert_eq!(held(&world).await, limit);
    let (body, _) = endless(1);
    let outcome = world.store.upload(plain("b"), body).await;
    assert_eq!(kind(outcome), ErrorKind::QuotaExceeded);
    world.store.delete(&uri("a")).await.unwrap();
    let (body, _) = endless(limit);
    world.store.upload(plain("b"), body).await.unwrap();
}

#[tokio::test]
async fn a_full_store_refuses_the_next_upload_until_something_is_deleted() {
    let world = limited(10);
    let upload = |name, text: &'static str| world.store.upload(plain(name), Bytes::from(text));
    upload("a", "0123456789").await.unwrap();
    for text in ["x", ""] {
        let error = upload("b", text).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
        assert!(error.message().contains("10 bytes"), "{error}");
    }
    world.store.delete(&uri("a")).await.unwrap();
    upload("b", "x").await.unwrap();
}

#[tokio::test]
async fn a_size_that_cannot_fit_is_refused_before_a_byte_is_read() {
    struct Unread;
    impl Read for Unread {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("read although it was refused")
        }
    }
    let world = limited(1_000);
    let mut announced = plain("a");
    announced.size_hint_bytes = Some(1_001);
    let outcome = world.store.upload(announced, Body::reader(Unread)).await;
    assert_eq!(kind(outcome), ErrorKind::QuotaExceeded);
    world.assert_empty();
}

#[tokio::test]
async fn what_counts_is_what_is_stored_not_what_it_was_before() {
    let world = limited(100_000);
    let text = Bytes::from("the same line again\n".repeat(100_000));
    let mut announced = request("reader");
    announced.size_hint_bytes = Some(text.len() as u64);
    let reader = Body::reader(io::Cursor::new(text.clone()));
    let uploads = [
        (request("bytes"), Body::Bytes(text.clone())),
        (announced, reader),
    ];
    for (request, body) in uploads {
        let record = world.store.upload(request, body).await.unwrap();
        assert!(record.content.unwrap().stored_size_bytes < 50_000);
    }
    let outcome = world.store.upload(plain("plain"), text).await;
    assert_eq!(kind(outcome), ErrorKind::QuotaExceeded);
    assert!(world.index.most_held_bytes() <= 100_000);
}

#[tokio::test]
async fn where_the_size_is_known_and_small_the_index_is_asked_once_for_room() {
    let world = limited(1 << 40);
    for name in ["a", "b", "c"] {
        put(&world.store, name, vec![1; 10_000]).await;
    }
    let calls = |operation| world.index.calls(operation);
    assert_eq!(calls(IndexOperation::Begin), 3);
    assert_eq!(calls(IndexOperation::Reserve), 0);
    assert_eq!(calls(IndexOperation::Usage), 0);
}

#[tokio::test]
async fn a_failed_upload_gives_back_its_room_at_once() {
    let world = limited(10_000);
    let blobs = Arc::new(FaultyBlobStore::new(world.blobs.clone()));
    let full = BlobFault::Fail(ErrorKind::StorageFull);
    blobs.inject(BlobOperation::Put, When::Next, full);
    let store = world.store_with(Some(blobs), None);
    let bytes = Bytes::from(vec![1; 10_000]);
    // A full disk is told apart from a full quota.
    let outcome = store.upload(plain("a"), bytes.clone()).await;
    assert_eq!(kind(outcome), ErrorKind::StorageFull);
    assert_eq!(held(&world).await, 0);
    store.upload(plain("a"), bytes).await.unwrap();
}

#[tokio::test]
async fn r61_an_upload_that_died_holds_its_room_until_it_is_reaped() {
    let world = limited(10_000);
    let stalled = Box::pin(futures::stream::pending());
    let mut announced = plain("dead");
    announced.size_hint_bytes = Some(9_000);
    let upload = world.store.upload(announced, Body::Stream(stalled));
    let cut_off = tokio::time::timeout(Duration::from_millis(20), upload).await;
    assert!(cut_off.is_err());
    assert_eq!(held(&world).await, 9_000);
    let next = || {
        world
            .store
            .upload(plain("next"), Bytes::from(vec![1; 2_000]))
    };
    assert_eq!(kind(next().await), ErrorKind::QuotaExceeded);
    world.clock.advance(Duration::from_hours(1));
    let reaped = world.store.reap(PageSize::WALK).await.unwrap();
    assert_eq!(reaped.uploads, 1);
    assert_eq!(held(&world).await, 0);
    next().await.unwrap();
}

#[tokio::test]
async fn whoever_was_reaped_gets_no_more_room() {
    let world = limited(1 << 30);
    let faulty = Arc::new(FaultyIndex::new(world.index.clone()));
    let store = world.store_with(None, Some(faulty.clone()));
    faulty.inject(
        IndexOperation::Reserve,
        When::Nth(2),
        IndexFault::Fail(ErrorKind::Conflict),
    );
    let (body, _) = endless(5 * MIB);
    let error = store.upload(plain("a"), body).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("given up"), "{error}");
    world.assert_empty();
}

#[tokio::test]
async fn an_answer_that_is_lost_costs_no_room() {
    let world = limited(1 << 30);
    let faulty = Arc::new(FaultyIndex::new(world.index.clone()));
    let store = world.store_with(None, Some(faulty.clone()));
    let lost = IndexFault::FailAfter(ErrorKind::Unavailable);
    faulty.inject(IndexOperation::Reserve, When::Nth(2), lost);
    let (body, _) = endless(3 * MIB);
    store.upload(plain("a"), body).await.unwrap();
    assert_eq!(faulty.pending(), 0);
    assert_eq!(held(&world).await, 3 * MIB);
}

#[tokio::test]
async fn r60_usage_says_what_is_stored_by_what_and_how_near_the_limit_is() {
    let world = limited(10_000);
    world
        .store
        .upload(plain("a"), Bytes::from(vec![1; 4_000]))
        .await
        .unwrap();
    assert_eq!(world.store.quota_warning().await.unwrap(), None);
    put(&world.store, "b", "text\n".repeat(1_000)).await;
    let usage = world.store.usage().await.unwrap();
    let total = usage.total();
    assert_eq!((total.count, total.size_bytes), (2, 9_000));
    assert!(total.stored_size_bytes < 4_100);
    assert_eq!(usage.by(&[UsageKey::Type], None).len(), 1);
    assert_eq!(usage.warning(), None);
    world
        .store
        .upload(plain("c"), Bytes::from(vec![1; 1_000]))
        .await
        .unwrap();
    let warning = world.store.quota_warning().await.unwrap().unwrap();
    assert_eq!(warning.limit_bytes, 10_000);
    assert!(warning.held_bytes > 5_000);
}

#[tokio::test]
async fn counters_that_drift_are_found_and_mended_by_a_whole_verify() {
    let world = limited(1 << 30);
    put(&world.store, "a", "a").await;
    let sound = world.store.usage().await.unwrap();
    let verify = async |repair| {
        let options = VerifyOptions {
            scope: artifact_app::VerifyScope::Everything,
            repair,
            readers: 1,
        };
        let found = std::sync::Mutex::new(Vec::new());
        let observe = |finding: Option<&VerifyFinding>, _: &_| {
            if let Some(VerifyFinding::Counter { drift, repaired }) = finding {
                let counts = (drift.kept.count, drift.counted.count, *repaired);
                found.lock().unwrap().push(counts);
            }
        };
        let report = world.store.verify(options, observe).await.unwrap();
        (found.into_inner().unwrap(), report.is_sound())
    };
    assert_eq!(verify(false).await, (vec![], true));
    world.index.let_counters_drift(1_000);
    assert_eq!(verify(false).await, (vec![(2, 1, false)], false));
    assert_ne!(world.store.usage().await.unwrap(), sound);
    assert_eq!(verify(true).await, (vec![(2, 1, true)], true));
    assert_eq!(world.store.usage().await.unwrap(), sound);
    assert_eq!(verify(false).await, (vec![], true));
}
