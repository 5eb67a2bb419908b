//! Waits for a database that other processes are using. Must not know what is done with it.
//!
//! SQLite's own waiting sleeps up to 100 ms between attempts, so under load the processes that
//! came first lose their turn to those that come later. Short pauses of random length give each
//! the same chance.

use std::hash::{BuildHasher, RandomState};
use std::thread;
use std::time::{Duration, Instant};

use super::error::Result;

const SHORTEST_PAUSE: Duration = Duration::from_micros(200);
const LONGEST_PAUSE: Duration = Duration::from_millis(8);

/// How long to wait for a busy database.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    timeout: Duration,
}

impl Patience {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout }
    }

    /// Repeats `attempt` while the database is busy, until the timeout. Blocks its thread.
    pub(super) fn wait_for<T>(self, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let mut pause = SHORTEST_PAUSE;
        loop {
            match attempt() {
                Err(failure) if failure.is_busy() && start.elapsed() < self.timeout => {
                    thread::sleep(between_half_and(pause));
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                outcome => return outcome,
            }
        }
    }
}

/// A random share of `pause`, at least a half of it.
fn between_half_and(pause: Duration) -> Duration {
    // Every `RandomState` has keys of its own, which is all the randomness a pause needs.
    let random = RandomState::new().hash_one(0) % 1_024;
    let eighths = u32::try_from(random).unwrap_or(0);
    pause / 2 + pause / 2 * eighths / 1_024
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    fn busy() -> super::super::error::Failure {
        rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None).into()
    }

    #[test]
    fn a_busy_database_is_tried_again_until_it_is_free() {
        let mut attempts = 0;
        let outcome = Patience::new(Duration::from_secs(30)).wait_for(|| {
            attempts += 1;
            if attempts < 5 { Err(busy()) } else { Ok(7) }
        });
        assert_eq!((outcome.ok(), attempts), (Some(7), 5));
    }

    #[test]
    fn patience_ends_and_other_failures_are_not_repeated() {
        let outcome = Patience::new(Duration::from_millis(5)).wait_for::<()>(|| Err(busy()));
        assert!(outcome.is_err_and(|failure| failure.is_busy()));
        let mut attempts = 0;
        let outcome = Patience::new(Duration::from_secs(30)).wait_for::<()>(|| {
            attempts += 1;
            Err(rusqlite::Error::QueryReturnedNoRows.into())
        });
        assert!(outcome.is_err() && attempts == 1);
    }

    #[test]
    fn pauses_stay_within_their_bounds() {
        for _ in 0..100 {
            let pause = between_half_and(LONGEST_PAUSE);
            assert!((LONGEST_PAUSE / 2..=LONGEST_PAUSE).contains(&pause));
        }
    }
}
