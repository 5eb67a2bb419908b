//! What it costs to look for secrets: the same uploads with and without it, in turns.

use std::path::Path;
use std::sync::Arc;

use artifact_app::{Body, Store, UploadRequest};
use artifact_bootstrap::settings::{Durability, IndexEngine, OnSecret, Settings};
use bytes::Bytes;

use crate::body::log_text;
use crate::cpu::cpu_time;
use crate::spread::Spread;
use crate::uploads::put_all;
use crate::{Outcome, uri};

const ROUNDS: usize = 9;

/// How many uploads, of how many bytes each, by how many writers.
const LOADS: [(&str, usize, usize, usize); 3] = [
    ("1 GiB", 1, 1 << 30, 1),
    ("8 MiB", 24, 8 << 20, 4),
    ("4 KiB", 3_000, 4 << 10, 16),
];

pub(crate) async fn measure(engine: IndexEngine, base: &Path) -> Outcome<()> {
    println!(
        "\n| uploads, median of {ROUNDS} rounds | seconds without | with | ratio | CPU s without | with | ratio |\n\
         | --- | --- | --- | --- | --- | --- | --- |"
    );
    for (name, count, bytes, writers) in LOADS {
        let folder = base.join(format!("guard-{bytes}"));
        let without = open(engine, OnSecret::Off, &folder.join("without")).await?;
        let with = open(engine, OnSecret::Warn, &folder.join("with")).await?;
        let some = count.min(200);
        let bodies: Vec<Bytes> = (0..some)
            .map(|n| log_text(n, bytes.min(64 << 20)))
            .collect();
        let bodies: Arc<[Bytes]> = (0..count).map(|n| bodies[n % some].clone()).collect();
        let (mut times, mut costs) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let mut taken = [(0.0, 0.0); 2];
            // Who comes first changes from round to round.
            for turn in 0..2 {
                let which = (round + turn) % 2;
                let store = [&without, &with][which];
                let before = cpu_time()?;
                let task = format!("round-{round}");
                let elapsed = if count == 1 {
                    put_one(store, &task, &bodies[0], bytes).await?
                } else {
                    put_all(store, &task, &bodies, writers).await?.as_secs_f64()
                };
                let cost = cpu_time()?.saturating_sub(before).as_secs_f64();
                taken[which] = (elapsed, cost);
            }
            times.push([taken[0].0, taken[1].0]);
            costs.push([taken[0].1, taken[1].1]);
        }
        let of = |all: &[[f64; 2]], which: usize| Spread::of(all.iter().map(|both| both[which]));
        let ratio = |all: &[[f64; 2]]| Spread::of(all.iter().map(|[off, on]| on / off));
        println!(
            "| {count} × {name}, {writers} at a time | {} | {} | {} | {} | {} | {} |",
            of(&times, 0),
            of(&times, 1),
            ratio(&times),
            of(&costs, 0),
            of(&costs, 1),
            ratio(&costs),
        );
    }
    Ok(())
}

async fn open(engine: IndexEngine, on_secret: OnSecret, base: &Path) -> Outcome<Store> {
    let mut settings = Settings::with_base_path(base)?;
    settings.index.engine = engine;
    settings.durability = Durability::Relaxed;
    settings.guard.secrets = on_secret;
    Ok(artifact_bootstrap::open(&settings).await?)
}

/// One large upload: a piece, as often as it takes.
async fn put_one(store: &Store, task: &str, piece: &Bytes, bytes: usize) -> Outcome<f64> {
    let chunks: Vec<_> = (0..piece.len())
        .step_by(128 << 10)
        .map(|at| piece.slice(at..piece.len().min(at + (128 << 10))))
        .collect();
    let repeated = (0..bytes / piece.len()).flat_map(move |_| chunks.clone());
    let stream = futures::stream::iter(repeated.map(Ok));
    let request = UploadRequest::new(uri(task, 0)?.coordinate().clone());
    let begun = std::time::Instant::now();
    store
        .upload(request, Body::Stream(Box::pin(stream)))
        .await?;
    Ok(begun.elapsed().as_secs_f64())
}
