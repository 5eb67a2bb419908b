//! Clocks for tests: one that stands still until it is moved, and the system's.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use artifact_domain::Timestamp;
use artifact_domain::port::Clock;

/// A clock that stands still until a test moves it. Clones are the same clock.
///
/// ```
/// use std::time::Duration;
///
/// use artifact_domain::port::Clock;
/// use artifact_testkit::{ManualClock, sample};
///
/// let clock = ManualClock::new(sample::now());
/// let of_the_store = clock.clone();
/// clock.advance(Duration::from_secs(5));
/// assert_eq!(of_the_store.now(), sample::at(5));
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<Timestamp>>);

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(start)))
    }

    /// Shows `time` from now on, be it later or earlier.
    pub fn set(&self, time: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }

    /// Lets `duration` pass.
    pub fn advance(&self, duration: Duration) {
        self.set(self.now().saturating_add(duration));
    }

    /// Goes back by `duration`, as a system's clock may.
    pub fn go_back(&self, duration: Duration) {
        self.set(self.now().saturating_sub(duration));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The clock of the machine.
pub(super) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::UNIX_EPOCH.saturating_add(since_epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn it_moves_when_it_is_told_to_and_its_clones_with_it() {
        let clock = ManualClock::new(sample::now());
        let shared = clock.clone();
        clock.advance(Duration::from_secs(10));
        assert_eq!(shared.now(), sample::at(10));
        shared.go_back(Duration::from_secs(30));
        assert_eq!(clock.now(), sample::at(-20));
        clock.set(Timestamp::MAX);
        assert_eq!(shared.now(), Timestamp::MAX);
    }
}
