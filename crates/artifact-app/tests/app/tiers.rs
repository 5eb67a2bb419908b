//! Versions move between tiers, and are read, found, deleted and rebuilt wherever they lie.

use std::sync::Arc;
use std::time::Duration;

use artifact_app::{
    GcOptions, Move, MoveEvent, MoveReport, MoveScope, Ports, ReindexOptions, RestoreOptions,
    Restored, Store, StoreOptions, Tiers, VerifyOptions, VerifyScope,
};
use artifact_domain::policy::{RetentionPolicy, TierPolicy};
use artifact_domain::port::{ArtifactIndex, BlobStore, Supersede};
use artifact_domain::query::{Filter, Order};
use artifact_domain::{ArtifactRecord, ArtifactRef, ErrorKind, Hold, Result, State, Tier};
use artifact_testkit::{
    BlobFault, BlobOperation, FaultyBlobStore, MemoryBlobStore, MemoryIndex, When, sample,
};
use futures::TryStreamExt;

use crate::world::{World, get, put, uri};

const DAY: Duration = Duration::from_hours(24);

/// A world with a store of its own for what is archived.
pub(crate) struct Tiered {
    pub(crate) world: World,
    pub(crate) cold: Arc<MemoryBlobStore>,
    pub(crate) store: Store,
}

impl Tiered {
    pub(crate) async fn new() -> Self {
        Self::with_options(StoreOptions::default()).await
    }

    pub(crate) async fn with_options(options: StoreOptions) -> Self {
        let world = World::with_options(options);
        world.index.mark_complete().await.unwrap();
        let clock = world.clock.clone();
        let cold = Arc::new(MemoryBlobStore::new().with_clock(clock).strict());
        let store = world.store_as(|ports| ports.tiers = tiers(&cold));
        Self { world, cold, store }
    }

    /// The same stores with other ports as `change` makes them.
    pub(crate) fn store_as(&self, change: impl FnOnce(&mut Ports)) -> Store {
        self.world.store_as(|ports| {
            ports.tiers = tiers(&self.cold);
            change(ports);
        })
    }

    pub(crate) fn cold_paths(&self) -> Vec<String> {
        self.cold.files().into_keys().collect()
    }

    /// How many blobs there are in the hot and in the cold store.
    pub(crate) fn blobs(&self) -> (usize, usize) {
        (self.world.content_paths().len(), self.cold.files().len())
    }

    /// Everything of moves that is over goes in time, and then there is one blob per version.
    pub(crate) async fn assert_gc_leaves_one_blob_each(&self) {
        self.world.clock.advance(2 * DAY);
        let report = self.store.gc(GcOptions::default(), |_| {}).await.unwrap();
        assert!(report.failures.is_empty(), "{:?}", report.failures);
        let (hot, cold) = self.blobs();
        assert_eq!(hot + cold, self.world.index.records().len());
        let plan = self.store.gc_plan(GcOptions::default());
        let left: Vec<_> = plan.try_collect().await.unwrap();
        assert!(left.is_empty(), "gc has left {left:?}");
        assert_eq!(self.cold.temporaries(), 0);
        self.world.assert_tidy();
    }
}

fn tiers(cold: &Arc<MemoryBlobStore>) -> Tiers {
    Tiers {
        cold: Some(cold.clone()),
        ..Tiers::default()
    }
}

/// The same over an index that knows nothing.
pub(crate) fn without_index(tiered: &Tiered) -> (Store, Arc<MemoryIndex>) {
    let index = Arc::new(MemoryIndex::new().strict());
    let store = tiered.store_as(|ports| ports.index = index.clone());
    (store, index)
}

/// Restores what is at hand.
pub(crate) async fn restore(store: &Store, artifact: &ArtifactRef) -> Result<ArtifactRecord> {
    match store.restore(artifact, RestoreOptions::default()).await? {
        Restored::Back(record) => Ok(record),
        Restored::Restoring(record) => panic!("{} is not at hand", record.version_uri()),
    }
}

pub(crate) fn shown(record: &ArtifactRecord) -> (State, Tier) {
    (record.state, record.tier)
}

pub(crate) async fn moved(store: &Store, scope: MoveScope) -> (MoveReport, Vec<String>) {
    let mut events = Vec::new();
    let report = store
        .move_all(scope, |event| {
            events.push(match event {
                MoveEvent::Moved(record) => format!("{} {}", record.coordinate.name(), record.tier),
                MoveEvent::Restoring(record) => format!("{} restoring", record.coordinate.name()),
                MoveEvent::Lost(record) => format!("{} lost", record.coordinate.name()),
                MoveEvent::Failed(uri, error) => {
                    format!("{} {}", uri.coordinate().name(), error.kind())
                }
            });
        })
        .await
        .unwrap();
    events.sort_unstable();
    (report, events)
}

async fn planned(store: &Store, scope: MoveScope) -> Vec<String> {
    let plan: Vec<Move> = store.move_plan(scope).try_collect().await.unwrap();
    let name = |one: &Move| format!("{} {}", one.record.coordinate.name(), one.tier);
    let mut names: Vec<_> = plan.iter().map(name).collect();
    names.sort_unstable();
    names
}

pub(crate) fn everything() -> Box<Filter> {
    Box::default()
}

#[tokio::test]
async fn archiving_moves_the_bytes_and_restoring_brings_them_back() {
    let tiered = Tiered::new().await;
    let store = &tiered.store;
    let record = put(store, "a", "some text").await;
    tiered.world.clock.advance(DAY);
    let archived = store.archive(&uri("a")).await.unwrap();
    assert_eq!(shown(&archived), (State::Archived, Tier::Cold));
    assert_eq!(archived.archived_at, Some(store.now()));
    assert_eq!((archived.id, archived.version), (record.id, record.version));
    assert_ne!(archived.attempt, record.attempt);
    assert_eq!(tiered.blobs(), (0, 1));
    assert_eq!(get(store, &uri("a")).await.unwrap(), "some text");
    let again = store.archive(&record.id.into()).await.unwrap();
    assert_eq!(again, archived, "to archive twice changes nothing");

    let restored = restore(store, &uri("a")).await.unwrap();
    assert_eq!(shown(&restored), (State::Active, Tier::Hot));
    assert_eq!(restored.archived_at, None);
    assert_eq!(tiered.blobs(), (1, 0));
    assert_eq!(get(store, &uri("a")).await.unwrap(), "some text");
    tiered.assert_gc_leaves_one_blob_each().await;
}

#[tokio::test]
async fn in_one_store_only_the_record_changes() {
    let world = World::new();
    let record = put(&world.store, "a", "x").await;
    let before = world.blobs.calls(BlobOperation::Get);
    let archived = world.store.archive(&uri("a")).await.unwrap();
    assert_eq!(shown(&archived), (State::Archived, Tier::Cold));
    assert_eq!(archived.attempt, record.attempt);
    assert_eq!(world.blobs.calls(BlobOperation::Get), before);
    assert_eq!(get(&world.store, &uri("a")).await.unwrap(), "x");
    let restored = restore(&world.store, &uri("a")).await.unwrap();
    assert_eq!(shown(&restored), (State::Active, Tier::Hot));
    world.store.settle().await;
    let index = Arc::new(MemoryIndex::new().strict());
    let rebuilt = world.store_with(None, Some(index.clone()));
    let report = rebuilt.reindex(ReindexOptions::default(), |_, _| {}).await;
    assert_eq!(report.unwrap().restored, 1);
    assert_eq!(index.records(), world.index.records());
}

#[tokio::test]
async fn many_are_archived_and_one_failure_stops_no_other() {
    let tiered = Tiered::with_options(StoreOptions {
        supersede: Supersede::Nothing,
        ..StoreOptions::default()
    })
    .await;
    for name in ["a", "a", "b", "c"] {
        put(&tiered.store, name, format!("the text of {name}")).await;
    }
    let cold = Arc::new(FaultyBlobStore::new(tiered.cold.clone()));
    cold.inject(
        BlobOperation::Put,
        When::Nth(2),
        BlobFault::Fail(ErrorKind::StorageFull),
    );
    let store = tiered.store_as(|ports| ports.tiers.cold = Some(cold.clone()));
    let scope = || MoveScope::Archive(everything());
    let plan = planned(&store, scope()).await;
    assert_eq!(plan, ["a COLD", "a COLD", "b COLD", "c COLD"]);
    let (report, events) = moved(&store, scope()).await;
    assert_eq!((report.moved, report.failed), (3, 1));
    let full = events.iter().filter(|one| one.ends_with("storage-full"));
    assert_eq!(full.count(), 1, "{events:?}");
    assert_eq!(tiered.blobs(), (1, 3));
    let (report, _) = moved(&store, scope()).await;
    assert_eq!((report.moved, report.failed), (1, 0));
    assert_eq!(tiered.blobs(), (0, 4));
    assert_eq!(moved(&store, scope()).await.0, MoveReport::default());
    let (report, _) = moved(
        &store,
        MoveScope::Restore(everything(), RestoreOptions::default()),
    )
    .await;
    assert_eq!(report.moved, 4);
    assert_eq!(tiered.blobs(), (4, 0));
    tiered.assert_gc_leaves_one_blob_each().await;
}

#[tokio::test]
async fn age_moves_to_warm_and_then_to_cold() {
    let options = StoreOptions {
        tiers: TierPolicy {
            warm_after_days: Some(30),
            cold_after_days: Some(90),
            ..TierPolicy::default()
        },
        retention: RetentionPolicy {
            default_days: Some(365),
            ..RetentionPolicy::default()
        },
        ..StoreOptions::default()
    };
    let tiered = Tiered::with_options(options).await;
    let warm = Arc::new(MemoryBlobStore::new().strict());
    let store = tiered.store_as(|ports| ports.tiers.warm = Some(warm.clone()));
    put(&store, "old", "old").await;
    let by_age = || MoveScope::ByAge(everything());
    tiered.world.clock.advance(29 * DAY);
    assert_eq!(planned(&store, by_age()).await, [""; 0]);
    tiered.world.clock.advance(DAY);
    put(&store, "young", "young").await;
    assert_eq!(planned(&store, by_age()).await, ["old WARM"]);
    let (_, events) = moved(&store, by_age()).await;
    assert_eq!(events, ["old WARM"]);
    let old = store.show(&uri("old")).await.unwrap();
    assert_eq!(shown(&old), (State::Active, Tier::Warm));
    assert_eq!(warm.files().len(), 1);
    assert_eq!(moved(&store, by_age()).await.0, MoveReport::default());

    tiered.world.clock.advance(60 * DAY);
    let (_, events) = moved(&store, by_age()).await;
    assert_eq!(events, ["old COLD", "young WARM"]);
    assert_eq!(get(&store, &uri("old")).await.unwrap(), "old");
    assert_eq!((warm.files().len(), tiered.cold.files().len()), (1, 1));
    // A clock that goes back moves nothing, and brings nothing back.
    tiered.world.clock.go_back(200 * DAY);
    assert_eq!(moved(&store, by_age()).await.0, MoveReport::default());
    tiered.world.clock.advance(200 * DAY + 365 * DAY);
    assert_eq!(
        planned(&store, by_age()).await,
        [""; 0],
        "what is over stays"
    );
}

#[tokio::test]
async fn without_an_age_nothing_moves_by_age() {
    let tiered = Tiered::new().await;
    let plan = tiered.store.move_plan(MoveScope::ByAge(everything()));
    let error = plan.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.hint().unwrap().contains("tiers.cold_after_days"));
}

#[tokio::test]
async fn the_held_moves_and_the_lost_and_the_expired_stay() {
    let tiered = Tiered::new().await;
    let store = &tiered.store;
    let change = async |name: &str, change: &dyn Fn(&mut ArtifactRecord)| {
        let mut record = put(store, name, "x").await;
        change(&mut record);
        tiered.world.index.update(record).await.unwrap();
    };
    change("held", &|record| {
        record.hold = Some(Hold {
            reason: None,
            by: None,
            since: sample::now(),
        });
    })
    .await;
    change("lost", &|record| {
        record.tags.set("lost=missing".parse().unwrap()).unwrap();
    })
    .await;
    change("over", &|record| record.expires_at = Some(sample::now())).await;
    let scope = || MoveScope::Archive(everything());
    assert_eq!(planned(store, scope()).await, ["held COLD"]);
    let (report, events) = moved(store, scope()).await;
    assert_eq!(events, ["held COLD", "lost lost"]);
    assert_eq!((report.moved, report.lost, report.failed), (1, 1, 0));
    let kind = async |name| store.archive(&uri(name)).await.unwrap_err().kind();
    assert_eq!(kind("lost").await, ErrorKind::Integrity);
    assert_eq!(kind("over").await, ErrorKind::Expired);
    assert_eq!(kind("nothing").await, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_tier_that_is_not_read_says_what_to_do() {
    let options = StoreOptions {
        tiers: TierPolicy {
            cold_read_through: false,
            ..TierPolicy::default()
        },
        ..StoreOptions::default()
    };
    let tiered = Tiered::with_options(options).await;
    put(&tiered.store, "a", "x").await;
    tiered.store.archive(&uri("a")).await.unwrap();
    let error = get(&tiered.store, &uri("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(
        error
            .hint()
            .unwrap()
            .starts_with("`artifact restore artifact://demo/1/log/a")
    );
    restore(&tiered.store, &uri("a")).await.unwrap();
    assert_eq!(get(&tiered.store, &uri("a")).await.unwrap(), "x");

    // A store that has to thaw it says so itself.
    let tiered = Tiered::new().await;
    put(&tiered.store, "a", "x").await;
    tiered.store.archive(&uri("a")).await.unwrap();
    let cold = FaultyBlobStore::new(tiered.cold.clone());
    let frozen = BlobFault::Fail(ErrorKind::Conflict);
    cold.inject(BlobOperation::Get, When::Always, frozen);
    let store = tiered.store_as(|ports| ports.tiers.cold = Some(Arc::new(cold)));
    let error = get(&store, &uri("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.hint().unwrap().contains("artifact restore"));
    let options = VerifyOptions {
        scope: VerifyScope::Everything,
        repair: false,
        readers: 1,
    };
    let report = store.verify(options, |_, _| {}).await.unwrap();
    assert_eq!((report.unread, report.findings), (1, 0));
}

#[tokio::test]
async fn what_is_deleted_goes_wherever_it_lies() {
    let tiered = Tiered::new().await;
    let store = &tiered.store;
    put(store, "a", "old").await;
    put(store, "b", "b").await;
    store.archive(&uri("a")).await.unwrap();
    store.archive(&uri("b")).await.unwrap();
    put(store, "a", "new").await;
    assert_eq!(tiered.blobs(), (1, 1), "the archived one was superseded");
    store.delete(&uri("b")).await.unwrap();
    store.delete(&uri("a")).await.unwrap();
    assert_eq!(tiered.blobs(), (0, 0));
    assert_eq!(tiered.world.index.records(), []);
}

#[tokio::test]
async fn a_cold_store_that_is_away_holds_up_no_deletion_elsewhere() {
    let tiered = Tiered::with_options(StoreOptions {
        retries: 0,
        ..StoreOptions::default()
    })
    .await;
    put(&tiered.store, "cold", "x").await;
    put(&tiered.store, "hot", "x").await;
    tiered.store.archive(&uri("cold")).await.unwrap();
    let cold = Arc::new(FaultyBlobStore::new(tiered.cold.clone()));
    for operation in [
        BlobOperation::Delete,
        BlobOperation::Get,
        BlobOperation::Stat,
    ] {
        let away = BlobFault::Fail(ErrorKind::Unavailable);
        cold.inject(operation, When::Always, away);
    }
    let store = tiered.store_as(|ports| ports.tiers.cold = Some(cold.clone()));
    let error = get(&store, &uri("cold")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let scope = artifact_app::DeleteScope::Spec("demo".parse().unwrap());
    assert_eq!(store.delete_all(&scope).await.unwrap().deleted, 2);
    assert_eq!(tiered.blobs(), (0, 1));
    assert_eq!(
        tiered.world.index.records().len(),
        1,
        "it waits to be purged"
    );
    cold.clear();
    store.gc(GcOptions::default(), |_| {}).await.unwrap();
    assert_eq!(tiered.blobs(), (0, 0));
    assert_eq!(tiered.world.index.records(), []);
}

#[tokio::test]
async fn usage_and_search_tell_the_tiers_apart() {
    let tiered = Tiered::new().await;
    put(&tiered.store, "a", "aaa").await;
    put(&tiered.store, "b", "b").await;
    tiered.store.archive(&uri("a")).await.unwrap();
    let usage = tiered.world.index.usage().await.unwrap();
    let rows: Vec<_> = usage
        .iter()
        .map(|row| (row.state, row.tier, row.count, row.size_bytes))
        .collect();
    let expected = [
        (State::Active, Tier::Hot, 1, 1),
        (State::Archived, Tier::Cold, 1, 3),
    ];
    assert_eq!(rows, expected);
    let filter = Filter {
        states: vec![State::Archived],
        ..Filter::default()
    };
    let found = tiered.store.search_all(filter, Order::default());
    let found: Vec<_> = found.try_collect().await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].coordinate.name().as_str(), "a");
    let blobs: &dyn BlobStore = &*tiered.cold;
    assert!(blobs.stat(found[0].blob_key().unwrap()).await.is_ok());
}
