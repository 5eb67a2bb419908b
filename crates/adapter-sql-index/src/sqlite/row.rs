//! Writes a record into the columns of `artifact` and reads it back. The only place that knows how
//! each part of a record is stored.

use artifact_domain::{
    ArtifactId, ArtifactRecord, AttemptId, Content, Coordinate, Digest, Encoding, Error, Hold,
    Metadata, Revision, State, Tags, Timestamp, Version,
};
use rusqlite::types::{ToSql, ToSqlOutput};
use rusqlite::{Connection, Row, named_params};
use uuid::Uuid;

use super::error::{self, Result};
use crate::selection::Param;

/// The columns that [`read`] takes, in its order, of a record called `a`.
pub(super) const COLUMNS: &str = "a.rid, a.id, a.attempt, a.spec, a.task, a.type, a.name, \
    a.version, a.state, a.revision, a.tier, a.created_at, a.lease_until, a.expires_at, \
    a.archived_at, a.retention_days, a.hold_since, a.hold_by, a.hold_reason, a.digest, \
    a.size_bytes, a.stored_size_bytes, a.encoding, a.mime_type, a.tags, a.metadata, \
    a.reserved_bytes";

/// The number of a row: what tags and seek tables refer to. Means nothing outside the database.
pub(super) type Rid = i64;

impl ToSql for Param {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Integer(number) => number.to_sql(),
            Self::Text(text) => text.to_sql(),
            Self::Id(id) => id.to_sql(),
        }
    }
}

/// An id as it is stored.
pub(super) fn id_bytes(id: ArtifactId) -> [u8; 16] {
    id.as_uuid().into_bytes()
}

/// A number of bytes as it is stored.
pub(super) fn stored_size(bytes: u64) -> Result<i64> {
    i64::try_from(bytes).map_err(|_| {
        let limit = i64::MAX;
        Error::invalid_input(format!(
            "a size of {bytes} bytes is over the limit, {limit}"
        ))
        .into()
    })
}

/// Reads a record and its row from [`COLUMNS`].
pub(super) fn read(row: &Row<'_>) -> Result<(Rid, ArtifactRecord)> {
    let coordinate = Coordinate::new(
        parsed("spec", text(row, 3)?)?,
        parsed("task", text(row, 4)?)?,
        parsed("type", text(row, 5)?)?,
        parsed("name", text(row, 6)?)?,
    )
    .map_err(|cause| error::unreadable("coordinate", cause))?;
    let version = Version::new(row.get(7)?).map_err(|cause| error::unreadable("version", cause))?;
    let state: State = parsed("state", text(row, 8)?)?;
    let record = ArtifactRecord {
        id: id(row.get(1)?),
        attempt: AttemptId::from_uuid(Uuid::from_bytes(row.get(2)?)),
        coordinate,
        version,
        state,
        revision: Revision::new(row.get::<_, u64>(9)?),
        tier: parsed("tier", text(row, 10)?)?,
        created_at: time("created_at", row.get(11)?)?,
        lease_until: optional_time("lease_until", row.get(12)?)?,
        reserved_bytes: reserved(state, row)?,
        expires_at: optional_time("expires_at", row.get(13)?)?,
        archived_at: optional_time("archived_at", row.get(14)?)?,
        retention_days: row.get(15)?,
        hold: hold(row)?,
        content: content(row)?,
        mime_type: parsed("mime_type", text(row, 23)?)?,
        tags: tags(text(row, 24)?)?,
        metadata: metadata(text(row, 25)?)?,
    };
    Ok((row.get(0)?, record))
}

/// Writes a record that is new, and gives its row.
pub(super) fn insert(connection: &Connection, record: &ArtifactRecord) -> Result<Rid> {
    let at = &record.coordinate;
    let (content, hold) = (record.content.as_ref(), record.hold.as_ref());
    let (size_bytes, stored_size_bytes) = sizes(content)?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO artifact (id, attempt, spec, task, type, name, version, state, revision, \
         tier, created_at, lease_until, expires_at, archived_at, retention_days, hold_since, \
         hold_by, hold_reason, digest, size_bytes, stored_size_bytes, encoding, mime_type, tags, \
         metadata, reserved_bytes) VALUES (:id, :attempt, :spec, :task, :type, :name, :version, :state, \
         :revision, :tier, :created_at, :lease_until, :expires_at, :archived_at, \
         :retention_days, :hold_since, :hold_by, :hold_reason, :digest, :size_bytes, \
         :stored_size_bytes, :encoding, :mime_type, :tags, :metadata, \
         :reserved_bytes)",
    )?;
    Ok(statement.insert(named_params! {
        ":id": id_bytes(record.id),
        ":attempt": record.attempt.as_uuid().into_bytes(),
        ":spec": at.spec().as_str(),
        ":task": at.task().as_str(),
        ":type": at.artifact_type().as_str(),
        ":name": at.name().as_str(),
        ":version": record.version.get(),
        ":state": record.state.as_str(),
        ":revision": revision(record)?,
        ":tier": record.tier.as_str(),
        ":created_at": record.created_at.as_micros(),
        ":lease_until": record.lease_until.map(Timestamp::as_micros),
        ":expires_at": record.expires_at.map(Timestamp::as_micros),
        ":archived_at": record.archived_at.map(Timestamp::as_micros),
        ":retention_days": record.retention_days,
        ":hold_since": hold.map(|hold| hold.since.as_micros()),
        ":hold_by": hold.and_then(|hold| hold.by.as_deref()),
        ":hold_reason": hold.and_then(|hold| hold.reason.as_deref()),
        ":digest": content.map(|content| content.digest.as_bytes()),
        ":size_bytes": size_bytes,
        ":stored_size_bytes": stored_size_bytes,
        ":encoding": content.map(|content| encoding_name(content.encoding)),
        ":mime_type": record.mime_type.as_str(),
        ":tags": json(&record.tags)?,
        ":metadata": json(&record.metadata)?,
        ":reserved_bytes": reserved_column(record)?,
    })?)
}

/// Writes everything of a record that can change over what its row holds.
pub(super) fn overwrite(connection: &Connection, rid: Rid, record: &ArtifactRecord) -> Result<()> {
    let (content, hold) = (record.content.as_ref(), record.hold.as_ref());
    let (size_bytes, stored_size_bytes) = sizes(content)?;
    let mut statement = connection.prepare_cached(
        "UPDATE artifact SET attempt = :attempt, state = :state, revision = :revision, \
         tier = :tier, lease_until = :lease_until, expires_at = :expires_at, \
         archived_at = :archived_at, retention_days = :retention_days, hold_since = :hold_since, \
         hold_by = :hold_by, hold_reason = :hold_reason, digest = :digest, \
         size_bytes = :size_bytes, stored_size_bytes = :stored_size_bytes, encoding = :encoding, \
         mime_type = :mime_type, tags = :tags, metadata = :metadata, \
         reserved_bytes = :reserved_bytes WHERE rid = :rid",
    )?;
    statement.execute(named_params! {
        ":rid": rid,
        ":attempt": record.attempt.as_uuid().into_bytes(),
        ":state": record.state.as_str(),
        ":revision": revision(record)?,
        ":tier": record.tier.as_str(),
        ":lease_until": record.lease_until.map(Timestamp::as_micros),
        ":expires_at": record.expires_at.map(Timestamp::as_micros),
        ":archived_at": record.archived_at.map(Timestamp::as_micros),
        ":retention_days": record.retention_days,
        ":hold_since": hold.map(|hold| hold.since.as_micros()),
        ":hold_by": hold.and_then(|hold| hold.by.as_deref()),
        ":hold_reason": hold.and_then(|hold| hold.reason.as_deref()),
        ":digest": content.map(|content| content.digest.as_bytes()),
        ":size_bytes": size_bytes,
        ":stored_size_bytes": stored_size_bytes,
        ":encoding": content.map(|content| encoding_name(content.encoding)),
        ":mime_type": record.mime_type.as_str(),
        ":tags": json(&record.tags)?,
        ":metadata": json(&record.metadata)?,
        ":reserved_bytes": reserved_column(record)?,
    })?;
    Ok(())
}

/// Nothing for a record that reserves nothing, as most do.
pub(super) fn reserved_column(record: &ArtifactRecord) -> Result<Option<i64>> {
    let reserved = Some(record.reserved_bytes).filter(|bytes| *bytes > 0);
    reserved.map(stored_size).transpose()
}

/// A release that knew of no reservations may have ended an upload and left the column.
fn reserved(state: State, row: &Row<'_>) -> Result<u64> {
    let reserved = (state == State::Uploading).then(|| row.get::<_, Option<u64>>(26));
    Ok(reserved.transpose()?.flatten().unwrap_or(0))
}

fn sizes(content: Option<&Content>) -> Result<(Option<i64>, Option<i64>)> {
    let size = content.map(|c| stored_size(c.size_bytes)).transpose()?;
    let stored = content.map(|c| stored_size(c.stored_size_bytes));
    Ok((size, stored.transpose()?))
}

fn revision(record: &ArtifactRecord) -> Result<i64> {
    i64::try_from(record.revision.get())
        .map_err(|_| Error::invalid_input("a revision is over the limit").into())
}

const EMPTY_OBJECT: &str = "{}";

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|cause| {
        let kind = artifact_domain::ErrorKind::Internal;
        Error::new(kind, "tags or metadata cannot be written as JSON")
            .with_source(cause)
            .into()
    })
}

/// Reads a text without copying it.
pub(super) fn text<'row>(row: &'row Row<'_>, column: usize) -> Result<&'row str> {
    Ok(row.get_ref(column)?.as_str().map_err(|cause| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            Box::new(cause),
        )
    })?)
}

fn id(bytes: [u8; 16]) -> ArtifactId {
    ArtifactId::from_uuid(Uuid::from_bytes(bytes))
}

/// Parses a stored text; what the domain refuses is damage.
pub(super) fn parsed<T: std::str::FromStr<Err = Error>>(column: &str, text: &str) -> Result<T> {
    Ok(text
        .parse()
        .map_err(|cause| error::unreadable(column, cause))?)
}

fn time(column: &str, micros: i64) -> Result<Timestamp> {
    Ok(Timestamp::from_micros(micros).map_err(|cause| error::unreadable(column, cause))?)
}

fn optional_time(column: &str, micros: Option<i64>) -> Result<Option<Timestamp>> {
    micros.map(|micros| time(column, micros)).transpose()
}

fn hold(row: &Row<'_>) -> Result<Option<Hold>> {
    let Some(since) = optional_time("hold_since", row.get(16)?)? else {
        return Ok(None);
    };
    Ok(Some(Hold {
        since,
        by: row.get(17)?,
        reason: row.get(18)?,
    }))
}

fn content(row: &Row<'_>) -> Result<Option<Content>> {
    let Some(digest) = row.get(19)? else {
        return Ok(None);
    };
    Ok(Some(Content {
        digest: Digest::new(digest),
        size_bytes: row.get(20)?,
        stored_size_bytes: row.get(21)?,
        encoding: encoding(text(row, 22)?)?,
    }))
}

fn encoding_name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Identity => "identity",
        Encoding::Gzip => "gzip",
    }
}

fn encoding(name: &str) -> Result<Encoding> {
    [Encoding::Identity, Encoding::Gzip]
        .into_iter()
        .find(|encoding| encoding_name(*encoding) == name)
        .ok_or_else(|| {
            let cause = Error::invalid_input(format!("unknown encoding `{name}`"));
            error::unreadable("encoding", cause).into()
        })
}

fn tags(json: &str) -> Result<Tags> {
    if json == EMPTY_OBJECT {
        return Ok(Tags::default());
    }
    Ok(serde_json::from_str(json).map_err(|cause| malformed_json("tags", cause))?)
}

fn metadata(json: &str) -> Result<Metadata> {
    if json == EMPTY_OBJECT {
        return Ok(Metadata::default());
    }
    Ok(serde_json::from_str(json).map_err(|cause| malformed_json("metadata", cause))?)
}

fn malformed_json(column: &str, cause: serde_json::Error) -> Error {
    let cause = Error::invalid_input("malformed JSON").with_source(cause);
    error::unreadable(column, cause)
}
