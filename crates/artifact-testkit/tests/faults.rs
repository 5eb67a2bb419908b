//! The decorators fail where they were told to, and nowhere else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use artifact_domain::port::{ArtifactIndex, BlobStore, PutOptions};
use artifact_domain::{BlobKey, BlobPrefix, ErrorKind, State};
use artifact_testkit::{
    BlobFault, BlobOperation, FaultyBlobStore, FaultyIndex, IndexFault, IndexOperation,
    MemoryBlobStore, MemoryIndex, When, body, bytes_stream, collect, sample,
};
use futures::TryStreamExt;

const DOWN: ErrorKind = ErrorKind::Unavailable;

fn blob_store() -> (Arc<MemoryBlobStore>, FaultyBlobStore) {
    let inner = Arc::new(MemoryBlobStore::new());
    let store = FaultyBlobStore::new(inner.clone());
    (inner, store)
}

async fn put(store: &FaultyBlobStore, key: &BlobKey) -> Result<(), ErrorKind> {
    let chunks = ["abc", "", "defg", "hij"].map(Into::into).to_vec();
    let put = store.put(key.clone(), bytes_stream(chunks), PutOptions::default());
    put.await.map(drop).map_err(|error| error.kind())
}

async fn get(store: &FaultyBlobStore, key: &BlobKey) -> Result<String, ErrorKind> {
    let read = async { collect(store.get(key.clone(), None).await?).await };
    let bytes = read.await.map_err(|error| error.kind())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[tokio::test]
async fn every_operation_of_a_blob_store_can_fail() {
    let (inner, store) = blob_store();
    let key = sample::blob_key("x");
    put(&store, &key).await.unwrap();
    for operation in [
        BlobOperation::Put,
        BlobOperation::Get,
        BlobOperation::Stat,
        BlobOperation::List,
        BlobOperation::Delete,
        BlobOperation::Presign,
        BlobOperation::CopyToTier,
        BlobOperation::Restore,
        BlobOperation::Sweep,
        BlobOperation::Leftovers,
    ] {
        store.inject(operation, When::Next, BlobFault::Fail(DOWN));
        let before = inner.calls(operation);
        let tier = artifact_domain::Tier::Cold;
        let request = artifact_domain::port::PresignRequest {
            method: artifact_domain::port::PresignMethod::Get,
            valid_for: Duration::from_mins(1),
            file_name: None,
        };
        let error = match operation {
            BlobOperation::Put => store
                .put(key.clone(), body("x"), PutOptions::default())
                .await
                .err(),
            BlobOperation::Get => store.get(key.clone(), None).await.err(),
            BlobOperation::Stat => store.stat(key.clone()).await.err(),
            BlobOperation::List => store.list(BlobPrefix::all()).await.err(),
            BlobOperation::Delete => store.delete(vec![key.clone()]).await.err(),
            BlobOperation::Presign => store.presign(key.clone(), request).await.err(),
            BlobOperation::CopyToTier => store
                .copy_to_tier(key.clone(), key.clone(), tier)
                .await
                .err(),
            BlobOperation::Restore => store.restore(key.clone(), 1).await.err(),
            BlobOperation::Sweep => store.sweep(sample::now()).await.err(),
            BlobOperation::Leftovers => store.leftovers(sample::now()).await.err(),
        };
        let error = error.unwrap();
        assert_eq!(error.kind(), DOWN, "{operation:?}");
        assert!(error.message().contains("injected"), "{error}");
        assert_eq!(inner.calls(operation), before, "{operation:?} went through");
        assert_eq!(store.pending(), 0);
    }
    assert_eq!(get(&store, &key).await.unwrap(), "abcdefghij");
}

#[tokio::test]
async fn a_stream_of_a_get_breaks_ends_or_lies() {
    let (_, store) = blob_store();
    let key = sample::blob_key("x");
    put(&store, &key).await.unwrap();
    let get = BlobOperation::Get;
    let lying = BlobFault::FlipByte(4);
    store
        .inject(get, When::Nth(1), BlobFault::EndAfter(5))
        .inject(get, When::Nth(2), BlobFault::BreakAfter(5, DOWN))
        .inject(get, When::Nth(3), BlobFault::EndAfter(0))
        .inject(get, When::Nth(4), lying);
    assert_eq!(self::get(&store, &key).await.unwrap(), "abcde");
    let mut stream = store.get(key.clone(), None).await.unwrap();
    let first = stream.try_next().await.unwrap();
    assert_eq!(first.as_deref(), Some(&b"abcde"[..]));
    assert_eq!(stream.try_next().await.unwrap_err().kind(), DOWN);
    assert_eq!(self::get(&store, &key).await.unwrap(), "");
    let stream = store.get(key.clone(), None).await.unwrap();
    let lie = collect(stream).await.unwrap();
    assert_eq!(&lie[..4], b"abcd");
    assert_eq!(lie[4], b'e' ^ 0xff);
    assert_eq!(&lie[5..], b"fghij");
    assert_eq!(self::get(&store, &key).await.unwrap(), "abcdefghij");
}

#[tokio::test]
async fn the_body_of_a_put_breaks_ends_or_lies() {
    let (inner, store) = blob_store();
    let key = sample::blob_key("x");
    let operation = BlobOperation::Put;
    store.inject(operation, When::Next, BlobFault::BreakAfter(5, DOWN));
    assert_eq!(put(&store, &key).await, Err(DOWN));
    assert!(inner.files().is_empty());
    store.inject(operation, When::Next, BlobFault::EndAfter(8));
    put(&store, &key).await.unwrap();
    assert_eq!(inner.files()[key.as_str()], "abcdefgh");
    store.inject(operation, When::Next, BlobFault::FlipByte(9));
    put(&store, &key).await.unwrap();
    assert_eq!(inner.files()[key.as_str()][9], b'j' ^ 0xff);
    store.inject(operation, When::Next, BlobFault::BreakAfter(10, DOWN));
    assert_eq!(put(&store, &key).await, Err(DOWN), "an error at the end");
}

#[tokio::test]
async fn an_answer_is_lost_after_the_effect() {
    let (inner, store) = blob_store();
    let key = sample::blob_key("x");
    store.inject(BlobOperation::Put, When::Next, BlobFault::FailAfter(DOWN));
    assert_eq!(put(&store, &key).await, Err(DOWN));
    assert_eq!(inner.files()[key.as_str()], "abcdefghij");
    store.inject(
        BlobOperation::Delete,
        When::Always,
        BlobFault::FailAfter(DOWN),
    );
    assert!(store.delete(vec![key.clone()]).await.is_err());
    assert!(inner.files().is_empty());
    assert!(store.delete(vec![key.clone()]).await.is_err());
    store.clear();
    assert!(store.delete(vec![key]).await.is_ok());
}

#[tokio::test]
async fn a_delayed_call_waits_and_then_succeeds() {
    let (_, store) = blob_store();
    let delay = Duration::from_millis(60);
    store.inject(BlobOperation::Put, When::Next, BlobFault::Delay(delay));
    let began = Instant::now();
    put(&store, &sample::blob_key("x")).await.unwrap();
    assert!(began.elapsed() >= delay);
}

#[test]
#[should_panic(expected = "has no stream")]
fn a_fault_of_streams_needs_a_stream() {
    let (_, store) = blob_store();
    store.inject(BlobOperation::Stat, When::Next, BlobFault::EndAfter(1));
}

#[tokio::test]
async fn an_index_fails_before_or_after_the_effect() {
    let inner = Arc::new(MemoryIndex::new());
    let index = FaultyIndex::new(inner.clone());
    let upload = sample::upload("s", "t", "log", "a");
    let commit = sample::commit(upload.id, 5);
    index.begin(upload.clone()).await.unwrap();
    index
        .inject(IndexOperation::Commit, When::Nth(1), IndexFault::Fail(DOWN))
        .inject(
            IndexOperation::Commit,
            When::Nth(2),
            IndexFault::FailAfter(DOWN),
        );
    let state = || inner.records()[0].state;
    for expected in [State::Uploading, State::Active] {
        let failed = index.commit(commit.clone()).await.unwrap_err();
        assert_eq!(failed.kind(), DOWN);
        assert_eq!(state(), expected);
    }
    assert!(index.commit(commit).await.is_ok());
    assert_eq!(inner.calls(IndexOperation::Commit), 2);
    assert_eq!(index.pending(), 0);
}

#[tokio::test]
async fn every_operation_of_an_index_can_fail() {
    let index = FaultyIndex::new(Arc::new(MemoryIndex::new()));
    let at = sample::coordinate("s", "t", "log", "a");
    let (now, id) = (sample::now(), sample::id(1));
    let filter = artifact_domain::query::Filter::default();
    for operation in [
        IndexOperation::Begin,
        IndexOperation::Renew,
        IndexOperation::Reserve,
        IndexOperation::Commit,
        IndexOperation::Update,
        IndexOperation::Remove,
        IndexOperation::Find,
        IndexOperation::FindVersion,
        IndexOperation::FindNewest,
        IndexOperation::Query,
        IndexOperation::Usage,
        IndexOperation::Recount,
        IndexOperation::DueForExpiry,
        IndexOperation::AbandonedUploads,
        IndexOperation::SeekTable,
        IndexOperation::Import,
        IndexOperation::IsComplete,
        IndexOperation::MarkComplete,
        IndexOperation::RetentionMark,
        IndexOperation::SetRetentionMark,
    ] {
        index.inject(operation, When::Next, IndexFault::Fail(DOWN));
        let version = artifact_domain::Version::FIRST;
        let query = artifact_domain::query::Query::new(filter.clone(), now);
        let error = match operation {
            IndexOperation::Begin => index.begin(sample::upload_to(at.clone())).await.err(),
            IndexOperation::Renew => index.renew(id, now).await.err(),
            IndexOperation::Reserve => index.reserve(id, sample::reservation(1, 1)).await.err(),
            IndexOperation::Commit => index.commit(sample::commit(id, 1)).await.err(),
            IndexOperation::Update => index
                .update(sample::record("s", "t", "log", "a"))
                .await
                .err(),
            IndexOperation::Remove => index.remove(id).await.err(),
            IndexOperation::Find => index.find(id).await.err(),
            IndexOperation::FindVersion => index.find_version(at.clone(), version).await.err(),
            IndexOperation::FindNewest => index.find_newest(at.clone(), now).await.err(),
            IndexOperation::Query => index.query(query).await.err(),
            IndexOperation::Usage => index.usage().await.err(),
            IndexOperation::Recount => index.recount(true).await.err(),
            IndexOperation::DueForExpiry => index.due_for_expiry(now, None, 1).await.err(),
            IndexOperation::AbandonedUploads => index.abandoned_uploads(now, 1).await.err(),
            IndexOperation::SeekTable => index.seek_table(id).await.err(),
            IndexOperation::Import => index.import(Vec::new()).await.err(),
            IndexOperation::IsComplete => index.is_complete().await.err(),
            IndexOperation::MarkComplete => index.mark_complete().await.err(),
            IndexOperation::RetentionMark => index.retention_mark().await.err(),
            IndexOperation::SetRetentionMark => index.set_retention_mark(None, None).await.err(),
        };
        assert_eq!(error.unwrap().kind(), DOWN, "{operation:?}");
    }
    let delay = Duration::from_millis(60);
    index.inject(IndexOperation::Find, When::Next, IndexFault::Delay(delay));
    let began = Instant::now();
    assert_eq!(index.find(id).await.unwrap(), None);
    assert!(began.elapsed() >= delay);
}
