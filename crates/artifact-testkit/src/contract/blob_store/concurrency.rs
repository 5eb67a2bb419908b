//! Many at once.

use std::sync::Arc;

use artifact_domain::ErrorKind;
use artifact_domain::port::BlobStore;
use futures::future::join_all;

use super::{MIB, pattern, put, read};
use crate::{Subject, sample};

/// 64 puts to different keys at once are 64 blobs.
pub async fn puts_to_different_keys_do_not_disturb_each_other(store: Subject<dyn BlobStore>) {
    let puts = (0..64).map(|seed| {
        let port = store.port();
        tokio::spawn(async move {
            let key = sample::blob_key(&format!("dir/{}/{seed}", seed % 8));
            put(&*port, &key, pattern(seed, 10_000 + usize::from(seed))).await;
            key
        })
    });
    for (seed, key) in (0..).zip(join_all(puts).await) {
        let bytes = read(&*store, &key.unwrap()).await.unwrap();
        assert!(bytes == pattern(seed, 10_000 + usize::from(seed)), "{seed}");
    }
}

/// Of puts to one key one wins, whole.
pub async fn of_puts_to_one_key_one_wins_whole(store: Subject<dyn BlobStore>) {
    let bytes = |seed: u8| pattern(seed, 200_000 + 1_000 * usize::from(seed));
    let key = sample::blob_key("contended");
    let puts = (0..16).map(|seed| {
        let (port, key) = (store.port(), key.clone());
        tokio::spawn(async move { put(&*port, &key, bytes(seed)).await })
    });
    for put in join_all(puts).await {
        put.unwrap();
    }
    let found = read(&*store, &key).await.unwrap();
    assert!((0..16).any(|seed| found == bytes(seed)), "puts are mixed");
    let stat = store.stat(key.clone()).await.unwrap();
    assert_eq!(stat.size_bytes, found.len() as u64);
    let listed = super::paths(&*store, artifact_domain::BlobPrefix::all()).await;
    assert_eq!(listed, [key.as_str()]);
}

/// A put that begins after another has ended wins over it.
pub async fn the_last_put_to_end_wins(store: Subject<dyn BlobStore>) {
    let key = sample::blob_key("last");
    for seed in 0..20 {
        put(&*store, &key, pattern(seed, 100)).await;
        assert_eq!(read(&*store, &key).await.unwrap(), pattern(seed, 100));
    }
}

/// Whoever reads while a blob is replaced again and again gets one version of it, whole, and
/// never none.
pub async fn readers_see_one_version_whole(store: Subject<dyn BlobStore>) {
    let versions = Arc::new([pattern(1, MIB), pattern(2, MIB / 2), pattern(3, 2 * MIB)]);
    let key = sample::blob_key("read and replaced");
    put(&*store, &key, versions[0].clone()).await;
    let may_break = store.breaks_replaced_reads();
    let readers = (0..4).map(|_| {
        let (port, key, versions) = (store.port(), key.clone(), Arc::clone(&versions));
        tokio::spawn(async move {
            for _ in 0..15 {
                let found = match read(&*port, &key).await {
                    Err(error) if may_break && error.kind() == ErrorKind::Conflict => continue,
                    found => found.unwrap(),
                };
                assert!(versions.contains(&found), "{} bytes, mixed", found.len());
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    for round in 0..15 {
        put(&*store, &key, versions[round % 3].clone()).await;
    }
    for reader in readers {
        reader.await.unwrap();
    }
}
