//! Opening and closing: standing in line, staying what it was, and refusing what is damaged.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a panic is the failure, in what its cases share too"
)]

mod database;

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use adapter_sled_index::{Durability, SledIndex, SledOptions};
use artifact_domain::port::{ArtifactIndex, NewUpload};
use artifact_domain::query::{Filter, Query};
use artifact_domain::{ArtifactRecord, Error, ErrorKind};
use artifact_testkit::sample;

fn patience(timeout: Duration) -> SledOptions {
    SledOptions {
        lock_timeout: timeout,
        ..SledOptions::default()
    }
}

async fn open(dir: &Path) -> SledIndex {
    SledIndex::open(dir, SledOptions::default()).await.unwrap()
}

async fn open_error(dir: &Path) -> Error {
    SledIndex::open(dir, patience(Duration::ZERO))
        .await
        .unwrap_err()
}

async fn add(index: &SledIndex, upload: NewUpload) -> ArtifactRecord {
    let begun = index.begin(upload).await.unwrap();
    let commit = sample::commit(begun.id, 10);
    index.commit(commit).await.unwrap().record
}

async fn add_many(index: &SledIndex, count: u32) -> Vec<ArtifactRecord> {
    let mut all = Vec::new();
    for number in 0..count {
        let name = format!("file-{number:05}.txt");
        all.push(add(index, sample::upload("spec", "task", "log", &name)).await);
    }
    all
}

#[tokio::test]
async fn a_closed_index_is_what_it_was_when_it_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut known = Vec::new();
    for round in 0..5 {
        let index = open(dir.path()).await;
        let name = format!("round-{round}.txt");
        known.push(add(&index, sample::upload("spec", "task", "log", &name)).await);
        index
            .begin(sample::upload("spec", "task", "log", "unfinished"))
            .await
            .unwrap();
        let page = index
            .query(Query::new(Filter::default(), sample::now()))
            .await
            .unwrap();
        assert_eq!(page.items.len(), known.len());
        for record in &known {
            let found = index.find(record.id).await.unwrap();
            assert_eq!(found.as_ref(), Some(record));
        }
        let usage = index.usage().await.unwrap();
        let counts: Vec<_> = usage.iter().map(|row| row.count).collect();
        assert_eq!(counts, [round + 1, round + 1]);
    }
}

#[tokio::test]
async fn a_relaxed_index_is_there_after_closing_too() {
    let dir = tempfile::tempdir().unwrap();
    let relaxed = SledOptions {
        durability: Durability::Relaxed,
        ..SledOptions::default()
    };
    let index = SledIndex::open(dir.path(), relaxed).await.unwrap();
    let record = add(&index, sample::upload("spec", "task", "log", "a")).await;
    drop(index);
    let index = open(dir.path()).await;
    assert_eq!(index.find(record.id).await.unwrap(), Some(record));
}

#[tokio::test]
async fn a_second_opener_waits_until_the_first_has_closed() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).await;
    let record = add(&first, sample::upload("spec", "task", "log", "a")).await;
    let held_for = Duration::from_millis(300);
    let begun = Instant::now();
    let path = dir.path().to_owned();
    let second = tokio::spawn(async move { open(&path).await });
    tokio::time::sleep(held_for).await;
    drop(first);
    let second = second.await.unwrap();
    assert!(begun.elapsed() >= held_for);
    assert_eq!(second.find(record.id).await.unwrap(), Some(record));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_openers_in_line_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let path = dir.path().to_owned();
            tokio::spawn(async move {
                for _ in 0..5 {
                    let index = open(&path).await;
                    add(&index, sample::upload("spec", "task", "log", "same")).await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let index = open(dir.path()).await;
    let at = sample::coordinate("spec", "task", "log", "same");
    let newest = index.find_newest(at, sample::now()).await.unwrap().unwrap();
    assert_eq!(newest.version.get(), 40);
}

#[tokio::test]
async fn who_waits_in_vain_learns_who_holds_the_index() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).await;
    let timeout = Duration::from_millis(100);
    let begun = Instant::now();
    let error = SledIndex::open(dir.path(), patience(timeout))
        .await
        .unwrap_err();
    assert!(begun.elapsed() >= timeout);
    assert_eq!(error.kind(), ErrorKind::Locked);
    let pid = format!("process {}", std::process::id());
    assert!(error.message().contains(&pid), "{error}");
    assert!(error.hint().is_some());
    drop(first);
    SledIndex::open(dir.path(), patience(timeout))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_cancelled_opener_holds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).await;
    let waiting = SledIndex::open(dir.path(), SledOptions::default());
    let given_up = tokio::time::timeout(Duration::from_millis(50), waiting).await;
    assert!(given_up.is_err());
    drop(first);
    SledIndex::open(dir.path(), patience(Duration::ZERO))
        .await
        .unwrap();
}

#[tokio::test]
async fn an_emptied_database_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    add_many(&open(dir.path()).await, 3).await;
    fs::remove_dir_all(dir.path().join("db")).unwrap();
    let error = open_error(dir.path()).await;
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(error.hint().unwrap().contains("backup"), "{error:?}");
    // It is not taken for a new index by the next one either.
    assert_eq!(open_error(dir.path()).await.kind(), ErrorKind::Integrity);
}

#[tokio::test]
async fn a_database_of_another_index_is_noticed() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for dir in [&here, &there] {
        add_many(&open(dir.path()).await, 3).await;
    }
    fs::remove_dir_all(here.path().join("db")).unwrap();
    fs::rename(there.path().join("db"), here.path().join("db")).unwrap();
    assert_eq!(open_error(here.path()).await.kind(), ErrorKind::Integrity);
}

#[tokio::test]
async fn a_sled_database_of_something_else_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let foreign = database::opened(dir.path());
    foreign.insert("theirs", "value").unwrap();
    drop(foreign);
    assert_eq!(open_error(dir.path()).await.kind(), ErrorKind::Integrity);
    let foreign = database::opened(dir.path());
    assert_eq!(foreign.len(), 1);
}

#[tokio::test]
async fn an_index_whose_making_was_cut_off_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    let made = add_many(&open(dir.path()).await, 1).await;
    fs::remove_file(dir.path().join("generation")).unwrap();
    let index = open(dir.path()).await;
    assert!(index.find(made[0].id).await.unwrap().is_some());
    assert!(dir.path().join("generation").exists());
}

#[tokio::test]
async fn an_index_of_a_newer_release_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    add_many(&open(dir.path()).await, 1).await;
    let generation = dir.path().join("generation");
    let newer = r#"{"format":4,"id":"x","more":true}"#;
    fs::write(&generation, newer).unwrap();
    let error = open_error(dir.path()).await;
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.hint().unwrap().contains("newer release"), "{error:?}");
    assert_eq!(fs::read_to_string(&generation).unwrap(), newer);
}

/// sled leaves out what it can't read, so a cut file opens well, with changes missing.
#[tokio::test]
async fn a_truncated_database_never_answers_with_less() {
    let dir = tempfile::tempdir().unwrap();
    let made = add_many(&open(dir.path()).await, 400).await;
    drop(open(dir.path()).await);
    let intact = Saved::of(dir.path());
    for with_snapshots in [true, false] {
        for percent in [0, 1, 10, 50, 75] {
            intact.restore(with_snapshots);
            let file = OpenOptions::new().write(true).open(&intact.log).unwrap();
            file.set_len(intact.bytes.len() as u64 * percent / 100)
                .unwrap();
            let answer = answers(dir.path()).await;
            // What was cut off may have been room for more.
            let is_whole = percent >= 50 && answer == Some(made.len());
            assert!(answer.is_none() || is_whole, "{percent} %: {answer:?}");
        }
        intact.restore(with_snapshots);
        assert_eq!(answers(dir.path()).await, Some(made.len()));
    }
}

/// Either it is noticed at once, or when something that is missing is read.
#[tokio::test]
async fn a_corrupt_database_never_answers_with_less() {
    let dir = tempfile::tempdir().unwrap();
    let made = add_many(&open(dir.path()).await, 400).await;
    drop(open(dir.path()).await);
    let intact = Saved::of(dir.path());
    let mut noticed = 0;
    for with_snapshots in [true, false] {
        for place in 1..10 {
            intact.restore(with_snapshots);
            let mut damaged = intact.bytes.clone();
            let at = damaged.len() * place / 10;
            damaged[at..at + 512].fill(0x5a);
            fs::write(&intact.log, &damaged).unwrap();
            match answers(dir.path()).await {
                // What was overwritten there was not in use any more.
                Some(count) => assert_eq!(count, made.len(), "at {place}/10"),
                None => noticed += 1,
            }
        }
    }
    assert!(noticed > 0);
}

/// How many records the index gives, or none if it notices that it is damaged.
async fn answers(dir: &Path) -> Option<usize> {
    let count = async {
        let index = SledIndex::open(dir, patience(Duration::ZERO)).await?;
        let page = index
            .query(Query::new(Filter::default(), sample::now()))
            .await?;
        Ok::<_, Error>(page.items.len())
    };
    match count.await {
        Ok(count) => Some(count),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Integrity, "{error:?}");
            None
        }
    }
}

#[tokio::test]
async fn a_snapshot_that_is_no_snapshot_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        add_many(&open(dir.path()).await, 1).await;
    }
    let snapshots = snapshots(dir.path());
    assert!(!snapshots.is_empty());
    for snapshot in snapshots {
        fs::write(snapshot, "nonsense").unwrap();
    }
    assert_eq!(open_error(dir.path()).await.kind(), ErrorKind::Integrity);
}

#[tokio::test]
async fn a_path_that_is_no_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = open_error(&path).await;
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
        assert!(error.message().contains("file"), "{error}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_directory_that_cannot_be_written_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let dir = tempfile::tempdir().unwrap();
    let closed = dir.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    // Modes do not bind root, but nobody makes directories in sysfs.
    let is_bound = fs::write(closed.join("probe"), "").is_err();
    let place = if is_bound {
        closed.join("index")
    } else {
        "/sys/index".into()
    };
    let error = open_error(&place).await;
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
    assert!(error.hint().unwrap().contains("writable"));
}

/// Large values are cut into small ones, so that sled never keeps them in files beside its log.
#[tokio::test]
async fn the_largest_records_are_kept_and_make_no_blobs() {
    let dir = tempfile::tempdir().unwrap();
    let mut made = Vec::new();
    {
        let index = open(dir.path()).await;
        for number in 0..60 {
            let mut upload = sample::upload("spec", "task", "log", &long_name(number));
            let text = "x".repeat(64 * 1024 - 20);
            upload.metadata = sample::metadata(&format!(r#"{{"text":"{text}"}}"#));
            let tags: Vec<_> = (0..64)
                .map(|i| format!("{i}{}={}", "k".repeat(120), "v".repeat(256)))
                .collect();
            upload.tags = sample::tags(&tags.iter().map(String::as_str).collect::<Vec<_>>());
            let begun = index.begin(upload).await.unwrap();
            let mut commit = sample::commit(begun.id, 10);
            commit.seek_table = Some(vec![7; 100_000].into());
            made.push(index.commit(commit).await.unwrap().record);
        }
    }
    let blobs = fs::read_dir(dir.path().join("db/blobs")).unwrap().count();
    assert_eq!(blobs, 0);
    let index = open(dir.path()).await;
    for record in made {
        let table = index.seek_table(record.id).await.unwrap().unwrap();
        assert_eq!(table, vec![7; 100_000]);
        assert_eq!(index.find(record.id).await.unwrap(), Some(record));
    }
}

fn long_name(number: u32) -> String {
    format!("{}{number:03}", "n".repeat(700))
}

fn snapshots(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join("db")).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("snap.")
        })
        .collect()
}

/// The files of a database as they are now, to be damaged again and again.
struct Saved {
    log: PathBuf,
    bytes: Vec<u8>,
    snapshots: Vec<(PathBuf, Vec<u8>)>,
    dir: PathBuf,
}

impl Saved {
    fn of(dir: &Path) -> Self {
        let log = dir.join("db/db");
        Self {
            bytes: fs::read(&log).unwrap(),
            log,
            snapshots: snapshots(dir)
                .into_iter()
                .map(|path| (path.clone(), fs::read(path).unwrap()))
                .collect(),
            dir: dir.to_owned(),
        }
    }

    /// Without its snapshots sled reads its whole log.
    fn restore(&self, with_snapshots: bool) {
        fs::write(&self.log, &self.bytes).unwrap();
        for path in snapshots(&self.dir) {
            fs::remove_file(path).unwrap();
        }
        for (path, bytes) in self.snapshots.iter().filter(|_| with_snapshots) {
            fs::write(path, bytes).unwrap();
        }
    }
}

#[tokio::test]
async fn a_snapshot_that_a_crash_cut_off_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path()).await;
    let known = add_many(&index, 10).await;
    drop(index);
    for cut_off in [&b""[..], b"the beginning of a snapshot, but not its end"] {
        let path = dir.path().join("db/snap.00FFFFFFFFFFFFFF.generating");
        fs::write(&path, cut_off).unwrap();
        let index = open(dir.path()).await;
        for record in &known {
            assert_eq!(index.find(record.id).await.unwrap().as_ref(), Some(record));
        }
        assert!(!path.exists());
    }
}
