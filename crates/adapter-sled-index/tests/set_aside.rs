//! Setting an index aside: what it leaves, when it is refused, and the mark that tells an empty
//! index from one of an empty store.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a panic is the failure, in what its cases share too"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use adapter_sled_index::{SledIndex, SledOptions};
use artifact_domain::port::ArtifactIndex;
use artifact_domain::query::{Filter, Query};
use artifact_domain::{ArtifactRecord, ErrorKind};
use artifact_testkit::sample;

async fn open(dir: &Path) -> SledIndex {
    SledIndex::open(dir, SledOptions::default()).await.unwrap()
}

async fn add(index: &SledIndex, name: &str) -> ArtifactRecord {
    let upload = sample::upload("spec", "task", "log", name);
    let commit = sample::commit(upload.id, 10);
    index.begin(upload).await.unwrap();
    index.commit(commit).await.unwrap().record
}

async fn records(index: &SledIndex) -> Vec<ArtifactRecord> {
    let page = index.query(Query::new(Filter::default(), sample::now()));
    page.await.unwrap().items
}

/// A directory for an index, in one that is removed.
fn place() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().canonicalize().unwrap().join("index.sled");
    (parent, dir)
}

fn aside(dir: &Path, number: u32) -> PathBuf {
    dir.with_file_name(format!("index.sled.damaged-{number}"))
}

#[tokio::test]
async fn the_mark_survives_reopening() {
    let (_parent, dir) = place();
    for _ in 0..2 {
        assert!(!open(&dir).await.is_complete().await.unwrap());
    }
    open(&dir).await.mark_complete().await.unwrap();
    assert!(open(&dir).await.is_complete().await.unwrap());
}

#[tokio::test]
async fn what_is_set_aside_is_whole_and_makes_room_for_an_empty_index() {
    let (_parent, dir) = place();
    for number in 1..=2 {
        let index = open(&dir).await;
        let record = add(&index, "a").await;
        index.mark_complete().await.unwrap();
        drop(index);
        let moved = SledIndex::set_aside(&dir).await.unwrap().unwrap();
        assert_eq!(moved, aside(&dir, number));
        let index = open(&dir).await;
        assert!(records(&index).await.is_empty());
        assert!(index.usage().await.unwrap().is_empty());
        assert!(!index.is_complete().await.unwrap());
        let old = open(&moved).await;
        assert_eq!(records(&old).await, [record]);
        assert!(old.is_complete().await.unwrap());
    }
}

#[tokio::test]
async fn an_index_that_is_open_is_not_set_aside() {
    let (_parent, dir) = place();
    let index = open(&dir).await;
    let record = add(&index, "a").await;
    let error = SledIndex::set_aside(&dir).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.message().contains("index.sled"), "{error}");
    assert!(error.hint().unwrap().contains("stop"), "{error:?}");
    assert_eq!(records(&index).await, [record]);
    drop(index);
    assert!(SledIndex::set_aside(&dir).await.unwrap().is_some());
}

/// Who waited for the lock has the right directory once it is given back.
#[tokio::test]
async fn who_waits_meanwhile_opens_the_empty_index() {
    let (_parent, dir) = place();
    let index = open(&dir).await;
    add(&index, "a").await;
    let waiting = tokio::spawn({
        let dir = dir.clone();
        async move { open(&dir).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(index);
    // Either may come first: then the other is refused, or finds nothing.
    let moved = SledIndex::set_aside(&dir).await;
    let second = waiting.await.unwrap();
    let left = records(&second).await.len();
    match moved {
        Ok(moved) => assert_eq!((moved, left), (Some(aside(&dir, 1)), 0)),
        Err(error) => assert_eq!((error.kind(), left), (ErrorKind::Locked, 1)),
    }
    let third = SledOptions {
        lock_timeout: Duration::ZERO,
        ..SledOptions::default()
    };
    let third = SledIndex::open(&dir, third).await;
    assert_eq!(third.unwrap_err().kind(), ErrorKind::Locked);
}

#[tokio::test]
async fn what_is_damaged_is_set_aside_as_it_is() {
    let (_parent, dir) = place();
    for (number, file) in (1..).zip(["db/db", "generation", "synced"]) {
        let index = open(&dir).await;
        add(&index, "a").await;
        drop(index);
        let garbage = vec![0x5a; 50_000];
        fs::write(dir.join(file), &garbage).unwrap();
        let opened = SledIndex::open(&dir, SledOptions::default()).await;
        assert_eq!(opened.unwrap_err().kind(), ErrorKind::Integrity, "{file}");
        // sled cuts off what it can't read of its file.
        fs::write(dir.join(file), &garbage).unwrap();
        let moved = SledIndex::set_aside(&dir).await.unwrap().unwrap();
        assert_eq!(moved, aside(&dir, number));
        for name in ["db", "generation", "synced"] {
            assert!(moved.join(name).exists() && !dir.join(name).exists());
        }
        assert_eq!(fs::read(moved.join(file)).unwrap(), garbage, "{file}");
        assert!(!open(&dir).await.is_complete().await.unwrap());
    }
}

/// What a crash in the middle of setting aside leaves.
#[tokio::test]
async fn what_is_left_of_an_index_is_set_aside_too() {
    let (_parent, dir) = place();
    add(&open(&dir).await, "a").await;
    fs::create_dir(aside(&dir, 1)).unwrap();
    fs::rename(dir.join("db"), aside(&dir, 1).join("db")).unwrap();
    let opened = SledIndex::open(&dir, SledOptions::default()).await;
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::Integrity);
    let moved = SledIndex::set_aside(&dir).await.unwrap();
    assert_eq!(moved, Some(aside(&dir, 2)));
    assert!(records(&open(&dir).await).await.is_empty());
}

#[tokio::test]
async fn where_nothing_is_nothing_is_set_aside_or_left() {
    let (parent, dir) = place();
    assert_eq!(SledIndex::set_aside(&dir).await.unwrap(), None);
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    drop(open(&dir).await);
    assert!(SledIndex::set_aside(&dir).await.unwrap().is_some());
    // Only the lock is there now.
    assert_eq!(SledIndex::set_aside(&dir).await.unwrap(), None);
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    let error = SledIndex::set_aside(&file).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
