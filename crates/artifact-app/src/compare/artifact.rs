//! One artifact as two tasks have it, and the sums over all of them. Knows no store.

use artifact_domain::Version;
use artifact_domain::{ArtifactId, ArtifactName, ArtifactRecord, ArtifactType, Digest, Result};

/// The newest version that one of the two tasks has of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparedVersion {
    /// Its identity.
    pub id: ArtifactId,
    /// Its number.
    pub version: Version,
    /// Its original bytes.
    pub size_bytes: u64,
    /// The SHA-256 of its original bytes.
    pub digest: Digest,
}

impl ComparedVersion {
    pub(super) fn of(record: &ArtifactRecord) -> Result<Self> {
        let content = record.stored_content()?;
        Ok(Self {
            id: record.id,
            version: record.version,
            size_bytes: content.size_bytes,
            digest: content.digest,
        })
    }
}

/// What became of an artifact between two tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Difference {
    /// Only the current task has it.
    Added,
    /// Only the baseline has it.
    Removed,
    /// Both have it, with other bytes.
    Changed,
    /// Both have it, with the same bytes: their SHA-256 is equal.
    Same,
}

impl Difference {
    /// Its name for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Same => "same",
        }
    }
}

/// One artifact as two tasks have it; at least one of them does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactComparison {
    /// Its type.
    pub artifact_type: ArtifactType,
    /// Its name.
    pub name: ArtifactName,
    /// What the baseline has.
    pub baseline: Option<ComparedVersion>,
    /// What the current task has.
    pub current: Option<ComparedVersion>,
}

impl ArtifactComparison {
    /// What became of it.
    pub fn change(&self) -> Difference {
        match (&self.baseline, &self.current) {
            (None, _) => Difference::Added,
            (_, None) => Difference::Removed,
            (Some(old), Some(new)) if old.digest == new.digest => Difference::Same,
            _ => Difference::Changed,
        }
    }

    /// Its sizes before and now; 0 where it is not there.
    pub fn sizes(&self) -> Sizes {
        let bytes = |version: &Option<ComparedVersion>| {
            version.as_ref().map_or(0, |version| version.size_bytes)
        };
        Sizes {
            baseline_bytes: bytes(&self.baseline),
            current_bytes: bytes(&self.current),
        }
    }
}

/// Original bytes before and now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Those of the baseline.
    pub baseline_bytes: u64,
    /// Those of the current task.
    pub current_bytes: u64,
}

impl Sizes {
    /// How many bytes more there are now; less than 0 where there are fewer.
    pub fn difference_bytes(self) -> i128 {
        i128::from(self.current_bytes) - i128::from(self.baseline_bytes)
    }

    /// The difference in percent of the baseline; none where the baseline has no bytes.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a percentage is read to a few digits"
    )]
    pub fn difference_percent(self) -> Option<f64> {
        (self.baseline_bytes > 0)
            .then(|| self.difference_bytes() as f64 * 100.0 / self.baseline_bytes as f64)
    }

    /// Whether there are more bytes now.
    pub fn increased(self) -> bool {
        self.current_bytes > self.baseline_bytes
    }

    fn add(&mut self, other: Self) {
        self.baseline_bytes = self.baseline_bytes.saturating_add(other.baseline_bytes);
        self.current_bytes = self.current_bytes.saturating_add(other.current_bytes);
    }
}

/// The sums over everything that was compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CompareTotals {
    /// How many artifacts only the current task has.
    pub added: u64,
    /// How many only the baseline has.
    pub removed: u64,
    /// How many both have, with other bytes.
    pub changed: u64,
    /// How many both have, with the same bytes.
    pub same: u64,
    /// All their bytes.
    pub sizes: Sizes,
}

impl CompareTotals {
    pub(super) fn add(&mut self, artifact: &ArtifactComparison) {
        let count = match artifact.change() {
            Difference::Added => &mut self.added,
            Difference::Removed => &mut self.removed,
            Difference::Changed => &mut self.changed,
            Difference::Same => &mut self.same,
        };
        *count += 1;
        self.sizes.add(artifact.sizes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(baseline_bytes: u64, current_bytes: u64) -> Sizes {
        Sizes {
            baseline_bytes,
            current_bytes,
        }
    }

    #[test]
    fn a_difference_has_a_sign_and_a_percentage_where_there_is_a_base() {
        assert_eq!(sizes(100, 150).difference_bytes(), 50);
        assert_eq!(sizes(100, 150).difference_percent(), Some(50.0));
        assert_eq!(sizes(200, 150).difference_percent(), Some(-25.0));
        assert_eq!(sizes(0, 150).difference_percent(), None);
        assert_eq!(sizes(0, u64::MAX).difference_bytes(), i128::from(u64::MAX));
        assert!(sizes(0, 1).increased());
        assert!(!sizes(1, 1).increased() && !sizes(1, 0).increased());
    }
}
