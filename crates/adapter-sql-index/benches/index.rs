//! Measures the index on a real disk: durable commits per second, and the queries that a store of
//! a given size is asked. Prints a table. Must not know anything but the port.
//!
//! `cargo bench -p adapter-sql-index --bench index -- [--records N] [--directory PATH]`

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it prints a table, and there is nobody to hand an error to"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use adapter_sql_index::{Durability, SqliteIndex, SqliteOptions};
use artifact_domain::policy::Reservation;
use artifact_domain::port::{ArtifactIndex, CommitUpload, NewUpload, Supersede};
use artifact_domain::query::{Filter, Order, PageSize, Query, TagFilter};
use artifact_domain::{
    ArtifactId, ArtifactType, Content, Coordinate, Digest, Encoding, Metadata, MimeType, Tag, Tags,
    Timestamp,
};

const START_MICROS: i64 = 1_772_366_400_000_000;
const UPLOADS: u32 = 2_000;

fn main() {
    let mut records = 10_000;
    let mut directory = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--records" => records = arguments.next().unwrap().parse().unwrap(),
            "--directory" => directory = Some(PathBuf::from(arguments.next().unwrap())),
            // What `cargo bench` adds.
            "--bench" => {}
            other => panic!("unknown argument {other}"),
        }
    }
    let temporary = tempfile::tempdir().unwrap();
    let directory = directory.unwrap_or_else(|| temporary.path().to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        println!("| measure | value |\n| --- | --- |");
        for writers in [1, 16] {
            commits(&directory, writers).await;
        }
        queries(&directory, records).await;
    });
}

async fn open(path: PathBuf, durability: Durability) -> Arc<SqliteIndex> {
    let options = SqliteOptions {
        durability,
        ..SqliteOptions::default()
    };
    Arc::new(SqliteIndex::open(path, options).await.unwrap())
}

async fn commits(directory: &std::path::Path, writers: u32) {
    let path = directory.join(format!("commits-{writers}.sqlite"));
    let index = open(path, Durability::Full).await;
    let time = fill(&index, UPLOADS, writers).await;
    let rate = f64::from(UPLOADS) / time.as_secs_f64();
    println!("| durable uploads/s (begin + commit), {writers} at a time | {rate:.0} |");
}

async fn queries(directory: &std::path::Path, records: u32) {
    let path = directory.join("queries.sqlite");
    let index = open(path.clone(), Durability::Relaxed).await;
    let time = fill(&index, records, 64).await;
    let rate = f64::from(records) / time.as_secs_f64();
    println!("| relaxed uploads/s to {records} records, 64 at a time | {rate:.0} |");
    drop(index);
    let bytes = std::fs::metadata(&path).unwrap().len();
    println!("| bytes per record | {} |", bytes / u64::from(records));
    let opening = Instant::now();
    let index = open(path, Durability::Full).await;
    println!(
        "| reopen | {:.2} ms |",
        opening.elapsed().as_secs_f64() * 1e3
    );

    let now = at(records + 1);
    let query = |limit: usize, change: &dyn Fn(&mut Query)| {
        let mut query = Query::new(Filter::default(), now);
        query.limit = PageSize::new(limit).unwrap();
        change(&mut query);
        query
    };
    let middle = records / 2;
    let cases: Vec<(&str, Query)> = vec![
        ("newest 1,000", query(1_000, &|_| {})),
        ("1,000 by size", query(1_000, &|q| q.order = Order::Size)),
        ("1,000 by name", query(1_000, &|q| q.order = Order::Name)),
        (
            "newest 20 of a type",
            query(20, &|q| q.filter.types = vec![ArtifactType::Log]),
        ),
        (
            "newest 20 of three types",
            query(20, &|q| {
                q.filter.types = vec![ArtifactType::Log, ArtifactType::Diff, ArtifactType::Video];
            }),
        ),
        (
            "newest 20 of a type in a spec",
            query(20, &|q| {
                q.filter.types = vec![ArtifactType::Log];
                q.filter.spec = Some("spec-3".parse().unwrap());
            }),
        ),
        (
            "newest 20 with a rare and a frequent tag",
            query(20, &|q| q.filter.tags = tags(&["commit=7", "branch=main"])),
        ),
        (
            "newest 20 with two frequent tags",
            query(20, &|q| q.filter.tags = tags(&["branch=main", "os=linux"])),
        ),
        (
            "newest 20 with a frequent key",
            query(20, &|q| q.filter.tags = tags(&["os"])),
        ),
        (
            "one task",
            query(1_000, &|q| {
                q.filter.task = Some(format!("task-{}", middle / 50).parse().unwrap());
            }),
        ),
        (
            "20 of tasks by prefix",
            query(20, &|q| q.filter.task = Some("task-12*".parse().unwrap())),
        ),
        (
            "20 by the end of the name",
            query(20, &|q| q.filter.name = Some("*7.log".parse().unwrap())),
        ),
        (
            "20 of a day, by size",
            query(20, &|q| {
                q.order = Order::Size;
                q.filter.created_from = Some(at(records - records / 100));
            }),
        ),
    ];
    for (what, query) in cases {
        let found = index.query(query.clone()).await.unwrap().items.len();
        measure(&format!("{what} ({found} found)"), || {
            index.query(query.clone())
        })
        .await;
    }
    let record = index.find(id(middle)).await.unwrap().unwrap();
    measure("by id", || index.find(record.id)).await;
    measure("newest version of a coordinate", || {
        index.find_newest(record.coordinate.clone(), now)
    })
    .await;
    measure("usage", || index.usage()).await;
    count_anew(&index).await;
    measure("due for expiry, 100", || {
        index.due_for_expiry(now, None, 100)
    })
    .await;
}

async fn count_anew(index: &SqliteIndex) {
    let start = Instant::now();
    index.recount(false).await.unwrap();
    let time = start.elapsed().as_secs_f64() * 1e3;
    println!("| counting anew, once | {time:.0} ms |");
}

/// Prints the median and the 99th percentile of a hundred calls.
async fn measure<T, F: Future<Output = artifact_domain::Result<T>>>(
    what: &str,
    call: impl Fn() -> F,
) {
    let mut times = Vec::new();
    for _ in 0..100 {
        let start = Instant::now();
        call().await.unwrap();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "| {what}, p50 / p99 | {:.2} / {:.2} ms |",
        ms(times[50]),
        ms(times[99])
    );
}

/// Makes `count` uploads, so many at a time.
async fn fill(index: &Arc<SqliteIndex>, count: u32, at_a_time: u32) -> Duration {
    let next = Arc::new(AtomicU32::new(0));
    let start = Instant::now();
    let writers: Vec<_> = (0..at_a_time)
        .map(|_| {
            let (index, next) = (Arc::clone(index), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= count {
                        return;
                    }
                    index.begin(upload(n)).await.unwrap();
                    index.commit(commit(n)).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    start.elapsed()
}

fn at(n: u32) -> Timestamp {
    Timestamp::from_micros(START_MICROS + i64::from(n) * 1_000_000).unwrap()
}

fn id(n: u32) -> ArtifactId {
    let mut random = [0; 10];
    random[..4].copy_from_slice(&n.wrapping_mul(2_654_435_761).to_be_bytes());
    ArtifactId::new(at(n), random)
}

/// Fifty files to a task, ten specs, sixteen types, five tags.
fn upload(n: u32) -> NewUpload {
    let tags = [
        format!(
            "branch={}",
            if n.is_multiple_of(2) {
                "main"
            } else {
                "feature"
            }
        ),
        format!(
            "os={}",
            ["linux", "mac", "windows", "linux"][n as usize % 7 % 4]
        ),
        format!("commit={}", n / 200),
        format!("runner=runner-{}", n % 64),
        "ci".to_owned(),
    ];
    NewUpload {
        id: id(n),
        coordinate: Coordinate::new(
            format!("spec-{}", n / 50 % 10).parse().unwrap(),
            format!("task-{}", n / 50).parse().unwrap(),
            ArtifactType::BUILT_IN[(n.wrapping_mul(7_919) % 16) as usize].clone(),
            format!(
                "target/output/{}.log",
                n.wrapping_mul(2_654_435_761) % 1_000_003
            )
            .parse()
            .unwrap(),
        )
        .unwrap(),
        mime_type: MimeType::default(),
        tags: Tags::from_tags(tags.iter().map(|tag| tag.parse::<Tag>().unwrap())).unwrap(),
        metadata: Metadata::default(),
        created_at: at(n),
        lease_until: at(n + 3_600),
        retention_days: Some(30),
        expires_at: Some(at(n + 30 * 86_400)),
        reservation: Reservation::default(),
    }
}

fn commit(n: u32) -> CommitUpload {
    let mut digest = [0xd1; 32];
    digest[..4].copy_from_slice(&n.to_be_bytes());
    let size_bytes = u64::from(n.wrapping_mul(2_654_435_761) % 10_000_000);
    CommitUpload {
        id: id(n),
        attempt: id(n).into(),
        content: Content {
            digest: Digest::new(digest),
            size_bytes,
            stored_size_bytes: size_bytes / 4,
            encoding: Encoding::Gzip,
        },
        supersede: Supersede::Nothing,
        seek_table: None,
    }
}

fn tags(texts: &[&str]) -> Vec<TagFilter> {
    texts.iter().map(|t| TagFilter::parse(t).unwrap()).collect()
}
