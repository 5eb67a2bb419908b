//! Measures the embedded store beside what the file system can do at all, in one run, and prints a
//! table. `docs/performance.md` has the results.
//!
//! ```sh
//! cargo run --release -p e2e --example measure -- [sqlite|sled] [FOLDER] [durable|relaxed|files|search|cleanup|guard]
//! cargo run --release -p e2e --example measure -- sqlite [FOLDER] trend
//! ```

#![allow(clippy::print_stdout, reason = "the table is what it is for")]
#![allow(
    clippy::cast_precision_loss,
    reason = "numbers for people have few digits"
)]

mod bare;
mod body;
mod cleanup;
mod cpu;
mod files;
mod guard;
mod search;
mod spread;
mod trend;
mod uploads;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use artifact_app::{Store, UploadRequest};
use artifact_bootstrap::settings::{Durability, IndexEngine, Settings};
use artifact_domain::ArtifactUri;
use bytes::Bytes;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

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
    let part = args.next();
    let has_part = |name: &str| part.as_deref().is_none_or(|part| part == name);

    if has_part("durable") {
        uploads::measure(engine, Durability::Full, base.path()).await?;
    }
    if has_part("relaxed") {
        uploads::measure(engine, Durability::Relaxed, base.path()).await?;
    }
    if has_part("files") {
        files::measure(engine, base.path()).await?;
    }
    if has_part("search") {
        search::measure(engine, base.path()).await?;
    }
    // These take minutes, so only who asks for them gets them.
    if part.as_deref() == Some("cleanup") {
        cleanup::measure(engine, base.path()).await?;
    }
    if part.as_deref() == Some("guard") {
        guard::measure(engine, base.path()).await?;
    }
    if part.as_deref() == Some("trend") {
        trend::measure(base.path()).await?;
    }
    println!("\nPeak memory of this process: {} KiB", peak_kib()?);
    Ok(())
}

async fn open(engine: IndexEngine, durability: Durability, base: &Path) -> Outcome<Store> {
    let mut settings = Settings::with_base_path(base)?;
    settings.index.engine = engine;
    settings.durability = durability;
    Ok(artifact_bootstrap::open(&settings).await?)
}

fn uri(task: &str, number: usize) -> Outcome<ArtifactUri> {
    Ok(format!("artifact://measure/{task}/log/file-{number}.log").parse()?)
}

async fn put(store: &Store, task: &str, number: usize, bytes: Bytes) -> Outcome<()> {
    let request = UploadRequest::new(uri(task, number)?.coordinate().clone());
    store.upload(request, bytes).await?;
    Ok(())
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
