//! The system's clock: the only place that reads it.

use std::time::{SystemTime, UNIX_EPOCH};

use artifact_domain::Timestamp;
use artifact_domain::port::Clock;

/// Reads the system's clock. A clock set before 1970 reads as 1970.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::UNIX_EPOCH.saturating_add(since_epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_later_than_the_day_this_was_written() {
        let then: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        assert!(SystemClock.now() > then);
    }
}
