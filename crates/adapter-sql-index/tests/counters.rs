//! Counters that somebody else has written: what admission reads of them, and how counting anew
//! finds and mends what has drifted.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;

use adapter_sql_index::{SqliteIndex, SqliteOptions};
use artifact_domain::port::{ArtifactIndex, NewUpload, Recount, UsageRow};
use artifact_domain::{ErrorKind, Result, State};
use artifact_testkit::sample;
use rusqlite::Connection;

async fn open(path: &Path) -> SqliteIndex {
    let index = SqliteIndex::open(path, SqliteOptions::default());
    index.await.unwrap()
}

fn upload(name: &str, bytes: u64, limit_bytes: u64) -> NewUpload {
    NewUpload {
        reservation: sample::reservation(bytes, limit_bytes),
        ..sample::upload("spec", "task", "log", name)
    }
}

/// Two versions of 10 bytes each, and an upload that has reserved 5.
async fn fill(index: &SqliteIndex) {
    for name in ["a", "b"] {
        let id = index.begin(upload(name, 10, 100)).await.unwrap().id;
        index.commit(sample::commit(id, 10)).await.unwrap();
    }
    index.begin(upload("c", 5, 100)).await.unwrap();
}

fn is_refused<T>(outcome: Result<T>) -> bool {
    outcome.is_err_and(|error| error.kind() == ErrorKind::QuotaExceeded)
}

#[tokio::test]
async fn what_others_store_counts_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.sqlite");
    let (one, other) = (open(&path).await, open(&path).await);
    // Each has summed up before the other writes, again and again.
    let mut held = 0;
    for n in 0..10 {
        let (index, name) = ([&one, &other][n % 2], format!("{n}"));
        assert!(is_refused(index.begin(upload(&name, 11, held + 10)).await));
        index.begin(upload(&name, 10, held + 10)).await.unwrap();
        held += 10;
    }
    assert!(is_refused(one.begin(upload("more", 1, held)).await));
}

#[tokio::test]
async fn changes_of_one_transaction_see_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.sqlite");
    let index = open(&path).await;
    // Nobody can write meanwhile, so those that follow are made in one transaction.
    let blocker = Connection::open(&path).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begins = (0..50).map(|n| index.begin(upload(&format!("{n}"), 10, 205)));
    let begins = futures::future::join_all(begins);
    let release = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        blocker.execute_batch("ROLLBACK").unwrap();
    };
    let (outcomes, ()) = tokio::join!(begins, release);
    let (began, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(began.len(), 20);
    assert!(refused.into_iter().all(is_refused));
    assert!(index.recount(false).await.unwrap().is_sound());
}

#[tokio::test]
async fn counters_that_drift_are_found_and_mended() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.sqlite");
    let index = open(&path).await;
    fill(&index).await;
    let sound = index.usage().await.unwrap();
    let spoil = |sql: &str| {
        let spoilt = Connection::open(&path).unwrap().execute(sql, ()).unwrap();
        assert_eq!(spoilt, 1, "{sql}");
    };
    let stored = |row: &UsageRow| (row.count, row.stored_size_bytes);

    spoil("UPDATE usage SET count = 7, stored_size_bytes = 1000 WHERE state = 'ACTIVE'");
    assert!(is_refused(index.begin(upload("d", 1, 100)).await));
    let found = index.recount(false).await.unwrap();
    assert_eq!(found.drifts.len(), 1);
    assert_eq!(stored(&found.drifts[0].kept), (7, 1_000));
    assert_eq!(stored(&found.drifts[0].counted), (2, 20));
    assert_ne!(
        index.usage().await.unwrap(),
        sound,
        "it was only to be found"
    );
    assert_eq!(index.recount(true).await.unwrap(), found);
    assert_eq!(index.usage().await.unwrap(), sound);

    spoil("DELETE FROM usage WHERE state = 'UPLOADING'");
    let found = index.recount(true).await.unwrap();
    assert_eq!(found.drifts[0].counted.state, State::Uploading);
    assert_eq!(stored(&found.drifts[0].kept), (0, 0));

    spoil("UPDATE usage SET count = -3 WHERE state = 'ACTIVE'");
    spoil("INSERT INTO usage VALUES ('', 'log', 'ACTIVE', 'HOT', 1, 1, 90)");
    assert!(index.usage().await.is_err());
    let found = index.recount(true).await.unwrap();
    assert_eq!(found.unreadable, 2);
    assert_eq!(index.usage().await.unwrap(), sound);
    assert_eq!(index.recount(true).await.unwrap(), Recount::default());

    // There is room for exactly what is left of the limit.
    assert!(is_refused(index.begin(upload("d", 76, 100)).await));
    index.begin(upload("d", 75, 100)).await.unwrap();
}

#[tokio::test]
async fn a_repair_beside_writers_loses_none_of_what_they_count() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.sqlite");
    let index = open(&path).await;
    fill(&index).await;
    let spoil = "UPDATE usage SET count = count + 1, size_bytes = size_bytes + 5";
    for round in 0..10 {
        Connection::open(&path).unwrap().execute(spoil, ()).unwrap();
        let writers = (0..20).map(async |n| {
            let name = format!("{round}-{n}");
            let id = index.begin(upload(&name, 3, 10_000)).await.unwrap().id;
            index.commit(sample::commit(id, 2)).await.unwrap();
        });
        let writers = futures::future::join_all(writers);
        let (_, repaired) = tokio::join!(writers, index.recount(true));
        assert!(!repaired.unwrap().is_sound());
        assert!(index.recount(false).await.unwrap().is_sound());
    }
}
