//! Whether a file is stored already as it is. Decides by what the index knows, and says where only
//! the bytes can tell; reads none.

use std::time::Duration;

use artifact_domain::query::{Filter, Glob, Order};
use artifact_domain::{ArtifactName, ArtifactRecord, ArtifactType, Result, SpecName, TaskId};
use futures::StreamExt;
use futures::stream::BoxStream;
use jiff::Timestamp;

use crate::attributes::Attributes;
use crate::service::Service;

/// How much older than its upload a file must have been for its time to tell. One that is changed
/// again soon after may keep its time: clocks of file systems tick up to every two seconds.
const SETTLED: Duration = Duration::from_secs(2);

/// What is stored in a task, in the order of names: one query, and memory for one page of it.
pub(super) struct Stored {
    records: BoxStream<'static, Result<ArtifactRecord>>,
    next: Option<ArtifactRecord>,
}

impl Stored {
    /// Everything in a task, or everything of one type.
    pub(super) fn in_task(
        service: &Service,
        spec: &SpecName,
        task: &TaskId,
        artifact_type: Option<&ArtifactType>,
    ) -> Self {
        let filter = Filter {
            spec: Some(Glob::exactly(spec.as_str())),
            task: Some(Glob::exactly(task.as_str())),
            types: artifact_type.cloned().into_iter().collect(),
            ..Filter::default()
        };
        Self {
            records: service.search_all(filter, Order::Name).fuse().boxed(),
            next: None,
        }
    }

    /// The newest versions of this name, one per type. Names are asked for in ascending order.
    pub(super) async fn of(&mut self, name: &ArtifactName) -> Result<Vec<ArtifactRecord>> {
        let mut found = Vec::new();
        loop {
            if self.next.is_none() {
                self.next = self.records.next().await.transpose()?;
            }
            match &self.next {
                Some(record) if record.coordinate.name() < name => self.next = None,
                Some(record) if record.coordinate.name() == name => found.extend(self.next.take()),
                _ => return Ok(found),
            }
        }
    }
}

/// How a file stands to what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Unchanged,
    Changed,
    /// Only the digest tells.
    SameSize,
}

/// Compares a file with a version by all that is known without reading it.
pub(super) fn compare(
    record: &ArtifactRecord,
    found: &Attributes,
    size_bytes: Option<u64>,
) -> Comparison {
    let stored_size = record.content.as_ref().map(|content| content.size_bytes);
    // Attributes that cannot be understood are not those of this file.
    let Ok(stored) = Attributes::read(&record.metadata) else {
        return Comparison::Changed;
    };
    let same_kind = stored.executable == found.executable && stored.symlink == found.symlink;
    if size_bytes.is_none() || stored_size != size_bytes || !same_kind {
        return Comparison::Changed;
    }
    let settled = |time: Timestamp| {
        let uploaded = record.created_at.saturating_sub(SETTLED);
        time.as_microsecond() < uploaded.as_micros()
    };
    match found.modified {
        Some(time) if stored.modified == Some(time) && settled(time) => Comparison::Unchanged,
        _ => Comparison::SameSize,
    }
}

#[cfg(test)]
mod tests {
    use artifact_domain::{
        ArtifactId, Content, Coordinate, Digest, Encoding, Metadata, MimeType, Revision, State,
        Tags, Tier, Timestamp as Moment, Version,
    };

    use super::*;

    const SIZE: u64 = 10;

    fn attributes(modified: &str) -> Attributes {
        Attributes {
            modified: Some(modified.parse().unwrap()),
            ..Attributes::default()
        }
    }

    /// A version that was uploaded at noon.
    fn record(attributes: &Attributes) -> ArtifactRecord {
        let created_at: Moment = "2026-03-01T12:00:00Z".parse().unwrap();
        let id = ArtifactId::new(created_at, [1; 10]);
        ArtifactRecord {
            id,
            coordinate: Coordinate::new(
                SpecName::default(),
                "1".parse().unwrap(),
                ArtifactType::Log,
                "a.log".parse().unwrap(),
            )
            .unwrap(),
            version: Version::FIRST,
            attempt: id.into(),
            state: State::Active,
            revision: Revision::default(),
            content: Some(Content {
                digest: Digest::new([0; 32]),
                size_bytes: SIZE,
                stored_size_bytes: 7,
                encoding: Encoding::Gzip,
            }),
            mime_type: MimeType::default(),
            tier: Tier::Hot,
            created_at,
            lease_until: None,
            reserved_bytes: 0,
            retention_days: None,
            expires_at: None,
            archived_at: None,
            hold: None,
            tags: Tags::default(),
            metadata: attributes.add_to(&Metadata::default()).unwrap(),
        }
    }

    #[test]
    fn size_and_time_tell_that_nothing_changed() {
        let file = attributes("2026-03-01T11:00:00.000000001Z");
        assert_eq!(
            compare(&record(&file), &file, Some(SIZE)),
            Comparison::Unchanged
        );
        assert_eq!(
            compare(&record(&file), &file, Some(SIZE + 1)),
            Comparison::Changed
        );
        assert_eq!(compare(&record(&file), &file, None), Comparison::Changed);
    }

    #[test]
    fn another_time_is_no_proof_of_change() {
        let (one, other) = (
            "2026-03-01T11:00:00.000000001Z",
            "2026-03-01T11:00:00.000000002Z",
        );
        let stored = record(&attributes(one));
        assert_eq!(
            compare(&stored, &attributes(other), Some(SIZE)),
            Comparison::SameSize
        );
        let undated = Attributes::default();
        assert_eq!(compare(&stored, &undated, Some(SIZE)), Comparison::SameSize);
        assert_eq!(
            compare(&record(&undated), &undated, Some(SIZE)),
            Comparison::SameSize
        );
    }

    #[test]
    fn a_time_just_before_the_upload_proves_nothing() {
        for (time, expected) in [
            ("2026-03-01T11:59:57.999Z", Comparison::Unchanged),
            ("2026-03-01T11:59:58.001Z", Comparison::SameSize),
            ("2026-03-01T13:00:00Z", Comparison::SameSize),
        ] {
            let file = attributes(time);
            assert_eq!(
                compare(&record(&file), &file, Some(SIZE)),
                expected,
                "{time}"
            );
        }
    }

    #[test]
    fn another_kind_of_file_is_a_change() {
        let plain = attributes("2026-03-01T11:00:00Z");
        let executable = Attributes {
            executable: true,
            ..plain.clone()
        };
        let link = Attributes {
            symlink: Some("0123456789".to_owned()),
            ..plain.clone()
        };
        let elsewhere = Attributes {
            symlink: Some("9876543210".to_owned()),
            ..plain.clone()
        };
        for (stored, found) in [
            (&plain, &executable),
            (&executable, &plain),
            (&plain, &link),
            (&link, &elsewhere),
        ] {
            let compared = compare(&record(stored), found, Some(SIZE));
            assert_eq!(compared, Comparison::Changed);
        }
    }
}
