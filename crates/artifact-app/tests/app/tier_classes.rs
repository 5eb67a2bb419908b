//! One store that keeps the tiers itself, and must get out what is cold before it is read: what is
//! asked of it, what is said meanwhile, and moves that fail or are cut off at any call.

use std::sync::Arc;
use std::time::Duration;

use artifact_app::{
    ArchiveFormat, ExportOptions, GcOptions, GrepItem, GrepOptions, GrepScope, MoveScope, Pattern,
    PatternOptions, ReindexOptions, RestoreOptions, Restored, Store, Verification, VerifyOptions,
    VerifyScope,
};
use artifact_domain::port::ArtifactIndex;
use artifact_domain::query::Filter;
use artifact_domain::{ErrorKind, State, Tier};
use artifact_testkit::{
    BlobFault, BlobOperation, FaultyBlobStore, FaultyIndex, IndexFault, IndexOperation,
    MemoryIndex, When,
};
use futures::TryStreamExt;

use crate::tier_faults::TEXT;
use crate::tiers::{everything, moved, shown};
use crate::world::{World, get, put, uri};

fn restoring() -> MoveScope {
    MoveScope::Restore(everything(), RestoreOptions::default())
}

/// The tier in which the store keeps each blob of content, and that of each piece of metadata.
fn classes(world: &World) -> (Vec<Tier>, Vec<Tier>) {
    let tiers = |paths: Vec<String>| {
        let tiers = paths.iter().map(|path| world.blobs.tier_of(path).unwrap());
        tiers.collect::<Vec<_>>()
    };
    (tiers(world.content_paths()), tiers(world.metadata_paths()))
}

/// Asks until it is back: the store has it at hand the second time.
async fn bring_back(store: &Store) {
    for _ in 0..3 {
        match store.restore(&uri("a"), RestoreOptions::default()).await {
            Ok(Restored::Back(record)) => {
                assert_eq!(shown(&record), (State::Active, Tier::Hot));
                return;
            }
            Ok(Restored::Restoring(record)) => assert_eq!(record.tier, Tier::Cold),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it does not come back");
}

#[tokio::test]
async fn an_archived_version_is_frozen_until_it_is_restored() {
    let world = World::freezing();
    let store = &world.store;
    let record = put(store, "a", TEXT).await;
    store.settle().await;
    let archived = store.archive(&uri("a")).await.unwrap();
    assert_eq!(shown(&archived), (State::Archived, Tier::Cold));
    assert_ne!(archived.attempt, record.attempt);
    let (content, metadata) = classes(&world);
    assert_eq!(content, [Tier::Cold]);
    assert!(
        metadata.iter().all(|tier| *tier == Tier::Hot),
        "{metadata:?}"
    );
    assert_eq!(world.blobs.calls(BlobOperation::CopyToTier), 1);

    let of_days = |days| RestoreOptions { days };
    let error = store.restore(&uri("a"), of_days(0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let asked = store.restore(&uri("a"), of_days(1)).await.unwrap();
    let Restored::Restoring(asked) = asked else {
        panic!("it is back at once: {asked:?}");
    };
    assert_eq!(asked, archived, "nothing has changed");
    // It can be read where it is by now, and it is moved when it is asked for again.
    assert_eq!(get(store, &uri("a")).await.unwrap(), TEXT);
    bring_back(store).await;
    assert_eq!(classes(&world).0, [Tier::Hot]);
    assert_eq!(get(store, &uri("a")).await.unwrap(), TEXT);
}

#[tokio::test]
async fn what_a_rule_of_the_bucket_has_frozen_is_asked_for_where_it_is() {
    let world = World::freezing();
    let store = &world.store;
    let record = put(store, "a", TEXT).await;
    assert!(matches!(
        store.restore(&uri("a"), RestoreOptions::default()).await,
        Ok(Restored::Back(_))
    ));
    for path in world.content_paths() {
        world.blobs.set_tier(&path, Tier::Cold);
    }
    let error = get(store, &uri("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.message().contains("storage class"), "{error}");
    let hint = error.hint().unwrap();
    assert!(hint.contains("`artifact restore artifact://demo/1/log/a?version=1`"));
    let error = store.archive(&uri("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(
        error.hint().unwrap().contains("`artifact restore"),
        "{error}"
    );

    match store.restore(&uri("a"), RestoreOptions::default()).await {
        Ok(Restored::Restoring(asked)) => assert_eq!(shown(&asked), (State::Active, Tier::Hot)),
        other => panic!("it was not asked for: {other:?}"),
    }
    assert_eq!(get(store, &uri("a")).await.unwrap(), TEXT);
    match store.restore(&uri("a"), RestoreOptions::default()).await {
        Ok(Restored::Back(back)) => assert_eq!(back.attempt, record.attempt),
        other => panic!("it is not at hand: {other:?}"),
    }
    for path in world.content_paths() {
        world.blobs.remove(&path);
    }
    let lost = store.restore(&uri("a"), RestoreOptions::default()).await;
    assert_eq!(lost.unwrap_err().kind(), ErrorKind::Integrity);
}

#[tokio::test]
async fn what_is_frozen_is_not_read_and_says_what_to_do() {
    let world = World::freezing();
    let store = &world.store;
    put(store, "a", TEXT).await;
    store.archive(&uri("a")).await.unwrap();
    let mut errors = vec![
        get(store, &uri("a")).await.unwrap_err(),
        store.tail(&uri("a"), 3).await.unwrap_err(),
        store
            .presign(&uri("a"), Duration::from_mins(1))
            .await
            .unwrap_err(),
    ];
    let options = ExportOptions {
        format: ArchiveFormat::Zip,
        metadata: true,
        verification: Verification::Digest,
        left_out: None,
        temporary_folder: std::env::temp_dir(),
    };
    let export = store.export(Filter::default(), options).await.unwrap();
    errors.push(export.body.try_collect::<Vec<_>>().await.unwrap_err());
    let pattern = Pattern::new("x", PatternOptions::default()).unwrap();
    let scope = GrepScope::These(vec![uri("a")]);
    let mut grep = store.grep(scope, &GrepOptions::new(pattern)).unwrap();
    match grep.next().await.unwrap().unwrap() {
        GrepItem::Failed(error) => errors.push(error),
        _ => panic!("it was searched"),
    }
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        let hint = error.hint().unwrap();
        let says = "`artifact restore artifact://demo/1/log/a?version=1` brings it back";
        assert_eq!(hint, says);
    }
    let options = || VerifyOptions {
        scope: VerifyScope::Everything,
        repair: true,
        readers: 1,
    };
    let report = store.verify(options(), |_, _| {}).await.unwrap();
    assert_eq!((report.unread, report.findings), (1, 0), "it is no damage");
    let asked = store.restore(&uri("a"), RestoreOptions::default()).await;
    assert!(matches!(asked.unwrap(), Restored::Restoring(_)));
    store
        .presign(&uri("a"), Duration::from_mins(1))
        .await
        .unwrap();
    let report = store.verify(options(), |_, _| {}).await.unwrap();
    assert_eq!((report.unread, report.findings), (0, 0), "it is read");
}

#[tokio::test]
async fn many_are_asked_for_and_then_come_back() {
    let world = World::freezing();
    let store = &world.store;
    for name in ["a", "b"] {
        put(store, name, TEXT).await;
    }
    let (report, _) = moved(store, MoveScope::Archive(everything())).await;
    assert_eq!(report.moved, 2);
    let (report, events) = moved(store, restoring()).await;
    assert_eq!(events, ["a restoring", "b restoring"]);
    assert_eq!((report.moved, report.restoring, report.failed), (0, 2, 0));
    let (report, events) = moved(store, restoring()).await;
    assert_eq!(events, ["a HOT", "b HOT"]);
    assert_eq!((report.moved, report.restoring), (2, 0));
    assert_eq!(classes(&world).0, [Tier::Hot, Tier::Hot]);
}

#[tokio::test]
async fn what_is_damaged_is_not_copied_to_where_it_cannot_be_read() {
    for fault in [BlobFault::FlipByte(12), BlobFault::EndAfter(9)] {
        let faulty = Faulty::new(Tier::Hot).await;
        faulty.blobs.inject(BlobOperation::Get, When::Always, fault);
        let error = faulty.store.archive(&uri("a")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
        assert!(error.message().contains("damaged"), "{error}");
        assert_eq!(faulty.world.blobs.calls(BlobOperation::CopyToTier), 0);
        faulty.clear();
        faulty.assert_nothing_is_lost("damaged").await;
    }
    // What comes back is read before its source goes.
    let faulty = Faulty::new(Tier::Cold).await;
    let flip = BlobFault::FlipByte(12);
    faulty.blobs.inject(BlobOperation::Get, When::Next, flip);
    let options = RestoreOptions::default();
    assert!(matches!(
        faulty.store.restore(&uri("a"), options).await.unwrap(),
        Restored::Restoring(_)
    ));
    let error = faulty.store.restore(&uri("a"), options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(error.message().contains("the copy"), "{error}");
    assert_eq!(faulty.world.content_paths().len(), 1);
    faulty.clear();
    faulty.assert_nothing_is_lost("a copy is damaged").await;
}

/// A world whose ports can be made to fail, with one version in a tier.
struct Faulty {
    world: World,
    store: Store,
    blobs: Arc<FaultyBlobStore>,
    index: Arc<FaultyIndex>,
}

impl Faulty {
    async fn new(tier: Tier) -> Self {
        let world = World::freezing();
        world.index.mark_complete().await.unwrap();
        put(&world.store, "a", TEXT).await;
        if tier == Tier::Cold {
            world.store.archive(&uri("a")).await.unwrap();
        }
        world.store.settle().await;
        let blobs = Arc::new(FaultyBlobStore::new(world.blobs.clone()));
        let index = Arc::new(FaultyIndex::new(world.index.clone()));
        let store = world.store_with(Some(blobs.clone()), Some(index.clone()));
        Self {
            world,
            store,
            blobs,
            index,
        }
    }

    fn clear(&self) -> usize {
        let pending = self.blobs.pending() + self.index.pending();
        self.blobs.clear();
        self.index.clear();
        pending
    }

    /// Archives what is hot, and restores what is cold, asking twice.
    async fn change(&self, tier: Tier) {
        if tier == Tier::Hot {
            let _ = self.store.archive(&uri("a")).await;
            return;
        }
        for _ in 0..2 {
            let _ = self
                .store
                .restore(&uri("a"), RestoreOptions::default())
                .await;
        }
    }

    /// Whatever happened: it comes back, the index can be had again, and what is too much goes.
    async fn assert_nothing_is_lost(&self, what: &str) {
        let store = &self.world.store;
        store.settle().await;
        let id = self.world.index.records()[0].id;
        let index = Arc::new(MemoryIndex::new().strict());
        let rebuilt = self.world.store_with(None, Some(index.clone()));
        let report = rebuilt.reindex(ReindexOptions::default(), |_, _| {}).await;
        let report = report.unwrap();
        let bad = (report.failed, report.missing, report.recovered);
        assert_eq!(bad, (0, 0, 0), "{what}: {report:?}");
        assert_eq!(index.records()[0].id, id, "{what}");
        bring_back(store).await;
        assert_eq!(get(store, &uri("a")).await.unwrap(), TEXT, "{what}");
        store.settle().await;
        self.world.clock.advance(Duration::from_hours(48));
        let report = store.gc(GcOptions::default(), |_| {}).await.unwrap();
        assert!(report.failures.is_empty(), "{what}: {:?}", report.failures);
        assert_eq!(self.world.content_paths().len(), 1, "{what}");
        assert_eq!(get(store, &uri("a")).await.unwrap(), TEXT, "{what}");
        self.world.assert_tidy();
    }
}

const BLOB_OPERATIONS: [BlobOperation; 7] = [
    BlobOperation::Stat,
    BlobOperation::Get,
    BlobOperation::Put,
    BlobOperation::Delete,
    BlobOperation::List,
    BlobOperation::CopyToTier,
    BlobOperation::Restore,
];

const INDEX_OPERATIONS: [IndexOperation; 4] = [
    IndexOperation::Find,
    IndexOperation::FindNewest,
    IndexOperation::Update,
    IndexOperation::SeekTable,
];

const OPERATIONS: usize = BLOB_OPERATIONS.len() + INDEX_OPERATIONS.len();

impl Faulty {
    fn inject(&self, number: usize, when: When, of_blobs: BlobFault, of_index: IndexFault) {
        if let Some(operation) = BLOB_OPERATIONS.get(number) {
            self.blobs.inject(*operation, when, of_blobs);
        } else {
            let operation = INDEX_OPERATIONS[number - BLOB_OPERATIONS.len()];
            self.index.inject(operation, when, of_index);
        }
    }
}

#[tokio::test]
async fn a_move_between_classes_that_fails_at_any_call_loses_nothing() {
    let mut met = 0;
    for tier in [Tier::Hot, Tier::Cold] {
        for kind in [ErrorKind::Unavailable, ErrorKind::Internal] {
            let kinds = [
                (BlobFault::Fail(kind), IndexFault::Fail(kind)),
                (BlobFault::FailAfter(kind), IndexFault::FailAfter(kind)),
            ];
            for (of_blobs, of_index) in kinds {
                for (number, nth) in (0..OPERATIONS * 3).map(|n| (n / 3, 1 + n % 3)) {
                    let faulty = Faulty::new(tier).await;
                    let when = When::Nth(u32::try_from(nth).unwrap());
                    faulty.inject(number, when, of_blobs, of_index);
                    faulty.change(tier).await;
                    faulty.store.settle().await;
                    met += usize::from(faulty.clear() == 0);
                    let what = format!("from {tier}, {of_blobs:?} at {number}, {when:?}");
                    faulty.assert_nothing_is_lost(&what).await;
                }
            }
        }
    }
    assert!(met >= 80, "only {met} faults were met");
}

#[tokio::test]
async fn a_move_between_classes_that_is_cut_off_at_any_call_loses_nothing() {
    let long = Duration::from_mins(10);
    let mut cut_off = 0;
    for tier in [Tier::Hot, Tier::Cold] {
        for (number, nth) in (0..OPERATIONS * 2).map(|n| (n / 2, 1 + n % 2)) {
            let faulty = Faulty::new(tier).await;
            let when = When::Nth(u32::try_from(nth).unwrap());
            faulty.inject(
                number,
                when,
                BlobFault::Delay(long),
                IndexFault::Delay(long),
            );
            let moving = faulty.change(tier);
            let ended = tokio::time::timeout(Duration::from_millis(60), moving).await;
            cut_off += usize::from(ended.is_err());
            faulty.clear();
            let what = format!("from {tier}, cut off at {number}, {when:?}");
            faulty.assert_nothing_is_lost(&what).await;
        }
    }
    assert!(cut_off >= 12, "only {cut_off} were cut off");
}

#[tokio::test]
async fn a_restore_that_was_asked_for_too_long_ago_is_asked_for_again() {
    let faulty = Faulty::new(Tier::Cold).await;
    // The store says that it is at hand, and has put it away again when it is to be copied.
    let again = BlobFault::Fail(ErrorKind::Conflict);
    faulty
        .blobs
        .inject(BlobOperation::CopyToTier, When::Next, again);
    let options = RestoreOptions::default();
    let asked = faulty.store.restore(&uri("a"), options).await.unwrap();
    assert!(matches!(asked, Restored::Restoring(_)));
    let error = faulty.store.restore(&uri("a"), options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(classes(&faulty.world).0, [Tier::Cold]);
    faulty.assert_nothing_is_lost("put away again").await;
}
