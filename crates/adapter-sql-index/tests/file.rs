//! What can be wrong with the file of an index, and what is said about it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use adapter_sql_index::{SqliteIndex, SqliteOptions};
use artifact_domain::port::ArtifactIndex;
use artifact_domain::query::{Filter, Query};
use artifact_domain::{Error, ErrorKind, Result};
use artifact_testkit::sample;
use rusqlite::Connection;

async fn open(path: &Path) -> Result<SqliteIndex> {
    let options = SqliteOptions {
        busy_timeout: Duration::from_millis(300),
        ..SqliteOptions::default()
    };
    SqliteIndex::open(path, options).await
}

/// A closed index of `count` records.
async fn filled(count: u32) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.sqlite");
    let index = open(&path).await.unwrap();
    for n in 0..count {
        let upload = sample::upload("s", "t", "log", &format!("{n}"));
        let id = upload.id;
        index.begin(upload).await.unwrap();
        index.commit(sample::commit(id, 10)).await.unwrap();
    }
    drop(index);
    (directory, path)
}

fn assert_hinted(error: &Error, kind: ErrorKind, says: &str) {
    assert_eq!(error.kind(), kind, "{error:?}");
    assert!(error.message().contains(says), "{error}");
    assert!(error.message().contains("index"), "{error}");
    assert!(error.hint().is_some(), "{error:?}");
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let (_directory, path) = filled(3).await;
    let index = open(&path).await.unwrap();
    let page = index.query(Query::new(Filter::default(), sample::now()));
    assert_eq!(page.await.unwrap().items.len(), 3);
}

#[tokio::test]
async fn a_link_to_an_index_is_followed() {
    let (directory, path) = filled(1).await;
    let moved = directory.path().join("other");
    fs::create_dir(&moved).unwrap();
    fs::rename(&path, moved.join("moved.sqlite")).unwrap();
    std::os::unix::fs::symlink("other/moved.sqlite", &path).unwrap();
    let index = open(&path).await.unwrap();
    let upload = sample::upload("s", "t", "log", "new");
    let id = upload.id;
    index.begin(upload).await.unwrap();
    index.commit(sample::commit(id, 10)).await.unwrap();
    drop(index);
    let aside = SqliteIndex::set_aside(&path).await.unwrap();
    assert_eq!(aside, Some(moved.join("moved.sqlite.damaged-1")));
    let empty = open(&path).await.unwrap();
    let page = empty.query(Query::new(Filter::default(), sample::now()));
    assert_eq!(page.await.unwrap().items, []);
}

#[tokio::test]
async fn directories_are_created_and_nothing_else_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a/b/index.sqlite");
    drop(open(&path).await.unwrap());
    let names = fs::read_dir(path.parent().unwrap()).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["index.sqlite", "index.sqlite.lock"]);
}

#[tokio::test]
async fn a_path_that_looks_like_a_uri_is_a_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file:x?mode=memory");
    drop(open(&path).await.unwrap());
    assert!(path.exists());
}

#[tokio::test]
async fn a_directory_is_no_index() {
    let directory = tempfile::tempdir().unwrap();
    let error = open(directory.path()).await.unwrap_err();
    assert_hinted(&error, ErrorKind::InvalidInput, "is a directory");
}

#[tokio::test]
async fn a_file_where_a_directory_should_be_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = open(&file.path().join("index.sqlite")).await.unwrap_err();
    assert_hinted(&error, ErrorKind::InvalidInput, "Not a directory");
}

#[tokio::test]
async fn a_text_file_is_no_index() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.sqlite");
    fs::write(&path, "not a database, but of some length\n".repeat(100)).unwrap();
    let error = open(&path).await.unwrap_err();
    assert_hinted(&error, ErrorKind::Integrity, "not a database");
    assert!(fs::read_to_string(&path).unwrap().starts_with("not a"));
}

#[tokio::test]
async fn a_truncated_index_is_damaged() {
    let (_directory, path) = filled(100).await;
    let whole = fs::read(&path).unwrap();
    for length in [
        0,
        1,
        50,
        100,
        512,
        4_096,
        8_192,
        whole.len() / 2,
        whole.len() - 4_096,
    ] {
        fs::write(&path, &whole[..length]).unwrap();
        let opened = open(&path).await;
        let error = opened
            .err()
            .unwrap_or_else(|| panic!("{length} bytes opened"));
        assert_hinted(&error, ErrorKind::Integrity, "index");
        assert_eq!(
            fs::metadata(&path).unwrap().len(),
            length as u64,
            "a damaged index was written to"
        );
    }
}

#[tokio::test]
async fn a_damaged_page_is_an_integrity_error_where_it_is_read() {
    let (_directory, path) = filled(300).await;
    let length = fs::metadata(&path).unwrap().len();
    let mut file = fs::File::options().write(true).open(&path).unwrap();
    // All but the first page, which has the schema.
    file.seek(SeekFrom::Start(4_096)).unwrap();
    file.write_all(&vec![0x5a; usize::try_from(length - 4_096).unwrap()])
        .unwrap();
    drop(file);
    let error = match open(&path).await {
        Err(error) => error,
        Ok(index) => index
            .query(Query::new(Filter::default(), sample::now()))
            .await
            .unwrap_err(),
    };
    assert_hinted(&error, ErrorKind::Integrity, "damaged");
}

#[tokio::test]
async fn a_stored_value_that_is_malformed_is_an_integrity_error() {
    let (_directory, path) = filled(1).await;
    let connection = Connection::open(&path).unwrap();
    connection
        .execute("UPDATE artifact SET name = '../climbs/out'", ())
        .unwrap();
    drop(connection);
    let index = open(&path).await.unwrap();
    let page = index.query(Query::new(Filter::default(), sample::now()));
    let error = page.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(error.message().contains("name"), "{error}");
}

#[tokio::test]
async fn a_log_without_its_index_is_not_played_into_a_new_one() {
    let (_directory, path) = filled(1).await;
    fs::rename(&path, path.with_extension("gone")).unwrap();
    fs::write(path.with_extension("sqlite-wal"), "what an old log holds").unwrap();
    let error = open(&path).await.unwrap_err();
    assert_hinted(&error, ErrorKind::Integrity, "its log is still there");
}

#[tokio::test]
async fn the_index_of_a_newer_release_is_left_alone() {
    let (_directory, path) = filled(1).await;
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let error = open(&path).await.unwrap_err();
    assert_hinted(&error, ErrorKind::Unsupported, "schema 99");
}

#[tokio::test]
async fn the_database_of_another_program_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index.sqlite");
    let connection = Connection::open(&path).unwrap();
    connection.execute("CREATE TABLE theirs (x)", ()).unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();
    let error = open(&path).await.unwrap_err();
    assert_hinted(&error, ErrorKind::InvalidInput, "another program");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_locked_index_is_waited_for_and_then_unavailable() {
    let (_directory, path) = filled(1).await;
    let index = open(&path).await.unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = index.begin(sample::upload("s", "t", "log", "a"));
    assert_hinted(&error.await.unwrap_err(), ErrorKind::Unavailable, "is busy");
    // Reading waits for nobody.
    let page = index.query(Query::new(Filter::default(), sample::now()));
    assert_eq!(page.await.unwrap().items.len(), 1);
    other.execute_batch("ROLLBACK").unwrap();
    let again = index.begin(sample::upload("s", "t", "log", "a"));
    assert!(again.await.is_ok());
}

/// Whether files can be written is decided by the user, and root may write everything. So this
/// test runs itself again as somebody else where it has to.
#[cfg(unix)]
#[tokio::test]
async fn an_index_that_may_not_be_written_is_denied() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;

    const TARGET: &str = "ARTIFACT_TEST_READ_ONLY";
    const NOBODY: u32 = 65_534;
    if let Some(path) = std::env::var_os(TARGET) {
        let error = open(Path::new(&path)).await.unwrap_err();
        assert_hinted(&error, ErrorKind::PermissionDenied, "index");
        return;
    }
    let (directory, path) = filled(1).await;
    let new = directory.path().join("new/index.sqlite");
    fs::create_dir(new.parent().unwrap()).unwrap();
    let unreadable = directory.path().join("unreadable.sqlite");
    fs::copy(&path, &unreadable).unwrap();
    let program = directory.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    for (path, mode) in [
        (path.as_path(), 0o444),
        (&unreadable, 0o000),
        (&program, 0o555),
        (new.parent().unwrap(), 0o555),
        (directory.path(), 0o555),
    ] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    for target in [&path, &unreadable, &new] {
        let mut again = Command::new(&program);
        again
            .args(["--exact", "an_index_that_may_not_be_written_is_denied"])
            .env(TARGET, target)
            .current_dir("/");
        if fs::metadata(&path).unwrap().uid() == 0 {
            again.uid(NOBODY).gid(NOBODY);
        }
        let output = again.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}: {said}", target.display());
        assert!(said.contains("1 passed"), "{said}");
    }
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(new.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
}
