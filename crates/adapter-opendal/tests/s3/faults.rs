//! Connections that break, services that are busy, blobs that go while they are read.

use adapter_opendal::OpendalStore;
use artifact_domain::port::{BlobStore, ByteStream, PutOptions};
use artifact_domain::{BlobKey, ByteRange, ErrorKind};
use artifact_testkit::{collect, sample};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use crate::bucket::{self, Service};
use crate::proxy::{Cuts, Proxy};

const MIB: usize = 1 << 20;

/// Bytes that tell where they stand.
pub(crate) fn bytes(length: usize, seed: usize) -> Bytes {
    let words = (0..length.div_ceil(8)).flat_map(|at| (at * 31 + seed).to_le_bytes());
    words.take(length).collect()
}

/// A body in chunks of odd sizes.
fn in_chunks(all: &Bytes) -> ByteStream {
    let all = all.clone();
    let starts = (0..all.len()).step_by(777_777);
    let chunks: Vec<_> = starts
        .map(|at| Ok(all.slice(at..all.len().min(at + 777_777))))
        .collect();
    stream::iter(chunks).boxed()
}

pub(crate) async fn put(store: &OpendalStore, key: &BlobKey, all: &Bytes) {
    let put = store.put(key.clone(), in_chunks(all), PutOptions::default());
    assert_eq!(put.await.unwrap().size_bytes, all.len() as u64);
}

pub(crate) async fn read(store: &OpendalStore, key: &BlobKey) -> Bytes {
    let stream = store.get(key.clone(), None).await.unwrap();
    collect(stream).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_goes_on_where_its_connections_break() {
    let service = Service::start().await;
    let direct = OpendalStore::s3(service.options()).await.unwrap();
    let (key, all) = (sample::blob_key("long"), bytes(60 * MIB, 1));
    put(&direct, &key, &all).await;
    let cuts = Cuts {
        connections: 9,
        sent: usize::MAX,
        received: 5 * MIB,
        stalls: false,
    };
    let proxy = Proxy::start(service.address, cuts).await;
    let store = OpendalStore::s3(bucket::options_at(proxy.address));
    let store = store.await.unwrap();
    assert!(read(&store, &key).await == all, "bytes differ");
    // The first request is not always read that far.
    assert!(proxy.cut() >= 6, "only {} were cut", proxy.cut());
    let range = ByteRange::new(7 * MIB as u64 + 1, 41 * MIB as u64).unwrap();
    let ranged = store.get(key.clone(), Some(range)).await.unwrap();
    assert!(collect(ranged).await.unwrap() == all[7 * MIB + 1..][..41 * MIB]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_sends_again_only_what_broke() {
    let service = Service::start().await;
    let cuts = Cuts {
        connections: 4,
        sent: 12 * MIB,
        received: usize::MAX,
        stalls: false,
    };
    let proxy = Proxy::start(service.address, cuts).await;
    let store = OpendalStore::s3(bucket::options_at(proxy.address));
    let store = store.await.unwrap();
    let (key, all) = (sample::blob_key("long"), bytes(61 * MIB + 5, 2));
    put(&store, &key, &all).await;
    assert_eq!(proxy.cut(), 4);
    let direct = OpendalStore::s3(service.options()).await.unwrap();
    assert!(read(&direct, &key).await == all, "bytes differ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_ends_with_an_error_where_all_connections_break() {
    let service = Service::start().await;
    let direct = OpendalStore::s3(service.options()).await.unwrap();
    let (key, all) = (sample::blob_key("long"), bytes(9 * MIB, 1));
    put(&direct, &key, &all).await;
    let cuts = Cuts {
        connections: usize::MAX,
        sent: usize::MAX,
        // Not even the head of an answer.
        received: 10,
        stalls: false,
    };
    let proxy = Proxy::start(service.address, cuts).await;
    let mut options = bucket::options_at(proxy.address);
    options.retries = 1;
    let store = OpendalStore::s3(options).await.unwrap();
    let error = store.get(key, None).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(!error.is_transient(), "it was retried: {error}");
}

/// Whose connection broke asks for the rest, of which a shorter blob has nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_breaks_is_told_that_its_blob_was_replaced() {
    let service = Service::start().await;
    let direct = OpendalStore::s3(service.options()).await.unwrap();
    let key = sample::blob_key("long");
    for length in [MIB, 7 * MIB] {
        put(&direct, &key, &bytes(7 * MIB, 1)).await;
        let cuts = Cuts {
            connections: 1,
            sent: usize::MAX,
            received: 5 * MIB,
            stalls: false,
        };
        let proxy = Proxy::start(service.address, cuts).await;
        let store = OpendalStore::s3(bucket::options_at(proxy.address));
        let mut stream = store.await.unwrap().get(key.clone(), None).await.unwrap();
        stream.try_next().await.unwrap().unwrap();
        put(&direct, &key, &bytes(length, 2)).await;
        let error = collect(stream).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.to_string().contains("was replaced"), "{error}");
    }
}

/// Reads ahead by several requests, and loses the blob meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_download_survives_that_its_blob_goes_or_is_replaced() {
    let service = Service::start().await;
    let store = OpendalStore::s3(service.options()).await.unwrap();
    let (key, all) = (sample::blob_key("long"), bytes(100 * MIB, 1));
    for (replace, read_first) in [(false, 0), (false, 20 * MIB), (true, 0), (true, 20 * MIB)] {
        put(&store, &key, &all).await;
        let mut stream = store.get(key.clone(), None).await.unwrap();
        let mut found = Vec::new();
        while found.len() < read_first {
            found.extend_from_slice(&stream.try_next().await.unwrap().unwrap());
        }
        if replace {
            put(&store, &key, &bytes(100 * MIB, 2)).await;
        } else {
            assert!(store.delete(vec![key.clone()]).await.unwrap().is_empty());
        }
        found.extend_from_slice(&collect(stream).await.unwrap());
        assert!(found == all, "replace {replace}, after {read_first}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_blobs_are_deleted_in_batches() {
    let service = Service::start().await;
    let store = OpendalStore::s3(service.options()).await.unwrap();
    let keys: Vec<_> = (0..1_203)
        .map(|n| sample::blob_key(&n.to_string()))
        .collect();
    for key in keys.iter().step_by(100) {
        put(&store, key, &Bytes::from_static(b"x")).await;
    }
    assert!(store.delete(keys.clone()).await.unwrap().is_empty());
    for key in keys.iter().step_by(100) {
        let gone = store.stat(key.clone()).await.unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::NotFound);
    }
}
