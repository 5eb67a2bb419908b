//! Finds single records. Whoever calls holds the lock of readers, or that of writers.

use artifact_domain::port::DueCursor;
use artifact_domain::{ArtifactId, ArtifactRecord, Coordinate, Result, Timestamp, Version};

use crate::chunk;
use crate::engine::{Direction, Engine};
use crate::entry::{self, VersionEntry};
use crate::error::damaged;
use crate::key::{Key, Span, table, trailing_id};

pub(crate) fn find(engine: &Engine, id: ArtifactId) -> Result<Option<ArtifactRecord>> {
    chunk::join(engine, table::RECORD, id)?
        .map(|bytes| entry::decode(id, &bytes))
        .transpose()
}

/// The record that an entry points to, so it must be there.
pub(crate) fn expect(engine: &Engine, id: ArtifactId) -> Result<ArtifactRecord> {
    find(engine, id)?.ok_or_else(|| damaged(format!("the record of {id} is missing")))
}

pub(crate) fn find_version(
    engine: &Engine,
    coordinate: &Coordinate,
    version: Version,
) -> Result<Option<ArtifactRecord>> {
    let key = Key::versions(coordinate).version(version);
    let Some(value) = engine.get(key.as_bytes())? else {
        return Ok(None);
    };
    expect(engine, VersionEntry::decode(&value)?.id).map(Some)
}

pub(crate) fn find_newest(
    engine: &Engine,
    coordinate: &Coordinate,
    now: Timestamp,
) -> Result<Option<ArtifactRecord>> {
    for item in versions(engine, coordinate)? {
        let (_, entry) = item?;
        if entry.is_visible(now) {
            return expect(engine, entry.id).map(Some);
        }
    }
    Ok(None)
}

/// Whether a higher version of the record's coordinate can be read at `now`.
pub(crate) fn has_newer(engine: &Engine, record: &ArtifactRecord, now: Timestamp) -> Result<bool> {
    for item in versions(engine, &record.coordinate)? {
        let (version, entry) = item?;
        if version <= record.version {
            return Ok(false);
        }
        if entry.is_visible(now) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The versions of a coordinate, whatever their state, the highest first.
pub(crate) fn versions(
    engine: &Engine,
    coordinate: &Coordinate,
) -> Result<impl Iterator<Item = Result<(Version, VersionEntry)>>> {
    let scan = engine.scan(&Key::versions(coordinate).span(), Direction::Descending)?;
    Ok(scan.map(|item| {
        let (key, value) = item?;
        let number = key.last_chunk().copied().map(u32::from_be_bytes);
        let version = number.and_then(|number| Version::new(number).ok());
        let version = version.ok_or_else(|| damaged("the key of a version is torn"))?;
        Ok((version, VersionEntry::decode(&value)?))
    }))
}

/// Live versions that have expired at `now` and are not held, the first to expire first, after a
/// cursor if there is one.
pub(crate) fn due_for_expiry(
    engine: &Engine,
    now: Timestamp,
    after: Option<DueCursor>,
    limit: usize,
) -> Result<Vec<ArtifactRecord>> {
    let mut span = upto(table::EXPIRY, now);
    if let Some(cursor) = after {
        let last = Key::new(table::EXPIRY)
            .time(cursor.expires_at)
            .id(cursor.id);
        span = span.starting_after(last);
    }
    first_of(engine, &span, limit)
}

/// Uploads whose lease has ended at `now`, the first to end first.
pub(crate) fn abandoned_uploads(
    engine: &Engine,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<ArtifactRecord>> {
    first_of(engine, &upto(table::LEASE, now), limit)
}

/// The entries of a table that begins with a time, up to `now` and including it.
fn upto(table: u8, now: Timestamp) -> Span {
    let mut span = Key::new(table).span();
    span.to = Key::new(table).time(now).span().to;
    span
}

fn first_of(engine: &Engine, span: &Span, limit: usize) -> Result<Vec<ArtifactRecord>> {
    let entries = engine.scan(span, Direction::Ascending)?;
    entries
        .take(limit)
        .map(|item| {
            let (key, _) = item?;
            let id = trailing_id(&key).ok_or_else(|| damaged("a key of a time is torn"))?;
            expect(engine, id)
        })
        .collect()
}
