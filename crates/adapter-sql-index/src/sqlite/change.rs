//! Changes records, each function inside a transaction that its caller opened. Must not know the
//! rules of a change, which are the domain's, nor when the transaction commits.

use artifact_domain::policy::Reservation;
use artifact_domain::port::{CommitUpload, Committed, NewUpload, Supersede};
use artifact_domain::{
    ArtifactId, ArtifactRecord, Coordinate, Error, ErrorKind, State, Tags, Timestamp, Version,
};
use rusqlite::Connection;

use super::counting::CountingConnection;
use super::error::Result;
use super::row::{self, Rid};
use super::{counters, find};

/// Reserves the next version of a coordinate.
pub(super) fn begin(connection: &CountingConnection, upload: NewUpload) -> Result<ArtifactRecord> {
    if find::by_id(connection, upload.id)?.is_some() {
        let message = format!("the id {} is taken already", upload.id);
        return Err(Error::new(ErrorKind::AlreadyExists, message).into());
    }
    upload
        .reservation
        .admit(others(connection, &upload.reservation)?)?;
    let version = match highest_version(connection, &upload.coordinate)? {
        Some(highest) => highest.next()?,
        None => Version::FIRST,
    };
    let record = ArtifactRecord::begin(upload, version);
    insert(connection, &record)?;
    Ok(record)
}

/// All that is stored or reserved, where the limit of a reservation makes that matter.
fn others(connection: &CountingConnection, reservation: &Reservation) -> Result<u64> {
    match reservation.limit_bytes {
        Some(_) => counters::held_bytes(connection),
        None => Ok(0),
    }
}

/// Stores a record that is new, whatever its state.
pub(super) fn insert(connection: &CountingConnection, record: &ArtifactRecord) -> Result<Rid> {
    let rid = row::insert(connection, record)?;
    insert_tags(connection, rid, record)?;
    counters::added(connection, record)?;
    Ok(rid)
}

fn highest_version(connection: &Connection, at: &Coordinate) -> Result<Option<Version>> {
    let mut statement = connection.prepare_cached(
        "SELECT max(version) FROM artifact WHERE task = ? AND spec = ? AND type = ? AND name = ?",
    )?;
    let highest: Option<u32> = statement.query_row(
        (
            at.task().as_str(),
            at.spec().as_str(),
            at.artifact_type().as_str(),
            at.name().as_str(),
        ),
        |row| row.get(0),
    )?;
    Ok(highest.map(Version::new).transpose()?)
}

/// Extends the lease of an upload.
pub(super) fn renew(
    connection: &CountingConnection,
    id: ArtifactId,
    lease_until: Timestamp,
) -> Result<()> {
    let (rid, record) = known(connection, id)?;
    record.renewed(lease_until)?;
    let mut statement =
        connection.prepare_cached("UPDATE artifact SET lease_until = ? WHERE rid = ?")?;
    statement.execute((lease_until.as_micros(), rid))?;
    Ok(())
}

/// Sets how many bytes an upload reserves.
pub(super) fn reserve(
    connection: &CountingConnection,
    id: ArtifactId,
    reservation: Reservation,
) -> Result<()> {
    let (rid, old) = known(connection, id)?;
    let all = others(connection, &reservation)?;
    let new = old.clone().reserving(reservation, all)?;
    let sql = "UPDATE artifact SET reserved_bytes = ? WHERE rid = ?";
    let mut statement = connection.prepare_cached(sql)?;
    statement.execute((row::reserved_column(&new)?, rid))?;
    counters::changed(connection, &old, &new)
}

/// Makes an upload visible, and the older versions go where that is asked for.
pub(super) fn commit(connection: &CountingConnection, commit: &CommitUpload) -> Result<Committed> {
    let (rid, old) = known(connection, commit.id)?;
    let Some(mut record) = old.clone().committed(commit)? else {
        return Ok(Committed {
            record: old,
            superseded: Vec::new(),
        });
    };
    let mut superseded = Vec::new();
    if commit.supersede == Supersede::Older {
        for (rid, other) in find::live_versions(connection, &record.coordinate)? {
            if other.version > record.version {
                // Not `superseded()`: this is still the one change that the commit makes.
                record.state = State::Deleted;
            } else if other.hold.is_none() {
                let gone = other.clone().superseded();
                replace(connection, rid, &other, &gone)?;
                superseded.push(gone);
            }
        }
    }
    replace(connection, rid, &old, &record)?;
    if let Some(seek_table) = &commit.seek_table {
        put_seek_table(connection, rid, seek_table)?;
    }
    Ok(Committed { record, superseded })
}

/// Keeps the seek table of a version.
pub(super) fn put_seek_table(connection: &Connection, rid: Rid, content: &[u8]) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO seek_table (rid, content) VALUES (?, ?)";
    connection.prepare_cached(sql)?.execute((rid, content))?;
    Ok(())
}

/// Replaces a record by a changed one.
pub(super) fn update(
    connection: &CountingConnection,
    changed: ArtifactRecord,
) -> Result<ArtifactRecord> {
    let (rid, old) = known(connection, changed.id)?;
    let new = old.replaced_by(changed)?;
    replace(connection, rid, &old, &new)?;
    Ok(new)
}

/// Forgets a version, if it is known.
pub(super) fn remove(connection: &CountingConnection, id: ArtifactId) -> Result<()> {
    let Some((rid, record)) = find::by_id(connection, id)? else {
        return Ok(());
    };
    record.check_removable()?;
    delete_tags(connection, rid, &record)?;
    for sql in [
        "DELETE FROM seek_table WHERE rid = ?",
        "DELETE FROM artifact WHERE rid = ?",
    ] {
        connection.prepare_cached(sql)?.execute([rid])?;
    }
    counters::removed(connection, &record)
}

fn known(connection: &Connection, id: ArtifactId) -> Result<(Rid, ArtifactRecord)> {
    find::by_id(connection, id)?.ok_or_else(|| {
        let message = format!("no version has the id {id}");
        Error::new(ErrorKind::NotFound, message).into()
    })
}

fn replace(
    connection: &CountingConnection,
    rid: Rid,
    old: &ArtifactRecord,
    new: &ArtifactRecord,
) -> Result<()> {
    row::overwrite(connection, rid, new)?;
    if old.tags != new.tags {
        delete_tags(connection, rid, old)?;
        insert_tags(connection, rid, new)?;
    }
    counters::changed(connection, old, new)
}

fn insert_tags(connection: &Connection, rid: Rid, record: &ArtifactRecord) -> Result<()> {
    let sql = "INSERT INTO tag (key, value, created_at, rid) VALUES (?, ?, ?, ?)";
    for_each_tag(connection, sql, rid, record.created_at, &record.tags)
}

fn delete_tags(connection: &Connection, rid: Rid, record: &ArtifactRecord) -> Result<()> {
    let sql = "DELETE FROM tag WHERE key = ? AND value = ? AND created_at = ? AND rid = ?";
    for_each_tag(connection, sql, rid, record.created_at, &record.tags)
}

fn for_each_tag(
    connection: &Connection,
    sql: &str,
    rid: Rid,
    created_at: Timestamp,
    tags: &Tags,
) -> Result<()> {
    let mut statement = connection.prepare_cached(sql)?;
    for (key, value) in tags.iter() {
        statement.execute((key, value, created_at.as_micros(), rid))?;
    }
    Ok(())
}
