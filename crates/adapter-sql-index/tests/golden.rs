//! Holds the stored form of every schema still: its SQL, and a database that a build of its time
//! wrote.
//!
//! `REGENERATE=1 cargo test -p adapter-sql-index --test golden` writes the files of the newest one
//! anew. That is right only for a schema that was never released; a released one gets a successor.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};

use adapter_sql_index::{SqliteIndex, SqliteOptions};
use artifact_domain::port::{ArtifactIndex, Supersede, UsageRow};
use artifact_domain::query::{Filter, Query, Versions};
use artifact_domain::{ArtifactRecord, Hold, State, Tier};
use artifact_testkit::sample;
use bytes::Bytes;
use rusqlite::Connection;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

fn regenerates() -> bool {
    std::env::var_os("REGENERATE").is_some()
}

/// Four versions that between them use every column, the same in every build.
async fn write_all(index: &SqliteIndex) {
    let id = |n: u32| sample::id(n);
    for n in 1..=4 {
        let mut upload = sample::upload("org/repo", "run é 7", "custom:my-type", "src/main.rs");
        upload.id = id(n);
        upload.tags = sample::tags(&["os=linux", "nightly"]);
        upload.metadata = sample::metadata(r#"{"build":{"number":7,"ok":true}}"#);
        upload.mime_type = "text/x-rust; charset=utf-8".parse().unwrap();
        upload.retention_days = Some(n);
        upload.expires_at = Some(sample::at(86_400 * i64::from(n)));
        upload.reservation.bytes = 1_000;
        index.begin(upload).await.unwrap();
    }
    for n in 1..=3 {
        let mut commit = sample::commit(id(n), 1_000 * u64::from(n));
        commit.content.encoding = artifact_domain::Encoding::Gzip;
        commit.content.stored_size_bytes = 100;
        commit.seek_table = Some(Bytes::from_static(b"\x01\x02\x03"));
        commit.supersede = if n == 2 {
            Supersede::Older
        } else {
            Supersede::Nothing
        };
        index.commit(commit).await.unwrap();
    }
    let mut archived = index.find(id(3)).await.unwrap().unwrap();
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

async fn read_all(index: &SqliteIndex) -> Vec<ArtifactRecord> {
    let filter = Filter {
        states: State::ALL.to_vec(),
        versions: Versions::All,
        ..Filter::default()
    };
    let page = index.query(Query::new(filter, sample::now())).await;
    page.unwrap().items
}

/// What a schema keeps that knew of no reservations.
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

async fn open(path: &Path) -> SqliteIndex {
    let index = SqliteIndex::open(path, SqliteOptions::default());
    index.await.unwrap()
}

/// The SQL that a database was made with, and the numbers in its header.
fn schema_of(path: &Path) -> String {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
        .unwrap();
    let pragma = |name: &str| -> i64 {
        connection
            .pragma_query_value(None, name, |row| row.get(0))
            .unwrap()
    };
    let mut schema = format!(
        "-- application_id {:#x}, user_version {}\n",
        pragma("application_id"),
        pragma("user_version")
    );
    let statements = statement.query_map((), |row| row.get::<_, String>(0));
    for sql in statements.unwrap() {
        schema += &sql.unwrap();
        schema += ";\n";
    }
    schema
}

fn sql(name: &str) -> String {
    fs::read_to_string(golden(name)).unwrap()
}

#[tokio::test]
async fn databases_of_every_schema_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let fresh_path = directory.path().join("fresh.sqlite");
    let fresh = open(&fresh_path).await;
    write_all(&fresh).await;
    assert!(!fresh.is_complete().await.unwrap());
    fresh.mark_complete().await.unwrap();
    let expected = (read_all(&fresh).await, fresh.usage().await.unwrap());
    assert_eq!(expected.0.len(), 4);
    drop(fresh);
    if regenerates() {
        fs::copy(&fresh_path, golden("v3.sqlite")).unwrap();
    }
    for schema in ["v1", "v2", "v3"] {
        let expected = if schema == "v3" {
            expected.clone()
        } else {
            without_reservations(expected.clone())
        };
        // A copy, since opening may write.
        let path = directory.path().join(schema);
        fs::copy(golden(&format!("{schema}.sqlite")), &path).unwrap();
        assert_eq!(schema_of(&path), sql(&format!("{schema}.sql")));
        let index = open(&path).await;
        assert_eq!(read_all(&index).await, expected.0);
        assert_eq!(index.usage().await.unwrap(), expected.1);
        let seek_table = index.seek_table(sample::id(2)).await.unwrap();
        assert_eq!(seek_table.as_deref(), Some(b"\x01\x02\x03".as_slice()));
        assert!(index.is_complete().await.unwrap(), "{schema}");
        assert!(index.recount(false).await.unwrap().is_sound(), "{schema}");
        // And it can be written still.
        let upload = sample::upload("org/repo", "run é 7", "custom:my-type", "src/main.rs");
        assert_eq!(index.begin(upload).await.unwrap().version.get(), 5);
        drop(index);
        assert_eq!(schema_of(&path), sql("v3.sql"));
    }
}

#[tokio::test]
async fn the_schema_is_the_one_that_was_published() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.sqlite");
    drop(open(&path).await);
    let schema = schema_of(&path);
    if regenerates() {
        fs::write(golden("v3.sql"), &schema).unwrap();
    }
    assert_eq!(schema, sql("v3.sql"));
}
