//! Listing: everything below a prefix, exactly once, and nothing else.

use std::collections::BTreeSet;

use artifact_domain::port::BlobStore;
use artifact_domain::{BlobKey, BlobPrefix, SpecName, TaskId};
use futures::{StreamExt, TryStreamExt, stream};

use super::{paths, put, read};
use crate::{Subject, sample};

fn key(spec: &str, task: &str, artifact_type: &str, name: &str) -> BlobKey {
    sample::content_key(&sample::coordinate(spec, task, artifact_type, name))
}

fn sorted(keys: &[&BlobKey]) -> Vec<String> {
    let paths: BTreeSet<_> = keys.iter().map(ToString::to_string).collect();
    paths.into_iter().collect()
}

fn spec(name: &str) -> SpecName {
    name.parse().unwrap()
}

fn task(name: &str) -> TaskId {
    name.parse().unwrap()
}

/// A prefix lists all, a spec, or a task, whatever the depth.
pub async fn a_prefix_selects_all_a_spec_or_a_task(store: Subject<dyn BlobStore>) {
    let log = key("s", "1", "log", "build.log");
    let deep = key("s", "1", "code", "a/b/c/d/e/main.rs");
    let metadata = BlobKey::task_metadata(&spec("s"), &task("1"));
    let other_task = key("s", "2", "log", "build.log");
    let other_spec = key("t", "1", "log", "build.log");
    let all = [&log, &deep, &metadata, &other_task, &other_spec];
    for key in all {
        put(&*store, key, "x").await;
    }
    let of_task = BlobPrefix::task(&spec("s"), &task("1"));
    let of_spec = BlobPrefix::spec(&spec("s"));
    assert_eq!(
        paths(&*store, of_task).await,
        sorted(&[&log, &deep, &metadata])
    );
    assert_eq!(
        paths(&*store, of_spec).await,
        sorted(&[&log, &deep, &metadata, &other_task])
    );
    assert_eq!(paths(&*store, BlobPrefix::all()).await, sorted(&all));
}

/// The metadata of a task is listed with it, and what is not folded into it alone too.
pub async fn the_metadata_of_a_task_is_listed_with_it(store: Subject<dyn BlobStore>) {
    let (spec, task) = (spec("s"), task("1"));
    let whole = BlobKey::task_metadata(&spec, &task);
    let delta = || BlobKey::task_metadata_delta(&spec, &task, sample::fresh_id().into());
    let (first, second) = (delta(), delta());
    for key in [&whole, &first, &second] {
        put(&*store, key, "{}").await;
    }
    let deltas = || BlobPrefix::task_metadata_deltas(&spec, &task);
    let of_task = paths(&*store, BlobPrefix::task(&spec, &task)).await;
    assert_eq!(of_task, sorted(&[&whole, &first, &second]));
    assert_eq!(paths(&*store, deltas()).await, sorted(&[&first, &second]));
    store.delete(vec![first, second]).await.unwrap();
    assert_eq!(paths(&*store, deltas()).await, [""; 0]);
    assert_eq!(read(&*store, &whole).await.unwrap(), "{}");
}

/// A spec or task is not mixed up with those whose name begins with its name.
pub async fn names_that_begin_alike_are_not_mixed_up(store: Subject<dyn BlobStore>) {
    let names = ["a", "ab", "a/b", "a%", "A", "a."];
    let keys: Vec<_> = names.map(|name| key(name, name, "log", "x")).into();
    for key in &keys {
        put(&*store, key, "x").await;
    }
    for (name, key) in names.into_iter().zip(&keys) {
        let of_spec = BlobPrefix::spec(&spec(name));
        let of_task = BlobPrefix::task(&spec(name), &task(name));
        assert_eq!(paths(&*store, of_spec).await, [key.as_str()]);
        assert_eq!(paths(&*store, of_task).await, [key.as_str()]);
    }
}

/// A prefix below which there is nothing gives no items and no error, in an empty store too.
pub async fn an_empty_prefix_gives_nothing(store: Subject<dyn BlobStore>) {
    let of_task = || BlobPrefix::task(&spec("s"), &task("1"));
    for prefix in [BlobPrefix::all(), BlobPrefix::spec(&spec("s")), of_task()] {
        assert_eq!(paths(&*store, prefix).await, [""; 0]);
    }
    put(&*store, &key("s", "2", "log", "x"), "x").await;
    assert_eq!(paths(&*store, of_task()).await, [""; 0]);
}

/// What was deleted is not listed, and its empty folders are neither.
pub async fn what_was_deleted_is_not_listed(store: Subject<dyn BlobStore>) {
    let (gone, kept) = (key("s", "1", "log", "a/b/c"), key("s", "1", "log", "a/x"));
    for key in [&gone, &kept] {
        put(&*store, key, "x").await;
    }
    store.delete(vec![gone]).await.unwrap();
    assert_eq!(
        paths(&*store, BlobPrefix::all()).await,
        [kept.as_str()],
        "with a sibling left"
    );
    store.delete(vec![kept]).await.unwrap();
    assert_eq!(paths(&*store, BlobPrefix::all()).await, [""; 0]);
}

/// 2,500 blobs, more than any backend gives in one page, are listed exactly once, with the size
/// of each.
pub async fn thousands_of_blobs_are_listed_exactly_once(store: Subject<dyn BlobStore>) {
    let number = |n: usize| {
        (
            n,
            key("s", &(n % 7).to_string(), "log", &format!("{n}.log")),
        )
    };
    let blobs: Vec<_> = (0..2_500).map(number).collect();
    stream::iter(&blobs)
        .for_each_concurrent(64, |(n, key)| put(&*store, key, vec![b'x'; n % 50]))
        .await;
    let mut expected: Vec<_> = blobs
        .iter()
        .map(|(n, key)| (key.to_string(), (n % 50) as u64))
        .collect();
    expected.sort();
    let found: Vec<_> = super::listed(&*store, BlobPrefix::all())
        .await
        .into_iter()
        .map(|item| (item.path, item.stat.size_bytes))
        .collect();
    assert!(found == expected, "{} of 2500 listed", found.len());
}

/// Blobs that are there for the whole time of a listing are in it exactly once, whatever is put
/// and deleted meanwhile.
pub async fn changes_meanwhile_hide_nothing(store: Subject<dyn BlobStore>) {
    let stays: Vec<_> = (0..300)
        .map(|n| key("s", "1", "log", &format!("stays/{n}")))
        .collect();
    let goes: Vec<_> = (0..300)
        .map(|n| key("s", "1", "log", &format!("goes/{n}")))
        .collect();
    stream::iter(stays.iter().chain(&goes))
        .for_each_concurrent(64, |key| put(&*store, key, "x"))
        .await;
    let port = store.port();
    let changing = tokio::spawn(async move {
        for (n, gone) in goes.into_iter().enumerate() {
            port.delete(vec![gone]).await.unwrap();
            put(&*port, &key("s", "1", "log", &format!("comes/{n}")), "x").await;
        }
    });
    let expected: BTreeSet<_> = stays.iter().map(ToString::to_string).collect();
    for _ in 0..5 {
        let listing = store.list(BlobPrefix::all()).await.unwrap();
        let found: Vec<_> = listing.try_collect().await.unwrap();
        let stayed: Vec<_> = found
            .into_iter()
            .map(|item| item.path)
            .filter(|path| path.contains("/stays/"))
            .collect();
        assert_eq!(stayed.len(), 300);
        assert_eq!(stayed.into_iter().collect::<BTreeSet<_>>(), expected);
    }
    changing.await.unwrap();
}

/// A listing can be dropped before its end.
pub async fn a_listing_can_be_dropped(store: Subject<dyn BlobStore>) {
    for n in 0..5 {
        put(&*store, &key("s", "1", "log", &n.to_string()), "x").await;
    }
    let mut listing = store.list(BlobPrefix::all()).await.unwrap();
    assert!(listing.next().await.is_some());
    drop(listing);
    assert_eq!(paths(&*store, BlobPrefix::all()).await.len(), 5);
}
