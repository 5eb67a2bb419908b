//! The waits between one attempt and the next. Knows nothing of what is attempted.

use std::time::Duration;

/// The wait before the first retry; each later one is twice as long.
pub(super) const FIRST: Duration = Duration::from_millis(500);

/// The longest wait.
pub(super) const LONGEST: Duration = Duration::from_secs(10);

/// How long to wait after attempt number `attempt`, counted from 1: grows exponentially, and is
/// shortened by up to a half at random, so that many clients do not come back at once.
pub(super) fn after(attempt: u32) -> Duration {
    let full = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(10));
    let mut random = [0; 1];
    // Without random bytes there is no jitter, which harms nobody.
    let _ = getrandom::fill(&mut random);
    full.min(LONGEST)
        .mul_f64(1.0 - f64::from(random[0]) / 512.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_are_bounded_and_are_shortened_by_less_than_a_half() {
        for (attempt, full) in [(1, FIRST), (2, FIRST * 2), (3, FIRST * 4), (40, LONGEST)] {
            for _ in 0..50 {
                let wait = after(attempt);
                assert!(wait <= full && wait > full / 2, "{wait:?} of {full:?}");
            }
        }
    }
}
