//! Locks in memory: for tests that need locks and not a disk.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use artifact_domain::port::{Clock, LockGuard, LockHolder, LockKey, LockManager, LockPatience};
use artifact_domain::{Error, ErrorKind, Result};
use async_trait::async_trait;
use tokio::sync::Notify;

use super::clock::SystemClock;

#[derive(Debug)]
struct Held {
    /// Which acquire it was, so that a guard whose lock was taken away frees nobody else's.
    number: u64,
    holder: LockHolder,
}

#[derive(Debug, Default)]
struct Shared {
    held: Mutex<HashMap<LockKey, Held>>,
    freed: Notify,
    acquired: AtomicU64,
    released: AtomicU64,
    dropped: AtomicU64,
}

impl Shared {
    fn locked<T>(&self, act: impl FnOnce(&mut HashMap<LockKey, Held>) -> T) -> T {
        act(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn free(&self, key: &LockKey, number: u64) {
        self.locked(|held| {
            if held.get(key).is_some_and(|held| held.number == number) {
                held.remove(key);
            }
        });
        self.freed.notify_waiters();
    }
}

/// Locks in memory. They count what was acquired, released and dropped, so that a test can say
/// that every guard was released.
pub struct MemoryLocks {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
}

impl Default for MemoryLocks {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryLocks {
    /// Locks of which none is held, that go by the machine's clock.
    pub fn new() -> Self {
        Self {
            shared: Arc::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Goes by `clock` in what it says of holders. Patience is measured in real time.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How many locks were had.
    pub fn acquired(&self) -> u64 {
        self.shared.acquired.load(Ordering::SeqCst)
    }

    /// How many guards were released.
    pub fn released(&self) -> u64 {
        self.shared.released.load(Ordering::SeqCst)
    }

    /// How many guards were dropped without a release, which a caller should not rely on.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::SeqCst)
    }

    /// How many locks are held now.
    pub fn held(&self) -> usize {
        self.shared.locked(|held| held.len())
    }

    fn try_acquire(&self, key: &LockKey) -> Option<Guard> {
        let holder = LockHolder {
            pid: std::process::id(),
            host: "memory".to_owned(),
            since: self.clock.now(),
        };
        self.shared.locked(|held| {
            if held.contains_key(key) {
                return None;
            }
            let number = self.shared.acquired.fetch_add(1, Ordering::SeqCst);
            held.insert(key.clone(), Held { number, holder });
            Some(Guard {
                shared: Arc::clone(&self.shared),
                key: key.clone(),
                number,
                released: false,
            })
        })
    }

    fn timed_out(&self, key: &LockKey, attempts: u32, began: Instant) -> Error {
        let holder = self
            .shared
            .locked(|held| held.get(key).map(|held| held.holder.pid))
            .map(|pid| format!(" by process {pid}"))
            .unwrap_or_default();
        let waited = began.elapsed().as_secs_f64();
        Error::new(
            ErrorKind::Locked,
            format!("{key} is locked{holder}: {attempts} attempts, waited {waited:.3} s"),
        )
    }
}

impl fmt::Debug for MemoryLocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLocks")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Guard {
    shared: Arc<Shared>,
    key: LockKey,
    number: u64,
    released: bool,
}

#[async_trait]
impl LockGuard for Guard {
    async fn release(mut self: Box<Self>) -> Result<()> {
        self.released = true;
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let counter = if self.released {
            &self.shared.released
        } else {
            &self.shared.dropped
        };
        counter.fetch_add(1, Ordering::SeqCst);
        self.shared.free(&self.key, self.number);
    }
}

#[async_trait]
impl LockManager for MemoryLocks {
    async fn acquire(&self, key: LockKey, patience: LockPatience) -> Result<Box<dyn LockGuard>> {
        let began = Instant::now();
        let mut attempts = 0;
        loop {
            let freed = self.shared.freed.notified();
            let mut freed = std::pin::pin!(freed);
            // From here on no release is missed, even one before the wait begins.
            freed.as_mut().enable();
            attempts += 1;
            if let Some(guard) = self.try_acquire(&key) {
                return Ok(Box::new(guard));
            }
            let left = patience.timeout.saturating_sub(began.elapsed());
            if left.is_zero() || tokio::time::timeout(left, freed).await.is_err() {
                return Err(self.timed_out(&key, attempts, began));
            }
        }
    }

    async fn is_locked(&self, key: LockKey) -> Result<bool> {
        Ok(self.shared.locked(|held| held.contains_key(&key)))
    }

    async fn holder(&self, key: LockKey) -> Result<Option<LockHolder>> {
        Ok(self
            .shared
            .locked(|held| held.get(&key).map(|held| held.holder.clone())))
    }

    async fn force_unlock(&self, key: LockKey) -> Result<bool> {
        let taken = self.shared.locked(|held| held.remove(&key).is_some());
        self.shared.freed.notify_waiters();
        Ok(taken)
    }
}
