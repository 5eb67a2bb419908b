//! The port to locks between writers.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::{ArtifactUri, Coordinate, Result, SpecName, TaskId, Timestamp};

/// What is locked: one artifact, the metadata of one task, or a job of the whole store.
///
/// Its text is unique to what it locks, and safe to print. It is not a file name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LockKey(String);

impl LockKey {
    /// The lock of every version of one artifact: its URI.
    pub fn artifact(coordinate: &Coordinate) -> Self {
        Self(ArtifactUri::from(coordinate.clone()).to_string())
    }

    /// The lock of a task's `metadata.json`.
    pub fn task_metadata(spec: &SpecName, task: &TaskId) -> Self {
        Self(format!("task://{}/{}", spec.encoded(), task.encoded()))
    }

    /// The lock of a job of which only one may run: `cleanup`, `gc`, …
    pub fn job(name: &'static str) -> Self {
        Self(format!("job://{name}"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How long to wait for a lock, and how often to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockPatience {
    /// Give up after this time. Zero tries once.
    pub timeout: Duration,
    /// The wait after the first try; it grows exponentially, with jitter.
    pub retry_interval: Duration,
}

impl Default for LockPatience {
    /// 30 s, beginning with 0.1 s.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            retry_interval: Duration::from_millis(100),
        }
    }
}

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockHolder {
    /// The process.
    pub pid: u32,
    /// The machine it runs on.
    pub host: String,
    /// Since when.
    pub since: Timestamp,
}

/// A lock that is held. Dropping it releases it too, as soon as that can be done.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait LockGuard: Send + Sync + fmt::Debug + 'static {
    /// Releases the lock.
    ///
    /// Effect: once it returns, another acquire can succeed. If the lock was taken away by force
    /// meanwhile, nothing of its new holder is disturbed. Errors: `Internal`, `Unavailable`; the
    /// lock is free all the same once its process has ended.
    async fn release(self: Box<Self>) -> Result<()>;
}

/// Locks between writers, in one process and between processes. Readers never lock.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait LockManager: Send + Sync + 'static {
    /// Takes a lock, waiting for it as long as `patience` says.
    ///
    /// Effect: until the guard is released or dropped, or its process ends, however it ends, no
    /// other acquire of the same key succeeds, from any task, thread or process. Different keys
    /// never wait for each other. Ordering: none promised among those who wait. Not reentrant: a
    /// holder that acquires again waits for itself.
    /// Errors: `Locked` after the timeout, naming the key, the holder if known, how many attempts
    /// were made and how long it waited; `PermissionDenied`, `StorageFull`, `Internal`.
    /// Cancel safety: dropped while it waits, it holds nothing. Memory: constant.
    async fn acquire(&self, key: LockKey, patience: LockPatience) -> Result<Box<dyn LockGuard>>;

    /// Whether somebody holds the lock now. By the time it returns that may have changed.
    ///
    /// Effect: none; it never makes an acquire fail or wait. A holder that died counts as none.
    async fn is_locked(&self, key: LockKey) -> Result<bool>;

    /// Who holds the lock now, if anybody does and that is known.
    ///
    /// Effect: none. A holder that died counts as none.
    async fn holder(&self, key: LockKey) -> Result<Option<LockHolder>>;

    /// Takes the lock away from whoever holds it; true if somebody did.
    ///
    /// Effect: the next acquire succeeds even though the old holder may still be at work; the
    /// index keeps them from overwriting each other. Idempotence: a free lock stays free.
    async fn force_unlock(&self, key: LockKey) -> Result<bool>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_things_share_a_lock() {
        let uri: ArtifactUri = "artifact://a/b/log/c".parse().unwrap();
        let pinned: ArtifactUri = "artifact://a/b/log/c?version=2".parse().unwrap();
        let artifact = LockKey::artifact(uri.coordinate());
        assert_eq!(artifact, LockKey::artifact(pinned.coordinate()));
        let task = LockKey::task_metadata(uri.coordinate().spec(), uri.coordinate().task());
        assert_ne!(artifact, task);
        assert_ne!(LockKey::job("gc"), LockKey::job("cleanup"));
    }
}
