//! Cleaning up over weeks, under faults, beside others.

use std::sync::Arc;
use std::time::Duration;

use artifact_app::{CleanupAction, CleanupOptions, CleanupOutcome, KeepFor};
use artifact_domain::policy::RetentionPolicy;
use artifact_domain::port::ArtifactIndex;
use artifact_domain::{ArtifactRef, ErrorKind, State};
use artifact_testkit::{
    BlobFault, BlobOperation, FaultyBlobStore, FaultyIndex, IndexFault, IndexOperation, When,
    sample,
};

use futures::TryStreamExt;

use super::{clean, days, expiring, hold, over, plan, put, put_for, rules, stored, with_rules};
use crate::world::World;

#[tokio::test]
async fn over_30_90_and_365_days_each_goes_when_its_time_is_over() {
    let world = World::new();
    let mut rules = rules();
    rules.days_by_task = super::patterns([("release", Some(365))]);
    let store = with_rules(&world, rules);
    put(&store, "1", "log", "log").await;
    put(&store, "1", "code", "code").await;
    put(&store, "release", "log", "release").await;
    put_for(&store, "1", "log", "own", Some(90)).await;
    let ever = put(&store, "1", "log", "ever").await;
    let id = ArtifactRef::Id(ever.id);
    store.set_retention(&id, KeepFor::Ever).await.unwrap();
    let held = put(&store, "1", "log", "held").await;
    hold(&world, &held).await;
    assert_eq!(plan(&store).await, []);
    for (passed, gone) in [(7, "log"), (23, "code"), (60, "own"), (275, "release")] {
        world.clock.advance(days(passed));
        world.clock.go_back(Duration::from_micros(1));
        assert_eq!(plan(&store).await, [], "a microsecond too early for {gone}");
        world.clock.advance(Duration::from_micros(1));
        let items = plan(&store).await;
        assert_eq!(expiring(&items), [gone]);
        assert_eq!(items[0].action, CleanupAction::Expire(store.now()));
        let report = clean(&store).await;
        assert_eq!((report.expired, report.restamped), (1, 0));
        assert_eq!(report.stored_size_bytes, items[0].stored_size_bytes());
        assert!(!stored(&world).contains(&gone.to_owned()));
    }
    assert_eq!(stored(&world), ["ever", "held"]);
    assert_eq!(world.content_paths().len(), 2);
    let mut freed = world.index.find(held.id).await.unwrap().unwrap();
    freed.hold = None;
    world.index.update(freed).await.unwrap();
    clean(&store).await;
    assert_eq!(stored(&world), ["ever"]);
}

#[tokio::test]
async fn a_clock_that_goes_back_deletes_nothing() {
    let world = World::new();
    let mut rules = rules();
    rules.keep_latest = 1;
    let store = with_rules(&world, rules);
    for name in ["a", "b", "c"] {
        put(&store, "1", "log", name).await;
        put_for(&store, "1", "log", &format!("{name}-own"), Some(3)).await;
        world.clock.advance(days(2));
    }
    let before = world.index.records();
    for back in [1, 10, 400] {
        world.clock.set(sample::now());
        world.clock.go_back(days(back));
        let outcome = store.cleanup(CleanupOptions::default(), |_, _| {}).await;
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Conflict);
        let trusting = CleanupOptions { trust_clock: true };
        let report = store.cleanup(trusting, |_, _| {}).await.unwrap();
        assert_eq!(report.expired, 0, "{back} days back");
        assert_eq!(world.index.records().len(), before.len());
    }
    // As soon as it is right again, so is everything else.
    world.clock.set(sample::now());
    world.clock.advance(days(8));
    clean(&store).await;
    assert_eq!(stored(&world), ["b", "c"]);
}

#[tokio::test]
async fn an_hour_back_is_no_reason_to_refuse() {
    let world = World::new();
    let store = with_rules(&world, rules());
    put(&store, "1", "log", "a").await;
    world.clock.go_back(Duration::from_hours(24));
    assert_eq!(clean(&store).await.expired, 0);
    world.clock.go_back(Duration::from_micros(1));
    let mut refused = std::pin::pin!(store.cleanup_plan(CleanupOptions::default()));
    let error = refused.try_next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.hint().unwrap().contains("--force"), "{error}");
}

#[tokio::test]
async fn a_change_of_the_rules_applies_to_what_is_stored() {
    let world = World::new();
    let store = with_rules(&world, rules());
    let log = put(&store, "1", "log", "log").await;
    put(&store, "1", "code", "code").await;
    clean(&store).await;
    let mut laxer = rules();
    laxer.days_by_type = [("log".parse().unwrap(), None)].into();
    let laxer = with_rules(&world, laxer);
    world.clock.advance(days(8));
    // By the record it has expired, by the rules in force it has not: it comes back.
    let id = ArtifactRef::Id(log.id);
    assert_eq!(
        store.show(&id).await.unwrap_err().kind(),
        ErrorKind::Expired
    );
    let report = clean(&laxer).await;
    assert_eq!((report.expired, report.restamped), (0, 1));
    assert_eq!(laxer.show(&id).await.unwrap().expires_at, None);
    let mut stricter = rules();
    stricter.default_days = Some(2);
    let stricter = with_rules(&world, stricter);
    assert_eq!(expiring(&plan(&stricter).await), ["code", "log"]);
    assert_eq!(clean(&stricter).await.expired, 2);
    world.assert_empty();
}

#[tokio::test]
async fn the_latest_stay_and_what_is_displaced_goes() {
    let world = World::new();
    let mut rules = rules();
    rules.keep_latest = 2;
    let store = with_rules(&world, rules);
    for name in ["a", "b", "c", "d"] {
        put(&store, "1", "log", name).await;
        world.clock.advance(days(3));
    }
    // Twelve days later a and b are displaced, and a and b are over.
    let items = plan(&store).await;
    assert_eq!(expiring(&items), ["a", "b"]);
    assert_eq!(clean(&store).await.expired, 2);
    world.clock.advance(days(100));
    assert_eq!(plan(&store).await, []);
    for name in ["e", "f"] {
        put(&store, "1", "log", name).await;
    }
    assert_eq!(expiring(&plan(&store).await), ["c", "d"]);
    // One of the latest is deleted: the next one takes its place.
    let last = world.index.records().pop().unwrap();
    store.delete(&ArtifactRef::Id(last.id)).await.unwrap();
    assert_eq!(expiring(&plan(&store).await), ["c"]);
}

#[tokio::test]
async fn once_everything_was_held_against_the_rules_only_what_is_due_is_read() {
    let world = World::new();
    let store = with_rules(&world, rules());
    for number in 0..250 {
        put(&store, "1", "code", &number.to_string()).await;
    }
    clean(&store).await;
    let queries = || world.index.calls(IndexOperation::Query);
    let before = queries();
    assert_eq!(plan(&store).await, []);
    assert_eq!(
        queries() - before,
        1,
        "the clock is held against the newest"
    );
    // Somebody with other rules stores something: everything is looked at again.
    let mut other = rules();
    other.default_days = Some(1);
    put(&with_rules(&world, other), "1", "code", "other").await;
    let items = plan(&store).await;
    assert_eq!(items.len(), 1);
    let end = store.now().saturating_add(days(30));
    assert_eq!(items[0].action, CleanupAction::Restamp(Some(end)));
}

#[tokio::test]
async fn one_failure_never_keeps_the_rest_and_is_tried_again() {
    let world = World::new();
    let faulty = Arc::new(FaultyIndex::new(world.index.clone()));
    let store = over(&world, rules(), faulty.clone());
    for number in 0..50 {
        put(&store, "1", "log", &format!("{number:02}")).await;
    }
    world.clock.advance(days(7));
    let down = IndexFault::Fail(ErrorKind::Internal);
    faulty.inject(IndexOperation::Update, When::Nth(10), down);
    let mut failed = Vec::new();
    let report = store
        .cleanup(CleanupOptions::default(), |item, outcome| {
            if let CleanupOutcome::Failed(error) = outcome {
                failed.push((item.record.id, error.kind()));
            }
        })
        .await
        .unwrap();
    assert_eq!((report.expired, report.failed), (49, 1));
    assert_eq!(failed.len(), 1);
    assert_eq!(world.index.records().len(), 1);
    assert_eq!(clean(&store).await.expired, 1);
    world.assert_empty();
}

#[tokio::test(start_paused = true)]
async fn cut_off_anywhere_it_can_be_made_again() {
    for operation in [
        IndexOperation::RetentionMark,
        IndexOperation::Update,
        IndexOperation::Remove,
        IndexOperation::SetRetentionMark,
        IndexOperation::Query,
    ] {
        for nth in [1, 2, 40] {
            let world = World::new();
            let faulty = Arc::new(FaultyIndex::new(world.index.clone()));
            let store = over(&world, rules(), faulty.clone());
            for number in 0..60 {
                put(&store, "1", "log", &number.to_string()).await;
            }
            put(&store, "1", "code", "stays").await;
            store.settle().await;
            world.clock.advance(days(7));
            let hang = IndexFault::Delay(Duration::from_hours(1_000));
            faulty.inject(operation, When::Nth(nth), hang);
            let work = store.cleanup(CleanupOptions::default(), |_, _| {});
            let _ = tokio::time::timeout(Duration::from_mins(1), work).await;
            faulty.clear();
            // The process has died; the next one begins.
            let again = over(&world, rules(), world.index.clone());
            clean(&again).await;
            assert_eq!(stored(&world), ["stays"], "{operation:?} {nth}");
            assert_eq!(world.content_paths().len(), 1, "{operation:?} {nth}");
            assert_eq!(plan(&again).await, []);
        }
    }
}

#[tokio::test]
async fn bytes_that_cannot_be_removed_wait_for_the_next_time() {
    let world = World::new();
    let faulty = Arc::new(FaultyBlobStore::new(world.blobs.clone()));
    let store = world.store_with(Some(faulty.clone()), None);
    let record = put_for(&store, "1", "log", "a", Some(1)).await;
    put_for(&store, "1", "log", "b", Some(1)).await;
    world.clock.advance(days(1));
    let down = BlobFault::Fail(ErrorKind::Internal);
    faulty.inject(BlobOperation::Delete, When::Always, down);
    let report = clean(&store).await;
    assert_eq!((report.expired, report.failed), (2, 0), "they are gone");
    let id = ArtifactRef::Id(record.id);
    assert_eq!(
        store.show(&id).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(world.content_paths().len(), 2, "their bytes are not");
    faulty.clear();
    assert_eq!(clean(&store).await.expired, 0);
    world.assert_empty();
}

#[tokio::test]
async fn a_hold_or_other_days_that_come_meanwhile_win() {
    let world = World::new();
    let faulty = Arc::new(FaultyIndex::new(world.index.clone()));
    let store = over(&world, rules(), faulty.clone());
    let held = put(&store, "1", "log", "held").await;
    let set = put(&store, "1", "log", "set").await;
    put(&store, "1", "log", "goes").await;
    world.clock.advance(days(7));
    let mut items = plan(&store).await;
    assert_eq!(items.len(), 3);
    items.clear();
    // Every change waits until the others are made.
    let wait = IndexFault::Delay(Duration::from_millis(50));
    faulty.inject(IndexOperation::Update, When::Always, wait);
    let interfere = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        hold(&world, &held).await;
        let id = ArtifactRef::Id(set.id);
        let direct = with_rules(&world, rules());
        direct.set_retention(&id, KeepFor::Days(90)).await.unwrap();
    };
    let work = store.cleanup(CleanupOptions::default(), |_, _| {});
    let (report, ()) = tokio::join!(work, interfere);
    let report = report.unwrap();
    assert_eq!((report.expired, report.changed, report.failed), (1, 2, 0));
    let records = world.index.records();
    assert_eq!(stored(&world), ["held", "set"]);
    assert!(records.iter().all(|record| record.state == State::Active));
}

/// Old logs of which two are kept, the newest first.
async fn old_logs(world: &World, count: usize) -> (RetentionPolicy, Vec<ArtifactRef>) {
    let mut rules = rules();
    rules.keep_latest = 2;
    let store = with_rules(world, rules.clone());
    let mut ids = Vec::new();
    for number in 0..count {
        let record = put(&store, "1", "log", &format!("{number:02}")).await;
        ids.insert(0, ArtifactRef::Id(record.id));
        world.clock.advance(Duration::from_secs(1));
    }
    store.settle().await;
    world.clock.advance(days(30));
    (rules, ids)
}

#[tokio::test]
async fn what_is_among_the_latest_by_now_stays() {
    let world = World::new();
    let (rules, ids) = old_logs(&world, 5).await;
    let faulty = Arc::new(FaultyIndex::new(world.index.clone()));
    let store = over(&world, rules.clone(), faulty.clone());
    assert_eq!(expiring(&plan(&store).await), ["00", "01", "02"]);
    // The clock, a page, the latest; then the latest again before the first deletion.
    let wait = IndexFault::Delay(Duration::from_millis(100));
    faulty.inject(IndexOperation::Query, When::Nth(4), wait);
    let interfere = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let direct = with_rules(&world, rules);
        for id in &ids[..2] {
            direct.delete(id).await.unwrap();
        }
    };
    let work = store.cleanup(CleanupOptions::default(), |_, _| {});
    let (report, ()) = tokio::join!(work, interfere);
    let report = report.unwrap();
    assert_eq!((report.expired, report.changed, report.failed), (1, 2, 0));
    assert_eq!(stored(&world), ["01", "02"]);
    // They are looked at again, and stay.
    assert_eq!(clean(&store).await.expired, 0);
    assert_eq!(stored(&world), ["01", "02"]);
}

#[tokio::test]
async fn the_latest_are_asked_for_in_each_round_of_deletions() {
    let world = World::new();
    let (rules, ids) = old_logs(&world, 42).await;
    let faulty = Arc::new(FaultyIndex::new(world.index.clone()));
    let store = over(&world, rules.clone(), faulty.clone());
    // The first round is under way when the latest are deleted.
    let wait = IndexFault::Delay(Duration::from_millis(100));
    faulty.inject(IndexOperation::Update, When::Next, wait);
    let interfere = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let direct = with_rules(&world, rules);
        for id in &ids[..2] {
            direct.delete(id).await.unwrap();
        }
    };
    let queries = world.index.calls(IndexOperation::Query);
    let work = store.cleanup(CleanupOptions::default(), |_, _| {});
    let (report, ()) = tokio::join!(work, interfere);
    let report = report.unwrap();
    assert_eq!((report.expired, report.changed), (38, 2));
    assert_eq!(stored(&world), ["06", "07"]);
    let queries = world.index.calls(IndexOperation::Query) - queries;
    assert!(queries <= 10, "{queries} queries for 40 deletions");
}

#[tokio::test]
async fn what_a_hold_keeps_from_going_is_stamped_by_the_next_cleanup() {
    let world = World::new();
    let mut laxer = rules();
    laxer.days_by_type = [("log".parse().unwrap(), Some(365))].into();
    let before = with_rules(&world, laxer);
    let record = put(&before, "1", "log", "held").await;
    clean(&before).await;
    world.clock.advance(days(8));
    let faulty = Arc::new(FaultyIndex::new(world.index.clone()));
    let store = over(&world, rules(), faulty.clone());
    assert_eq!(expiring(&plan(&store).await), ["held"]);
    let wait = IndexFault::Delay(Duration::from_millis(50));
    faulty.inject(IndexOperation::Update, When::Next, wait);
    let interfere = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        hold(&world, &record).await;
    };
    let work = store.cleanup(CleanupOptions::default(), |_, _| {});
    let (report, ()) = tokio::join!(work, interfere);
    assert_eq!(report.unwrap().changed, 1);
    // Its record still says what the earlier rules said, so not everything stands as it should.
    assert_eq!(clean(&store).await.restamped, 1);
    let now = world.index.find(record.id).await.unwrap().unwrap();
    assert_eq!(
        now.expires_at,
        Some(record.created_at.saturating_add(days(7)))
    );
}

#[tokio::test]
async fn an_upload_by_other_rules_that_dies_once_it_is_stored_is_stamped_anew() {
    let world = World::new();
    let store = with_rules(&world, rules());
    put(&store, "1", "code", "first").await;
    clean(&store).await;
    let faulty = Arc::new(FaultyIndex::new(world.index.clone()));
    let mut others = rules();
    others.default_days = Some(1);
    let other = over(&world, others, faulty.clone());
    // It is stored, and its process dies before it looks at the mark again.
    let hang = IndexFault::Delay(Duration::from_hours(1));
    faulty.inject(IndexOperation::RetentionMark, When::Nth(2), hang);
    let upload = put(&other, "1", "code", "other");
    let cut = tokio::time::timeout(Duration::from_millis(100), upload).await;
    assert!(cut.is_err(), "it was not cut off");
    assert_eq!(stored(&world), ["first", "other"]);
    assert_eq!(clean(&store).await.restamped, 1);
}
