//! The trend of a type in an index of a million records. They are made without their bytes, which
//! nothing reads here.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use adapter_sql_index::{SqliteIndex, SqliteOptions};
use artifact_bootstrap::settings::{Durability, IndexEngine};
use artifact_domain::port::{ArtifactIndex, ImportVersion};
use artifact_domain::query::Filter;
use artifact_domain::{ArtifactId, ArtifactType, Timestamp};
use artifact_testkit::sample;

use crate::spread::percentiles;
use crate::{Outcome, open};

const RECORDS: u32 = 1_000_000;
/// Over how many days they were stored.
const DAYS: u32 = 30;
const BATCH: u32 = 5_000;
const REPEATS: usize = 5;

pub(crate) async fn measure(base: &Path) -> Outcome<()> {
    let folder = base.join("trend");
    fill(&folder).await?;
    let store = open(IndexEngine::Sqlite, Durability::Relaxed, &folder).await?;
    println!(
        "\n| trend of {RECORDS} artifacts over {DAYS} days | selected | p50 / p99 |\n| --- | --- | --- |"
    );
    let some = [ArtifactType::Log, ArtifactType::Diff];
    for (what, types) in [
        ("of one type", &some[..1]),
        ("of two types", &some[..]),
        ("of all", &[]),
    ] {
        let filter = Filter {
            types: types.to_vec(),
            ..Filter::default()
        };
        let (mut times, mut selected) = (Vec::new(), 0);
        for _ in 0..REPEATS {
            let begun = Instant::now();
            let trend = store.trend(filter.clone(), DAYS).await?;
            times.push(begun.elapsed());
            selected = trend.iter().map(|day| day.count).sum();
        }
        println!("| {what} | {selected} | {} |", percentiles(&mut times));
    }
    drop(store);
    let mut times = Vec::new();
    for _ in 0..REPEATS {
        let mut program = Command::new(e2e::artifact());
        program.args(["trend", "--type", "log", "--days", "30", "--base-path"]);
        let begun = Instant::now();
        program.arg(&folder).output()?;
        times.push(begun.elapsed());
    }
    println!("| the program, one type | | {} |", percentiles(&mut times));
    Ok(())
}

async fn fill(folder: &Path) -> Outcome<()> {
    let options = SqliteOptions {
        durability: adapter_sql_index::Durability::Relaxed,
        ..SqliteOptions::default()
    };
    std::fs::create_dir_all(folder)?;
    let index = SqliteIndex::open(folder.join("index.sqlite"), options).await?;
    let now = jiff::Timestamp::now().as_microsecond();
    let span = Duration::from_hours(24) * (DAYS - 1);
    let apart = i64::try_from(span.as_micros())? / i64::from(RECORDS);
    for batch in 0..RECORDS / BATCH {
        let versions = (batch * BATCH..(batch + 1) * BATCH).map(|n| {
            let created_at = Timestamp::from_micros(now - apart * i64::from(RECORDS - n))?;
            Ok(ImportVersion {
                record: record(n, created_at),
                seek_table: None,
            })
        });
        index.import(versions.collect::<Outcome<_>>()?).await?;
    }
    Ok(index.mark_complete().await?)
}

/// Fifty files to a task, ten specs, sixteen types, two tags.
fn record(n: u32, created_at: Timestamp) -> artifact_domain::ArtifactRecord {
    let spread = n.wrapping_mul(2_654_435_761);
    let artifact_type = &ArtifactType::BUILT_IN[(n.wrapping_mul(7_919) % 16) as usize];
    let mut record = sample::record(
        &format!("spec-{}", n / 50 % 10),
        &format!("task-{}", n / 50),
        &artifact_type.to_string(),
        &format!("target/output/{n}.log"),
    );
    let mut random = [0; 10];
    random[..4].copy_from_slice(&spread.to_be_bytes());
    record.id = ArtifactId::new(created_at, random);
    record.attempt = record.id.into();
    record.created_at = created_at;
    record.content = Some(sample::content(u64::from(spread % 10_000_000)));
    let branch = if n.is_multiple_of(2) { "main" } else { "dev" };
    record.tags = sample::tags(&[&format!("branch={branch}"), &format!("commit={}", n / 200)]);
    record
}
