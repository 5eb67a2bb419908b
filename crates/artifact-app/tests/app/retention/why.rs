//! Why something is still there, or is not.

use artifact_app::{Fate, KeepFor};
use artifact_domain::port::ArtifactIndex;
use artifact_domain::{ArtifactRef, ErrorKind, State};
use artifact_testkit::sample;

use super::{days, hold, put, put_for, rules, with_rules};
use crate::world::World;

#[tokio::test]
async fn why_tells_the_rule_the_time_and_what_keeps_it() {
    let world = World::new();
    let store = with_rules(&world, rules());
    let of = |record: &artifact_domain::ArtifactRecord| ArtifactRef::Id(record.id);
    let log = put(&store, "1", "log", "log").await;
    let own = put_for(&store, "1", "log", "own", Some(1)).await;
    let held = put(&store, "1", "log", "held").await;
    hold(&world, &held).await;
    let ever = put(&store, "1", "log", "ever").await;
    store
        .set_retention(&of(&ever), KeepFor::Ever)
        .await
        .unwrap();

    let end = |count| sample::now().saturating_add(days(count));
    let why = store.why(&of(&log)).await.unwrap();
    assert_eq!(why.fate, Fate::Ends(end(7)));
    assert_eq!(why.ruling.to_string(), "by_type log: 7 days");
    assert!(!why.is_stale());
    world.clock.advance(days(1));
    let why = store.why(&of(&own)).await.unwrap();
    assert_eq!(why.fate, Fate::Expired(end(1)));
    let why = store.why(&of(&held)).await.unwrap();
    assert!(matches!(why.fate, Fate::Held(found) if found.by.as_deref() == Some("ann")));
    assert_eq!(why.expires_at, Some(end(7)));
    let why = store.why(&of(&ever)).await.unwrap();
    assert_eq!(why.fate, Fate::Unending);
    assert_eq!(why.ruling.to_string(), "own days: never");

    let mut other = rules();
    other.days_by_type.clear();
    let why = with_rules(&world, other).why(&of(&log)).await.unwrap();
    assert_eq!(why.ruling.to_string(), "default_days: 30 days");
    assert_eq!(why.fate, Fate::Ends(end(30)));
    assert!(why.is_stale(), "its record says 7 days still");
}

#[tokio::test]
async fn why_tells_the_place_among_the_latest() {
    let world = World::new();
    let mut rules = rules();
    rules.keep_latest = 2;
    rules.keep_latest_by_task = super::patterns([("a*", 1)]);
    let store = with_rules(&world, rules);
    let mut all = Vec::new();
    for task in ["a1", "b", "b", "b"] {
        world.clock.advance(days(1));
        all.push(put(&store, task, "log", "x").await);
    }
    let mut fates = Vec::new();
    for record in &all {
        fates.push(
            match store.why(&ArtifactRef::Id(record.id)).await.unwrap().fate {
                Fate::Latest(group, rank) => format!("{rank} of {group}"),
                fate => format!("{fate:?}").chars().take(4).collect(),
            },
        );
    }
    assert_eq!(
        fates,
        [
            "1 of the latest 1 of its spec and type in tasks a*",
            "Ends",
            "2 of the latest 2 of its spec and type",
            "1 of the latest 2 of its spec and type",
        ]
    );
}

#[tokio::test]
async fn why_tells_of_what_is_deleted_as_long_as_its_record_is_there() {
    let world = World::new();
    let store = with_rules(&world, rules());
    let record = put(&store, "1", "log", "a").await;
    let marked = record.clone().into_deleted().unwrap();
    world.index.update(marked).await.unwrap();
    let uri = ArtifactRef::Uri(record.uri());
    let why = store.why(&uri).await.unwrap();
    assert_eq!(
        (why.fate, why.record.state),
        (Fate::Deleted, State::Deleted)
    );
    world.index.remove(record.id).await.unwrap();
    let error = store.why(&uri).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
