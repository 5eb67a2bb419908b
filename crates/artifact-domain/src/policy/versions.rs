//! Which versions of an artifact go when it has many.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::{ArtifactRecord, Error, Result, Timestamp, Version};

/// Which older versions are pruned. All that is given must hold of a version that goes; whatever
/// is given, the newest version stays, and so does every one on hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PruneRule {
    keep: u32,
    older_than: Option<Duration>,
}

impl PruneRule {
    /// From which age on they go, where that matters.
    pub fn older_than(&self) -> Option<Duration> {
        self.older_than
    }

    /// So many of the newest versions stay, those on hold not counted, and so do those that were
    /// created less than `older_than` ago. One of both must be given: `InvalidInput` otherwise, or
    /// if none should stay.
    pub fn new(keep: Option<u32>, older_than: Option<Duration>) -> Result<Self> {
        match (keep, older_than) {
            (None, None) => Err(Error::invalid_input(
                "neither how many versions to keep nor from which age on to prune was said",
            )),
            (Some(0), _) => Err(Error::invalid_input("at least one version must be kept")),
            (keep, older_than) => Ok(Self {
                keep: keep.unwrap_or(0),
                older_than,
            }),
        }
    }

    /// How many of the newest stay that are not on hold; none where only their age is asked for.
    pub fn keep(&self) -> u32 {
        self.keep
    }

    /// Whether an artifact may have versions that go if its newest one has this number.
    pub fn may_take_from(&self, newest: Version) -> bool {
        newest.get() > self.keep.max(1)
    }

    /// Begins to look at the versions of one artifact.
    pub fn ranking(self) -> Ranking {
        Ranking {
            rule: self,
            newest: None,
            kept: BinaryHeap::new(),
        }
    }
}

/// What becomes of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It stays.
    Stays,
    /// It would go, but is on hold.
    Held,
    /// It goes.
    Goes,
}

/// The versions of one artifact, told one by one in any order. Memory: a few bytes for each of
/// those that the rule keeps.
#[derive(Debug, Clone)]
pub struct Ranking {
    rule: PruneRule,
    newest: Option<Version>,
    /// The newest that are not on hold, as many as are kept; the lowest on top.
    kept: BinaryHeap<Reverse<Version>>,
}

impl Ranking {
    /// Takes a version into account: only those that can be read are to be told.
    pub fn see(&mut self, record: &ArtifactRecord) {
        self.newest = self.newest.max(Some(record.version));
        if record.hold.is_none() && self.rule.keep > 0 {
            self.kept.push(Reverse(record.version));
            if self.kept.len() > self.rule.keep as usize {
                self.kept.pop();
            }
        }
    }

    /// What becomes of one of them at `now`, once all were seen.
    pub fn verdict(&self, record: &ArtifactRecord, now: Timestamp) -> Verdict {
        let is_full = self.kept.len() == self.rule.keep as usize;
        let lowest_kept = self.kept.peek().map(|lowest| lowest.0);
        let is_among_kept = !is_full || lowest_kept.is_some_and(|lowest| record.version >= lowest);
        let is_young = self
            .rule
            .older_than
            .is_some_and(|age| record.created_at > now.saturating_sub(age));
        if self.newest <= Some(record.version) || is_among_kept || is_young {
            Verdict::Stays
        } else if record.hold.is_some() {
            Verdict::Held
        } else {
            Verdict::Goes
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Hold;
    use crate::record::tests::record;

    const DAY: Duration = Duration::from_hours(24);

    fn version(number: u32, age_days: u32, held: bool, now: Timestamp) -> ArtifactRecord {
        let mut record = record();
        record.version = Version::new(number).unwrap();
        record.created_at = now.saturating_sub(DAY * age_days);
        record.hold = held.then_some(Hold {
            reason: None,
            by: None,
            since: now,
        });
        record
    }

    fn verdicts(rule: PruneRule, records: &[ArtifactRecord], now: Timestamp) -> Vec<Verdict> {
        let mut ranking = rule.ranking();
        for record in records {
            ranking.see(record);
        }
        records
            .iter()
            .map(|record| ranking.verdict(record, now))
            .collect()
    }

    fn gone(rule: PruneRule, records: &[ArtifactRecord], now: Timestamp) -> Vec<u32> {
        let verdicts = verdicts(rule, records, now);
        let gone = records.iter().zip(verdicts);
        gone.filter(|(_, verdict)| *verdict == Verdict::Goes)
            .map(|(record, _)| record.version.get())
            .collect()
    }

    fn rule(keep: Option<u32>, older_than_days: Option<u32>) -> PruneRule {
        PruneRule::new(keep, older_than_days.map(|days| DAY * days)).unwrap()
    }

    #[test]
    fn the_newest_stay_by_number_and_those_on_hold_besides() {
        let now = Timestamp::from_micros(1_700_000_000_000_000).unwrap();
        let of = |number: u32| version(number, 10 - number, false, now);
        let mut five: Vec<_> = (1..=5).map(of).collect();
        assert_eq!(gone(rule(Some(2), None), &five, now), [1, 2, 3]);
        assert_eq!(gone(rule(Some(9), None), &five, now), [0; 0]);
        assert_eq!(gone(rule(None, Some(7)), &five, now), [1, 2, 3]);
        assert_eq!(gone(rule(Some(4), Some(7)), &five, now), [1]);
        assert_eq!(gone(rule(None, Some(0)), &five, now), [1, 2, 3, 4]);
        five[3] = version(4, 6, true, now);
        five[0] = version(1, 9, true, now);
        assert_eq!(gone(rule(Some(2), None), &five, now), [2]);
        let found = verdicts(rule(Some(2), None), &five, now);
        assert_eq!((found[0], found[3]), (Verdict::Held, Verdict::Stays));
    }

    #[test]
    fn a_rule_must_say_something_and_keep_something() {
        assert!(PruneRule::new(None, None).is_err());
        assert!(PruneRule::new(Some(0), Some(DAY)).is_err());
        let of = |number| Version::new(number).unwrap();
        assert!(!rule(Some(3), None).may_take_from(of(3)));
        assert!(rule(Some(3), None).may_take_from(of(4)));
        assert!(!rule(None, Some(1)).may_take_from(of(1)));
    }

    proptest! {
        #[test]
        fn what_goes_is_what_a_sorted_list_says(
            ages in proptest::collection::btree_map(1_u32..60, (0_u32..40, any::<bool>()), 1..30),
            keep in proptest::option::of(1_u32..12),
            older_than in proptest::option::of(0_u32..40),
        ) {
            prop_assume!(keep.is_some() || older_than.is_some());
            let now = Timestamp::from_micros(1_700_000_000_000_000).unwrap();
            let versions = ages.iter().map(|(n, (age, held))| version(*n, *age, *held, now));
            let mut newest_first: Vec<_> = versions.collect();
            newest_first.reverse();
            let mut free = 0;
            let mut expected = Vec::new();
            for (place, record) in newest_first.iter().enumerate() {
                if record.hold.is_some() {
                    continue;
                }
                free += 1;
                let age = ages[&record.version.get()].0;
                if place > 0
                    && keep.is_none_or(|keep| free > keep)
                    && older_than.is_none_or(|days| age >= days)
                {
                    expected.push(record.version.get());
                }
            }
            let rule = rule(keep, older_than);
            prop_assert_eq!(gone(rule, &newest_first, now), expected.clone());
            if !expected.is_empty() {
                prop_assert!(rule.may_take_from(newest_first[0].version));
            }
        }
    }
}
