//! How many 4 KiB blobs a second are put and got as files, beside bare `std::fs` that does the
//! least that is durable: temporary file, fdatasync, rename, fsync of the directory.
//!
//! `cargo bench -p adapter-opendal [-- DIRECTORY]`. Rounds of both take turns, since a shared disk
//! is slow and fast by turns; medians are printed.

#![allow(missing_docs, reason = "a benchmark has no callers")]
#![allow(clippy::print_stdout, reason = "what it measures is what it prints")]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that fails has nothing to say"
)]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use adapter_opendal::{Durability, FsOptions, OpendalStore};
use artifact_domain::BlobKey;
use artifact_domain::port::{BlobStore, PutOptions};
use artifact_testkit::{body, collect, sample};
use bytes::Bytes;
use futures::{StreamExt, stream};

const BLOB: Bytes = Bytes::from_static(&[b'x'; 4 << 10]);
const ROUNDS: usize = 7;

fn main() {
    // cargo adds flags of its own.
    let directory = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let directory = directory.map_or_else(std::env::temp_dir, PathBuf::from);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    println!("4 KiB blobs per second, median of {ROUNDS} rounds (slowest to fastest)");
    for durability in [Durability::Full, Durability::Relaxed] {
        for (at_once, count) in [(1, 500), (16, 4_000)] {
            let mut rates: [Vec<f64>; 4] = Default::default();
            for _ in 0..ROUNDS {
                let root = tempfile::tempdir_in(&directory).unwrap();
                rates[0].push(bare_puts(root.path(), durability, at_once, count));
                let root = tempfile::tempdir_in(&directory).unwrap();
                let (puts, gets) = runtime.block_on(ours(root.path(), durability, at_once, count));
                rates[1].push(puts);
                rates[2].push(bare_gets(root.path(), at_once));
                rates[3].push(gets);
            }
            let names = [
                "put, bare std::fs",
                "put, this store",
                "get, bare std::fs",
                "get, this store",
            ];
            for (name, rates) in names.into_iter().zip(&mut rates) {
                rates.sort_by(f64::total_cmp);
                let (low, mid, high) = (rates[0], rates[ROUNDS / 2], rates[ROUNDS - 1]);
                println!(
                    "{durability:?}, {at_once:2} at once, {name}: {mid:.0} ({low:.0} to {high:.0})"
                );
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// Has threads do `work` for each number below `count`; gives how often a second.
fn on_threads(threads: usize, count: usize, work: impl Fn(usize) + Sync) -> f64 {
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    match next.fetch_add(1, Ordering::Relaxed) {
                        number if number < count => work(number),
                        _ => break,
                    }
                }
            });
        }
    });
    per_second(count, start.elapsed())
}

fn bare_puts(root: &Path, durability: Durability, threads: usize, count: usize) -> f64 {
    let (temp, folder) = (root.join(".tmp"), root.join("artifacts/s/t/data"));
    fs::create_dir_all(&temp).unwrap();
    fs::create_dir_all(&folder).unwrap();
    on_threads(threads, count, |number| {
        let path = temp.join(number.to_string());
        let mut file = File::create_new(&path).unwrap();
        file.write_all(&BLOB).unwrap();
        if durability == Durability::Full {
            file.sync_data().unwrap();
        }
        fs::rename(path, folder.join(number.to_string())).unwrap();
        if durability == Durability::Full {
            File::open(&folder).unwrap().sync_all().unwrap();
        }
    })
}

/// Reads what the store has put.
fn bare_gets(root: &Path, threads: usize) -> f64 {
    let folder = root.join("artifacts/spec/task/output/data");
    let paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    on_threads(threads, paths.len(), |number| {
        assert_eq!(fs::read(&paths[number]).unwrap().len(), BLOB.len());
    })
}

async fn ours(root: &Path, durability: Durability, at_once: usize, count: usize) -> (f64, f64) {
    let root = root.to_owned();
    let store = Arc::new(OpendalStore::fs(FsOptions { root, durability }).unwrap());
    let keys: Vec<_> = (0..count)
        .map(|n| sample::blob_key(&n.to_string()))
        .collect();
    let put = |key: BlobKey| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            store
                .put(key, body(BLOB), PutOptions::default())
                .await
                .unwrap();
        })
    };
    let puts = at_once_each(at_once, &keys, put).await;
    let get = |key: BlobKey| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let bytes = collect(store.get(key, None).await.unwrap()).await.unwrap();
            assert_eq!(bytes.len(), BLOB.len());
        })
    };
    (puts, at_once_each(at_once, &keys, get).await)
}

async fn at_once_each(
    at_once: usize,
    keys: &[BlobKey],
    work: impl Fn(BlobKey) -> tokio::task::JoinHandle<()>,
) -> f64 {
    let start = Instant::now();
    stream::iter(keys.iter().cloned())
        .map(work)
        .buffer_unordered(at_once)
        .for_each(|done| async { done.unwrap() })
        .await;
    per_second(keys.len(), start.elapsed())
}
