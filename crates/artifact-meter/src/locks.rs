//! Locks whose calls are counted. Changes nothing of what they do.

use std::fmt;
use std::sync::Arc;

use artifact_domain::Result;
use artifact_domain::port::{LockGuard, LockHolder, LockKey, LockManager, LockPatience};
use async_trait::async_trait;

use crate::{Meter, Operation};

/// Counts the calls of a lock manager, and of the guards that it gives.
pub struct MeteredLocks {
    inner: Arc<dyn LockManager>,
    meter: Meter,
}

impl MeteredLocks {
    /// Counts the calls of `inner` with `meter`.
    pub fn new(inner: Arc<dyn LockManager>, meter: Meter) -> Self {
        Self { inner, meter }
    }
}

impl fmt::Debug for MeteredLocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeteredLocks").finish_non_exhaustive()
    }
}

#[async_trait]
impl LockManager for MeteredLocks {
    async fn acquire(&self, key: LockKey, patience: LockPatience) -> Result<Box<dyn LockGuard>> {
        let call = self.inner.acquire(key, patience);
        let inner = self.meter.time(Operation::LocksAcquire, call).await?;
        let meter = self.meter.clone();
        Ok(Box::new(MeteredGuard { inner, meter }))
    }

    async fn is_locked(&self, key: LockKey) -> Result<bool> {
        let call = self.inner.is_locked(key);
        self.meter.time(Operation::LocksIsLocked, call).await
    }

    async fn holder(&self, key: LockKey) -> Result<Option<LockHolder>> {
        let call = self.inner.holder(key);
        self.meter.time(Operation::LocksHolder, call).await
    }

    async fn force_unlock(&self, key: LockKey) -> Result<bool> {
        let call = self.inner.force_unlock(key);
        self.meter.time(Operation::LocksForceUnlock, call).await
    }
}

/// A lock that is held. Dropping it drops the one inside.
#[derive(Debug)]
struct MeteredGuard {
    inner: Box<dyn LockGuard>,
    meter: Meter,
}

#[async_trait]
impl LockGuard for MeteredGuard {
    async fn release(self: Box<Self>) -> Result<()> {
        let Self { inner, meter } = *self;
        meter.time(Operation::LocksRelease, inner.release()).await
    }
}
