//! Many writers at once: of one process, which share transactions, and of several, which take
//! turns.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use adapter_sql_index::{SqliteIndex, SqliteOptions};
use artifact_domain::port::ArtifactIndex;
use artifact_domain::query::{Filter, Query, Versions};
use artifact_domain::{ArtifactId, State};
use artifact_testkit::sample;
use futures::future::join_all;
use rusqlite::Connection;

async fn open(path: &Path) -> Arc<SqliteIndex> {
    let index = SqliteIndex::open(path, SqliteOptions::default());
    Arc::new(index.await.unwrap())
}

fn temporary() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.sqlite");
    (directory, path)
}

/// How many transactions the write-ahead log has: each ends with a frame that gives the size of
/// the database, which in the others is 0. <https://sqlite.org/fileformat2.html#walformat>
fn transactions(path: &Path) -> usize {
    const HEADER: usize = 32;
    const FRAME: usize = 24 + 4_096;
    let log = std::fs::read(path.with_extension("sqlite-wal")).unwrap();
    let frames = log[HEADER..].chunks_exact(FRAME);
    frames.filter(|frame| frame[4..8] != [0; 4]).count()
}

#[tokio::test]
async fn commits_that_wait_share_a_transaction() {
    const COMMITS: usize = 100;
    let (_directory, path) = temporary();
    let index = open(&path).await;
    let mut ids = Vec::new();
    for n in 0..COMMITS {
        let upload = sample::upload("s", "t", "log", &format!("{n}"));
        ids.push(upload.id);
        index.begin(upload).await.unwrap();
    }
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let before = transactions(&path);
    let commits = ids.iter().map(|id| index.commit(sample::commit(*id, 10)));
    let mut commits = Box::pin(join_all(commits));
    // Hands all of them to the writer, which waits for the lock with what it has taken.
    assert!(futures::poll!(commits.as_mut()).is_pending());
    other.execute_batch("ROLLBACK").unwrap();
    let outcomes = commits.await;
    assert!(outcomes.iter().all(Result::is_ok));
    let shared = transactions(&path) - before;
    // One with what it had taken first, one with all that came meanwhile.
    assert!((1..=2).contains(&shared), "{shared} transactions");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_handles_see_each_others_changes_at_once() {
    let (_directory, path) = temporary();
    let (one, other) = (open(&path).await, open(&path).await);
    for n in 0..20 {
        let upload = sample::upload("s", "t", "log", &format!("{n}"));
        let id = upload.id;
        one.begin(upload).await.unwrap();
        other.commit(sample::commit(id, 10)).await.unwrap();
        let found = one.find(id).await.unwrap().unwrap();
        assert_eq!(found.state, State::Active);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_a_new_index_at_once_gives_one_index() {
    let (_directory, path) = temporary();
    let opened = join_all((0..16).map(|_| async {
        let index = open(&path).await;
        index.begin(sample::upload("s", "t", "log", "a")).await
    }));
    let mut versions: Vec<_> = opened
        .await
        .into_iter()
        .map(|r| r.unwrap().version)
        .collect();
    versions.sort_unstable();
    let expected: Vec<_> = (1..=16)
        .map(|n| artifact_domain::Version::new(n).unwrap())
        .collect();
    assert_eq!(versions, expected);
}

/// Runs itself again as eight processes that begin at once, on an index that is not there yet.
#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_lose_nothing() {
    const TARGET: &str = "ARTIFACT_TEST_INDEX";
    const NUMBER: &str = "ARTIFACT_TEST_NUMBER";
    const PROCESSES: u32 = 8;
    const UPLOADS: u32 = 50;
    if let Some(path) = std::env::var_os(TARGET) {
        let number: u32 = std::env::var(NUMBER).unwrap().parse().unwrap();
        return upload_all(Path::new(&path), number * UPLOADS, UPLOADS).await;
    }
    let (_directory, path) = temporary();
    let children: Vec<_> = (0..PROCESSES)
        .map(|number| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "eight_processes_lose_nothing"])
                .env(TARGET, &path)
                .env(NUMBER, number.to_string())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
        assert!(said.contains("1 passed"), "{said}");
    }
    let index = open(&path).await;
    let filter = Filter {
        versions: Versions::All,
        ..Filter::default()
    };
    let all = index
        .query(Query::new(filter, sample::now()))
        .await
        .unwrap();
    let mut versions: Vec<_> = all.items.iter().map(|r| r.version.get()).collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=PROCESSES * UPLOADS).collect::<Vec<_>>());
    let counted: u64 = index
        .usage()
        .await
        .unwrap()
        .iter()
        .map(|row| row.count)
        .sum();
    assert_eq!(counted, u64::from(PROCESSES * UPLOADS));
}

/// Uploads to one coordinate, half of it one after another, half of it at once.
async fn upload_all(path: &Path, first: u32, count: u32) {
    let index = open(path).await;
    let upload = |id: ArtifactId| {
        let index = Arc::clone(&index);
        async move {
            let mut upload = sample::upload("s", "t", "log", "a");
            upload.id = id;
            index.begin(upload).await.unwrap();
            index.commit(sample::commit(id, 10)).await.unwrap();
        }
    };
    let ids: Vec<_> = (first..first + count).map(sample::id).collect();
    let (one_by_one, at_once) = ids.split_at(ids.len() / 2);
    for id in one_by_one {
        upload(*id).await;
    }
    join_all(at_once.iter().copied().map(upload)).await;
}
