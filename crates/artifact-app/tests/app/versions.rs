//! Versions: all of them, and pruning: what stays, what goes, what one that fails keeps.

use std::sync::Arc;
use std::time::Duration;

use crate::world::{World, get, put, uri};
use artifact_app::{Change, OldVersion, PruneScope, StoreOptions};
use artifact_domain::policy::{PruneRule, RetentionPolicy};
use artifact_domain::port::Supersede;
use artifact_domain::query::{Filter, TagFilter};
use artifact_domain::{ArtifactRef, ErrorKind, Result};
use artifact_testkit::{
    BlobFault, BlobOperation, FaultyBlobStore, FaultyIndex, IndexFault, IndexOperation, When,
    sample,
};
use futures::{Stream, StreamExt, TryStreamExt};

const DAY: Duration = Duration::from_hours(24);

fn versioned() -> World {
    World::with_options(StoreOptions {
        supersede: Supersede::Nothing,
        ..StoreOptions::default()
    })
}

fn keeping(keep: u32) -> World {
    World::with_options(StoreOptions {
        supersede: Supersede::Nothing,
        prune: Some(PruneRule::new(Some(keep), None).unwrap()),
        ..StoreOptions::default()
    })
}

/// So many versions of `a`, each a day after the one before.
async fn fill(world: &World, count: u32) {
    for n in 1..=count {
        put(&world.store, "a", format!("version {n}")).await;
        world.clock.advance(DAY);
    }
}

fn one(name: &str) -> PruneScope {
    PruneScope::One(uri(name))
}

fn selected(filter: Filter) -> PruneScope {
    PruneScope::Selected(Box::new(filter))
}

fn rule(keep: Option<u32>, older_than_days: Option<u32>) -> PruneRule {
    PruneRule::new(keep, older_than_days.map(|days| DAY * days)).unwrap()
}

fn version(number: u32) -> ArtifactRef {
    format!("{}?version={number}", uri("a")).parse().unwrap()
}

async fn hold(world: &World, number: u32) {
    let hold = Change::Hold {
        reason: Some("audit".to_owned()),
        by: None,
    };
    world.store.change(&version(number), &hold).await.unwrap();
}

/// The numbers of what goes, and of what is held, in order.
async fn numbers(outcomes: impl Stream<Item = Result<OldVersion>>) -> (Vec<u32>, Vec<u32>) {
    let (mut gone, mut held) = (Vec::new(), Vec::new());
    for outcome in outcomes.try_collect::<Vec<_>>().await.unwrap() {
        match outcome {
            OldVersion::Goes(record) => gone.push(record.version.get()),
            OldVersion::Held(record) => held.push(record.version.get()),
        }
    }
    gone.sort_unstable();
    held.sort_unstable();
    (gone, held)
}

/// The numbers of the versions that are there, the newest first.
async fn there(world: &World) -> Vec<u32> {
    let versions = world.store.versions(&uri("a")).await.unwrap();
    let versions: Vec<_> = versions.try_collect().await.unwrap();
    assert_eq!(world.content_paths().len(), versions.len());
    versions.iter().map(|one| one.version.get()).collect()
}

#[tokio::test]
async fn old_versions_go_by_count_and_by_age_and_the_plan_says_which() {
    for (rule, gone) in [
        (rule(Some(2), None), &[1, 2, 3][..]),
        (rule(None, Some(3)), &[1, 2, 3]),
        (rule(Some(4), Some(2)), &[1]),
        (rule(None, Some(0)), &[1, 2, 3, 4]),
        (rule(Some(5), None), &[]),
    ] {
        let world = versioned();
        fill(&world, 5).await;
        let planned = world.store.plan_prune(one("a"), rule).await.unwrap();
        assert_eq!(numbers(planned).await, (gone.to_vec(), vec![]), "{rule:?}");
        assert_eq!(there(&world).await, [5, 4, 3, 2, 1]);
        let pruned = world.store.prune(one("a"), rule).await.unwrap();
        assert_eq!(numbers(pruned).await, (gone.to_vec(), vec![]), "{rule:?}");
        let left: Vec<_> = (1..=5).rev().filter(|n| !gone.contains(n)).collect();
        assert_eq!(there(&world).await, left);
        let again = world.store.prune(one("a"), rule).await.unwrap();
        assert_eq!(numbers(again).await, (vec![], vec![]));
    }
}

#[tokio::test]
async fn what_is_held_stays_besides_those_that_are_kept() {
    let world = versioned();
    fill(&world, 6).await;
    for number in [2, 5] {
        hold(&world, number).await;
    }
    let pruned = world.store.prune(one("a"), rule(Some(2), None)).await;
    assert_eq!(numbers(pruned.unwrap()).await, (vec![1, 3], vec![2]));
    assert_eq!(there(&world).await, [6, 5, 4, 2]);
}

#[tokio::test]
async fn a_filter_says_which_versions_may_go_and_not_which_are_counted() {
    let world = versioned();
    fill(&world, 5).await;
    put(&world.store, "b", "only one").await;
    let tag = Change::AddTags(sample::tags(&["old"]));
    for number in [1, 3, 4] {
        world.store.change(&version(number), &tag).await.unwrap();
    }
    let tagged = Filter {
        tags: vec![TagFilter::parse("old").unwrap()],
        ..Filter::default()
    };
    let pruned = world
        .store
        .prune(selected(tagged), rule(Some(2), None))
        .await;
    assert_eq!(numbers(pruned.unwrap()).await, (vec![1, 3], vec![]));
    let rest = world
        .store
        .prune(selected(Filter::default()), rule(Some(1), None))
        .await;
    assert_eq!(numbers(rest.unwrap()).await, (vec![2, 4], vec![]));
    assert_eq!(get(&world.store, &uri("a")).await.unwrap(), "version 5");
    assert_eq!(get(&world.store, &uri("b")).await.unwrap(), "only one");
}

#[tokio::test]
async fn more_versions_than_a_page_are_ranked_by_number() {
    const COUNT: u32 = 450;
    let world = versioned();
    // The clock goes back, so that the time of creation says nothing.
    for n in 1..=COUNT {
        put(&world.store, "a", "x").await;
        world.clock.set(sample::at(i64::from(COUNT - n)));
    }
    let pruned = world.store.prune(one("a"), rule(Some(3), None)).await;
    let (gone, _) = numbers(pruned.unwrap()).await;
    assert_eq!(gone, (1..=COUNT - 3).collect::<Vec<_>>());
    let mut left = there(&world).await;
    left.sort_unstable();
    assert_eq!(left, [COUNT - 2, COUNT - 1, COUNT]);
}

#[tokio::test]
async fn one_that_fails_keeps_no_other_and_goes_the_next_time() {
    let world = versioned();
    fill(&world, 6).await;
    let index = Arc::new(FaultyIndex::new(world.index.clone()));
    let store = world.store_with(None, Some(index.clone()));
    let refused = IndexFault::Fail(ErrorKind::PermissionDenied);
    index.inject(IndexOperation::Update, When::Nth(2), refused);
    let pruned = store.prune(one("a"), rule(Some(1), None)).await.unwrap();
    let outcomes: Vec<_> = pruned.collect().await;
    let failures: Vec<_> = outcomes
        .iter()
        .filter_map(|one| one.as_ref().err())
        .collect();
    assert_eq!((outcomes.len(), failures.len()), (5, 1));
    assert!(
        failures[0].message().contains("pruning artifact://"),
        "{}",
        failures[0]
    );
    assert_eq!(there(&world).await.len(), 2);
    let again = store.prune(one("a"), rule(Some(1), None)).await.unwrap();
    assert_eq!(numbers(again).await.0.len(), 1);
    assert_eq!(there(&world).await, [6]);
}

#[tokio::test]
async fn an_upload_prunes_behind_itself_what_is_not_kept() {
    let world = keeping(3);
    fill(&world, 3).await;
    assert_eq!(there(&world).await, [3, 2, 1]);
    hold(&world, 2).await;
    fill(&world, 3).await;
    assert_eq!(there(&world).await, [6, 5, 4, 2]);
    world
        .store
        .change(&version(2), &Change::ReleaseHold)
        .await
        .unwrap();
    fill(&world, 1).await;
    assert_eq!(there(&world).await, [7, 6, 5]);
}

#[tokio::test]
async fn an_upload_does_not_fail_because_pruning_does() {
    let world = keeping(1);
    fill(&world, 1).await;
    let index = Arc::new(FaultyIndex::new(world.index.clone()));
    let store = world.store_with(None, Some(index.clone()));
    for operation in [IndexOperation::Query, IndexOperation::Update] {
        let refused = IndexFault::Fail(ErrorKind::PermissionDenied);
        index.inject(operation, When::Next, refused);
        put(&store, "a", "new").await;
        world.clock.advance(DAY);
        assert_eq!(there(&world).await.len(), 2, "the fault was not met");
    }
    let blobs = Arc::new(FaultyBlobStore::new(world.blobs.clone()));
    let store = world.store_with(Some(blobs.clone()), None);
    let refused = BlobFault::Fail(ErrorKind::PermissionDenied);
    blobs.inject(BlobOperation::Delete, When::Next, refused);
    put(&store, "a", "newest").await;
    // One of the two waits for its bytes to go, and is gone all the same.
    let versions = world.store.versions(&uri("a")).await.unwrap();
    assert_eq!(versions.count().await, 1);
    assert_eq!(world.content_paths().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_that_prune_at_once_leave_what_is_kept() {
    let world = keeping(4);
    let uploads = (0..40).map(|n| {
        let store = world.store.clone();
        tokio::spawn(async move { put(&store, "a", format!("{n}")).await })
    });
    for upload in uploads.collect::<Vec<_>>() {
        upload.await.unwrap();
    }
    // The last to prune may not have been the last to commit.
    let mut left = there(&world).await;
    left.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(left[..4], [40, 39, 38, 37]);
    put(&world.store, "a", "last").await;
    assert_eq!(there(&world).await.len(), 4);
}

#[tokio::test]
async fn only_versions_that_can_be_read_are_listed_counted_and_pruned() {
    let world = World::with_options(StoreOptions {
        supersede: Supersede::Nothing,
        retention: RetentionPolicy {
            default_days: Some(3),
            ..RetentionPolicy::default()
        },
        ..StoreOptions::default()
    });
    fill(&world, 5).await;
    // 1, 2 and 3 have expired by now.
    let listed = world.store.versions(&uri("a")).await.unwrap();
    let listed: Vec<_> = listed.try_collect().await.unwrap();
    let listed: Vec<_> = listed.iter().map(|one| one.version.get()).collect();
    assert_eq!(listed, [5, 4]);
    let pruned = world.store.prune(one("a"), rule(Some(1), None)).await;
    assert_eq!(numbers(pruned.unwrap()).await.0, [4]);
    world.clock.advance(DAY * 3);
    let expired = world.store.versions(&uri("a")).await.err().unwrap();
    assert_eq!(expired.kind(), ErrorKind::Expired);
}

#[tokio::test]
async fn an_artifact_is_named_by_any_of_its_versions_but_pruned_as_a_whole() {
    let world = versioned();
    fill(&world, 2).await;
    let id = world.store.show(&version(1)).await.unwrap().id;
    for name in [uri("a"), version(1), ArtifactRef::Id(id)] {
        let listed = world.store.versions(&name).await.unwrap();
        assert_eq!(listed.count().await, 2, "{name}");
    }
    let none = world.store.versions(&uri("none")).await.err().unwrap();
    assert_eq!(none.kind(), ErrorKind::NotFound);
    for (name, kind) in [
        (version(1), ErrorKind::InvalidInput),
        (uri("none"), ErrorKind::NotFound),
    ] {
        let scope = PruneScope::One(name);
        let error = world.store.prune(scope, rule(Some(1), None)).await;
        assert_eq!(error.err().unwrap().kind(), kind);
    }
    let scope = PruneScope::One(ArtifactRef::Id(id));
    let pruned = world.store.prune(scope, rule(Some(1), None)).await.unwrap();
    assert_eq!(numbers(pruned).await.0, [1]);
}

#[tokio::test]
async fn as_many_as_are_kept_stay_when_others_delete_the_newest_meanwhile() {
    let world = versioned();
    fill(&world, 5).await;
    let faulty = Arc::new(FaultyIndex::new(world.index.clone()));
    let store = world.store_with(None, Some(faulty.clone()));
    // The first look makes the plan, the second is right before the deletions.
    let wait = IndexFault::Delay(Duration::from_millis(100));
    faulty.inject(IndexOperation::Query, When::Nth(2), wait);
    let interfere = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        for number in [4, 5] {
            world.store.delete(&version(number)).await.unwrap();
        }
    };
    let prune = async {
        let pruned = store.prune(one("a"), rule(Some(2), None)).await.unwrap();
        numbers(pruned).await
    };
    let (pruned, ()) = tokio::join!(prune, interfere);
    assert_eq!(pruned, (vec![1], vec![]));
    assert_eq!(there(&world).await, [3, 2]);
}

#[tokio::test]
async fn an_artifact_is_looked_at_once_for_many_of_its_versions() {
    let world = versioned();
    fill(&world, 40).await;
    let queries = world.index.calls(IndexOperation::Query);
    let pruned = world.store.prune(one("a"), rule(Some(2), None)).await;
    assert_eq!(numbers(pruned.unwrap()).await.0.len(), 38);
    let queries = world.index.calls(IndexOperation::Query) - queries;
    assert!(queries <= 4, "{queries} queries for 38 deletions");
}
