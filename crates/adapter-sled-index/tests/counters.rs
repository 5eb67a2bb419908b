//! Counters that somebody else has written: counting anew finds and mends what has drifted.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a panic is the failure, in what its cases share too"
)]

mod database;

use std::path::Path;

use adapter_sled_index::{SledIndex, SledOptions};
use artifact_domain::port::{ArtifactIndex, NewUpload, Recount};
use artifact_domain::{ErrorKind, Result, State};
use artifact_testkit::sample;

async fn open(dir: &Path) -> SledIndex {
    SledIndex::open(dir, SledOptions::default()).await.unwrap()
}

fn upload(name: &str, bytes: u64, limit_bytes: u64) -> NewUpload {
    NewUpload {
        reservation: sample::reservation(bytes, limit_bytes),
        ..sample::upload("spec", "task", "log", name)
    }
}

fn is_refused<T>(outcome: Result<T>) -> bool {
    outcome.is_err_and(|error| error.kind() == ErrorKind::QuotaExceeded)
}

/// Changes what is stored while the index is closed.
fn spoil(dir: &Path, change: impl FnOnce(&sled::Db)) {
    let database = database::opened(dir);
    change(&database);
    database.flush().unwrap();
}

fn counter(state: &str) -> Vec<u8> {
    format!("uspec\0log\0{state}\0HOT\0").into_bytes()
}

fn numbers(numbers: [u64; 3]) -> Vec<u8> {
    numbers.map(u64::to_be_bytes).concat()
}

#[tokio::test]
async fn counters_that_drift_are_found_and_mended() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path()).await;
    for name in ["a", "b"] {
        let id = index.begin(upload(name, 10, 100)).await.unwrap().id;
        index.commit(sample::commit(id, 10)).await.unwrap();
    }
    index.begin(upload("c", 5, 100)).await.unwrap();
    let sound = index.usage().await.unwrap();
    drop(index);

    let too_much = numbers([7, 20, 1_000]);
    spoil(dir.path(), |db| {
        assert!(db.insert(counter("ACTIVE"), too_much).unwrap().is_some());
        assert!(db.remove(counter("UPLOADING")).unwrap().is_some());
    });
    let index = open(dir.path()).await;
    assert!(is_refused(index.begin(upload("d", 1, 100)).await));
    let found = index.recount(false).await.unwrap();
    let stored = |of: State| {
        let mut drifts = found.drifts.iter();
        let drift = drifts.find(|drift| drift.kept.state == of).unwrap();
        (
            drift.kept.stored_size_bytes,
            drift.counted.stored_size_bytes,
        )
    };
    assert_eq!(stored(State::Active), (1_000, 20));
    assert_eq!(stored(State::Uploading), (0, 5));
    assert_eq!((found.drifts.len(), found.unreadable), (2, 0));
    assert_ne!(
        index.usage().await.unwrap(),
        sound,
        "it was only to be found"
    );
    assert_eq!(index.recount(true).await.unwrap(), found);
    assert_eq!(index.usage().await.unwrap(), sound);
    // What admission had summed up is forgotten.
    assert!(is_refused(index.begin(upload("d", 76, 100)).await));
    index.begin(upload("d", 75, 100)).await.unwrap();
    drop(index);

    spoil(dir.path(), |db| {
        db.insert(counter("ACTIVE"), b"torn").unwrap();
        db.insert(b"u", numbers([1, 1, 1])).unwrap();
    });
    let index = open(dir.path()).await;
    let error = index.usage().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(error.hint().unwrap().contains("verify --repair"));
    assert_eq!(index.recount(true).await.unwrap().unreadable, 2);
    assert_eq!(index.recount(true).await.unwrap(), Recount::default());
    drop(index);
    assert!(
        open(dir.path())
            .await
            .recount(false)
            .await
            .unwrap()
            .is_sound()
    );
}
