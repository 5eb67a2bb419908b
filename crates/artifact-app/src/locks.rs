//! The lock of one artifact: who holds it, and breaking it.

use std::sync::Arc;

use artifact_domain::port::{LockHolder, LockKey, LockManager};
use artifact_domain::{ArtifactRef, Error, ErrorKind, Result};

use crate::Store;

/// Whether an artifact is locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockStatus {
    /// Which lock.
    pub key: LockKey,
    /// Whether it is held.
    pub is_locked: bool,
    /// By whom, where that is known.
    pub holder: Option<LockHolder>,
}

impl Store {
    /// Whether an artifact is locked, and by whom.
    ///
    /// # Errors
    /// `Unsupported` where locking is switched off; `NotFound` for an unknown id.
    pub async fn lock_status(&self, artifact: &ArtifactRef) -> Result<LockStatus> {
        let (locks, key) = (self.lock_manager()?, self.lock_key(artifact).await?);
        let is_locked = locks.is_locked(key.clone()).await?;
        let holder = if is_locked {
            locks.holder(key.clone()).await?
        } else {
            None
        };
        Ok(LockStatus {
            key,
            is_locked,
            holder,
        })
    }

    /// Takes the lock of an artifact away from whoever holds it, or says whether there is one. What he
    /// writes is not lost nor mixed up.
    ///
    /// # Errors
    /// Those of [`lock_status`](Self::lock_status).
    pub async fn break_lock(&self, artifact: &ArtifactRef, dry_run: bool) -> Result<LockStatus> {
        let (locks, key) = (self.lock_manager()?, self.lock_key(artifact).await?);
        let is_locked = if dry_run {
            locks.is_locked(key.clone()).await?
        } else {
            locks.force_unlock(key.clone()).await?
        };
        Ok(LockStatus {
            key,
            is_locked,
            holder: None,
        })
    }

    fn lock_manager(&self) -> Result<&Arc<dyn LockManager>> {
        self.locks().ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "locking is switched off")
                .with_hint("set locking.enabled to true")
        })
    }

    /// A coordinate can be locked before anything of it is stored, so a URI needs no look-up.
    async fn lock_key(&self, artifact: &ArtifactRef) -> Result<LockKey> {
        match artifact {
            ArtifactRef::Uri(uri) => Ok(LockKey::artifact(uri.coordinate())),
            ArtifactRef::Id(_) => {
                let record = self.show(artifact).await?;
                Ok(LockKey::artifact(&record.coordinate))
            }
        }
    }
}
