//! Whole or not at all: what a put leaves that fails, is dropped, or has not ended yet.

use std::time::Duration;

use artifact_domain::port::{BlobStore, PutOptions};
use artifact_domain::{BlobKey, BlobPrefix};
use bytes::Bytes;
use futures::{SinkExt, StreamExt, stream};

use super::{MIB, assert_absent, broken_source, fed_body, paths, pattern, put, read};
use crate::contract::failure;
use crate::{Subject, sample};

/// Puts so many mebibytes and then breaks the stream; asserts that its error comes back as it is.
async fn put_broken(store: &dyn BlobStore, key: &BlobKey, mebibytes: u8) {
    let chunks = (0..mebibytes).map(|seed| Ok(pattern(seed, MIB)));
    let broken = stream::iter(chunks).chain(stream::once(async { Err(broken_source()) }));
    let put = store.put(key.clone(), broken.boxed(), PutOptions::default());
    let error = failure(put.await);
    assert_eq!(error.kind(), broken_source().kind());
    assert_eq!(error.message(), broken_source().message());
    assert_eq!(error.hint(), broken_source().hint());
}

/// An error of the stream, early or late, aborts the put, comes back as it is and leaves no blob.
pub async fn an_error_of_the_stream_comes_back_and_leaves_no_blob(store: Subject<dyn BlobStore>) {
    for mebibytes in [0, 1, 9] {
        let key = sample::blob_key("broken");
        put_broken(&*store, &key, mebibytes).await;
        assert_absent(&*store, &key).await;
        assert_eq!(paths(&*store, BlobPrefix::all()).await, [""; 0]);
    }
}

/// A put that fails leaves the blob that was there.
pub async fn an_error_of_the_stream_leaves_an_older_blob(store: Subject<dyn BlobStore>) {
    let key = sample::blob_key("kept");
    put(&*store, &key, "older").await;
    for mebibytes in [0, 1, 9] {
        put_broken(&*store, &key, mebibytes).await;
        assert_eq!(read(&*store, &key).await.unwrap(), "older");
        assert_eq!(store.stat(key.clone()).await.unwrap().size_bytes, 5);
    }
}

/// After a put that failed, the same key can be put.
pub async fn a_failed_put_can_be_repeated(store: Subject<dyn BlobStore>) {
    let key = sample::blob_key("repeated");
    put_broken(&*store, &key, 2).await;
    put(&*store, &key, "second try").await;
    assert_eq!(read(&*store, &key).await.unwrap(), "second try");
}

/// A put that is dropped, before or in the midst of its bytes, leaves no blob and disturbs no
/// older one.
pub async fn a_dropped_put_leaves_no_blob(store: Subject<dyn BlobStore>) {
    let older = sample::blob_key("older");
    put(&*store, &older, "older").await;
    for mebibytes in [0, 1, 9] {
        let fresh = sample::blob_key("dropped");
        for key in [&fresh, &older] {
            let chunks = (0..mebibytes).map(|seed| Ok(pattern(seed, MIB)));
            let endless = stream::iter(chunks).chain(stream::pending());
            let put = store.put(key.clone(), endless.boxed(), PutOptions::default());
            let ended = tokio::time::timeout(Duration::from_millis(150), put).await;
            assert!(ended.is_err(), "a put ended before its stream did");
        }
        assert_absent(&*store, &fresh).await;
        assert_eq!(read(&*store, &older).await.unwrap(), "older");
        assert_eq!(paths(&*store, BlobPrefix::all()).await, [older.as_str()]);
    }
}

/// Until a stream has ended nobody sees anything of it; an older blob is read unchanged.
pub async fn a_put_under_way_is_not_seen(store: Subject<dyn BlobStore>) {
    let (fresh, older) = (sample::blob_key("fresh"), sample::blob_key("older"));
    put(&*store, &older, "older").await;
    for key in [fresh.clone(), older.clone()] {
        let (mut feed, body) = fed_body();
        let port = store.port();
        let written = key.clone();
        let putting = tokio::spawn(async move {
            let options = PutOptions::default();
            port.put(written, body, options).await
        });
        for seed in 0..9 {
            feed.send(Ok(pattern(seed, MIB))).await.unwrap();
        }
        assert_eq!(read(&*store, &older).await.unwrap(), "older");
        assert_eq!(store.stat(older.clone()).await.unwrap().size_bytes, 5);
        if key == fresh {
            assert_absent(&*store, &fresh).await;
        }
        feed.send(Ok(Bytes::from_static(b"end"))).await.unwrap();
        drop(feed);
        let stat = putting.await.unwrap().unwrap();
        assert_eq!(stat.size_bytes, 9 * MIB as u64 + 3);
        let bytes = read(&*store, &key).await.unwrap();
        assert!(bytes.len() == 9 * MIB + 3 && bytes.ends_with(b"end"));
        if key == fresh {
            store.delete(vec![fresh.clone()]).await.unwrap();
        }
    }
}
