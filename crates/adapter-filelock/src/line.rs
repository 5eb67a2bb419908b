//! The lines in which the tasks of this process wait for a key, so that only the first of each
//! looks at the lock file. Must not know of files: the lock file alone decides who holds a lock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use artifact_domain::port::LockKey;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

/// Every line in which somebody stands.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    by_key: Mutex<HashMap<LockKey, Standing>>,
}

/// A line and how many stand in it.
#[derive(Debug, Default)]
struct Standing {
    places: usize,
    line: Arc<Line>,
}

#[derive(Debug)]
struct Line {
    /// One permit, given in order of arrival: whoever has it stands first.
    first: Semaphore,
    /// Rung when this process frees the lock.
    bell: Notify,
}

/// A place in a line; dropped, it is given up. The last to leave takes the line away.
#[derive(Debug)]
pub(crate) struct Place {
    lines: Arc<Lines>,
    key: LockKey,
    line: Arc<Line>,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            first: Semaphore::new(1),
            bell: Notify::new(),
        }
    }
}

impl Lines {
    /// Takes a place at the end of the key's line.
    pub(crate) fn join(self: &Arc<Self>, key: &LockKey) -> Place {
        let mut by_key = self.open();
        let standing = by_key.entry(key.clone()).or_default();
        standing.places += 1;
        Place {
            lines: Arc::clone(self),
            key: key.clone(),
            line: Arc::clone(&standing.line),
        }
    }

    /// Wakes the first of the key's line, since the lock became free.
    pub(crate) fn freed(&self, key: &LockKey) {
        if let Some(standing) = self.open().get(key) {
            standing.line.bell.notify_one();
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<LockKey, Standing>> {
        // Nothing that runs under this mutex can leave the map half changed.
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Waits to stand first; gives nothing if the deadline comes before. Who is first already when
    /// called is so at once, even after the deadline.
    pub(crate) async fn first(&self, deadline: Option<Instant>) -> Option<SemaphorePermit<'_>> {
        let first = self.line.first.acquire();
        let first = match deadline {
            None => first.await,
            Some(deadline) => timeout_at(deadline, first).await.ok()?,
        };
        Some(first.expect("the semaphore is never closed"))
    }

    /// Waits until this process frees the lock, or until `instant`. A lock freed since the last
    /// call counts, so that none is missed.
    pub(crate) async fn freed_or(&self, instant: Instant) {
        // Elapsed or rung, the caller looks at the lock file.
        let _ = timeout_at(instant, self.line.bell.notified()).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_key = self.lines.open();
        if let Some(standing) = by_key.get_mut(&self.key) {
            standing.places -= 1;
            if standing.places == 0 {
                by_key.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn in_ms(millis: u64) -> Instant {
        Instant::now() + Duration::from_millis(millis)
    }

    #[tokio::test]
    async fn the_next_stands_first_when_the_first_has_left() {
        let lines = Arc::new(Lines::default());
        let key = LockKey::job("gc");
        let (one, two) = (lines.join(&key), lines.join(&key));
        let first = one.first(Some(in_ms(0))).await.expect("nobody is before");
        assert!(two.first(Some(in_ms(20))).await.is_none());
        drop(first);
        assert!(two.first(Some(in_ms(0))).await.is_some());
    }

    #[tokio::test]
    async fn a_bell_that_rang_before_is_heard() {
        let lines = Arc::new(Lines::default());
        let key = LockKey::job("gc");
        let place = lines.join(&key);
        lines.freed(&key);
        let begun = Instant::now();
        place.freed_or(in_ms(10_000)).await;
        assert!(begun.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn lines_in_which_nobody_stands_are_gone() {
        let lines = Arc::new(Lines::default());
        for name in ["gc", "cleanup"] {
            let key = LockKey::job(name);
            let places = [lines.join(&key), lines.join(&key), lines.join(&key)];
            assert_eq!(lines.open().len(), 1);
            drop(places);
            lines.freed(&key);
            assert_eq!(lines.open().len(), 0);
        }
    }
}
