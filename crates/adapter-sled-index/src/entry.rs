//! What is stored for one record: the record itself, and the entries by which it is found. Pure:
//! the same record always gives the same keys and values.

use std::collections::BTreeMap;

use artifact_domain::{ArtifactId, ArtifactRecord, Error, ErrorKind, Result, State, Timestamp};
use uuid::Uuid;

use crate::chunk;
use crate::error::damaged;
use crate::key::{self, Key, table};

/// The format of a stored record: this byte, then the record as JSON.
const RECORD_FORMAT: u8 = 1;

/// A record as bytes.
pub(crate) fn encode(record: &ArtifactRecord) -> Result<Vec<u8>> {
    let mut bytes = vec![RECORD_FORMAT];
    serde_json::to_writer(&mut bytes, record).map_err(|cause| {
        let message = format!("record of {} has no JSON", record.version_uri());
        Error::new(ErrorKind::Internal, message).with_source(cause)
    })?;
    Ok(bytes)
}

/// The record that bytes stand for.
pub(crate) fn decode(id: ArtifactId, bytes: &[u8]) -> Result<ArtifactRecord> {
    match bytes.split_first() {
        Some((&RECORD_FORMAT, json)) => serde_json::from_slice(json).map_err(|cause| {
            damaged(format!("the stored record of {id} cannot be read")).with_source(cause)
        }),
        Some((format, _)) => Err(damaged(format!(
            "the stored record of {id} has the unknown format {format}"
        ))),
        None => Err(damaged(format!("the stored record of {id} is empty"))),
    }
}

/// What the entry of a version says of it, so that the newest can be told without its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VersionEntry {
    pub(crate) id: ArtifactId,
    /// Whether it is stored, expired or not.
    pub(crate) live: bool,
    /// From when on it is gone, as [`key::time_bytes`] has it; never, for one that is held.
    pub(crate) gone_at: [u8; 8],
}

impl VersionEntry {
    fn of(record: &ArtifactRecord) -> Self {
        let end = record.expires_at.filter(|_| record.hold.is_none());
        Self {
            id: record.id,
            live: record.state.is_live(),
            gone_at: end.map_or([0xff; 8], key::time_bytes),
        }
    }

    pub(crate) fn is_visible(&self, now: Timestamp) -> bool {
        self.live && self.gone_at > key::time_bytes(now)
    }

    fn encode(self) -> Vec<u8> {
        let id = self.id.as_uuid();
        [&id.as_bytes()[..], &[u8::from(self.live)], &self.gone_at].concat()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let parts = bytes.split_first_chunk::<16>().and_then(|(id, rest)| {
            let (&live, gone_at) = rest.split_first()?;
            Some((*id, live != 0, gone_at.try_into().ok()?))
        });
        let (id, live, gone_at) = parts.ok_or_else(|| damaged("an entry of a version is torn"))?;
        Ok(Self {
            id: ArtifactId::from_uuid(Uuid::from_bytes(id)),
            live,
            gone_at,
        })
    }
}

/// Every key and value that stands for a record, its counters apart.
pub(crate) fn entries(record: &ArtifactRecord) -> Result<BTreeMap<Key, Vec<u8>>> {
    let (id, created) = (record.id, record.created_at);
    let mut all: BTreeMap<_, _> = chunk::split(table::RECORD, id, &encode(record)?)?
        .into_iter()
        .collect();
    let version = Key::versions(&record.coordinate).version(record.version);
    all.insert(version, VersionEntry::of(record).encode());

    let by_time = |prefix: Key| (prefix.time(created).id(id), Vec::new());
    let by_value = |prefix: Key| (prefix.id(id), key::time_bytes(created).to_vec());
    match record.state {
        State::Uploading => {
            let lease = record.lease_until.unwrap_or(created);
            all.extend([by_value(Key::new(table::LEASE).time(lease))]);
        }
        State::Deleted => all.extend([by_time(Key::new(table::DELETED))]),
        State::Active | State::Archived => {
            let at = &record.coordinate;
            let size = record.content.as_ref().map_or(0, |c| c.size_bytes);
            all.extend([
                by_time(Key::new(table::CREATED)),
                by_value(Key::new(table::SIZE).number(size)),
                by_value(Key::new(table::NAME).text(at.name().as_str())),
                by_time(Key::new(table::SPEC).text(at.spec().as_str())),
                by_time(Key::new(table::TASK).text(at.task().as_str())),
                by_time(Key::new(table::TYPE).text(at.artifact_type().as_str())),
            ]);
            let tags = record.tags.iter();
            all.extend(tags.map(|(k, v)| by_time(Key::new(table::TAG).text(k).text(v))));
            if let Some(end) = record.expires_at.filter(|_| record.hold.is_none()) {
                all.insert(Key::new(table::EXPIRY).time(end).id(id), Vec::new());
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::time::Duration;

    use artifact_domain::{Hold, Tier};
    use artifact_testkit::sample;

    use super::*;

    /// A record with everything in it.
    fn full() -> ArtifactRecord {
        let mut record = sample::record("démo", "run 7", "custom:my-type", "out/a.txt");
        record.id = sample::id(7);
        record.attempt = sample::id(9).into();
        record.tier = Tier::Cold;
        record.lease_until = None;
        record.retention_days = Some(14);
        record.expires_at = Some(sample::at(14 * 86_400));
        record.archived_at = Some(sample::at(60));
        record.state = State::Archived;
        record.tags = sample::tags(&["os=linux", "slow"]);
        record.metadata = sample::metadata(r#"{"commit":"abc","tries":[1,2.5,null]}"#);
        record
    }

    fn in_other_states() -> [ArtifactRecord; 3] {
        let mut uploading = full();
        uploading.state = State::Uploading;
        uploading.content = None;
        uploading.archived_at = None;
        uploading.lease_until = Some(sample::at(3_600));
        let mut deleted = full();
        deleted.state = State::Deleted;
        let mut held = full();
        held.hold = Some(Hold {
            reason: Some("audit".to_owned()),
            by: Some("ann".to_owned()),
            since: sample::at(120),
        });
        [uploading, deleted, held]
    }

    #[test]
    fn the_first_format_of_records_is_held_still() {
        let golden = include_bytes!("../tests/golden/record-v1.bin");
        let [_, _, record] = in_other_states();
        assert_eq!(decode(record.id, golden).unwrap(), record);
        let encoded = encode(&record).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&encoded),
            String::from_utf8_lossy(golden)
        );
    }

    #[test]
    fn the_first_format_of_entries_is_held_still() {
        let mut listed = String::new();
        for record in [full()].into_iter().chain(in_other_states()) {
            writeln!(listed, "{} held={}", record.state, record.hold.is_some()).unwrap();
            for (key, value) in entries(&record).unwrap() {
                let key = key.as_bytes().escape_ascii();
                let record = value.get(4) == Some(&RECORD_FORMAT) && value.len() > 100;
                let value = if record { &b"(the record)"[..] } else { &value };
                writeln!(listed, "  {key} = {}", value.escape_ascii()).unwrap();
            }
        }
        assert_eq!(listed, include_str!("../tests/golden/entries-v1.txt"));
    }

    #[test]
    fn what_is_no_record_is_an_integrity_error() {
        for bad in [&b""[..], b"\x01", b"\x01{}", b"\x02{}", b"{}"] {
            let error = decode(sample::id(1), bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Integrity, "{bad:?}");
        }
        assert!(VersionEntry::decode(&[0; 24]).is_err());
        assert!(VersionEntry::decode(&[0; 26]).is_err());
    }

    #[test]
    fn the_entry_of_a_version_tells_whether_it_can_be_read_as_its_record_does() {
        let [uploading, deleted, held] = in_other_states();
        let end = full().expires_at.unwrap();
        let before = end.saturating_sub(Duration::from_micros(1));
        for record in [full(), uploading, deleted, held] {
            let entry = VersionEntry::of(&record);
            assert_eq!(VersionEntry::decode(&entry.encode()).unwrap(), entry);
            for now in [before, end, Timestamp::MAX] {
                assert_eq!(entry.is_visible(now), record.is_visible(now), "{record:?}");
            }
        }
    }
}
