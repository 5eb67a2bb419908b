//! What is large goes there in a session, chunk by chunk, and goes on where it broke.

use std::sync::Arc;
use std::time::{Duration, Instant};

use adapter_opendal::OpendalStore;
use artifact_domain::port::{BlobStore, PutOptions};
use artifact_domain::{BlobKey, BlobPrefix, ErrorKind, Result};
use artifact_testkit::bytes_stream;
use bytes::Bytes;
use e2e::servers::{Fault, Which};
use e2e::tree::noise;
use futures::{StreamExt, TryStreamExt, stream};

use crate::{Bucket, MIB, SESSION};

/// What is sent in three requests of a session: of 8, 8 and 3 MiB.
const LENGTH: usize = 19 * MIB;

/// What brings bytes to a session, and asks how many it has.
const CHUNKS: Which<'_> = Which {
    method: "PUT",
    target: SESSION,
};

fn key() -> BlobKey {
    let key = "artifacts/s/t/output/data/x@1.019ca9450a0070008000000080000000";
    BlobKey::parse(key).expect("it is a key")
}

async fn put(store: &OpendalStore, bytes: &[u8]) -> Result<()> {
    let chunks = bytes.chunks(MIB).map(Bytes::copy_from_slice).collect();
    let put = store.put(key(), bytes_stream(chunks), PutOptions::default());
    let stat = put.await?;
    assert_eq!(stat.size_bytes, bytes.len() as u64);
    Ok(())
}

async fn read(store: &OpendalStore) -> Vec<u8> {
    let stream = store.get(key(), None).await;
    let chunks: Vec<_> = stream
        .expect("it is there")
        .try_collect()
        .await
        .expect("it is read");
    chunks.concat()
}

async fn assert_nothing(store: &OpendalStore) {
    let listing = store.list(BlobPrefix::all()).await.expect("it is listed");
    let listed: Vec<_> = listing.try_collect().await.expect("it is listed");
    assert!(listed.is_empty(), "{listed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_large_goes_chunk_by_chunk_with_the_checksum_of_all() {
    let Some(bucket) = Bucket::new() else { return };
    let (store, bytes) = (bucket.store(), noise(1, LENGTH));
    put(&store, &bytes).await.expect("it is put");
    assert!(read(&store).await == bytes, "other bytes");
    let total = bytes.len();
    let expected = [
        "bytes 0-8388607/*".to_owned(),
        "bytes 8388608-16777215/*".to_owned(),
        format!("bytes 16777216-{}/{total}", total - 1),
    ];
    assert_eq!(bucket.ranges(), expected);
    let puts = bucket.of_sessions("PUT");
    let hashes: Vec<_> = puts.iter().map(|put| put.header("x-goog-hash")).collect();
    assert!(matches!(hashes[..], [None, None, Some(hash)] if hash.starts_with("crc32c=")));
    assert!(puts.iter().all(|put| put.header("authorization").is_none()));
    assert_eq!(bucket.of_sessions("DELETE").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_may_end_with_a_chunk() {
    let Some(bucket) = Bucket::new() else { return };
    let store = bucket.store();
    for length in [8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 16 * MIB] {
        let bytes = noise(2, length);
        put(&store, &bytes).await.expect("it is put");
        assert!(read(&store).await == bytes, "other bytes of {length}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_goes_on_behind_the_last_byte_that_arrived() {
    let Some(bucket) = Bucket::new() else { return };
    let (store, bytes) = (bucket.store(), noise(3, LENGTH));
    bucket.proxy.inject(CHUNKS, 1, Fault::CutRequest(3_000_000));
    put(&store, &bytes).await.expect("it is put");
    assert!(read(&store).await == bytes, "other bytes");
    let ranges = bucket.ranges();
    assert_eq!(ranges[..2], ["bytes 0-8388607/*", "bytes */*"]);
    let again = ranges[2]
        .strip_prefix("bytes ")
        .and_then(|range| range.split_once('-'));
    let (from, to) = again.expect("a range");
    assert!(
        (1..=3_000_000).contains(&from.parse().expect("a number")),
        "{ranges:?}"
    );
    assert_eq!(to, "8388607/*");
}

#[tokio::test(flavor = "multi_thread")]
async fn passing_faults_are_borne_at_every_step() {
    let steps = [
        ("POST", "uploadType=resumable", 2),
        ("PUT", SESSION, 2),
        ("POST", "uploadType=multipart", 2),
    ];
    for (method, target, times) in steps {
        for fault in [
            Fault::unavailable(),
            Fault::too_many_requests(),
            Fault::CutResponse(0),
        ] {
            let Some(bucket) = Bucket::new() else { return };
            let store = bucket.store();
            // A chunk whose answer is lost is asked for, and so is the last.
            bucket
                .proxy
                .inject(Which { method, target }, times, fault.clone());
            let length = if target.ends_with("multipart") {
                1_000
            } else {
                9 * MIB
            };
            let bytes = noise(4, length);
            put(&store, &bytes)
                .await
                .unwrap_or_else(|error| panic!("{target} {fault:?}: {error}"));
            assert!(
                read(&store).await == bytes,
                "other bytes: {target} {fault:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_the_last_chunk_that_is_lost_is_found_out() {
    let Some(bucket) = Bucket::new() else { return };
    let (store, bytes) = (bucket.store(), noise(5, 9 * MIB));
    let last = Which {
        method: "PUT",
        target: SESSION,
    };
    // The first chunk passes.
    bucket.proxy.inject(last, 1, Fault::Delay(Duration::ZERO));
    bucket.proxy.inject(last, 1, Fault::CutResponse(0));
    put(&store, &bytes).await.expect("it is there all the same");
    assert_eq!(bucket.proxy.faults_left(), 0);
    assert!(read(&store).await == bytes, "other bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_lasts_is_said_and_the_session_given_up() {
    let Some(bucket) = Bucket::new() else { return };
    let store = bucket.store();
    bucket.proxy.inject(CHUNKS, 1_000, Fault::unavailable());
    let error = put(&store, &noise(6, LENGTH))
        .await
        .expect_err("it can't be put");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().starts_with("put blob `"), "{error}");
    assert!(!format!("{error:?}").contains(SESSION), "{error:?}");
    eventually(|| bucket.of_sessions("DELETE").len() == 1);
    bucket.proxy.heal();
    assert_nothing(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_says_nothing_of_the_address() {
    let Some(bucket) = Bucket::new() else { return };
    let store = bucket.store();
    // Where some of a chunk arrived the next attempt would count as the first.
    bucket.proxy.inject(CHUNKS, 1_000, Fault::CutRequest(0));
    let error = put(&store, &noise(7, LENGTH))
        .await
        .expect_err("it can't be put");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(!format!("{error:?}").contains(SESSION), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_is_dropped_gives_its_session_up() {
    let Some(bucket) = Bucket::new() else { return };
    let store = Arc::new(bucket.store());
    let begun = Bytes::from(noise(8, 9 * MIB));
    let endless = stream::once(async { Ok(begun) }).chain(stream::pending());
    let put = store.put(key(), endless.boxed(), PutOptions::default());
    let ended = tokio::time::timeout(Duration::from_secs(2), put).await;
    assert!(ended.is_err(), "it ended before its stream did");
    eventually(|| bucket.of_sessions("DELETE").len() == 1);
    assert_nothing(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_stream_gives_the_session_up() {
    let Some(bucket) = Bucket::new() else { return };
    let store = bucket.store();
    let broken = artifact_domain::Error::new(ErrorKind::TooLarge, "the source broke");
    let chunks = [Ok(Bytes::from(noise(9, 9 * MIB))), Err(broken)];
    let put = store.put(key(), stream::iter(chunks).boxed(), PutOptions::default());
    assert_eq!(put.await.expect_err("it broke").kind(), ErrorKind::TooLarge);
    eventually(|| bucket.of_sessions("DELETE").len() == 1);
    assert_nothing(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_that_arrives_as_another_is_never_kept() {
    let Some(bucket) = Bucket::new() else { return };
    let store = bucket.store();
    for (method, target, at, length) in [
        ("POST", "uploadType=multipart", 900, 1_000),
        ("PUT", SESSION, 5_000_000, LENGTH),
    ] {
        bucket
            .proxy
            .inject(Which { method, target }, 1, Fault::FlipRequest(at));
        let error = put(&store, &noise(10, length))
            .await
            .expect_err("it is damaged");
        assert_eq!(error.kind(), ErrorKind::Integrity, "{error:?}");
        assert!(error.message().contains("arrived damaged"), "{error}");
        assert_eq!(bucket.proxy.faults_left(), 0);
        assert_nothing(&store).await;
    }
}

/// Waits for what is done behind.
#[track_caller]
fn eventually(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "it does not come about"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
