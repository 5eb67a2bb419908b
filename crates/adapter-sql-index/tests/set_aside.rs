//! Setting an index aside: what it leaves, when it is refused, and the mark that tells an empty
//! index from one of an empty store.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use adapter_sql_index::{SqliteIndex, SqliteOptions};
use artifact_domain::port::ArtifactIndex;
use artifact_domain::query::{Filter, Query};
use artifact_domain::{ArtifactRecord, ErrorKind};
use artifact_testkit::sample;
use rusqlite::Connection;

async fn open(path: &Path) -> SqliteIndex {
    let index = SqliteIndex::open(path, SqliteOptions::default());
    index.await.unwrap()
}

async fn add(index: &SqliteIndex, name: &str) -> ArtifactRecord {
    let upload = sample::upload("s", "t", "log", name);
    let commit = sample::commit(upload.id, 10);
    index.begin(upload).await.unwrap();
    index.commit(commit).await.unwrap().record
}

async fn records(index: &SqliteIndex) -> Vec<ArtifactRecord> {
    let page = index.query(Query::new(Filter::default(), sample::now()));
    page.await.unwrap().items
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    format!("{}{suffix}", path.display()).into()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn the_mark_survives_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.sqlite");
    for _ in 0..2 {
        assert!(!open(&path).await.is_complete().await.unwrap());
    }
    open(&path).await.mark_complete().await.unwrap();
    assert!(open(&path).await.is_complete().await.unwrap());
}

#[tokio::test]
async fn what_is_set_aside_is_whole_and_makes_room_for_an_empty_index() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.sqlite");
    for number in 1..=2 {
        let index = open(&path).await;
        let record = add(&index, "a").await;
        index.mark_complete().await.unwrap();
        drop(index);
        let aside = once_closed(&path).await.unwrap();
        assert_eq!(aside, beside(&path, &format!(".damaged-{number}")));
        assert!(!path.exists());
        let index = open(&path).await;
        assert!(records(&index).await.is_empty());
        assert!(index.usage().await.unwrap().is_empty());
        assert!(!index.is_complete().await.unwrap());
        let old = open(&aside).await;
        assert_eq!(records(&old).await, [record]);
        assert!(old.is_complete().await.unwrap());
    }
}

/// A crash leaves changes in the log alone: they must go with the database, and be found there.
#[tokio::test]
async fn the_log_goes_with_its_database() {
    let directory = tempfile::tempdir().unwrap();
    let (path, crashed) = (
        directory.path().join("index.sqlite"),
        directory.path().join("crashed.sqlite"),
    );
    let index = open(&path).await;
    let record = add(&index, "a").await;
    for suffix in ["", "-wal", "-shm"] {
        fs::copy(beside(&path, suffix), beside(&crashed, suffix)).unwrap();
    }
    drop(index);
    let aside = SqliteIndex::set_aside(&crashed).await.unwrap().unwrap();
    for suffix in ["", "-wal", "-shm"] {
        assert!(!beside(&crashed, suffix).exists(), "{suffix}");
        assert!(beside(&aside, suffix).exists(), "{suffix}");
    }
    let connection = Connection::open(&aside).unwrap();
    let id: Vec<u8> = connection
        .query_row("SELECT id FROM artifact", (), |row| row.get(0))
        .unwrap();
    assert_eq!(id, record.id.as_uuid().as_bytes());
}

#[tokio::test]
async fn an_index_that_is_open_is_not_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.sqlite");
    let (first, second) = (open(&path).await, open(&path).await);
    let record = add(&first, "a").await;
    for index in [first, second] {
        let error = SqliteIndex::set_aside(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked);
        assert!(error.message().contains("index.sqlite"), "{error}");
        assert!(error.hint().unwrap().contains("stop"), "{error:?}");
        assert_eq!(records(&index).await, std::slice::from_ref(&record));
        drop(index);
    }
    assert!(once_closed(&path).await.is_some());
}

/// Sets an index aside of which a reader that has just answered may not have let go yet.
async fn once_closed(path: &Path) -> Option<PathBuf> {
    let mut tries = 0;
    loop {
        match SqliteIndex::set_aside(path).await {
            Err(error) if error.kind() == ErrorKind::Locked && tries < 500 => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            aside => return aside.unwrap(),
        }
    }
}

#[tokio::test]
async fn whatever_is_there_is_set_aside_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.sqlite");
    let garbage = [0x5a_u8; 5_000];
    for (number, content) in (1..).zip([&garbage[..], b"", b"SQLite format 3\0"]) {
        fs::write(&path, content).unwrap();
        let opened = SqliteIndex::open(&path, SqliteOptions::default()).await;
        assert_eq!(opened.unwrap_err().kind(), ErrorKind::Integrity);
        let aside = SqliteIndex::set_aside(&path).await.unwrap().unwrap();
        assert_eq!(aside, beside(&path, &format!(".damaged-{number}")));
        assert_eq!(fs::read(&aside).unwrap(), content);
    }
    assert!(!open(&path).await.is_complete().await.unwrap());
}

/// What a crash in the middle of setting aside leaves.
#[tokio::test]
async fn a_log_without_its_database_is_set_aside_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.sqlite");
    fs::write(beside(&path, "-wal"), "log").unwrap();
    fs::write(beside(&path, ".damaged-1"), "database").unwrap();
    let opened = SqliteIndex::open(&path, SqliteOptions::default()).await;
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::Integrity);
    let aside = SqliteIndex::set_aside(&path).await.unwrap().unwrap();
    assert_eq!(aside, beside(&path, ".damaged-2"));
    assert_eq!(fs::read(beside(&aside, "-wal")).unwrap(), b"log");
    assert!(records(&open(&path).await).await.is_empty());
}

#[tokio::test]
async fn where_nothing_is_nothing_is_set_aside_or_left() {
    let directory = tempfile::tempdir().unwrap();
    for path in ["index.sqlite", "a/b/index.sqlite"] {
        let path = directory.path().join(path);
        assert_eq!(SqliteIndex::set_aside(path).await.unwrap(), None);
    }
    assert!(names(directory.path()).is_empty());
    let error = SqliteIndex::set_aside(directory.path()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.hint().is_some());
}

/// Without the lock an index is used as ever; only setting it aside needs it.
#[tokio::test]
async fn an_index_is_opened_where_its_lock_cannot_be_taken() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.sqlite");
    // Nobody can open a link to itself, not even root.
    #[cfg(unix)]
    std::os::unix::fs::symlink("index.sqlite.lock", beside(&path, ".lock")).unwrap();
    let index = open(&path).await;
    add(&index, "a").await;
    assert_eq!(records(&index).await.len(), 1);
    drop(index);
    assert!(cfg!(not(unix)) || SqliteIndex::set_aside(&path).await.is_err());
    assert!(cfg!(not(unix)) || path.exists());
}
