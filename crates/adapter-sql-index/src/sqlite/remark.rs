//! Keeps texts that use cases leave with the index. Must not know what they mean.

use rusqlite::{Connection, OptionalExtension};

use super::counting::CountingConnection;
use super::error::Result;

/// The mark of retention, if there is one.
pub(super) fn retention(connection: &Connection) -> Result<Option<String>> {
    let sql = "SELECT value FROM remark WHERE name = 'retention'";
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row((), |row| row.get(0)).optional()?)
}

/// Puts another mark in the place of the expected one; false if it is not that.
pub(super) fn set_retention(
    connection: &CountingConnection,
    expected: Option<&str>,
    mark: Option<&str>,
) -> Result<bool> {
    if retention(connection)?.as_deref() != expected {
        return Ok(false);
    }
    match mark {
        Some(mark) => connection
            .prepare_cached(
                "INSERT INTO remark (name, value) VALUES ('retention', ?) \
                 ON CONFLICT DO UPDATE SET value = excluded.value",
            )?
            .execute([mark])?,
        None => connection
            .prepare_cached("DELETE FROM remark WHERE name = 'retention'")?
            .execute(())?,
    };
    Ok(true)
}
