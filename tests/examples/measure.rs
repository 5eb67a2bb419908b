//! Measures the embedded store beside what the file system can do at all, in one run, and prints a
//! table. `docs/performance.md` has the results.
//!
//! ```sh
//! cargo run --release -p e2e --example measure -- [sqlite|sled] [FOLDER]
//! ```

#![allow(clippy::print_stdout, reason = "the table is what it is for")]
#![allow(
    clippy::cast_precision_loss,
    reason = "numbers for people have few digits"
)]

use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use artifact_app::{DownloadOptions, Store, UploadRequest};
use artifact_bootstrap::settings::{Durability, IndexEngine, Settings};
use artifact_domain::query::{Filter, Order, PageSize};
use artifact_domain::{ArtifactRef, ArtifactUri};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

const SMALL_BYTES: usize = 4 * 1024;
const LARGE_BYTES: usize = 1_000_000;
const UPLOADS: usize = 2_000;
const AT_ONCE: usize = 16;
const RECORDS: usize = 10_000;
const REPEATS: usize = 50;

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1);
    let engine = match args.next().as_deref() {
        None | Some("sqlite") => IndexEngine::Sqlite,
        Some("sled") => IndexEngine::Sled,
        Some(other) => return Err(format!("{other} is no index engine").into()),
    };
    let base = args
        .next()
        .map_or_else(std::env::current_dir, |path| Ok(PathBuf::from(path)))?;
    let base = tempfile::tempdir_in(base)?;

    println!("| what | store | bare file system |\n| --- | --- | --- |");
    for durability in [Durability::Full, Durability::Relaxed] {
        small_files(engine, durability, base.path()).await?;
    }
    large_files(engine, base.path()).await?;
    search(engine, base.path()).await?;
    println!("| peak memory of this process | {} KiB | |", peak_kib()?);
    Ok(())
}

async fn open(engine: IndexEngine, durability: Durability, base: &Path) -> Outcome<Store> {
    let mut settings = Settings::with_base_path(base)?;
    settings.index.engine = engine;
    settings.durability = durability;
    Ok(artifact_bootstrap::open(&settings).await?)
}

/// Text as logs have it: uniform lines, so it compresses to about a seventh.
fn log_text(number: usize, bytes: usize) -> Bytes {
    let mut text = Vec::with_capacity(bytes + 100);
    let mut state = number.wrapping_mul(2_654_435_761) | 1;
    while text.len() < bytes {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(number);
        let line = format!(
            "12:{:02} INFO job-{} took {} ms\n",
            state >> 58,
            state >> 60,
            state >> 48
        );
        text.extend_from_slice(line.as_bytes());
    }
    text.truncate(bytes);
    text.into()
}

fn uri(task: &str, number: usize) -> Outcome<ArtifactUri> {
    Ok(format!("artifact://measure/{task}/log/file-{number}.log").parse()?)
}

async fn put(store: &Store, task: &str, number: usize, bytes: Bytes) -> Outcome<()> {
    store
        .upload(
            UploadRequest::new(uri(task, number)?.coordinate().clone()),
            bytes,
        )
        .await?;
    Ok(())
}

async fn put_many(store: &Store, task: &str, count: usize, at_once: usize) -> Outcome<Duration> {
    let begun = Instant::now();
    stream::iter(0..count)
        .map(|number| put(store, task, number, log_text(number, SMALL_BYTES)))
        .buffer_unordered(at_once)
        .try_collect::<()>()
        .await?;
    Ok(begun.elapsed())
}

async fn small_files(engine: IndexEngine, durability: Durability, base: &Path) -> Outcome<()> {
    let syncs = durability == Durability::Full;
    let name = if syncs { "durable" } else { "relaxed" };
    for at_once in [1, AT_ONCE] {
        let folder = base.join(format!("{name}-{at_once}"));
        let store = open(engine, durability, &folder).await?;
        let ours = per_second(put_many(&store, "small", UPLOADS, at_once).await?);
        drop(store);
        let floor = per_second(bare_puts(
            &base.join(format!("bare-{name}-{at_once}")),
            at_once,
            syncs,
        )?);
        println!("| {name} uploads/s of 4 KiB, {at_once} at a time | {ours:.0} | {floor:.0} |");
    }
    Ok(())
}

fn per_second(elapsed: Duration) -> f64 {
    UPLOADS as f64 / elapsed.as_secs_f64()
}

/// Temporary file, sync, rename, sync of the folder: the least that a durable file costs.
fn bare_puts(folder: &Path, threads: usize, syncs: bool) -> Outcome<Duration> {
    fs::create_dir_all(folder)?;
    let begun = Instant::now();
    let outcomes: Vec<std::io::Result<()>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                scope.spawn(move || {
                    let body = vec![7; SMALL_BYTES];
                    (worker..UPLOADS)
                        .step_by(threads)
                        .try_for_each(|number| bare_put(folder, number, &body, syncs))
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("a worker does not panic"))
            .collect()
    });
    outcomes.into_iter().collect::<Result<(), _>>()?;
    Ok(begun.elapsed())
}

fn bare_put(folder: &Path, number: usize, body: &[u8], syncs: bool) -> std::io::Result<()> {
    let (temporary, path) = (
        folder.join(format!("{number}.tmp")),
        folder.join(number.to_string()),
    );
    let mut file = File::create(&temporary)?;
    file.write_all(body)?;
    if syncs {
        file.sync_data()?;
    }
    fs::rename(&temporary, &path)?;
    if syncs {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

async fn large_files(engine: IndexEngine, base: &Path) -> Outcome<()> {
    let folder = base.join("large");
    let store = open(engine, Durability::Full, &folder).await?;
    let (mut puts, mut gets, mut reads) = (Vec::new(), Vec::new(), Vec::new());
    let plain = base.join("bare-large");
    fs::write(&plain, log_text(0, LARGE_BYTES))?;
    for number in 0..REPEATS {
        let body = log_text(number, LARGE_BYTES);
        let begun = Instant::now();
        put(&store, "large", number, body).await?;
        puts.push(begun.elapsed());
        let artifact = ArtifactRef::Uri(uri("large", number)?);
        let begun = Instant::now();
        let bytes = store
            .download(&artifact, DownloadOptions::default())
            .await?
            .bytes()
            .await?;
        gets.push(begun.elapsed());
        assert_eq!(bytes.len(), LARGE_BYTES);
        let begun = Instant::now();
        assert_eq!(fs::read(&plain)?.len(), LARGE_BYTES);
        reads.push(begun.elapsed());
    }
    println!("| store 1 MB, p50 / p99 | {} | |", percentiles(&mut puts));
    println!(
        "| fetch 1 MB verified, p50 / p99 | {} | {} |",
        percentiles(&mut gets),
        percentiles(&mut reads)
    );
    let record = store.show(&ArtifactRef::Uri(uri("large", 0)?)).await?;
    let stored = record.stored_content()?.stored_size_bytes;
    let saved = 100.0 - 100.0 * stored as f64 / LARGE_BYTES as f64;
    println!("| saved by compression, log text | {saved:.0} % | |");
    Ok(())
}

async fn search(engine: IndexEngine, base: &Path) -> Outcome<()> {
    let store = open(engine, Durability::Relaxed, &base.join("search")).await?;
    put_many(&store, "search", RECORDS, AT_ONCE).await?;
    let (mut searches, mut shows) = (Vec::new(), Vec::new());
    for number in 0..REPEATS {
        let begun = Instant::now();
        let page = store
            .search(Filter::default(), Order::Created, None, PageSize::MAX)
            .await?;
        searches.push(begun.elapsed());
        assert_eq!(page.items.len(), 1_000);
        let begun = Instant::now();
        store
            .show(&ArtifactRef::Uri(uri("search", number * 100)?))
            .await?;
        shows.push(begun.elapsed());
    }
    println!(
        "| search 1,000 of 10,000, p50 / p99 | {} | |",
        percentiles(&mut searches)
    );
    println!(
        "| show by address, p50 / p99 | {} | |",
        percentiles(&mut shows)
    );
    Ok(())
}

fn percentiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1_000.0;
    format!("{:.2} / {:.2} ms", at(50), at(99))
}

fn peak_kib() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line
        .ok_or("the system does not tell")?
        .trim()
        .trim_end_matches(" kB")
        .parse()?)
}
