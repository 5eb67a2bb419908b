//! What the fakes do beyond their contracts: they count, they look inside, they are strict.

use std::time::Duration;

use artifact_domain::port::{
    ArtifactIndex, BlobStore, LockKey, LockManager, LockPatience, NewUpload, PutOptions,
};
use artifact_domain::{BlobKey, BlobPrefix, ErrorKind, Hold, State, Timestamp};
use artifact_testkit::{
    BlobOperation, IndexOperation, ManualClock, MemoryBlobStore, MemoryIndex, MemoryLocks, body,
    sample,
};
use futures::{StreamExt, TryStreamExt, stream};

fn assert_misuse<T>(result: artifact_domain::Result<T>) {
    let error = result.err().expect("a misuse was let pass");
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(error.message().contains("misuse"), "{error}");
}

#[tokio::test]
async fn a_strict_blob_store_lets_no_attempt_be_overwritten() {
    let store = MemoryBlobStore::new().strict();
    let put = |key: &BlobKey, hint| {
        let options = PutOptions {
            size_hint_bytes: hint,
            content_type: None,
            ..PutOptions::default()
        };
        store.put(key.clone(), body("12345"), options)
    };
    let key = sample::blob_key("x");
    put(&key, None).await.unwrap();
    assert_misuse(put(&key, None).await);
    assert_misuse(put(&sample::blob_key("x"), Some(4)).await);
    put(&sample::blob_key("x"), Some(5)).await.unwrap();
    let at = sample::coordinate("s", "t", "log", "x");
    let metadata = BlobKey::task_metadata(at.spec(), at.task());
    for _ in 0..2 {
        put(&metadata, None).await.unwrap();
    }
    assert_eq!(store.calls(BlobOperation::Put), 6);
    assert_eq!(store.calls(BlobOperation::Get), 0);
    assert_eq!(store.files().len(), 3);
}

#[tokio::test]
async fn a_sweep_takes_what_was_cut_off_and_nothing_of_a_running_put() {
    let store = MemoryBlobStore::new().with_clock(ManualClock::new(sample::now()));
    let endless = stream::once(async { Ok("abc".into()) }).chain(stream::pending());
    let cut_off = store.put(
        sample::blob_key("cut off"),
        endless.boxed(),
        PutOptions::default(),
    );
    let ended = tokio::time::timeout(Duration::from_millis(20), cut_off).await;
    assert!(ended.is_err());
    assert_eq!(store.temporaries(), 1);
    assert_eq!(store.sweep(sample::at(0)).await.unwrap().count, 0);
    let swept = store.sweep(sample::at(1)).await.unwrap();
    assert_eq!((swept.count, swept.size_bytes), (1, 3));
    assert_eq!(store.temporaries(), 0);

    let (feed, body) = futures::channel::mpsc::unbounded();
    feed.unbounded_send(Ok("abc".into())).unwrap();
    let put = store.put(
        sample::blob_key("running"),
        body.boxed(),
        PutOptions::default(),
    );
    let mut put = std::pin::pin!(put);
    assert!(futures::poll!(&mut put).is_pending());
    assert_eq!(store.temporaries(), 1);
    assert_eq!(store.sweep(Timestamp::MAX).await.unwrap().count, 0);
    drop(feed);
    assert_eq!(put.await.unwrap().size_bytes, 3);
    assert_eq!((store.temporaries(), store.files().len()), (0, 1));
}

#[tokio::test]
async fn foreign_files_are_listed() {
    let store = MemoryBlobStore::new();
    store.plant("artifacts/s/t/notes.txt", "somebody else's");
    store.plant("elsewhere.txt", "x");
    let listing = store.list(BlobPrefix::all()).await.unwrap();
    let listed: Vec<_> = listing.try_collect().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert!(BlobKey::parse(&listed[0].path).is_err());
}

#[tokio::test]
async fn a_strict_index_refuses_what_no_caller_should_do() {
    let index = MemoryIndex::new().strict();
    let upload = || sample::upload("s", "t", "log", "a");
    let over = NewUpload {
        lease_until: sample::at(-1),
        ..upload()
    };
    assert_misuse(index.begin(over).await);
    let expired = NewUpload {
        expires_at: Some(sample::at(-1)),
        ..upload()
    };
    assert_misuse(index.begin(expired).await);

    let uploading = index.begin(upload()).await.unwrap();
    assert_misuse(index.renew(uploading.id, sample::at(1)).await);
    let mut visible = uploading.clone();
    visible.state = State::Active;
    visible.content = Some(sample::content(1));
    visible.lease_until = None;
    assert_misuse(index.update(visible).await);

    let commit = sample::commit(uploading.id, 1);
    assert_misuse(index.commit(commit.clone()).await);
    let reservation = sample::reservation(1, 1);
    index.reserve(uploading.id, reservation).await.unwrap();
    let mut record = index.commit(commit).await.unwrap().record;
    assert_misuse(index.update(record.clone()).await);
    record.hold = Some(Hold {
        reason: None,
        by: None,
        since: sample::now(),
    });
    let mut held = index.update(record).await.unwrap();
    held.state = State::Deleted;
    assert_misuse(index.update(held).await);
    assert_eq!(index.calls(IndexOperation::Update), 4);
    assert_eq!(index.records()[0].state, State::Active);
}

#[tokio::test]
async fn locks_count_what_was_released_and_what_was_dropped() {
    let locks = MemoryLocks::new().with_clock(ManualClock::new(sample::at(5)));
    let acquire = || locks.acquire(LockKey::job("gc"), LockPatience::default());
    let guard = acquire().await.unwrap();
    let holder = locks.holder(LockKey::job("gc")).await.unwrap().unwrap();
    assert_eq!(holder.since, sample::at(5));
    assert_eq!(locks.held(), 1);
    guard.release().await.unwrap();
    drop(acquire().await.unwrap());
    let counts = (locks.acquired(), locks.released(), locks.dropped());
    assert_eq!((counts, locks.held()), ((2, 1, 1), 0));
}
