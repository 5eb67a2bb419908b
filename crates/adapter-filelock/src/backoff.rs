//! How long to wait between two tries. Must not know what is tried, nor sleep itself.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// No wait is longer.
const LONGEST: Duration = Duration::from_secs(1);
/// No wait is shorter before jitter, so that an interval of zero does not spin.
const SHORTEST: Duration = Duration::from_millis(1);

/// No wait is longer than this part of the time left, so that whoever is about to give up looks
/// more often than who has just come: with nothing but long waits, one process of several that
/// take a lock again and again can find it held each time.
const PART_OF_TIME_LEFT: u32 = 64;

/// Waits that double from the first interval up to one second, and shrink to it again as the time
/// left does. Each is shortened at random by up to half, so that those who wait together do not
/// come back together.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    interval: Duration,
}

impl Backoff {
    pub(crate) fn new(first: Duration) -> Self {
        let first = first.clamp(SHORTEST, LONGEST);
        Self {
            first,
            interval: first,
        }
    }

    /// The next wait, of one who gives up after `left`, or never.
    pub(crate) fn next(&mut self, left: Option<Duration>) -> Duration {
        let left = left.unwrap_or(Duration::MAX);
        let longest = (left / PART_OF_TIME_LEFT).max(self.first);
        let wait = self.interval.min(longest);
        self.interval = (self.interval * 2).min(LONGEST);
        wait.mul_f64(1.0 - random_fraction() / 2.0).min(left)
    }
}

/// A number from 0 up to 1, random enough to spread waits. The standard library seeds each hasher
/// anew, the first of a thread from the system's randomness.
fn random_fraction() -> f64 {
    let bits = RandomState::new().hash_one(0_u8);
    f64::from(u32::try_from(bits >> 32).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn assert_wait(full_ms: u64, wait: Duration) {
        let full = Duration::from_millis(full_ms);
        assert!(wait > full.mul_f64(0.499) && wait <= full, "{wait:?}");
    }

    #[test]
    fn waits_double_up_to_a_second_and_jitter_only_shortens_them() {
        let mut backoff = Backoff::new(Duration::from_millis(100));
        for full in [100, 200, 400, 800, 1_000, 1_000, 1_000] {
            assert_wait(full, backoff.next(None));
        }
    }

    #[test]
    fn who_has_little_time_left_waits_no_longer_than_at_first() {
        let mut backoff = Backoff::new(Duration::from_millis(100));
        for (left, full) in [
            (30_000, 100),
            (29_900, 200),
            (29_700, 400),
            (25_600, 400),
            (12_800, 200),
            (6_400, 100),
            (200, 100),
        ] {
            assert_wait(full, backoff.next(Some(Duration::from_millis(left))));
        }
        let left = Duration::from_millis(3);
        assert_eq!(backoff.next(Some(left)), left);
    }

    #[test]
    fn extreme_intervals_neither_spin_nor_sleep_for_ever() {
        assert!(Backoff::new(Duration::ZERO).next(None) >= SHORTEST / 2);
        assert!(Backoff::new(Duration::MAX).next(None) <= LONGEST);
    }

    #[test]
    fn those_who_begin_together_wait_differently() {
        let waits: HashSet<_> = (0..100).map(|_| Backoff::new(LONGEST).next(None)).collect();
        assert!(waits.len() > 90, "{} of 100 differ", waits.len());
    }
}
