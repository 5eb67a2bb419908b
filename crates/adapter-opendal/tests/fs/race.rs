//! Deletes remove the directories that puts are about to use.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapter_opendal::{Durability, FsOptions, OpendalStore};
use artifact_domain::BlobKey;
use artifact_domain::port::BlobStore;

use super::{key, open, put, read, temporary};

/// Long enough for tens of thousands of collisions.
const DURATION: Duration = Duration::from_secs(3);

/// Puts and deletes in two directories, again and again; each put must succeed and, until its own
/// delete, be read. Gives how often.
async fn put_and_delete(store: Arc<OpendalStore>, until: Instant, worker: usize) -> usize {
    let mut rounds = 0;
    while Instant::now() < until {
        let blob = key(&format!("a/{}/b/{worker}", rounds % 2));
        put(&store, &blob, vec![b'x'; worker]).await.unwrap();
        assert_eq!(read(&store, &blob).await.unwrap().len(), worker);
        let failures = store.delete(vec![blob]).await.unwrap();
        assert!(failures.is_empty(), "{failures:?}");
        rounds += 1;
    }
    rounds
}

/// Deletes what is not there in the same directories: nothing but pruning.
async fn prune(store: Arc<OpendalStore>, until: Instant) {
    while Instant::now() < until {
        let absent = (0..2).map(|n| key(&format!("a/{n}/b/absent"))).collect();
        assert!(store.delete(absent).await.unwrap().is_empty());
    }
}

async fn race(durability: Durability) {
    let root = tempfile::tempdir().unwrap();
    let until = Instant::now() + DURATION;
    // Two stores know as little of each other as two processes do.
    let stores = [(); 2].map(|()| {
        let root = root.path().to_owned();
        Arc::new(OpendalStore::fs(FsOptions { root, durability }).unwrap())
    });
    let workers: Vec<_> = (0..8)
        .map(|n| tokio::spawn(put_and_delete(Arc::clone(&stores[n % 2]), until, n)))
        .collect();
    let pruners: Vec<_> = (0..4)
        .map(|n| tokio::spawn(prune(Arc::clone(&stores[n % 2]), until)))
        .collect();
    let mut rounds = 0;
    for worker in workers {
        rounds += worker.await.unwrap();
    }
    for pruner in pruners {
        pruner.await.unwrap();
    }
    println!("{rounds} puts raced with their deletes ({durability:?})");
    assert!(rounds > 100, "only {rounds} puts in {DURATION:?}");
    assert_eq!(temporary(root.path()).len(), 0);
    let left = std::fs::read_dir(root.path().join("artifacts")).unwrap();
    assert_eq!(left.count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn no_put_fails_for_a_directory_that_a_delete_removes() {
    race(Durability::Relaxed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn no_durable_put_fails_either() {
    race(Durability::Full).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn many_first_puts_make_one_tree_together() {
    let root = tempfile::tempdir().unwrap();
    let store = Arc::new(open(root.path()));
    let puts: Vec<_> = (0..64)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let blob = key(&format!("very/deep/{}/tree/{n}", n % 4));
                put(&store, &blob, "x").await.unwrap();
                blob
            })
        })
        .collect();
    let mut blobs: BTreeSet<BlobKey> = BTreeSet::new();
    for put in puts {
        blobs.insert(put.await.unwrap());
    }
    assert_eq!(blobs.len(), 64);
    for blob in blobs {
        assert_eq!(read(&store, &blob).await.unwrap(), b"x");
    }
}
