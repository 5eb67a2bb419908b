//! Answers of a store with ten thousand artifacts. The benches of the index adapters have larger
//! ones.

use std::path::Path;
use std::time::Instant;

use artifact_bootstrap::settings::{Durability, IndexEngine};
use artifact_domain::ArtifactRef;
use artifact_domain::query::{Filter, Order, PageSize};

use crate::body::log_text;
use crate::spread::percentiles;
use crate::uploads::put_all;
use crate::{Outcome, open, uri};

const RECORDS: usize = 10_000;
const REPEATS: usize = 50;
const BODY_BYTES: usize = 100;

pub(crate) async fn measure(engine: IndexEngine, base: &Path) -> Outcome<()> {
    let store = open(engine, Durability::Relaxed, &base.join("search")).await?;
    let bodies = (0..RECORDS).map(|n| log_text(n, BODY_BYTES)).collect();
    put_all(&store, "search", &bodies, 16).await?;
    let (mut searches, mut shows) = (Vec::new(), Vec::new());
    for number in 0..REPEATS {
        let begun = Instant::now();
        let page = store
            .search(Filter::default(), Order::Created, None, PageSize::MAX)
            .await?;
        searches.push(begun.elapsed());
        assert_eq!(page.items.len(), 1_000);
        let artifact = ArtifactRef::Uri(uri("search", number * 100)?);
        let begun = Instant::now();
        store.show(&artifact).await?;
        shows.push(begun.elapsed());
    }
    println!("\n| of {RECORDS} artifacts, p50 / p99 | store |\n| --- | --- |");
    println!("| list 1,000 | {} |", percentiles(&mut searches));
    println!("| show by address | {} |", percentiles(&mut shows));
    Ok(())
}
