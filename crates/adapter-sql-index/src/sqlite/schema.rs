//! Keeps the schema and how a database of an earlier one becomes one of this. Must not know what
//! the tables are used for.

use rusqlite::{Connection, TransactionBehavior};

use super::error::Result;

/// What the file's header says it is: `ArtI`, read by `file` and by [`is_ours`].
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"ArtI");

/// What makes a database of schema N one of schema N + 1, beginning with an empty one.
const MIGRATIONS: [&str; 3] = [
    include_str!("schema/v1.sql"),
    include_str!("schema/v2.sql"),
    include_str!("schema/v3.sql"),
];

/// The schema that this release writes.
pub(super) fn newest_version() -> usize {
    MIGRATIONS.len()
}

/// Whether an index wrote this database.
pub(super) fn is_ours(connection: &Connection) -> Result<bool> {
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    Ok(id == APPLICATION_ID)
}

/// The schema that the database has; 0 for an empty one.
pub(super) fn version(connection: &Connection) -> Result<usize> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Brings the database to the newest schema, in one transaction. Whoever comes second finds the
/// work done.
pub(super) fn migrate(connection: &mut Connection) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for migration in MIGRATIONS.iter().skip(version(&transaction)?) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", newest_version())?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrating_twice_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert!(!is_ours(&connection).unwrap());
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        assert!(is_ours(&connection).unwrap());
        assert_eq!(version(&connection).unwrap(), newest_version());
    }
}
