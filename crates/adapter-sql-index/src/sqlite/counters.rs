//! Keeps the usage counters in step with the records, inside the transaction that changes them.
//! Must not know why a record changes.

use artifact_domain::ArtifactRecord;
use artifact_domain::port::UsageRow;
use rusqlite::{Connection, named_params};

use super::error::Result;
use super::row::{parsed, stored_size, text};

/// What one record adds to the counters.
#[derive(Debug, PartialEq, Eq)]
struct Share {
    state: &'static str,
    tier: &'static str,
    size_bytes: i64,
    stored_size_bytes: i64,
}

impl Share {
    fn of(record: &ArtifactRecord) -> Result<Self> {
        let content = record.content.as_ref();
        Ok(Self {
            state: record.state.as_str(),
            tier: record.tier.as_str(),
            size_bytes: stored_size(content.map_or(0, |c| c.size_bytes))?,
            stored_size_bytes: stored_size(content.map_or(0, |c| c.stored_size_bytes))?,
        })
    }
}

/// Counts a record that is new.
pub(super) fn added(connection: &Connection, record: &ArtifactRecord) -> Result<()> {
    count(connection, record, &Share::of(record)?, 1)
}

/// Counts a record that is gone.
pub(super) fn removed(connection: &Connection, record: &ArtifactRecord) -> Result<()> {
    count(connection, record, &Share::of(record)?, -1)
}

/// Counts a record that was changed.
pub(super) fn changed(
    connection: &Connection,
    old: &ArtifactRecord,
    new: &ArtifactRecord,
) -> Result<()> {
    let (before, after) = (Share::of(old)?, Share::of(new)?);
    if before == after {
        return Ok(());
    }
    count(connection, old, &before, -1)?;
    count(connection, new, &after, 1)
}

fn count(connection: &Connection, record: &ArtifactRecord, share: &Share, sign: i64) -> Result<()> {
    let spec = record.coordinate.spec().as_str();
    let artifact_type = record.coordinate.artifact_type().to_string();
    let mut add = connection.prepare_cached(
        "INSERT INTO usage (spec, type, state, tier, count, size_bytes, stored_size_bytes) \
         VALUES (:spec, :type, :state, :tier, :count, :size_bytes, :stored_size_bytes) \
         ON CONFLICT DO UPDATE SET count = count + excluded.count, \
         size_bytes = size_bytes + excluded.size_bytes, \
         stored_size_bytes = stored_size_bytes + excluded.stored_size_bytes RETURNING count",
    )?;
    let left: i64 = add.query_row(
        named_params! {
            ":spec": spec,
            ":type": artifact_type,
            ":state": share.state,
            ":tier": share.tier,
            ":count": sign,
            ":size_bytes": sign * share.size_bytes,
            ":stored_size_bytes": sign * share.stored_size_bytes,
        },
        |row| row.get(0),
    )?;
    if left == 0 {
        let mut forget = connection.prepare_cached(
            "DELETE FROM usage WHERE spec = ? AND type = ? AND state = ? AND tier = ?",
        )?;
        forget.execute((spec, artifact_type, share.state, share.tier))?;
    }
    Ok(())
}

/// Reads all counters, in the order of their rows.
pub(super) fn read(connection: &Connection) -> Result<Vec<UsageRow>> {
    let mut statement = connection.prepare_cached(
        "SELECT spec, type, state, tier, count, size_bytes, stored_size_bytes FROM usage",
    )?;
    let mut rows = statement.query(())?;
    let mut usage = Vec::new();
    while let Some(row) = rows.next()? {
        usage.push(UsageRow {
            spec: parsed("spec", text(row, 0)?)?,
            artifact_type: parsed("type", text(row, 1)?)?,
            state: parsed("state", text(row, 2)?)?,
            tier: parsed("tier", text(row, 3)?)?,
            count: row.get(4)?,
            size_bytes: row.get(5)?,
            stored_size_bytes: row.get(6)?,
        });
    }
    usage.sort_unstable();
    Ok(usage)
}
