//! Storing what lies in a file of this machine too: a store may make use of that, or not.

use std::fs;
use std::path::Path;

use artifact_domain::port::{BlobStore, PutOptions};
use artifact_domain::{Error, ErrorKind};
use bytes::Bytes;
use futures::{SinkExt, StreamExt, stream};

use super::{MIB, assert_absent, fed_body, pattern, put, read};
use crate::{Subject, body, sample};

fn options(copy: &Path) -> PutOptions {
    PutOptions {
        local_copy: Some(copy.to_owned()),
        ..PutOptions::default()
    }
}

/// The blob is what came, it replaces what was there, and it needs the file no more.
pub async fn a_blob_outlives_its_local_copy(store: Subject<dyn BlobStore>) {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    let key = sample::blob_key("copied.bin");
    for (seed, length) in [(1, 1_000), (2, 3 * MIB), (3, 0), (4, 10)] {
        let bytes = pattern(seed, length);
        fs::write(&copy, &bytes).unwrap();
        let put = store.put(key.clone(), body(bytes.clone()), options(&copy));
        assert_eq!(put.await.unwrap().size_bytes, length as u64);
        fs::remove_file(&copy).unwrap();
        assert!(read(&*store, &key).await.unwrap() == bytes, "bytes differ");
    }
}

/// The file may grow with the stream: it is complete when the stream is.
pub async fn a_local_copy_may_be_written_meanwhile(store: Subject<dyn BlobStore>) {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    fs::write(&copy, "").unwrap();
    let key = sample::blob_key("growing.bin");
    let (mut feed, body) = fed_body();
    let write = async {
        let mut written = Vec::new();
        for seed in 0..4 {
            let chunk = pattern(seed, MIB);
            written.extend_from_slice(&chunk);
            let mut file = fs::File::options().append(true).open(&copy).unwrap();
            std::io::Write::write_all(&mut file, &chunk).unwrap();
            feed.send(Ok(chunk)).await.unwrap();
        }
        drop(feed);
        Bytes::from(written)
    };
    let (whole, put) = tokio::join!(write, store.put(key.clone(), body, options(&copy)));
    assert_eq!(put.unwrap().size_bytes, whole.len() as u64);
    assert!(read(&*store, &key).await.unwrap() == whole, "bytes differ");
}

/// Where there is no such file, the stream alone is enough.
pub async fn a_local_copy_may_be_missing(store: Subject<dyn BlobStore>) {
    let folder = tempfile::tempdir().unwrap();
    let key = sample::blob_key("missing.bin");
    let bytes = pattern(1, 1_000);
    let missing = options(&folder.path().join("missing"));
    let put = store.put(key.clone(), body(bytes.clone()), missing);
    assert_eq!(put.await.unwrap().size_bytes, 1_000);
    assert_eq!(read(&*store, &key).await.unwrap(), bytes);
}

/// A stream that fails leaves the file as it is and the blob as it was.
pub async fn a_failed_put_leaves_its_local_copy(store: Subject<dyn BlobStore>) {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    fs::write(&copy, pattern(1, 1_000)).unwrap();
    let key = sample::blob_key("failed.bin");
    for before in [None, Some("before")] {
        if let Some(before) = before {
            put(&*store, &key, before).await;
        }
        let failing = stream::iter([
            Ok(pattern(1, 1_000)),
            Err(Error::new(ErrorKind::Unavailable, "cut")),
        ]);
        let failed = store.put(key.clone(), failing.boxed(), options(&copy));
        assert_eq!(failed.await.unwrap_err().kind(), ErrorKind::Unavailable);
        match before {
            Some(before) => assert_eq!(read(&*store, &key).await.unwrap(), before),
            None => assert_absent(&*store, &key).await,
        }
        assert_eq!(fs::read(&copy).unwrap(), pattern(1, 1_000));
    }
}
