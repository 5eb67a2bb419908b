//! Changing tags, metadata and holds: beside others who do, through lost answers, and on many.

use std::sync::Arc;
use std::time::Duration;

use crate::world::{World, get, put, uri};
use artifact_app::{Change, Changed, ReindexOptions, Store, StoreOptions};
use artifact_domain::policy::RetentionPolicy;
use artifact_domain::query::{Filter, TagFilter, Versions};
use artifact_domain::{ArtifactRecord, ArtifactRef, ErrorKind, Metadata, Result, Tags};
use artifact_testkit::{FaultyIndex, IndexFault, IndexOperation, MemoryIndex, When, sample};
use futures::{Stream, StreamExt};
use serde_json::json;

fn add(tags: &[&str]) -> Change {
    Change::AddTags(sample::tags(tags))
}

fn hold(reason: &str) -> Change {
    Change::Hold {
        reason: Some(reason.to_owned()),
        by: Some("ann".to_owned()),
    }
}

fn remove(texts: &[&str]) -> Change {
    let filters = texts.iter().map(|text| TagFilter::parse(text).unwrap());
    Change::RemoveTags(filters.collect())
}

async fn changed(store: &Store, change: Change) -> Changed {
    store.change(&uri("a"), &change).await.unwrap()
}

async fn outcomes(stream: impl Stream<Item = Result<Changed>>) -> Vec<Result<Changed>> {
    stream.collect().await
}

fn all_versions() -> Filter {
    Filter {
        versions: Versions::All,
        ..Filter::default()
    }
}

/// A day's retention, of which nothing is left.
async fn expired() -> World {
    let world = World::with_options(StoreOptions {
        retention: RetentionPolicy {
            default_days: Some(1),
            ..RetentionPolicy::default()
        },
        ..StoreOptions::default()
    });
    put(&world.store, "a", "x").await;
    world.clock.advance(Duration::from_hours(48));
    world
}

/// The record as a rebuild of the index from the metadata gives it.
async fn rebuilt(world: &World, record: &ArtifactRecord) -> ArtifactRecord {
    world.store.settle().await;
    let index = Arc::new(MemoryIndex::new());
    let other = world.store_with(None, Some(index));
    other
        .reindex(ReindexOptions::default(), |_, _| ())
        .await
        .unwrap();
    other.show(&ArtifactRef::Id(record.id)).await.unwrap()
}

#[tokio::test]
async fn tags_are_added_replaced_and_removed() {
    let world = World::new();
    put(&world.store, "a", "x").await;
    for (change, tags, is_changed) in [
        (
            add(&["branch=main", "ci"]),
            &["branch=main", "ci"][..],
            true,
        ),
        (add(&["branch=main"]), &["branch=main", "ci"], false),
        (
            add(&["branch=dev", "n=1"]),
            &["branch=dev", "ci", "n=1"],
            true,
        ),
        (
            remove(&["branch=main", "none"]),
            &["branch=dev", "ci", "n=1"],
            false,
        ),
        (remove(&["branch=dev", "n"]), &["ci"], true),
        (Change::SetTags(sample::tags(&["x=y"])), &["x=y"], true),
        (Change::SetTags(Tags::default()), &[], true),
    ] {
        let outcome = changed(&world.store, change.clone()).await;
        assert_eq!(outcome.record.tags, sample::tags(tags), "{change:?}");
        assert_eq!(outcome.is_changed, is_changed, "{change:?}");
        let shown = world.store.show(&uri("a")).await.unwrap();
        assert_eq!(shown, outcome.record);
    }
}

#[tokio::test]
async fn what_is_changed_stands_in_the_metadata_beside_the_bytes() {
    let world = World::new();
    put(&world.store, "a", "x").await;
    changed(&world.store, add(&["branch=main"])).await;
    changed(&world.store, hold("audit")).await;
    let entries = json!({"passed": true});
    let set = Change::SetMetadata(entries.as_object().unwrap().clone());
    let last = changed(&world.store, set).await.record;
    assert_eq!(rebuilt(&world, &last).await, last);
}

#[tokio::test(flavor = "multi_thread")]
async fn editors_of_one_artifact_lose_nothing() {
    const EDITORS: usize = 40;
    let world = World::new();
    put(&world.store, "a", "x").await;
    let edits = (0..EDITORS).map(|editor| {
        let store = world.store.clone();
        tokio::spawn(async move {
            let tag = format!("editor-{editor}");
            store.change(&uri("a"), &add(&[&tag])).await
        })
    });
    for edit in edits.collect::<Vec<_>>() {
        assert!(edit.await.unwrap().unwrap().is_changed);
    }
    let record = world.store.show(&uri("a")).await.unwrap();
    assert_eq!(record.tags.iter().count(), EDITORS);
    assert_eq!(rebuilt(&world, &record).await, record);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_changed_though_uploads_supersede_it() {
    let world = World::new();
    put(&world.store, "a", "x").await;
    let writer = tokio::spawn({
        let store = world.store.clone();
        async move {
            for n in 0..100 {
                put(&store, "a", format!("{n}")).await;
            }
        }
    });
    let mut count = 0;
    while !writer.is_finished() {
        let tag = format!("n={count}");
        world.store.change(&uri("a"), &add(&[&tag])).await.unwrap();
        count += 1;
    }
    writer.await.unwrap();
    assert!(count > 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_no_lost_change_and_no_conflict() {
    let world = World::new();
    put(&world.store, "a", "x").await;
    let index = Arc::new(FaultyIndex::new(world.index.clone()));
    let store = world.store_with(None, Some(index.clone()));
    let lost = IndexFault::FailAfter(ErrorKind::Unavailable);
    index.inject(IndexOperation::Update, When::Next, lost);
    let outcome = changed(&store, add(&["ci"])).await;
    assert!(outcome.is_changed);
    assert_eq!(outcome.record.tags, sample::tags(&["ci"]));
    store.settle().await;
    assert_eq!(rebuilt(&world, &outcome.record).await, outcome.record);
}

#[tokio::test]
async fn of_many_one_that_fails_keeps_no_other() {
    const COUNT: usize = 450;
    let world = World::new();
    for n in 0..COUNT {
        put(&world.store, &format!("file-{n}"), "x").await;
    }
    let index = Arc::new(FaultyIndex::new(world.index.clone()));
    let store = world.store_with(None, Some(index.clone()));
    let refused = IndexFault::Fail(ErrorKind::PermissionDenied);
    index.inject(IndexOperation::Update, When::Nth(100), refused);
    let outcomes = outcomes(store.change_all(Filter::default(), add(&["ci"]))).await;
    let failures: Vec<_> = outcomes
        .iter()
        .filter_map(|one| one.as_ref().err())
        .collect();
    assert_eq!((outcomes.len(), failures.len()), (COUNT, 1));
    assert_eq!(failures[0].kind(), ErrorKind::PermissionDenied);
    assert!(
        failures[0]
            .message()
            .contains("artifact://demo/1/log/file-"),
        "{}",
        failures[0]
    );
    let records = world.index.records();
    let tagged = records.iter().filter(|record| !record.tags.is_empty());
    assert_eq!(tagged.count(), COUNT - 1);
}

#[tokio::test]
async fn a_filter_selects_what_is_changed_and_a_plan_changes_nothing() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        put(&world.store, name, "x").await;
    }
    changed(&world.store, add(&["ci"])).await;
    let tagged = Filter {
        tags: vec![TagFilter::parse("ci").unwrap()],
        ..Filter::default()
    };
    let before = world.index.records();
    let planned = outcomes(world.store.plan_change_all(Filter::default(), add(&["ci"]))).await;
    let count = |wanted: bool, of: &[Result<Changed>]| {
        of.iter()
            .filter(|one| one.as_ref().unwrap().is_changed == wanted)
            .count()
    };
    assert_eq!((count(true, &planned), count(false, &planned)), (2, 1));
    let plan = world.store.plan_change(&uri("b"), &add(&["ci"])).await;
    assert!(plan.unwrap().is_changed);
    assert_eq!(world.index.records(), before);

    let removed = outcomes(world.store.change_all(tagged, remove(&["ci"]))).await;
    assert_eq!((count(true, &removed), removed.len()), (1, 1));
    let done = outcomes(world.store.change_all(Filter::default(), add(&["ci"]))).await;
    assert_eq!(count(true, &done), 3);
}

#[tokio::test]
async fn too_much_is_refused_and_nothing_is_changed() {
    let world = World::new();
    let before = put(&world.store, "a", "x").await;
    let many: Vec<_> = (0..60).map(|n| format!("k{n}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    changed(&world.store, add(&many)).await;
    let error = world
        .store
        .change(&uri("a"), &add(&["a", "b", "c", "d", "e"]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let large = json!({"k": "x".repeat(Metadata::MAX_BYTES)});
    let patch = Change::PatchMetadata(large.as_object().unwrap().clone());
    let error = world.store.change(&uri("a"), &patch).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let now = world.store.show(&uri("a")).await.unwrap();
    assert_eq!(now.tags, sample::tags(&many));
    assert_eq!(now.metadata, before.metadata);
}

#[tokio::test]
async fn a_hold_takes_what_has_expired_and_is_there_and_nothing_else_does() {
    let world = expired().await;
    for change in [add(&["ci"]), Change::SetMetadata(serde_json::Map::new())] {
        let error = world.store.change(&uri("a"), &change).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Expired, "{change:?}");
    }
    let selected = outcomes(world.store.change_all(all_versions(), add(&["ci"]))).await;
    assert!(selected.is_empty());
    assert!(changed(&world.store, hold("audit")).await.is_changed);
    assert_eq!(get(&world.store, &uri("a")).await.unwrap(), "x");
    let released = outcomes(world.store.change_all(all_versions(), Change::ReleaseHold)).await;
    assert!(released[0].as_ref().unwrap().is_changed);
    let error = world.store.show(&uri("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired);

    // Once it is removed there is nothing to be held.
    world.store.delete(&uri("a")).await.unwrap();
    let error = world
        .store
        .change(&uri("a"), &hold("late"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_hold_that_is_set_again_keeps_its_beginning() {
    let world = World::new();
    put(&world.store, "a", "x").await;
    let first = changed(&world.store, hold("audit")).await;
    assert!(!changed(&world.store, hold("audit")).await.is_changed);
    world.clock.advance(Duration::from_hours(1));
    let second = changed(&world.store, hold("lawsuit")).await;
    assert!(second.is_changed);
    let (first, second) = (first.record.hold.unwrap(), second.record.hold.unwrap());
    assert_eq!(second.since, first.since);
    assert_eq!(second.reason.as_deref(), Some("lawsuit"));
    assert!(changed(&world.store, Change::ReleaseHold).await.is_changed);
    assert!(!changed(&world.store, Change::ReleaseHold).await.is_changed);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hold_and_a_deletion_at_once_one_wins_and_the_other_is_told() {
    for n in 0..50 {
        let world = World::new();
        put(&world.store, "a", "x").await;
        let (store, other) = (world.store.clone(), world.store.clone());
        let held = tokio::spawn(async move { store.change(&uri("a"), &hold("audit")).await });
        let deleted = tokio::spawn(async move { other.delete(&uri("a")).await });
        match (held.await.unwrap(), deleted.await.unwrap()) {
            (Ok(_), Err(error)) => {
                assert_eq!(error.kind(), ErrorKind::Held, "{n}");
                assert_eq!(get(&world.store, &uri("a")).await.unwrap(), "x");
            }
            (Err(error), Ok(_)) => {
                assert_eq!(error.kind(), ErrorKind::NotFound, "{n}");
                world.assert_empty();
            }
            both => panic!("{n}: {both:?}"),
        }
    }
}
