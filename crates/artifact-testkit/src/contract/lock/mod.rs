//! The contract of `LockManager`.

pub mod acquire;
pub mod exclusion;
pub mod force;
pub mod holder;
pub mod keys;

use std::time::Duration;

use artifact_domain::port::{LockGuard, LockKey, LockManager, LockPatience};

/// Tries once.
const AT_ONCE: LockPatience = LockPatience {
    timeout: Duration::ZERO,
    retry_interval: Duration::from_millis(10),
};

/// So patient that only a lock that is never freed makes it give up.
const PATIENT: LockPatience = LockPatience {
    timeout: Duration::from_mins(1),
    retry_interval: Duration::from_millis(5),
};

/// Takes a lock that must be free.
async fn take(locks: &dyn LockManager, key: &LockKey) -> Box<dyn LockGuard> {
    locks.acquire(key.clone(), AT_ONCE).await.unwrap()
}

/// Asserts that a lock is held, by trying.
async fn assert_held(locks: &dyn LockManager, key: &LockKey) {
    let error = crate::contract::failure(locks.acquire(key.clone(), AT_ONCE).await);
    assert_eq!(error.kind(), artifact_domain::ErrorKind::Locked, "{error}");
}
