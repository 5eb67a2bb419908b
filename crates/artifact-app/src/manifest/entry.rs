//! What a document says of one version. Knows nothing of documents.

use artifact_domain::{ArtifactId, ArtifactRecord};
use bytes::Bytes;

/// About what is taken in memory by what was purged, and its place among others.
const PURGED_BYTES: usize = 64;

/// What is said of one version.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Entry {
    /// It was like this.
    Version {
        /// Its record; never that of an upload on its way.
        record: Box<ArtifactRecord>,
        /// Its seek table. None says nothing: an earlier entry may have it.
        seek_table: Option<Bytes>,
    },
    /// Its record and its bytes were removed.
    Purged(ArtifactId),
}

impl Entry {
    pub(crate) fn version(record: ArtifactRecord, seek_table: Option<Bytes>) -> Self {
        Self::Version {
            record: Box::new(record),
            seek_table,
        }
    }

    pub(crate) fn id(&self) -> ArtifactId {
        match self {
            Self::Version { record, .. } => record.id,
            Self::Purged(id) => *id,
        }
    }

    /// About how much memory it takes.
    pub(crate) fn held_bytes(&self) -> usize {
        let Self::Version { record, seek_table } = self else {
            return PURGED_BYTES;
        };
        record.memory_bytes() + seek_table.as_ref().map_or(0, Bytes::len)
    }

    /// What two entries say together of one version, whichever came first.
    #[must_use]
    pub(crate) fn merged(self, other: Self) -> Self {
        match (self, other) {
            (Self::Purged(id), _) | (_, Self::Purged(id)) => Self::Purged(id),
            (
                Self::Version { record, seek_table },
                Self::Version {
                    record: other,
                    seek_table: other_table,
                },
            ) => Self::Version {
                record: if other.revision > record.revision {
                    other
                } else {
                    record
                },
                seek_table: seek_table.or(other_table),
            },
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use artifact_domain::Revision;
    use artifact_testkit::sample;

    use super::*;

    pub(in crate::manifest) fn record(name: &str) -> ArtifactRecord {
        sample::record("spec", "task", "log", name)
    }

    #[test]
    fn the_later_revision_counts_in_any_order_and_keeps_the_seek_table() {
        let first = record("x");
        let mut second = first.clone();
        second.revision = Revision::new(2);
        let table = Some(Bytes::from_static(b"table"));
        let old = Entry::version(first, table.clone());
        let new = Entry::version(second.clone(), None);
        let expected = Entry::version(second, table);
        assert_eq!(old.clone().merged(new.clone()), expected);
        assert_eq!(new.merged(old), expected);
    }

    #[test]
    fn what_was_purged_stays_purged() {
        let record = record("x");
        let purged = Entry::Purged(record.id);
        let entry = Entry::version(record, None);
        assert_eq!(entry.clone().merged(purged.clone()), purged);
        assert_eq!(purged.clone().merged(entry), purged);
    }
}
