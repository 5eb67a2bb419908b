//! Keeps the usage counters in step with the records, inside the transaction that changes them.
//! Must not know why a record changes.

use artifact_domain::ArtifactRecord;
use artifact_domain::port::UsageRow;
use rusqlite::{Connection, named_params};

use super::counting::{CounterDelta, CounterKey, CountingConnection};
use super::error::Result;
use super::row::{parsed, stored_size, text};

/// Counts a record that is new.
pub(super) fn added(connection: &CountingConnection, record: &ArtifactRecord) -> Result<()> {
    connection.count(key_of(record), share_of(record, 1)?);
    Ok(())
}

/// Counts a record that is gone.
pub(super) fn removed(connection: &CountingConnection, record: &ArtifactRecord) -> Result<()> {
    connection.count(key_of(record), share_of(record, -1)?);
    Ok(())
}

/// Counts a record that was changed.
pub(super) fn changed(
    connection: &CountingConnection,
    old: &ArtifactRecord,
    new: &ArtifactRecord,
) -> Result<()> {
    removed(connection, old)?;
    added(connection, new)
}

fn key_of(record: &ArtifactRecord) -> CounterKey {
    CounterKey {
        spec: record.coordinate.spec().as_str().to_owned(),
        artifact_type: record.coordinate.artifact_type().to_string(),
        state: record.state.as_str(),
        tier: record.tier.as_str(),
    }
}

fn share_of(record: &ArtifactRecord, sign: i64) -> Result<CounterDelta> {
    let content = record.content.as_ref();
    Ok(CounterDelta {
        count: sign,
        size_bytes: sign * stored_size(content.map_or(0, |c| c.size_bytes))?,
        stored_size_bytes: sign * stored_size(record.held_bytes())?,
    })
}

/// Writes what the changes of a transaction have counted.
pub(super) fn write(connection: &CountingConnection) -> Result<()> {
    for (key, delta) in connection.counted() {
        add(connection, &key, delta)?;
        if delta.count < 0 {
            let mut forget = connection.prepare_cached(
                "DELETE FROM usage \
                 WHERE spec = ? AND type = ? AND state = ? AND tier = ? AND count = 0",
            )?;
            forget.execute((&key.spec, &key.artifact_type, key.state, key.tier))?;
        }
    }
    Ok(())
}

pub(super) fn add(connection: &Connection, key: &CounterKey, delta: CounterDelta) -> Result<()> {
    let mut add = connection.prepare_cached(
        "INSERT INTO usage (spec, type, state, tier, count, size_bytes, stored_size_bytes) \
         VALUES (:spec, :type, :state, :tier, :count, :size_bytes, :stored_size_bytes) \
         ON CONFLICT DO UPDATE SET count = count + excluded.count, \
         size_bytes = size_bytes + excluded.size_bytes, \
         stored_size_bytes = stored_size_bytes + excluded.stored_size_bytes",
    )?;
    add.execute(named_params! {
        ":spec": key.spec,
        ":type": key.artifact_type,
        ":state": key.state,
        ":tier": key.tier,
        ":count": delta.count,
        ":size_bytes": delta.size_bytes,
        ":stored_size_bytes": delta.stored_size_bytes,
    })?;
    Ok(())
}

/// All that is stored or reserved, with what this transaction has changed so far.
///
/// The counters are summed up once, and again after another process has changed them.
pub(super) fn held_bytes(connection: &CountingConnection) -> Result<u64> {
    let mut statement = connection.prepare_cached("PRAGMA data_version")?;
    let data_version: i64 = statement.query_row((), |row| row.get(0))?;
    let written = connection.sum_of(data_version, || {
        let sql = "SELECT coalesce(sum(stored_size_bytes), 0) FROM usage";
        Ok(connection
            .prepare_cached(sql)?
            .query_row((), |row| row.get(0))?)
    })?;
    // Counters that have drifted may come to less than nothing.
    let held = written.saturating_add(connection.uncounted_bytes());
    Ok(u64::try_from(held).unwrap_or(0))
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
