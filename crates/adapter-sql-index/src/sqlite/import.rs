//! Takes versions in as another index knew them, and keeps the mark that none is missing; each
//! function inside a transaction that its caller opened. Must not know where versions come from.

use artifact_domain::port::{ImportVersion, Imported};
use artifact_domain::{ArtifactId, ArtifactRecord};
use rusqlite::Connection;

use super::counting::CountingConnection;
use super::error::Result;
use super::{change, row};

/// Takes versions in, all of them or, after an error, none.
pub(super) fn import(
    connection: &CountingConnection,
    versions: &[ImportVersion],
) -> Result<Vec<Imported>> {
    for version in versions {
        version.record.check_importable()?;
    }
    let each = versions.iter();
    each.map(|version| import_one(connection, version))
        .collect()
}

fn import_one(connection: &CountingConnection, version: &ImportVersion) -> Result<Imported> {
    let record = &version.record;
    if is_known(connection, record.id)? {
        return Ok(Imported::Known);
    }
    if is_taken(connection, record)? {
        return Ok(Imported::VersionTaken);
    }
    let rid = change::insert(connection, record)?;
    if let Some(seek_table) = &version.seek_table {
        change::put_seek_table(connection, rid, seek_table)?;
    }
    Ok(Imported::Added)
}

fn is_known(connection: &Connection, id: ArtifactId) -> Result<bool> {
    let sql = "SELECT 1 FROM artifact WHERE id = ?";
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.exists([row::id_bytes(id)])?)
}

fn is_taken(connection: &Connection, record: &ArtifactRecord) -> Result<bool> {
    let at = &record.coordinate;
    let mut statement = connection.prepare_cached(
        "SELECT 1 FROM artifact \
         WHERE task = ? AND spec = ? AND type = ? AND name = ? AND version = ?",
    )?;
    Ok(statement.exists((
        at.task().as_str(),
        at.spec().as_str(),
        at.artifact_type().as_str(),
        at.name().as_str(),
        record.version.get(),
    ))?)
}

/// Whether the index is marked as complete.
pub(super) fn is_complete(connection: &Connection) -> Result<bool> {
    let sql = "SELECT 1 FROM mark WHERE name = 'complete'";
    Ok(connection.prepare_cached(sql)?.exists(())?)
}

/// Marks the index as complete.
pub(super) fn mark_complete(connection: &CountingConnection) -> Result<()> {
    let sql = "INSERT OR IGNORE INTO mark (name) VALUES ('complete')";
    connection.prepare_cached(sql)?.execute(())?;
    Ok(())
}
