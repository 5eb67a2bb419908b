//! Measures what the index promises to be quick at: durable commits, alone and in company, and a
//! search. Prints one line per measure.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that fails ends with a panic"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use adapter_sled_index::{Durability, SledIndex, SledOptions};
use artifact_domain::port::{ArtifactIndex, NewUpload};
use artifact_domain::query::{Filter, Glob, Order, PageSize, Query, TagFilter};
use artifact_testkit::sample;

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (name, durability) in [("full", Durability::Full), ("relaxed", Durability::Relaxed)] {
        for writers in [1, 16] {
            runtime.block_on(uploads(name, durability, writers));
        }
    }
    runtime.block_on(searches());
}

fn upload(number: u32) -> NewUpload {
    let (spec, task) = (
        format!("spec-{}", number % 10),
        format!("task-{}", number / 100),
    );
    let artifact_type = ["log", "diff", "data", "code"][number as usize % 4];
    let name = format!("out/file-{number:06}.txt");
    let mut upload = sample::upload(&spec, &task, artifact_type, &name);
    upload.created_at = sample::at(i64::from(number));
    let shard = format!("shard={}", number % 50);
    upload.tags = sample::tags(&["os=linux", "branch=main", &shard]);
    upload.metadata = sample::metadata(r#"{"commit":"0123456789abcdef","retries":0}"#);
    upload
}

async fn add(index: &SledIndex, number: u32) {
    let begun = index.begin(upload(number)).await.unwrap();
    let commit = sample::commit(begun.id, u64::from(number));
    index.commit(commit).await.unwrap();
}

async fn uploads(name: &str, durability: Durability, writers: u32) {
    let dir = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
    let options = SledOptions {
        durability,
        ..SledOptions::default()
    };
    let index = Arc::new(SledIndex::open(dir.path(), options).await.unwrap());
    let each = 3_000 / writers;
    let begun = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let index = Arc::clone(&index);
            tokio::spawn(async move {
                for number in 0..each {
                    add(&index, writer * each + number).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let rate = f64::from(writers * each) / begun.elapsed().as_secs_f64();
    println!("{name:8} begin + commit, {writers:2} writers: {rate:8.0} /s");
}

async fn searches() {
    let dir = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
    let relaxed = SledOptions {
        durability: Durability::Relaxed,
        ..SledOptions::default()
    };
    let index = SledIndex::open(dir.path(), relaxed).await.unwrap();
    let count = 10_000;
    for number in 0..count {
        add(&index, number).await;
    }
    drop(index);
    let stored: u64 = walk(dir.path());
    println!("bytes on disk per record: {}", stored / u64::from(count));
    let begun = Instant::now();
    let index = SledIndex::open(dir.path(), relaxed).await.unwrap();
    println!("open {count} records: {:?}", begun.elapsed());

    let tag = |text: &str| TagFilter::parse(text).unwrap();
    let glob = |text: &str| Some(text.parse::<Glob>().unwrap());
    let all = Filter::default;
    let of_type = Filter {
        types: vec!["log".parse().unwrap()],
        ..all()
    };
    let tags = Filter {
        tags: vec![tag("os=linux"), tag("shard=7")],
        ..all()
    };
    let scope = Filter {
        spec: glob("spec-3"),
        task: glob("task-42"),
        ..all()
    };
    let prefix = Filter {
        task: glob("task-4*"),
        ..all()
    };
    let cases = [
        ("1,000 of 10,000, newest", all(), Order::Created, 1_000),
        ("1,000 of 10,000, largest", all(), Order::Size, 1_000),
        ("1,000 of 10,000, by name", all(), Order::Name, 1_000),
        ("newest 20 of a type", of_type, Order::Created, 20),
        ("newest 20 of tag AND tag", tags, Order::Created, 20),
        ("spec and task", scope, Order::Created, 1_000),
        ("20 of a prefix of tasks", prefix, Order::Created, 20),
    ];
    for (name, filter, order, limit) in cases {
        let mut query = Query::new(filter, sample::at(i64::from(count)));
        query.order = order;
        query.limit = PageSize::new(limit).unwrap();
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..31 {
            let begun = Instant::now();
            found = index.query(query.clone()).await.unwrap().items.len();
            times.push(begun.elapsed());
        }
        println!("{name}: {found} in {:?} (median)", median(times));
    }
    let mut times = Vec::new();
    for number in 0..1_000 {
        let at = upload(number * 7).coordinate;
        let begun = Instant::now();
        assert!(
            index
                .find_newest(at, sample::now())
                .await
                .unwrap()
                .is_some()
        );
        times.push(begun.elapsed());
    }
    println!(
        "newest version of a coordinate: {:?} (median)",
        median(times)
    );
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn walk(dir: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap();
    entries
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                walk(&entry.path())
            } else {
                metadata.len()
            }
        })
        .sum()
}
