//! The counters of an index: what they count, and how they are held against the records.

use std::collections::BTreeMap;

use crate::{ArtifactRecord, ArtifactType, SpecName, State, Tier};

/// How much is stored of one kind. Sums over rows give totals.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsageRow {
    /// Of which spec.
    pub spec: SpecName,
    /// Of which type.
    pub artifact_type: ArtifactType,
    /// In which state.
    pub state: State,
    /// In which tier.
    pub tier: Tier,
    /// How many versions.
    pub count: u64,
    /// Their original bytes; 0 for an upload that has not ended.
    pub size_bytes: u64,
    /// The bytes of their blobs; for an upload that has not ended, those that it has reserved.
    pub stored_size_bytes: u64,
}

impl UsageRow {
    /// What one record counts for.
    pub fn of(record: &ArtifactRecord) -> Self {
        let at = &record.coordinate;
        Self {
            spec: at.spec().clone(),
            artifact_type: at.artifact_type().clone(),
            state: record.state,
            tier: record.tier,
            count: 1,
            size_bytes: record.content.as_ref().map_or(0, |c| c.size_bytes),
            stored_size_bytes: record.held_bytes(),
        }
    }

    /// The same row with nothing in it.
    #[must_use]
    pub fn emptied(mut self) -> Self {
        (self.count, self.size_bytes, self.stored_size_bytes) = (0, 0, 0);
        self
    }

    fn key(&self) -> (&SpecName, &ArtifactType, State, Tier) {
        (&self.spec, &self.artifact_type, self.state, self.tier)
    }
}

/// A counter that disagrees with the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageDrift {
    /// What the counter says; all 0 for one that is missing.
    pub kept: UsageRow,
    /// What the records come to; all 0 where there are none.
    pub counted: UsageRow,
}

/// What counting anew has shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recount {
    /// The counters that disagree with the records, in the order of their rows.
    pub drifts: Vec<UsageDrift>,
    /// How many counters could not be read.
    pub unreadable: u64,
}

impl Recount {
    /// Holds counters against what was counted; each row may be there once.
    pub fn new(kept: &[UsageRow], counted: &[UsageRow], unreadable: u64) -> Self {
        let mut pairs = BTreeMap::new();
        for row in kept {
            pairs.insert(row.key(), (Some(row), None));
        }
        for row in counted {
            pairs.entry(row.key()).or_insert((None, None)).1 = Some(row);
        }
        let drifts = pairs.into_values().filter_map(|(kept, counted)| {
            let either = kept.or(counted)?;
            let or_empty =
                |row: Option<&UsageRow>| row.cloned().unwrap_or_else(|| either.clone().emptied());
            (kept != counted).then(|| UsageDrift {
                kept: or_empty(kept),
                counted: or_empty(counted),
            })
        });
        Self {
            drifts: drifts.collect(),
            unreadable,
        }
    }

    /// Whether every counter agrees.
    pub fn is_sound(&self) -> bool {
        self.drifts.is_empty() && self.unreadable == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::record;

    #[test]
    fn counters_that_are_wrong_missing_or_too_many_are_drifts() {
        let row = UsageRow::of(&record());
        assert_eq!((row.size_bytes, row.stored_size_bytes), (10, 7));
        let in_state = |state, count| UsageRow {
            state,
            count,
            ..row.clone()
        };
        let kept = vec![
            in_state(State::Active, 1),
            in_state(State::Archived, 2),
            in_state(State::Deleted, 3),
        ];
        let counted = vec![
            in_state(State::Active, 1),
            in_state(State::Archived, 9),
            in_state(State::Uploading, 4),
        ];
        let recount = Recount::new(&kept, &counted, 0);
        let found = recount.drifts.iter();
        let found: Vec<_> = found
            .map(|drift| (drift.counted.state, drift.kept.count, drift.counted.count))
            .collect();
        let mut expected = vec![
            (State::Archived, 2, 9),
            (State::Deleted, 3, 0),
            (State::Uploading, 0, 4),
        ];
        expected.sort_unstable();
        assert_eq!(found, expected);
        assert!(!recount.is_sound());
        let one = [row];
        assert!(Recount::new(&one, &one, 0).is_sound());
        assert!(!Recount::new(&[], &[], 1).is_sound());
    }
}
