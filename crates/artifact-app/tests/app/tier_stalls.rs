//! Moves that stall, are woken up late, or take very long, while others move, delete and collect.

use std::sync::Arc;
use std::time::Duration;

use artifact_app::GcOptions;
use artifact_domain::{ErrorKind, State, Tier};
use artifact_testkit::{
    BlobFault, BlobOperation, FaultyBlobStore, IndexFault, IndexOperation, When,
};

use crate::tier_faults::{Faulty, TEXT};
use crate::tiers::restore;
use crate::world::{get, uri};

#[tokio::test]
async fn an_archiver_that_wakes_up_takes_nothing_that_was_restored() {
    let faulty = Faulty::new().await;
    let late = BlobFault::Delay(Duration::from_millis(300));
    // It has archived, and stalls before it takes the source away.
    faulty.hot.inject(BlobOperation::Delete, When::Next, late);
    let store = faulty.store.clone();
    let stalled = tokio::spawn(async move { store.archive(&uri("a")).await });
    while faulty.tiered.world.index.records()[0].state != State::Archived {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let store = &faulty.tiered.store;
    restore(store, &uri("a")).await.unwrap();
    assert!(!stalled.is_finished(), "it did not stall");
    stalled.await.unwrap().unwrap();
    assert_eq!(get(store, &uri("a")).await.unwrap(), TEXT);
    faulty.assert_nothing_is_lost(Tier::Hot, "woken up").await;
}

#[tokio::test]
async fn a_copy_that_was_collected_before_it_was_named_is_not_counted_on() {
    let day = Duration::from_hours(24);
    for stalls_in_the_update in [false, true] {
        let faulty = Faulty::with_retries(1).await;
        let nap = Duration::from_millis(300);
        if stalls_in_the_update {
            faulty
                .index
                .inject(IndexOperation::Update, When::Next, IndexFault::Delay(nap));
        } else {
            // The second look at the copy is that of reading it back.
            faulty
                .cold
                .inject(BlobOperation::Get, When::Next, BlobFault::Delay(nap));
        }
        let store = faulty.store.clone();
        let stalled = tokio::spawn(async move { store.archive(&uri("a")).await });
        while faulty.tiered.cold.files().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
        faulty.tiered.world.clock.advance(2 * day);
        let gc = faulty.tiered.store.gc(GcOptions::default(), |_| {}).await;
        assert_eq!(gc.unwrap().items, 1, "the copy was old enough");
        assert!(!stalled.is_finished(), "it did not stall");
        let archived = stalled.await.unwrap().unwrap();
        assert_eq!(archived.tier, Tier::Cold, "it began anew");
        faulty.assert_nothing_is_lost(Tier::Cold, "collected").await;
    }
}

#[tokio::test]
async fn a_copy_that_takes_long_to_read_back_is_named_and_its_source_is_left_to_gc() {
    let faulty = Faulty::new().await;
    let nap = BlobFault::Delay(Duration::from_millis(100));
    faulty.cold.inject(BlobOperation::Get, When::Next, nap);
    let store = faulty.store.clone();
    let stalled = tokio::spawn(async move { store.archive(&uri("a")).await });
    while faulty.tiered.cold.files().is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let copy = faulty.tiered.cold_paths();
    faulty.tiered.world.clock.advance(Duration::from_hours(1));
    let archived = stalled.await.unwrap().unwrap();
    assert_eq!(archived.tier, Tier::Cold);
    assert_eq!(archived.blob_key().unwrap().as_str(), copy[0]);
    assert_eq!(faulty.tiered.blobs(), (1, 1), "copied once, and both stay");
    faulty.store.settle().await;
    faulty
        .assert_nothing_is_lost(Tier::Cold, "read back for an hour")
        .await;
}

/// S3 dates what is copied in parts by when that began, so what has just been copied may be old
/// enough for a collector.
#[tokio::test]
async fn a_copy_that_takes_long_to_make_is_named_and_its_source_is_left_to_gc() {
    for tier in [Tier::Cold, Tier::Hot] {
        let faulty = Faulty::new().await;
        let target = if tier == Tier::Cold {
            &faulty.cold
        } else {
            faulty.tiered.store.archive(&uri("a")).await.unwrap();
            faulty.tiered.store.settle().await;
            &faulty.hot
        };
        let nap = BlobFault::Delay(Duration::from_millis(100));
        target.inject(BlobOperation::Put, When::Next, nap);
        let store = faulty.store.clone();
        let copying = tokio::spawn(async move {
            match tier {
                Tier::Cold => store.archive(&uri("a")).await,
                _ => restore(&store, &uri("a")).await,
            }
        });
        while target.pending() > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        faulty.tiered.world.clock.advance(Duration::from_hours(1));
        let moved = copying.await.unwrap().unwrap();
        assert_eq!(moved.tier, tier);
        assert_eq!(faulty.tiered.blobs(), (1, 1), "copied once, and both stay");
        faulty.store.settle().await;
        faulty
            .assert_nothing_is_lost(tier, "copied for an hour")
            .await;
    }
}

/// The copy of a move is old when its record comes to name it, and gets out of the way before the
/// mover looks, or after it has.
struct Stalled {
    faulty: Faulty,
    mover: tokio::task::JoinHandle<artifact_domain::Result<artifact_domain::ArtifactRecord>>,
}

impl Stalled {
    /// A mover that takes 150 ms for its update.
    async fn in_the_update(retries: u32) -> Self {
        let faulty = Faulty::with_retries(retries).await;
        let nap = IndexFault::Delay(Duration::from_millis(150));
        faulty.index.inject(IndexOperation::Update, When::Next, nap);
        let store = faulty.store.clone();
        let mover = tokio::spawn(async move { store.archive(&uri("a")).await });
        while faulty.index.pending() > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let clock = &faulty.tiered.world.clock;
        clock.advance(Duration::from_hours(48));
        Self { faulty, mover }
    }
}

#[tokio::test]
async fn a_record_that_names_a_collected_copy_is_put_right_though_the_index_fails_once() {
    let Stalled { faulty, mover } = Stalled::in_the_update(1).await;
    let gc = faulty.tiered.store.gc(GcOptions::default(), |_| {}).await;
    assert_eq!(gc.unwrap().items, 1, "the copy was old enough");
    let down = IndexFault::Fail(ErrorKind::Unavailable);
    faulty
        .index
        .inject(IndexOperation::Update, When::Nth(1), down);
    assert!(!mover.is_finished(), "it did not stall");
    let archived = mover.await.unwrap().unwrap();
    assert_eq!(faulty.index.pending(), 0, "the fault was met");
    assert_eq!(archived.tier, Tier::Cold, "it began anew");
    faulty.assert_nothing_is_lost(Tier::Cold, "collected").await;
}

#[tokio::test]
async fn a_collector_that_takes_a_copy_just_named_lets_the_record_name_the_other_one() {
    let Stalled { faulty, mover } = Stalled::in_the_update(0).await;
    let slow = Arc::new(FaultyBlobStore::new(faulty.tiered.cold.clone()));
    let nap = BlobFault::Delay(Duration::from_millis(400));
    slow.inject(BlobOperation::Delete, When::Next, nap);
    let collector = faulty
        .tiered
        .store_as(|ports| ports.tiers.cold = Some(slow.clone()));
    let gc = tokio::spawn(async move { collector.gc(GcOptions::default(), |_| {}).await });
    while slow.pending() > 0 {
        assert!(!gc.is_finished(), "it took nothing");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(mover.await.unwrap().unwrap().tier, Tier::Cold);
    assert!(!gc.is_finished(), "the copy was there when it was named");
    assert_eq!(faulty.tiered.blobs(), (1, 1));
    let report = gc.await.unwrap().unwrap();
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    assert_eq!(faulty.tiered.blobs(), (1, 0));
    assert_eq!(faulty.tiered.world.index.records()[0].tier, Tier::Hot);
    faulty.assert_nothing_is_lost(Tier::Cold, "collected").await;
}

#[tokio::test]
async fn what_is_purged_before_a_move_is_written_down_leaves_no_metadata() {
    for before_it_is_written in [true, false] {
        let faulty = Faulty::new().await;
        let nap = Duration::from_millis(150);
        if before_it_is_written {
            let late = IndexFault::Delay(nap);
            faulty
                .index
                .inject(IndexOperation::SeekTable, When::Next, late);
        } else {
            // The hot store gets no blob of an archived version, only metadata.
            let late = BlobFault::Delay(nap);
            faulty.hot.inject(BlobOperation::Put, When::Next, late);
        }
        let store = faulty.store.clone();
        let mover = tokio::spawn(async move { store.archive(&uri("a")).await });
        while faulty.index.pending() + faulty.hot.pending() > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let store = &faulty.tiered.store;
        store.delete(&uri("a")).await.unwrap();
        store.settle().await;
        assert!(!mover.is_finished(), "it did not stall");
        mover.await.unwrap().unwrap();
        faulty.store.settle().await;
        let left = faulty.tiered.world.metadata_paths();
        assert_eq!(left, [""; 0], "{before_it_is_written}");
        assert_eq!(faulty.tiered.blobs(), (0, 0));
    }
}
