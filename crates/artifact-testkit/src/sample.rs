//! Uploads, records and keys for tests: valid, told apart from each other, the same in every run.
//! Reads no clock and no randomness.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use artifact_domain::policy::Reservation;
use artifact_domain::port::{CommitUpload, NewUpload, Supersede};
use artifact_domain::{
    ArtifactId, ArtifactRecord, BlobKey, Content, Coordinate, Digest, Encoding, Metadata, MimeType,
    Revision, State, Tag, Tags, Timestamp, Version,
};

/// 2026-03-01T12:00:00Z in microseconds: when every sample is made.
const NOW_MICROS: i64 = 1_772_366_400_000_000;

/// The time at which samples are made: 2026-03-01T12:00:00Z.
pub fn now() -> Timestamp {
    at(0)
}

/// So many seconds after [`now`], or before it.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(NOW_MICROS + seconds * 1_000_000).unwrap()
}

/// The `number`th id: higher numbers sort higher.
pub fn id(number: u32) -> ArtifactId {
    let mut random = [0; 10];
    random[6..].copy_from_slice(&number.to_be_bytes());
    ArtifactId::new(now(), random)
}

/// An id that nothing else in this process has; later ones sort higher.
pub fn fresh_id() -> ArtifactId {
    // The lower half is left to those who number ids themselves.
    static NEXT: AtomicU32 = AtomicU32::new(1 << 31);
    id(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A coordinate of four texts.
pub fn coordinate(spec: &str, task: &str, artifact_type: &str, name: &str) -> Coordinate {
    Coordinate::new(
        spec.parse().unwrap(),
        task.parse().unwrap(),
        artifact_type.parse().unwrap(),
        name.parse().unwrap(),
    )
    .unwrap()
}

/// An upload to a coordinate that begins [`now`], has an hour's lease and never expires.
pub fn upload_to(coordinate: Coordinate) -> NewUpload {
    NewUpload {
        id: fresh_id(),
        coordinate,
        mime_type: MimeType::default(),
        tags: Tags::default(),
        metadata: Metadata::default(),
        created_at: now(),
        lease_until: now().saturating_add(Duration::from_hours(1)),
        retention_days: None,
        expires_at: None,
        reservation: Reservation::default(),
    }
}

/// An upload to a coordinate of four texts, as [`upload_to`] makes it.
pub fn upload(spec: &str, task: &str, artifact_type: &str, name: &str) -> NewUpload {
    upload_to(coordinate(spec, task, artifact_type, name))
}

/// Tags of the texts `key=value` or `key`.
pub fn tags(texts: &[&str]) -> Tags {
    Tags::from_tags(texts.iter().map(|text| text.parse::<Tag>().unwrap())).unwrap()
}

/// Metadata of a text of JSON.
pub fn metadata(json: &str) -> Metadata {
    serde_json::from_str(json).unwrap()
}

/// Content of so many original bytes, stored as they are.
pub fn content(size_bytes: u64) -> Content {
    let mut digest = [0xd1; 32];
    digest[..8].copy_from_slice(&size_bytes.to_be_bytes());
    Content {
        digest: Digest::new(digest),
        size_bytes,
        stored_size_bytes: size_bytes,
        encoding: Encoding::Identity,
    }
}

/// A commit of so many bytes that leaves the other versions alone.
pub fn commit(id: ArtifactId, size_bytes: u64) -> CommitUpload {
    CommitUpload {
        id,
        attempt: id.into(),
        content: content(size_bytes),
        supersede: Supersede::Nothing,
        seek_table: None,
    }
}

/// A reservation of so many bytes under a limit.
pub fn reservation(bytes: u64, limit_bytes: u64) -> Reservation {
    Reservation {
        bytes,
        limit_bytes: Some(limit_bytes),
    }
}

/// The record of a first version of 100 bytes that is `Active`.
pub fn record(spec: &str, task: &str, artifact_type: &str, name: &str) -> ArtifactRecord {
    let mut record = ArtifactRecord::begin(upload(spec, task, artifact_type, name), Version::FIRST);
    record.state = State::Active;
    record.content = Some(content(100));
    record.lease_until = None;
    record.revision = Revision::new(1);
    record
}

/// The key of a blob that no other call gave: of an attempt of its own.
pub fn content_key(coordinate: &Coordinate) -> BlobKey {
    BlobKey::content(
        coordinate,
        Version::FIRST,
        fresh_id().into(),
        Encoding::Identity,
    )
}

/// The key of a blob of the spec `spec` and the task `task` that no other call gave.
pub fn blob_key(name: &str) -> BlobKey {
    content_key(&coordinate("spec", "task", "data", name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_number_and_fresh_ones_are_new() {
        assert!(id(1) < id(2) && id(2) < fresh_id());
        assert_ne!(fresh_id(), fresh_id());
        assert_eq!(now().to_string(), "2026-03-01T12:00:00Z");
    }
}
