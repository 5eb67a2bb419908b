//! How much is stored, of what, and how near that is to the limit. Reads counters alone.

use std::collections::BTreeMap;
use std::fmt;

use artifact_domain::port::UsageRow;
use artifact_domain::{ArtifactType, Result, SpecName, State, Tier};

use crate::Store;

/// By what usage is broken down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UsageKey {
    /// By spec.
    Spec,
    /// By type.
    Type,
    /// By state.
    State,
    /// By tier.
    Tier,
}

/// What a sum is over; all of a kind where nothing is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsageGroup {
    /// Of this spec.
    pub spec: Option<SpecName>,
    /// Of this type.
    pub artifact_type: Option<ArtifactType>,
    /// In this state.
    pub state: Option<State>,
    /// In this tier.
    pub tier: Option<Tier>,
}

impl UsageGroup {
    fn of(row: &UsageRow, keys: &[UsageKey]) -> Self {
        let by = |key| keys.contains(&key);
        Self {
            spec: by(UsageKey::Spec).then(|| row.spec.clone()),
            artifact_type: by(UsageKey::Type).then(|| row.artifact_type.clone()),
            state: by(UsageKey::State).then_some(row.state),
            tier: by(UsageKey::Tier).then_some(row.tier),
        }
    }
}

/// Sums over versions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UsageTotal {
    /// How many versions are stored. Those that are deleted count until their bytes are removed.
    pub count: u64,
    /// Their original bytes.
    pub size_bytes: u64,
    /// The bytes of their blobs.
    pub stored_size_bytes: u64,
    /// How many uploads are on their way.
    pub uploads: u64,
    /// The bytes that these have reserved.
    pub reserved_bytes: u64,
}

impl UsageTotal {
    fn add(&mut self, row: &UsageRow) {
        let sum = |a: &mut u64, b: u64| *a = a.saturating_add(b);
        if row.state == State::Uploading {
            sum(&mut self.uploads, row.count);
            sum(&mut self.reserved_bytes, row.stored_size_bytes);
        } else {
            sum(&mut self.count, row.count);
            sum(&mut self.size_bytes, row.size_bytes);
            sum(&mut self.stored_size_bytes, row.stored_size_bytes);
        }
    }

    /// What counts against the limit.
    pub fn held_bytes(&self) -> u64 {
        self.stored_size_bytes.saturating_add(self.reserved_bytes)
    }

    /// The share of the original bytes that is not stored; none where there are none.
    pub fn saved_ratio(&self) -> Option<f64> {
        (self.size_bytes > 0).then(|| 1.0 - ratio(self.stored_size_bytes, self.size_bytes))
    }
}

/// How much is stored, as the counters have it at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    rows: Vec<UsageRow>,
    limit_bytes: Option<u64>,
    warn_bytes: Option<u64>,
}

impl Usage {
    /// Everything together.
    pub fn total(&self) -> UsageTotal {
        self.total_of(None)
    }

    /// Everything of one spec, or of all.
    pub fn total_of(&self, spec: Option<&SpecName>) -> UsageTotal {
        let mut total = UsageTotal::default();
        self.rows_of(spec).for_each(|row| total.add(row));
        total
    }

    /// Sums by some keys, of one spec or of all, in the order of their groups.
    pub fn by(&self, keys: &[UsageKey], spec: Option<&SpecName>) -> Vec<(UsageGroup, UsageTotal)> {
        let mut groups: BTreeMap<_, UsageTotal> = BTreeMap::new();
        for row in self.rows_of(spec) {
            groups
                .entry(UsageGroup::of(row, keys))
                .or_default()
                .add(row);
        }
        groups.into_iter().collect()
    }

    fn rows_of(&self, spec: Option<&SpecName>) -> impl Iterator<Item = &UsageRow> {
        let rows = self.rows.iter();
        rows.filter(move |row| spec.is_none_or(|spec| row.spec == *spec))
    }

    /// What all blobs together may have, if there is a limit.
    pub fn limit_bytes(&self) -> Option<u64> {
        self.limit_bytes
    }

    /// The share of the limit that is taken, if there is one: 1 is full.
    pub fn used_ratio(&self) -> Option<f64> {
        self.limit_bytes
            .map(|limit| ratio(self.total().held_bytes(), limit))
    }

    /// That little room is left, once the threshold of the settings is reached.
    pub fn warning(&self) -> Option<QuotaWarning> {
        let (limit_bytes, held_bytes) = (self.limit_bytes?, self.total().held_bytes());
        (held_bytes >= self.warn_bytes?).then_some(QuotaWarning {
            held_bytes,
            limit_bytes,
        })
    }
}

/// Little room is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaWarning {
    /// What is stored or reserved.
    pub held_bytes: u64,
    /// What may be.
    pub limit_bytes: u64,
}

impl QuotaWarning {
    /// The share of the limit that is taken.
    pub fn used_ratio(&self) -> f64 {
        ratio(self.held_bytes, self.limit_bytes)
    }
}

impl fmt::Display for QuotaWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the store is {:.1} % full: {} bytes of its quota of {}",
            100.0 * self.used_ratio(),
            self.held_bytes,
            self.limit_bytes
        )
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share for people has few digits"
)]
fn ratio(part: u64, whole: u64) -> f64 {
    // Of nothing everything is taken.
    if whole == 0 {
        return 1.0;
    }
    part as f64 / whole as f64
}

impl Store {
    /// How much is stored, of what, and how near that is to the limit. Says so in the log where
    /// the threshold of the settings is reached.
    ///
    /// Its time grows with the number of specs and types, not of versions. What has expired counts
    /// until it is cleaned up, and what is deleted until its bytes are removed. Metadata and index
    /// are not counted.
    ///
    /// # Errors
    /// Those of the index.
    pub async fn usage(&self) -> Result<Usage> {
        let rows = self.retrying("usage", || self.ports.index.usage()).await?;
        let quota = &self.options.quota;
        let usage = Usage {
            rows,
            limit_bytes: quota.max_storage_bytes,
            warn_bytes: quota.warn_storage_bytes,
        };
        if let Some(warning) = usage.warning() {
            tracing::warn!(
                quota.held_bytes = warning.held_bytes,
                quota.limit_bytes = warning.limit_bytes,
                "{warning}"
            );
        }
        Ok(usage)
    }

    /// That little room is left, if it is so; for whoever has stored something. Asks the index only
    /// where a limit and a threshold are set.
    ///
    /// # Errors
    /// Those of the index.
    pub async fn quota_warning(&self) -> Result<Option<QuotaWarning>> {
        let quota = &self.options.quota;
        if quota.max_storage_bytes.is_none() || quota.warn_storage_bytes.is_none() {
            return Ok(None);
        }
        Ok(self.usage().await?.warning())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(spec: &str, artifact_type: &str, state: State, numbers: [u64; 3]) -> UsageRow {
        let [count, size_bytes, stored_size_bytes] = numbers;
        UsageRow {
            spec: spec.parse().unwrap(),
            artifact_type: artifact_type.parse().unwrap(),
            state,
            tier: Tier::Hot,
            count,
            size_bytes,
            stored_size_bytes,
        }
    }

    fn usage() -> Usage {
        Usage {
            rows: vec![
                row("a", "log", State::Active, [2, 100, 40]),
                row("a", "log", State::Uploading, [1, 0, 7]),
                row("a", "data", State::Deleted, [1, 50, 20]),
                row("b", "log", State::Active, [3, 50, 20]),
            ],
            limit_bytes: Some(100),
            warn_bytes: Some(80),
        }
    }

    #[test]
    fn sums_of_groups_come_to_the_total() {
        let usage = usage();
        let total = usage.total();
        assert_eq!((total.count, total.uploads), (6, 1));
        assert_eq!((total.stored_size_bytes, total.held_bytes()), (80, 87));
        assert_eq!(total.saved_ratio(), Some(0.6));
        for keys in [
            &[UsageKey::Spec][..],
            &[UsageKey::Type, UsageKey::Tier],
            &[UsageKey::State, UsageKey::Spec, UsageKey::Type],
            &[],
        ] {
            let groups = usage.by(keys, None);
            let held: u64 = groups.iter().map(|(_, sum)| sum.held_bytes()).sum();
            let count: u64 = groups.iter().map(|(_, sum)| sum.count).sum();
            assert_eq!((held, count), (87, 6), "{keys:?}");
        }
        let types = usage.by(&[UsageKey::Type], Some(&"a".parse().unwrap()));
        let names: Vec<_> = types
            .iter()
            .map(|(group, sum)| (group.artifact_type.clone().unwrap(), sum.count))
            .collect();
        assert_eq!(names.len(), 2);
        assert!(names.contains(&(ArtifactType::Log, 2)));
    }

    #[test]
    fn the_warning_comes_with_the_threshold_and_counts_what_is_on_its_way() {
        let mut usage = usage();
        let warning = usage.warning().unwrap();
        assert_eq!((warning.held_bytes, warning.limit_bytes), (87, 100));
        assert_eq!(usage.used_ratio(), Some(0.87));
        assert!(warning.to_string().contains("87.0 % full"));
        usage.warn_bytes = Some(88);
        assert_eq!(usage.warning(), None);
        usage.warn_bytes = Some(87);
        assert!(usage.warning().is_some());
        usage.limit_bytes = None;
        assert_eq!((usage.warning(), usage.used_ratio()), (None, None));
    }

    #[test]
    fn nothing_saves_nothing_and_a_limit_of_nothing_is_full() {
        assert_eq!(UsageTotal::default().saved_ratio(), None);
        let usage = Usage {
            limit_bytes: Some(0),
            ..Usage::default()
        };
        assert_eq!(usage.used_ratio(), Some(1.0));
    }
}
