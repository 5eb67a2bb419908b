//! Small uploads, one after another and many at once, beside bare files.
//!
//! The speed of a shared disk wanders, so store and bare files take turns, round by round, and what
//! counts is the median of the ratios.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use artifact_app::Store;
use artifact_bootstrap::settings::{Durability, IndexEngine};
use bytes::Bytes;

use crate::bare::{self, Form};
use crate::body::log_text;
use crate::cpu::cpu_time;
use crate::spread::Spread;
use crate::{Outcome, open, put};

const BODY_BYTES: usize = 4 * 1024;
const ROUNDS: usize = 9;

/// How many writers, and how many uploads in a round.
const LOADS: [(usize, usize); 2] = [(1, 300), (16, 2_000)];

pub(crate) async fn measure(
    engine: IndexEngine,
    durability: Durability,
    base: &Path,
) -> Outcome<()> {
    println!(
        "\n| uploads/s of 4 KiB, median of {ROUNDS} rounds | store | bare files | ratio \
         | CPU µs of each, store | bare | bare files, hashed and compressed | ratio to bare |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |"
    );
    for (writers, count) in LOADS {
        load(engine, durability, writers, count, base).await?;
    }
    Ok(())
}

async fn load(
    engine: IndexEngine,
    durability: Durability,
    writers: usize,
    count: usize,
    base: &Path,
) -> Outcome<()> {
    let syncs = durability == Durability::Full;
    let name = if syncs { "durable" } else { "relaxed" };
    let folder = base.join(format!("{name}-{writers}"));
    let store = open(engine, durability, &folder.join("store")).await?;
    // Made before the clock starts: they are no part of an upload.
    let bodies: Arc<[Bytes]> = (0..count).map(|n| log_text(n, BODY_BYTES)).collect();
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let before = cpu_time()?;
        let ours = put_all(&store, &format!("round-{round}"), &bodies, writers).await?;
        let between = cpu_time()?;
        let plain = folder.join(format!("bare-{round}"));
        let floor = bare::puts(&plain, &bodies, writers, Form::Plain, syncs)?;
        let after = cpu_time()?;
        let encoded = folder.join(format!("encoded-{round}"));
        let encoded = bare::puts(&encoded, &bodies, writers, Form::Encoded, syncs)?;
        rates.push([ours, floor, encoded].map(|elapsed| per_second(count, elapsed)));
        costs.push((
            each(count, between.saturating_sub(before)),
            each(count, after.saturating_sub(between)),
        ));
    }
    println!(
        "| {name}, {writers} at a time | {} | {} | {} | {} | {} | {} | {} |",
        Spread::of(rates.iter().map(|[ours, ..]| *ours)),
        Spread::of(rates.iter().map(|[_, floor, _]| *floor)),
        Spread::of(rates.iter().map(|[ours, floor, _]| ours / floor)),
        Spread::of(costs.iter().map(|(ours, _)| *ours)),
        Spread::of(costs.iter().map(|(_, floor)| *floor)),
        Spread::of(rates.iter().map(|[.., encoded]| *encoded)),
        Spread::of(rates.iter().map(|[_, floor, encoded]| encoded / floor)),
    );
    Ok(())
}

/// Uploads every body, each to an artifact of its own, from so many tasks.
pub(crate) async fn put_all(
    store: &Store,
    task: &str,
    bodies: &Arc<[Bytes]>,
    writers: usize,
) -> Outcome<Duration> {
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let workers: Vec<_> = (0..writers)
        .map(|_| {
            let (store, task, bodies, next) = (
                store.clone(),
                task.to_owned(),
                Arc::clone(bodies),
                Arc::clone(&next),
            );
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    match bodies.get(number) {
                        Some(body) => put(&store, &task, number, body.clone()).await?,
                        None => return Outcome::Ok(()),
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await??;
    }
    Ok(begun.elapsed())
}

fn each(count: usize, time: Duration) -> f64 {
    time.as_secs_f64() * 1e6 / count as f64
}

fn per_second(count: usize, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64()
}
