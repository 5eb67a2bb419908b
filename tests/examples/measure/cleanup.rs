//! What cleanup takes in a store of a million artifacts of which ten thousand are due. Only their
//! records are made: to plan reads no bytes.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapter_sql_index::{Durability, SqliteIndex, SqliteOptions};
use artifact_app::{CleanupAction, CleanupOptions};
use artifact_bootstrap::open_at;
use artifact_bootstrap::settings::{IndexEngine, Settings};
use artifact_domain::port::{ArtifactIndex, Clock, ImportVersion, NewUpload};
use artifact_domain::{
    ArtifactId, ArtifactRecord, Content, Coordinate, Digest, Encoding, Metadata, MimeType, State,
    Tags, Timestamp, Version,
};
use futures::TryStreamExt;

use crate::{Outcome, peak_kib};

const RECORDS: u32 = 1_000_000;
const DUE: u32 = 10_000;
const BATCH: u32 = 1_000;
const REPEATS: usize = 7;
const SPECS: u32 = 200;
/// Types that have no days of their own, so that the default counts: 30 days.
const TYPES: [&str; 5] = ["code", "image", "video", "document", "data"];
const KEPT: Duration = Duration::from_hours(30 * 24);

struct Standing(Timestamp);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        self.0
    }
}

pub(crate) async fn measure(engine: IndexEngine, base: &Path) -> Outcome<()> {
    if engine != IndexEngine::Sqlite {
        return Err("cleanup is measured on sqlite alone".into());
    }
    let base = base.join("cleanup");
    let first: Timestamp = "2026-03-01T12:00:00Z".parse()?;
    let apart = KEPT / (RECORDS - DUE);
    fill(&base.join("index.sqlite"), first, apart).await?;
    let before = first.saturating_add(KEPT.saturating_sub(apart));
    let now = first.saturating_add(KEPT + apart * (DUE - 1));
    println!("\n| cleanup of {RECORDS} artifacts, {DUE} due | median | peak memory |");
    println!("| --- | --- | --- |");
    for keep_latest in [0, 5] {
        let mut settings = Settings::with_base_path(&base)?;
        settings.retention.keep_latest = keep_latest;
        reset_peak()?;
        let store = open_at(&settings, Arc::new(Standing(before))).await?;
        let begun = Instant::now();
        let report = store.cleanup(CleanupOptions::default(), |_, _| {}).await?;
        println!(
            "| keep_latest {keep_latest}: all looked at once, {} restamped | {:.1} s | {} MiB |",
            report.restamped,
            begun.elapsed().as_secs_f64(),
            peak_kib()? >> 10
        );
        assert_eq!(report.expired, 0);
        drop(store);
        let store = open_at(&settings, Arc::new(Standing(now))).await?;
        reset_peak()?;
        let mut times = Vec::new();
        for _ in 0..REPEATS {
            let begun = Instant::now();
            let mut plan = std::pin::pin!(store.cleanup_plan(CleanupOptions::default()));
            let mut due = 0;
            while let Some(item) = plan.try_next().await? {
                due += u32::from(matches!(item.action, CleanupAction::Expire(_)));
            }
            times.push(begun.elapsed());
            assert!(due.abs_diff(DUE) <= DUE / 100, "{due} were due");
        }
        times.sort();
        println!(
            "| keep_latest {keep_latest}: dry run | {:.0} ms | {} MiB |",
            times[REPEATS / 2].as_secs_f64() * 1e3,
            peak_kib()? >> 10
        );
    }
    Ok(())
}

/// Makes an index of records that lie `apart`, the oldest made at `first`.
async fn fill(path: &Path, first: Timestamp, apart: Duration) -> Outcome<()> {
    let options = SqliteOptions {
        durability: Durability::Relaxed,
        ..SqliteOptions::default()
    };
    let index = SqliteIndex::open(path, options).await?;
    for batch in 0..RECORDS / BATCH {
        let numbers = batch * BATCH..(batch + 1) * BATCH;
        let versions: Outcome<Vec<_>> = numbers.map(|n| version(n, first, apart)).collect();
        index.import(versions?).await?;
    }
    index.mark_complete().await?;
    Ok(())
}

fn version(number: u32, first: Timestamp, apart: Duration) -> Outcome<ImportVersion> {
    let created_at = first.saturating_add(apart * number);
    let mut random = [0; 10];
    random[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
    let kind = TYPES[(number / SPECS) as usize % TYPES.len()];
    let upload = NewUpload {
        id: ArtifactId::new(created_at, random),
        coordinate: Coordinate::new(
            format!("spec-{}", number % SPECS).parse()?,
            format!("task-{}", number / 50).parse()?,
            kind.parse()?,
            format!("out/file-{number}.txt").parse()?,
        )?,
        mime_type: MimeType::default(),
        tags: Tags::from_tags([format!("run={}", number / 50).parse()?, "os=linux".parse()?])?,
        metadata: Metadata::default(),
        created_at,
        lease_until: created_at,
        reservation: artifact_domain::policy::Reservation::default(),
        retention_days: None,
        expires_at: Some(created_at.saturating_add(KEPT)),
    };
    let mut record = ArtifactRecord::begin(upload, Version::FIRST);
    record.state = State::Active;
    record.lease_until = None;
    record.content = Some(Content {
        digest: Digest::new([7; 32]),
        size_bytes: 10_000,
        stored_size_bytes: 3_000,
        encoding: Encoding::Gzip,
    });
    Ok(ImportVersion {
        record,
        seek_table: None,
    })
}

/// Lets the peak of memory begin anew.
fn reset_peak() -> Outcome<()> {
    Ok(std::fs::write("/proc/self/clear_refs", "5")?)
}
