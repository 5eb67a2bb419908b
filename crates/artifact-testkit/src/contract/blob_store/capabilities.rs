//! What a store declares it does; what it does not declare is `Unsupported`.

use std::time::Duration;

use artifact_domain::port::{BlobStore, PresignMethod, PresignRequest};
use artifact_domain::{BlobKey, ErrorKind, Tier};

use super::{assert_absent, put, read};
use crate::contract::failure;
use crate::{Subject, sample};

/// What a store can do does not change while it lives.
pub async fn capabilities_do_not_change(store: Subject<dyn BlobStore>) {
    let before = store.capabilities();
    put(&*store, &sample::blob_key("x"), "x").await;
    assert_eq!(store.capabilities(), before);
}

fn request(method: PresignMethod) -> PresignRequest {
    PresignRequest {
        method,
        valid_for: Duration::from_mins(5),
        file_name: Some("build log.txt".to_owned()),
    }
}

/// A URL is signed for what is there and what is not, and its signature is not printed; where
/// presigning is not declared it is `Unsupported`.
pub async fn presigning_is_declared_or_unsupported(store: Subject<dyn BlobStore>) {
    let (there, absent) = (sample::blob_key("there"), sample::blob_key("absent"));
    put(&*store, &there, "x").await;
    for key in [there, absent] {
        for method in [PresignMethod::Get, PresignMethod::Put] {
            let signed = store.presign(key.clone(), request(method)).await;
            if !store.capabilities().presign {
                assert_eq!(failure(signed).kind(), ErrorKind::Unsupported);
                continue;
            }
            let signed = signed.unwrap();
            assert!(signed.url.starts_with("http"), "it is no URL of the web");
            let query = signed.url.split_once('?').expect("a signature").1;
            assert!(!format!("{signed:?}").contains(query));
        }
    }
}

/// A copy in a colder tier has the same bytes and the source stays; where tiers are not declared
/// it is `Unsupported`, and nothing is copied.
pub async fn tiers_are_declared_or_unsupported(store: Subject<dyn BlobStore>) {
    let (from, absent) = (sample::blob_key("from"), sample::blob_key("absent"));
    put(&*store, &from, "bytes").await;
    for tier in Tier::ALL {
        let to = sample::blob_key("to");
        let copied = store.copy_to_tier(from.clone(), to.clone(), tier).await;
        let missing = store
            .copy_to_tier(absent.clone(), sample::blob_key("to"), tier)
            .await;
        if store.capabilities().tiers {
            assert_eq!(copied.unwrap().size_bytes, 5);
            assert_eq!(store.stat(to).await.unwrap().size_bytes, 5);
            assert_eq!(failure(missing).kind(), ErrorKind::NotFound);
        } else {
            assert_eq!(failure(copied).kind(), ErrorKind::Unsupported);
            assert_eq!(failure(missing).kind(), ErrorKind::Unsupported);
            assert_absent(&*store, &to).await;
        }
        assert_eq!(read(&*store, &from).await.unwrap(), "bytes");
    }
}

async fn copied_to_cold(store: &dyn BlobStore) -> BlobKey {
    let (from, to) = (sample::blob_key("from"), sample::blob_key("to"));
    put(store, &from, "bytes").await;
    if store.capabilities().tiers {
        store
            .copy_to_tier(from, to.clone(), Tier::Cold)
            .await
            .unwrap();
        return to;
    }
    from
}

/// A restore can be asked for again and again, and once it says so the blob is read; where
/// restoring is not declared it is `Unsupported`.
pub async fn restoring_is_declared_or_unsupported(store: Subject<dyn BlobStore>) {
    let key = copied_to_cold(&*store).await;
    let absent = store.restore(sample::blob_key("absent"), 1).await;
    if !store.capabilities().restore {
        assert_eq!(failure(absent).kind(), ErrorKind::Unsupported);
        let there = store.restore(key, 1).await;
        assert_eq!(failure(there).kind(), ErrorKind::Unsupported);
        return;
    }
    assert_eq!(failure(absent).kind(), ErrorKind::NotFound);
    for _ in 0..3 {
        if store.restore(key.clone(), 1).await.unwrap() {
            assert_eq!(read(&*store, &key).await.unwrap(), "bytes");
        }
    }
}

/// What can't be read must be restored first, for a copy too; what can be read needs no restore. A
/// blob as it was put can always be read.
pub async fn reading_copying_and_restoring_agree(store: Subject<dyn BlobStore>) {
    let capabilities = store.capabilities();
    let hot = sample::blob_key("hot");
    put(&*store, &hot, "bytes").await;
    let cold = copied_to_cold(&*store).await;
    for key in [hot.clone(), cold] {
        let read_first = read(&*store, &key).await;
        if let Err(error) = &read_first {
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            assert!(capabilities.restore && key != hot, "{key} is frozen");
        }
        if !capabilities.tiers {
            continue;
        }
        let copied = store
            .copy_to_tier(key.clone(), sample::blob_key("early"), Tier::Hot)
            .await;
        match &read_first {
            Ok(bytes) => assert_eq!((copied.unwrap().size_bytes, &bytes[..]), (5, &b"bytes"[..])),
            Err(_) => assert_eq!(failure(copied).kind(), ErrorKind::Conflict),
        }
        if !capabilities.restore {
            continue;
        }
        let mut is_ready = store.restore(key.clone(), 1).await.unwrap();
        assert!(is_ready || read_first.is_err(), "{key} needs no restore");
        for _ in 0..50 {
            if is_ready {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            is_ready = store.restore(key.clone(), 1).await.unwrap();
        }
        // A service may take hours for it; then nothing more can be seen here.
        if is_ready {
            let back = sample::blob_key("back");
            let copied = store.copy_to_tier(key, back.clone(), Tier::Hot).await;
            assert_eq!(copied.unwrap().size_bytes, 5);
            assert_eq!(read(&*store, &back).await.unwrap(), "bytes");
        }
    }
}
