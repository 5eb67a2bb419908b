//! Files of a megabyte, stored and fetched one after another, beside a plain read.

use std::fs;
use std::path::Path;
use std::time::Instant;

use artifact_app::DownloadOptions;
use artifact_bootstrap::settings::{Durability, IndexEngine};
use artifact_domain::ArtifactRef;
use futures::TryStreamExt;

use crate::body::log_text;
use crate::spread::percentiles;
use crate::{Outcome, open, put, uri};

const BODY_BYTES: usize = 1_000_000;
const REPEATS: usize = 50;

pub(crate) async fn measure(engine: IndexEngine, base: &Path) -> Outcome<()> {
    let store = open(engine, Durability::Full, &base.join("files")).await?;
    let (mut puts, mut gets, mut reads) = (Vec::new(), Vec::new(), Vec::new());
    let plain = base.join("bare-file");
    fs::write(&plain, log_text(0, BODY_BYTES))?;
    for number in 0..REPEATS {
        let body = log_text(number, BODY_BYTES);
        let begun = Instant::now();
        put(&store, "files", number, body).await?;
        puts.push(begun.elapsed());
        let artifact = ArtifactRef::Uri(uri("files", number)?);
        let begun = Instant::now();
        let download = store
            .download(&artifact, DownloadOptions::default())
            .await?;
        let length: usize = download
            .body
            .map_ok(|chunk| chunk.len())
            .try_fold(0, |sum, length| async move { Ok(sum + length) })
            .await?;
        gets.push(begun.elapsed());
        assert_eq!(length, BODY_BYTES);
        let begun = Instant::now();
        assert_eq!(fs::read(&plain)?.len(), BODY_BYTES);
        reads.push(begun.elapsed());
    }
    let record = store.show(&ArtifactRef::Uri(uri("files", 0)?)).await?;
    let stored = record.stored_content()?.stored_size_bytes;
    let saved = 100.0 - 100.0 * stored as f64 / BODY_BYTES as f64;
    println!("\n| 1 MB of log text, p50 / p99 | store | bare file |\n| --- | --- | --- |");
    println!("| store it, durable | {} | |", percentiles(&mut puts));
    println!(
        "| fetch it, verified | {} | {} |",
        percentiles(&mut gets),
        percentiles(&mut reads)
    );
    println!("| saved by compression | {saved:.0} % | |");
    Ok(())
}
