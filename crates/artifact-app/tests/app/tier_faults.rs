//! Moves that fail, stall, are cut off or meet others at any step: the bytes can be read all the
//! while, and what is too much goes.

use std::sync::Arc;
use std::time::Duration;

use artifact_app::{GcOptions, ReindexOptions, Store, StoreOptions};
use artifact_domain::port::BlobStore;
use artifact_domain::{ErrorKind, Tier};
use artifact_testkit::{
    BlobFault, BlobOperation, FaultyBlobStore, FaultyIndex, IndexFault, IndexOperation, When,
};
use futures::future::join_all;

use crate::tiers::{Tiered, restore, without_index};
use crate::world::{get, put, uri};

/// Some bytes that compress, and are read by a table.
pub(crate) const TEXT: &str = "all the bytes of it, and nothing else\n";

/// A world whose ports can all be made to fail.
pub(crate) struct Faulty {
    pub(crate) tiered: Tiered,
    pub(crate) store: Store,
    pub(crate) hot: Arc<FaultyBlobStore>,
    pub(crate) cold: Arc<FaultyBlobStore>,
    pub(crate) index: Arc<FaultyIndex>,
}

impl Faulty {
    pub(crate) async fn new() -> Self {
        Self::with_retries(0).await
    }

    pub(crate) async fn with_retries(retries: u32) -> Self {
        let options = StoreOptions {
            retries,
            ..StoreOptions::default()
        };
        let tiered = Tiered::with_options(options).await;
        let hot = Arc::new(FaultyBlobStore::new(tiered.world.blobs.clone()));
        let cold = Arc::new(FaultyBlobStore::new(tiered.cold.clone()));
        let index = Arc::new(FaultyIndex::new(tiered.world.index.clone()));
        let store = tiered.store_as(|ports| {
            ports.blobs = hot.clone();
            ports.tiers.cold = Some(cold.clone());
            ports.index = index.clone();
        });
        put(&tiered.store, "a", TEXT).await;
        tiered.store.settle().await;
        Self {
            tiered,
            store,
            hot,
            cold,
            index,
        }
    }

    /// Archived already, to be restored.
    async fn archived() -> Self {
        let faulty = Self::new().await;
        faulty.tiered.store.archive(&uri("a")).await.unwrap();
        faulty
    }

    fn clear(&self) -> usize {
        let pending = self.hot.pending() + self.cold.pending() + self.index.pending();
        self.hot.clear();
        self.cold.clear();
        self.index.clear();
        pending
    }

    /// Whatever happened: it is read, the index can be had again, a repetition succeeds, and what
    /// is too much goes.
    pub(crate) async fn assert_nothing_is_lost(&self, tier: Tier, what: &str) {
        let store = &self.tiered.store;
        store.settle().await;
        assert_eq!(get(store, &uri("a")).await.unwrap(), TEXT, "{what}");
        let (rebuilt, index) = without_index(&self.tiered);
        let report = rebuilt.reindex(ReindexOptions::default(), |_, _| {}).await;
        let report = report.unwrap();
        let bad = (report.failed, report.missing, report.recovered);
        assert_eq!(bad, (0, 0, 0), "{what}: {report:?}");
        assert_eq!(get(&rebuilt, &uri("a")).await.unwrap(), TEXT, "{what}");
        let id = self.tiered.world.index.records()[0].id;
        assert_eq!(index.records()[0].id, id, "{what}");
        let moved = match tier {
            Tier::Cold => store.archive(&uri("a")).await,
            _ => restore(store, &uri("a")).await,
        };
        assert_eq!(moved.unwrap().tier, tier, "{what}");
        self.tiered.assert_gc_leaves_one_blob_each().await;
        assert_eq!(get(store, &uri("a")).await.unwrap(), TEXT, "{what}");
    }
}

const BLOB_OPERATIONS: [BlobOperation; 5] = [
    BlobOperation::Stat,
    BlobOperation::Get,
    BlobOperation::Put,
    BlobOperation::Delete,
    BlobOperation::List,
];

const INDEX_OPERATIONS: [IndexOperation; 5] = [
    IndexOperation::Find,
    IndexOperation::FindNewest,
    IndexOperation::Update,
    IndexOperation::SeekTable,
    IndexOperation::Remove,
];

/// Every fault of every call of a move, one at a time.
async fn every_fault(tier: Tier) -> usize {
    let mut met = 0;
    let cases = [
        |kind| (BlobFault::Fail(kind), IndexFault::Fail(kind)),
        |kind| (BlobFault::FailAfter(kind), IndexFault::FailAfter(kind)),
    ];
    for (fault, nth) in cases
        .iter()
        .flat_map(|fault| (1..4).map(move |nth| (fault, nth)))
    {
        for kind in [ErrorKind::Unavailable, ErrorKind::Internal] {
            let (of_blobs, of_index) = fault(kind);
            for number in 0..BLOB_OPERATIONS.len() * 2 + INDEX_OPERATIONS.len() {
                let faulty = match tier {
                    Tier::Cold => Faulty::new().await,
                    _ => Faulty::archived().await,
                };
                let when = When::Nth(nth);
                let what = match number {
                    0..5 => {
                        let operation = BLOB_OPERATIONS[number];
                        faulty.hot.inject(operation, when, of_blobs);
                        format!("hot {operation:?} {when:?} {of_blobs:?}")
                    }
                    5..10 => {
                        let operation = BLOB_OPERATIONS[number - 5];
                        faulty.cold.inject(operation, when, of_blobs);
                        format!("cold {operation:?} {when:?} {of_blobs:?}")
                    }
                    _ => {
                        let operation = INDEX_OPERATIONS[number - 10];
                        faulty.index.inject(operation, when, of_index);
                        format!("index {operation:?} {when:?} {of_index:?}")
                    }
                };
                let outcome = match tier {
                    Tier::Cold => faulty.store.archive(&uri("a")).await,
                    _ => restore(&faulty.store, &uri("a")).await,
                };
                faulty.store.settle().await;
                met += usize::from(faulty.clear() == 0);
                if let Ok(record) = outcome {
                    assert_eq!(record.tier, tier, "{what}");
                }
                faulty.assert_nothing_is_lost(tier, &what).await;
            }
        }
    }
    met
}

#[tokio::test]
async fn an_archive_that_fails_at_any_call_loses_nothing() {
    let met = every_fault(Tier::Cold).await;
    assert!(met >= 40, "only {met} faults were met");
}

#[tokio::test]
async fn a_restore_that_fails_at_any_call_loses_nothing() {
    let met = every_fault(Tier::Hot).await;
    assert!(met >= 40, "only {met} faults were met");
}

/// A move is dropped while a call is under way, before and after that took effect.
#[tokio::test]
async fn a_move_that_is_cut_off_at_any_call_loses_nothing() {
    let long = Duration::from_mins(10);
    let mut cut_off = 0;
    for (tier, number, nth) in (0..2 * 15 * 3).map(|n| {
        let tier = if n % 2 == 0 { Tier::Cold } else { Tier::Hot };
        (tier, n / 2 % 15, 1 + u32::try_from(n / 30).unwrap())
    }) {
        let faulty = match tier {
            Tier::Cold => Faulty::new().await,
            _ => Faulty::archived().await,
        };
        let when = When::Nth(nth);
        match number {
            0..5 => faulty
                .hot
                .inject(BLOB_OPERATIONS[number], when, BlobFault::Delay(long)),
            5..10 => faulty
                .cold
                .inject(BLOB_OPERATIONS[number - 5], when, BlobFault::Delay(long)),
            _ => {
                let operation = INDEX_OPERATIONS[number - 10];
                faulty
                    .index
                    .inject(operation, when, IndexFault::Delay(long));
                &*faulty.hot
            }
        };
        let artifact = uri("a");
        let moved = async {
            match tier {
                Tier::Cold => faulty.store.archive(&artifact).await,
                _ => restore(&faulty.store, &artifact).await,
            }
        };
        let ended = tokio::time::timeout(Duration::from_millis(60), moved).await;
        cut_off += usize::from(ended.is_err());
        faulty.clear();
        let what = format!("{tier} cut off at {number}, {when:?}");
        faulty.assert_nothing_is_lost(tier, &what).await;
    }
    assert!(cut_off >= 12, "only {cut_off} were cut off");
}

#[tokio::test]
async fn bytes_that_are_not_what_was_uploaded_are_not_moved() {
    let cases = [
        (true, BlobOperation::Get, BlobFault::FlipByte(12)),
        (true, BlobOperation::Get, BlobFault::EndAfter(9)),
        (false, BlobOperation::Put, BlobFault::FlipByte(12)),
        (false, BlobOperation::Put, BlobFault::EndAfter(9)),
        (false, BlobOperation::Get, BlobFault::FlipByte(12)),
    ];
    for (of_source, operation, fault) in cases {
        let faulty = Faulty::new().await;
        let store = if of_source { &faulty.hot } else { &faulty.cold };
        store.inject(operation, When::Always, fault);
        let error = faulty.store.archive(&uri("a")).await.unwrap_err();
        faulty.clear();
        let expected = match (fault, of_source) {
            // The fake itself knows how long a body is to be.
            (BlobFault::EndAfter(_), false) => ErrorKind::Internal,
            _ => ErrorKind::Integrity,
        };
        assert_eq!(error.kind(), expected, "{fault:?}: {error}");
        if expected == ErrorKind::Integrity {
            let says = if of_source { "damaged" } else { "the copy" };
            assert!(error.message().contains(says), "{fault:?}: {error}");
        }
        assert_eq!(faulty.tiered.blobs(), (1, 0), "{fault:?}");
        faulty.assert_nothing_is_lost(Tier::Cold, "damaged").await;
    }
}

#[tokio::test]
async fn a_collector_that_is_cut_off_misleads_no_rebuild() {
    let mut failed = 0;
    // What was cleared when the listing fails is luck: every place is tried, and once more until
    // it mattered.
    for round in 0..20 * 7 {
        if round >= 7 && failed > 0 {
            break;
        }
        let nth = round % 7 + 1;
        let faulty = Faulty::new().await;
        // The metadata goes on naming the copy in the hot store, which is spare by now.
        faulty.store.settle().await;
        let refused = BlobFault::Fail(ErrorKind::Internal);
        faulty.hot.inject(BlobOperation::Put, When::Next, refused);
        faulty.store.archive(&uri("a")).await.unwrap();
        assert_eq!(faulty.tiered.blobs(), (1, 1));
        faulty.tiered.world.clock.advance(Duration::from_hours(48));
        faulty
            .hot
            .inject(BlobOperation::List, When::Nth(nth), refused);
        let outcome = faulty.store.gc(GcOptions::default(), |_| {}).await;
        failed += usize::from(outcome.is_err() && faulty.tiered.blobs() == (0, 1));
        faulty.clear();
        let what = format!("list {nth}");
        faulty.assert_nothing_is_lost(Tier::Cold, &what).await;
    }
    assert!(failed > 0, "it was never cut off where it matters");
}

#[tokio::test]
async fn a_download_that_meets_a_move_finds_the_bytes() {
    let faulty = Faulty::new().await;
    let late = BlobFault::Delay(Duration::from_millis(100));
    faulty.hot.inject(BlobOperation::Get, When::Next, late);
    let store = faulty.store.clone();
    let reading = tokio::spawn(async move { get(&store, &uri("a")).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    faulty.tiered.store.archive(&uri("a")).await.unwrap();
    assert_eq!(faulty.tiered.blobs(), (0, 1));
    assert_eq!(reading.await.unwrap().unwrap(), TEXT);
}

#[tokio::test]
async fn an_edit_in_mid_move_stays_and_so_does_the_move() {
    let faulty = Faulty::new().await;
    let late = BlobFault::Delay(Duration::from_millis(100));
    faulty.cold.inject(BlobOperation::Put, When::Next, late);
    let store = faulty.store.clone();
    let moving = tokio::spawn(async move { store.archive(&uri("a")).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let mut record = faulty.tiered.world.index.records()[0].clone();
    record.tags.set("edited".parse().unwrap()).unwrap();
    let index: &dyn artifact_domain::port::ArtifactIndex = &*faulty.tiered.world.index;
    index.update(record).await.unwrap();
    let archived = moving.await.unwrap().unwrap();
    assert_eq!(archived.tags.get("edited"), Some(""));
    assert_eq!(archived.tier, Tier::Cold);
    assert_eq!(faulty.tiered.blobs(), (0, 1));
}

#[tokio::test]
async fn what_is_deleted_in_mid_move_is_gone() {
    let faulty = Faulty::new().await;
    let late = BlobFault::Delay(Duration::from_millis(100));
    faulty.cold.inject(BlobOperation::Get, When::Next, late);
    let store = faulty.store.clone();
    let moving = tokio::spawn(async move { store.archive(&uri("a")).await });
    while faulty.tiered.cold.files().is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    faulty.tiered.store.delete(&uri("a")).await.unwrap();
    let error = moving.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(faulty.tiered.blobs(), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn movers_of_one_version_leave_one_copy() {
    for round in 0..20 {
        let faulty = Faulty::new().await;
        let movers = (0..8).map(|n| {
            let store = faulty.store.clone();
            tokio::spawn(async move {
                match n % 3 {
                    0 => restore(&store, &uri("a")).await.map(drop),
                    1 => store.archive(&uri("a")).await.map(drop),
                    _ => get(&store, &uri("a"))
                        .await
                        .map(|text| assert_eq!(text, TEXT)),
                }
            })
        });
        for outcome in join_all(movers).await {
            outcome.unwrap().unwrap();
        }
        let (hot, cold) = faulty.tiered.blobs();
        assert_eq!(hot + cold, 1, "round {round}");
        let record = &faulty.tiered.world.index.records()[0];
        let place: &dyn BlobStore = match record.tier {
            Tier::Cold => &*faulty.cold,
            _ => &*faulty.hot,
        };
        place.stat(record.blob_key().unwrap()).await.unwrap();
        faulty
            .assert_nothing_is_lost(Tier::Cold, "all at once")
            .await;
    }
}
