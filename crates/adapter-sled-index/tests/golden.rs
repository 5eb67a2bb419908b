//! Holds every stored format still: all keys and values of an index that a build of its time
//! wrote. How sled keeps them in its files is sled's own.
//!
//! `REGENERATE=1 cargo test -p adapter-sled-index --test golden` writes those of the newest format
//! anew. That is right only for a format that was never released; a released one gets a successor.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a panic is the failure, in what its cases share too"
)]

mod database;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use adapter_sled_index::{SledIndex, SledOptions};
use artifact_domain::port::{ArtifactIndex, Supersede, UsageRow};
use artifact_domain::{ArtifactRecord, Hold, State, Tier};
use artifact_testkit::sample;

/// The random id of every index here.
const ID: &str = "00112233445566778899aabbccddeeff";

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

async fn open(dir: &Path) -> SledIndex {
    SledIndex::open(dir, SledOptions::default()).await.unwrap()
}

/// Four versions, one in each state, the same in every build.
async fn write_all(index: &SledIndex) {
    for n in 1..=4 {
        let mut upload = sample::upload("org/repo", "run é 7", "custom:my-type", "src/main.rs");
        upload.id = sample::id(n);
        upload.tags = sample::tags(&["os=linux", "nightly"]);
        upload.metadata = sample::metadata(r#"{"build":{"number":7,"ok":true}}"#);
        upload.retention_days = Some(n);
        upload.expires_at = Some(sample::at(86_400 * i64::from(n)));
        upload.reservation.bytes = 1_000;
        index.begin(upload).await.unwrap();
    }
    for n in 1..=3 {
        let mut commit = sample::commit(sample::id(n), 1_000 * u64::from(n));
        commit.content.encoding = artifact_domain::Encoding::Gzip;
        commit.content.stored_size_bytes = 100;
        commit.seek_table = Some(vec![1, 2, 3].into());
        if n == 2 {
            commit.supersede = Supersede::Older;
        }
        index.commit(commit).await.unwrap();
    }
    let mut archived = index.find(sample::id(3)).await.unwrap().unwrap();
    archived.state = State::Archived;
    archived.tier = Tier::Cold;
    archived.archived_at = Some(sample::at(60));
    archived.hold = Some(Hold {
        reason: Some("audit".to_owned()),
        by: Some("somebody".to_owned()),
        since: sample::at(30),
    });
    index.update(archived).await.unwrap();
}

async fn read_all(index: &SledIndex) -> (Vec<ArtifactRecord>, Vec<UsageRow>) {
    let mut records = Vec::new();
    for n in 1..=4 {
        records.push(index.find(sample::id(n)).await.unwrap().unwrap());
    }
    (records, index.usage().await.unwrap())
}

/// What a format keeps that knew of no reservations.
fn without_reservations(
    (mut records, mut usage): (Vec<ArtifactRecord>, Vec<UsageRow>),
) -> (Vec<ArtifactRecord>, Vec<UsageRow>) {
    for record in &mut records {
        record.reserved_bytes = 0;
    }
    for row in usage.iter_mut().filter(|row| row.state == State::Uploading) {
        row.stored_size_bytes = 0;
    }
    (records, usage)
}

/// Every key and value of a closed index, its own id replaced.
fn listed(dir: &Path) -> String {
    let beside: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.join("generation")).unwrap()).unwrap();
    let mut text = String::new();
    for item in database::opened(dir).iter() {
        let (key, value) = item.unwrap();
        writeln!(text, "{} = {}", key.escape_ascii(), value.escape_ascii()).unwrap();
    }
    text.replace(beside["id"].as_str().unwrap(), ID)
}

/// Makes the directory of an index of what was listed.
fn restore(dir: &Path, format: &str) {
    let database = database::opened(dir);
    for line in text(&format!("index-{format}.txt")).lines() {
        let (key, value) = line.split_once(" = ").unwrap();
        database.insert(unescape(key), unescape(value)).unwrap();
    }
    database.flush().unwrap();
    let generation = golden(&format!("generation-{format}.json"));
    fs::copy(generation, dir.join("generation")).unwrap();
}

fn text(name: &str) -> String {
    fs::read_to_string(golden(name)).unwrap()
}

/// Undoes `escape_ascii`.
fn unescape(text: &str) -> Vec<u8> {
    let mut rest = text.bytes();
    let mut bytes = Vec::new();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next().unwrap() {
                b'x' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                b't' => b'\t',
                b'r' => b'\r',
                b'n' => b'\n',
                literal => literal,
            },
            other => other,
        });
    }
    bytes
}

#[tokio::test]
async fn the_newest_format_is_the_one_that_was_published() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path()).await;
    write_all(&index).await;
    index.mark_complete().await.unwrap();
    drop(index);
    let listed = listed(dir.path());
    if std::env::var_os("REGENERATE").is_some() {
        fs::write(golden("index-v3.txt"), &listed).unwrap();
    }
    assert_eq!(listed, text("index-v3.txt"));
}

#[tokio::test]
async fn indexes_of_every_format_are_read_and_are_complete() {
    let fresh_dir = tempfile::tempdir().unwrap();
    let fresh = open(fresh_dir.path()).await;
    write_all(&fresh).await;
    assert!(!fresh.is_complete().await.unwrap());
    let expected = read_all(&fresh).await;
    for format in ["v1", "v2", "v3"] {
        let expected = if format == "v3" {
            expected.clone()
        } else {
            without_reservations(expected.clone())
        };
        let dir = tempfile::tempdir().unwrap();
        restore(dir.path(), format);
        // The second time it has been upgraded already.
        for _ in 0..2 {
            let index = open(dir.path()).await;
            assert_eq!(read_all(&index).await, expected, "{format}");
            let table = index.seek_table(sample::id(2)).await.unwrap();
            assert_eq!(table.as_deref(), Some([1, 2, 3].as_slice()));
            assert!(index.is_complete().await.unwrap(), "{format}");
            assert!(index.recount(false).await.unwrap().is_sound(), "{format}");
        }
        let beside = fs::read_to_string(dir.path().join("generation")).unwrap();
        assert_eq!(beside, text("generation-v3.json"));
        // And it can be written still.
        let index = open(dir.path()).await;
        let upload = sample::upload("org/repo", "run é 7", "custom:my-type", "src/main.rs");
        assert_eq!(index.begin(upload).await.unwrap().version.get(), 5);
    }
}

/// The mark is the one thing that the second format adds; the counter of changes differs since
/// setting it was a change where the index was new. The third adds nothing to what is there.
#[tokio::test]
async fn an_upgraded_index_is_like_one_that_was_made_in_a_later_format() {
    let comparable = |listed: &str| -> Vec<String> {
        let lines = listed
            .lines()
            .filter(|line| !line.starts_with("msequence") && !line.starts_with("mgeneration"));
        lines.map(str::to_owned).collect()
    };
    for format in ["v1", "v2"] {
        let dir = tempfile::tempdir().unwrap();
        restore(dir.path(), format);
        drop(open(dir.path()).await);
        let upgraded = listed(dir.path());
        assert_eq!(comparable(&upgraded), comparable(&text("index-v2.txt")));
        assert!(upgraded.contains(r#"{\"format\":3,"#));
    }
}

/// What was not complete in the second format is not made so by the third.
#[tokio::test]
async fn an_upgrade_of_an_incomplete_index_does_not_complete_it() {
    let dir = tempfile::tempdir().unwrap();
    restore(dir.path(), "v2");
    let database = database::opened(dir.path());
    assert!(database.remove(b"mcomplete\0").unwrap().is_some());
    drop(database);
    assert!(!open(dir.path()).await.is_complete().await.unwrap());
    assert!(!open(dir.path()).await.is_complete().await.unwrap());
}

/// What a crash leaves between the two steps of an upgrade.
#[tokio::test]
async fn an_upgrade_that_was_cut_off_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    restore(dir.path(), "v3");
    fs::copy(golden("generation-v1.json"), dir.path().join("generation")).unwrap();
    assert!(open(dir.path()).await.is_complete().await.unwrap());
    let beside = fs::read_to_string(dir.path().join("generation")).unwrap();
    assert_eq!(beside, text("generation-v3.json"));
}
