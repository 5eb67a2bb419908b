//! When versions move to colder tiers by their age.

use std::time::Duration;

use crate::{ArtifactRecord, State, Tier, Timestamp};

const DAY: Duration = Duration::from_hours(24);

/// When versions move to colder tiers, and whether the coldest can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TierPolicy {
    /// Days after its upload from which a version is to be warm; never where there are none.
    pub warm_after_days: Option<u32>,
    /// Days after its upload from which a version is to be archived; never where there are none.
    pub cold_after_days: Option<u32>,
    /// Whether a version of the cold tier is read where it is. Otherwise it must be restored first.
    pub cold_read_through: bool,
}

impl Default for TierPolicy {
    /// Nothing moves by age, and everything is read where it is.
    fn default() -> Self {
        Self {
            warm_after_days: None,
            cold_after_days: None,
            cold_read_through: true,
        }
    }
}

impl TierPolicy {
    /// The colder tier that a version is to move to at `now`; none if it is where it belongs, or
    /// is not active. It counts from the upload.
    pub fn due(&self, record: &ArtifactRecord, now: Timestamp) -> Option<Tier> {
        let is_past = |days: Option<u32>| {
            days.is_some_and(|days| {
                record.created_at.saturating_add(DAY.saturating_mul(days)) <= now
            })
        };
        let tier = if is_past(self.cold_after_days) {
            Tier::Cold
        } else if is_past(self.warm_after_days) {
            Tier::Warm
        } else {
            return None;
        };
        (record.state == State::Active && tier > record.tier).then_some(tier)
    }

    /// What was uploaded later than this is not due at `now`; none if nothing moves by age.
    pub fn last_due(&self, now: Timestamp) -> Option<Timestamp> {
        let days = [self.warm_after_days, self.cold_after_days];
        let days = days.into_iter().flatten().min()?;
        Some(now.saturating_sub(DAY.saturating_mul(days)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::record;

    fn policy(warm: Option<u32>, cold: Option<u32>) -> TierPolicy {
        TierPolicy {
            warm_after_days: warm,
            cold_after_days: cold,
            ..TierPolicy::default()
        }
    }

    #[test]
    fn age_decides_and_nothing_moves_to_a_warmer_tier() {
        let both = policy(Some(30), Some(90));
        let record = record();
        let after = |days: u32| record.created_at.saturating_add(DAY * days);
        let before = |time: Timestamp| time.saturating_sub(Duration::from_micros(1));
        assert_eq!(both.due(&record, before(after(30))), None);
        assert_eq!(both.due(&record, after(30)), Some(Tier::Warm));
        assert_eq!(both.due(&record, before(after(90))), Some(Tier::Warm));
        assert_eq!(both.due(&record, after(90)), Some(Tier::Cold));
        assert_eq!(policy(None, Some(90)).due(&record, after(60)), None);
        assert_eq!(TierPolicy::default().due(&record, Timestamp::MAX), None);
        let mut warm = record.clone();
        warm.tier = Tier::Warm;
        assert_eq!(both.due(&warm, after(60)), None);
        assert_eq!(both.due(&warm, after(90)), Some(Tier::Cold));
        warm.state = State::Deleted;
        assert_eq!(both.due(&warm, after(90)), None);
    }

    #[test]
    fn a_clock_that_went_back_moves_nothing() {
        let both = policy(Some(30), Some(90));
        assert_eq!(both.due(&record(), Timestamp::UNIX_EPOCH), None);
    }

    #[test]
    fn what_is_younger_than_the_last_that_is_due_is_not_due() {
        let record = record();
        let now = record.created_at.saturating_add(DAY * 30);
        let both = policy(Some(30), Some(90));
        assert_eq!(both.last_due(now), Some(record.created_at));
        assert_eq!(policy(None, None).last_due(now), None);
    }
}
