//! Finds single records and the short lists that housekeeping asks for. Must not know how a query
//! with a filter is answered.

use artifact_domain::port::DueCursor;
use artifact_domain::{ArtifactId, ArtifactRecord, Coordinate, Timestamp, Version};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Params};

use super::error::Result;
use super::row::{self, COLUMNS, Rid};
use crate::selection::unexpired;

const AT_COORDINATE: &str = "a.task = ? AND a.spec = ? AND a.type = ? AND a.name = ?";

/// Finds a version by its id.
pub(super) fn by_id(
    connection: &Connection,
    id: ArtifactId,
) -> Result<Option<(Rid, ArtifactRecord)>> {
    let sql = format!("SELECT {COLUMNS} FROM artifact AS a WHERE a.id = ?");
    one(connection, &sql, [row::id_bytes(id)])
}

/// Finds one version of a coordinate.
pub(super) fn version(
    connection: &Connection,
    at: &Coordinate,
    version: Version,
) -> Result<Option<ArtifactRecord>> {
    let sql =
        format!("SELECT {COLUMNS} FROM artifact AS a WHERE {AT_COORDINATE} AND a.version = ?");
    let params = (
        at.task().as_str(),
        at.spec().as_str(),
        at.artifact_type().as_str(),
        at.name().as_str(),
        version.get(),
    );
    Ok(one(connection, &sql, params)?.map(|(_, record)| record))
}

/// Finds the highest version of a coordinate that can be read.
pub(super) fn newest(
    connection: &Connection,
    at: &Coordinate,
    now: Timestamp,
) -> Result<Option<ArtifactRecord>> {
    let unexpired = unexpired("a", now).sql;
    let sql = format!(
        "SELECT {COLUMNS} FROM artifact AS a WHERE {AT_COORDINATE} \
         AND a.state IN ('ACTIVE', 'ARCHIVED') AND {unexpired} ORDER BY a.version DESC LIMIT 1"
    );
    let params = (
        at.task().as_str(),
        at.spec().as_str(),
        at.artifact_type().as_str(),
        at.name().as_str(),
        now.as_micros(),
    );
    Ok(one(connection, &sql, params)?.map(|(_, record)| record))
}

/// Finds the live versions of a coordinate, expired or not, the lowest first.
pub(super) fn live_versions(
    connection: &Connection,
    at: &Coordinate,
) -> Result<Vec<(Rid, ArtifactRecord)>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM artifact AS a INDEXED BY artifact_coordinate \
         WHERE {AT_COORDINATE} AND a.state IN ('ACTIVE', 'ARCHIVED') ORDER BY a.version"
    );
    let params = (
        at.task().as_str(),
        at.spec().as_str(),
        at.artifact_type().as_str(),
        at.name().as_str(),
    );
    many(connection, &sql, params)
}

/// Finds live versions that have expired and are not held, the first to expire first, after a
/// cursor if there is one.
pub(super) fn due_for_expiry(
    connection: &Connection,
    now: Timestamp,
    after: Option<DueCursor>,
    limit: usize,
) -> Result<Vec<ArtifactRecord>> {
    let from = after.map_or(i64::MIN, |cursor| cursor.expires_at.as_micros());
    // Every id is more than the empty one.
    let id = after.map_or(Vec::new(), |cursor| row::id_bytes(cursor.id).to_vec());
    let sql = format!(
        "SELECT {COLUMNS} FROM artifact AS a INDEXED BY artifact_expiry \
         WHERE a.state IN ('ACTIVE', 'ARCHIVED') AND a.expires_at IS NOT NULL \
         AND a.hold_since IS NULL AND a.expires_at <= ? AND (a.expires_at, a.id) > (?, ?) \
         ORDER BY a.expires_at, a.id LIMIT ?"
    );
    let params = (now.as_micros(), from, id, sql_limit(limit));
    let found = many(connection, &sql, params)?;
    Ok(found.into_iter().map(|(_, record)| record).collect())
}

/// Finds uploads whose lease has ended, the first to end first.
pub(super) fn abandoned_uploads(
    connection: &Connection,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<ArtifactRecord>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM artifact AS a INDEXED BY artifact_uploading \
         WHERE a.state = 'UPLOADING' AND a.lease_until <= ? ORDER BY a.lease_until, a.id LIMIT ?"
    );
    let found = many(connection, &sql, (now.as_micros(), sql_limit(limit)))?;
    Ok(found.into_iter().map(|(_, record)| record).collect())
}

/// Gives the seek table of a version.
pub(super) fn seek_table(connection: &Connection, id: ArtifactId) -> Result<Option<Bytes>> {
    let mut statement = connection.prepare_cached(
        "SELECT content FROM seek_table WHERE rid = (SELECT rid FROM artifact WHERE id = ?)",
    )?;
    let content: Option<Vec<u8>> = statement
        .query_row([row::id_bytes(id)], |row| row.get(0))
        .optional()?;
    Ok(content.map(Bytes::from))
}

fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn one(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Option<(Rid, ArtifactRecord)>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(row::read).transpose()
}

/// The rows that a statement selects, in its order.
pub(super) fn rows(connection: &Connection, sql: &str, params: impl Params) -> Result<Vec<Rid>> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params, |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Gives `take` one record after another that a statement selects, until it wants no more.
pub(super) fn each(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    mut take: impl FnMut(ArtifactRecord) -> bool,
) -> Result<()> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        let (_, record) = row::read(row)?;
        if !take(record) {
            break;
        }
    }
    Ok(())
}

/// Gives `take` the records of rows, until it wants no more.
pub(super) fn each_of(
    connection: &Connection,
    rows: &[Rid],
    mut take: impl FnMut(ArtifactRecord) -> bool,
) -> Result<()> {
    let sql = format!("SELECT {COLUMNS} FROM artifact AS a WHERE a.rid = ?");
    let mut statement = connection.prepare_cached(&sql)?;
    for rid in rows {
        let mut found = statement.query([rid])?;
        let row = found.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        let (_, record) = row::read(row)?;
        if !take(record) {
            break;
        }
    }
    Ok(())
}

/// Reads every record that a statement selects.
pub(super) fn many(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Vec<(Rid, ArtifactRecord)>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(row::read(row)?);
    }
    Ok(found)
}
