//! Creates and opens the database file, and refuses what is no index of ours. Must not know what
//! is written into it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use artifact_domain::{Error, ErrorKind};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error::{RESTORE_HINT, Result, io_error};
use super::patience::Patience;
use super::{glob_function, schema};

/// How many prepared statements a connection keeps; queries of many shapes are what fills it.
const STATEMENTS: usize = 64;

/// After how many pages the log is written back. Many changes hit the same pages, which are then
/// written back once; more would only make the log larger, 16 MiB as it is.
const CHECKPOINT_PAGES: i32 = 4_000;

/// The least that a database can have, in bytes: one page of the smallest size. SQLite takes what
/// is shorter for a new one.
const SMALLEST_DATABASE: u64 = 512;

/// Opens the index at `path` for writing, and creates it if nothing is there.
pub(super) fn writer(path: &Path, patience: Patience) -> Result<Connection> {
    create_if_missing(path)?;
    patience.wait_for(|| {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = connect(path, flags)?;
        check_identity(&connection, path)?;
        if connection.is_readonly("main")? {
            return Err(not_writable(path).into());
        }
        check_journal_mode(&connection, path)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        // Commits are made durable from outside: see `log_sync`.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        if schema::version(&connection)? < schema::newest_version() {
            schema::migrate(&mut connection)?;
        }
        Ok(connection)
    })
}

/// Opens the index at `path`, which a writer has open already, for reading.
pub(super) fn reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags)?;
    glob_function::register(&connection)?;
    Ok(connection)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection> {
    let connection = Connection::open_with_flags(path, flags)?;
    // Waiting is ours: see `patience`.
    connection.busy_timeout(Duration::ZERO)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Else SQLite plans a statement anew for every value that it might plan otherwise for, which
    // took a third of the time of a commit.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

/// Refuses another program's database, and one that a newer release has written.
fn check_identity(connection: &Connection, path: &Path) -> Result<()> {
    let path = path.display();
    if !schema::is_ours(connection)? {
        let message = format!("index {path} is a database of another program");
        return Err(Error::invalid_input(message)
            .with_hint("choose another path for the index")
            .into());
    }
    let (found, known) = (schema::version(connection)?, schema::newest_version());
    if found > known {
        let message = format!("index {path} has schema {found}, this release knows up to {known}");
        return Err(Error::new(ErrorKind::Unsupported, message)
            .with_hint("use the newer release that wrote it")
            .into());
    }
    Ok(())
}

/// Makes sure of the write-ahead log, which the file remembers once it has been set.
fn check_journal_mode(connection: &Connection, path: &Path) -> Result<()> {
    let set = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    let mode = connection.pragma_query_value(None, "journal_mode", set)?;
    if mode == "wal" {
        return Ok(());
    }
    let mode = connection.pragma_update_and_check(None, "journal_mode", "WAL", set)?;
    if mode == "wal" {
        return Ok(());
    }
    let message = format!(
        "index {}: the file system cannot share its write-ahead log",
        path.display()
    );
    Err(Error::new(ErrorKind::Unsupported, message)
        .with_hint("put the index on a local file system")
        .into())
}

fn not_writable(path: &Path) -> Error {
    io_error(path, io::ErrorKind::PermissionDenied.into())
}

/// Publishes an empty index at `path` if nothing is there.
///
/// It is made whole under another name first, so that a file at `path` is never a half-made index:
/// an empty one there has been cut off. Of several processes that do this at once, one publishes.
///
/// The file is never opened here but through SQLite: closing any descriptor of it would drop the
/// locks that this process holds on it.
fn create_if_missing(path: &Path) -> Result<()> {
    let failed = |error| io_error(path, error);
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            let message = format!("index {} is a directory", path.display());
            return Err(Error::invalid_input(message)
                .with_hint("give the path of a file")
                .into());
        }
        Ok(found) if found.len() < SMALLEST_DATABASE => {
            return Err(damaged(path, "is cut off, or no database").into());
        }
        Ok(_) => return Ok(()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error).into()),
        Err(_) => {}
    }
    let log = beside(path, "-wal");
    if log.exists() && !path.exists() {
        // SQLite would play the old log into the new database.
        return Err(damaged(path, "is gone, but its log is still there").into());
    }
    let directory = directory_of(path);
    create_directory(directory).map_err(failed)?;
    let draft = draft_of(path);
    let published = write_empty_index(&draft).and_then(|()| {
        let synced = File::open(&draft).and_then(|file| file.sync_all());
        let linked = synced.and_then(|()| fs::hard_link(&draft, path));
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error).into()),
            // Published, or somebody else was quicker.
            _ => Ok(()),
        }
    });
    // If it cannot be removed it is litter, which harms nobody.
    let _ = fs::remove_file(&draft);
    published?;
    Ok(sync_directory(directory).map_err(failed)?)
}

fn damaged(path: &Path, how: &str) -> Error {
    let message = format!("index {} {how}", path.display());
    Error::new(ErrorKind::Integrity, message).with_hint(RESTORE_HINT)
}

fn write_empty_index(path: &Path) -> Result<()> {
    let mut connection = Connection::open(path)?;
    // Nobody shares it and it is synced as a whole, so it needs no journal of its own.
    connection.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")?;
    schema::migrate(&mut connection)?;
    check_journal_mode(&connection, path)?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(())
}

/// Creates a directory and those above it, durably.
pub(super) fn create_directory(directory: &Path) -> io::Result<()> {
    let missing = directory.ancestors().take_while(|above| !above.exists());
    let missing: Vec<_> = missing.collect();
    fs::create_dir_all(directory)?;
    for created in missing {
        if let Some(above) = created.parent() {
            sync_directory(above)?;
        }
    }
    Ok(())
}

/// Makes the names in a directory durable.
#[cfg(unix)]
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Where a directory cannot be opened, its names are as durable as the system makes them.
#[cfg(not(unix))]
pub(super) fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// A name in the same directory that no other process or thread takes.
fn draft_of(path: &Path) -> PathBuf {
    let random = RandomState::new().hash_one(path);
    beside(path, &format!(".{}-{random:016x}.new", std::process::id()))
}

/// The absolute path of a file, so that none is taken for one of SQLite's URIs or special names;
/// where a link leads to if it is one, since SQLite keeps its log beside that.
pub(super) fn real_path(path: &Path) -> io::Result<PathBuf> {
    const MAX_HOPS: usize = 40;
    let mut path = std::path::absolute(path)?;
    for _ in 0..MAX_HOPS {
        match fs::read_link(&path) {
            Ok(target) => path = std::path::absolute(directory_of(&path).join(target))?,
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many links lead to it"))
}

/// The directory of a file that has an absolute path.
pub(super) fn directory_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

/// The name of a file that belongs to another.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
