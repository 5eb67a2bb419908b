//! The port on lock files: patience, and the line of this process, around what `lock_dir` does.
//! Must not know how a file is locked.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use artifact_domain::port::{Clock, LockGuard, LockHolder, LockKey, LockManager, LockPatience};
use artifact_domain::{Error, Result};
use async_trait::async_trait;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::error;
use crate::file_name::file_name;
use crate::line::Lines;
use crate::lock_dir::{LockDir, LockFile};

/// Locks on files of one directory, for every process that uses the same directory.
///
/// Tasks that wait for a key in one process stand in a line, and only the first looks at the file,
/// at once when a lock of this process is freed, otherwise after
/// [`retry_interval`](LockPatience::retry_interval), doubled from try to try up to one second (but
/// no more than a 64th of the time left, where that is longer than the interval) and shortened at
/// random by up to half. Needs a tokio runtime with time enabled.
#[derive(Clone)]
pub struct FileLocks {
    dir: LockDir,
    clock: Arc<dyn Clock>,
    lines: Arc<Lines>,
    host: Arc<str>,
}

impl FileLocks {
    /// Locks under `dir`, which is created when the first is taken and belongs to them alone. The
    /// clock tells since when a lock is held; how long somebody waits does not depend on it.
    pub fn new(dir: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self {
            dir: LockDir::new(dir.into()),
            clock,
            lines: Arc::default(),
            host: gethostname::gethostname().to_string_lossy().into(),
        }
    }

    /// Tries once.
    async fn attempt(&self, key: &LockKey) -> Result<Option<Guard>> {
        let holder = LockHolder {
            pid: std::process::id(),
            host: self.host.to_string(),
            since: self.clock.now(),
        };
        let (lines, owned_key) = (Arc::clone(&self.lines), key.clone());
        // The way to the blocking pool and back would cost more than this does.
        if let Some(file) = self.dir.take_at_once(&file_name(key), &holder) {
            return Ok(Some(Guard {
                file: Some(file),
                lines,
                key: owned_key,
            }));
        }
        // The guard is made there, so that a lock that nobody waits for any more is freed.
        self.on_file(key, move |dir, name| {
            Ok(dir.take(name, &holder)?.map(|file| Guard {
                file: Some(file),
                lines,
                key: owned_key,
            }))
        })
        .await
    }

    /// Works on the key's file on the blocking pool.
    async fn on_file<T: Send + 'static>(
        &self,
        key: &LockKey,
        work: impl FnOnce(&LockDir, &str) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (dir, name) = (self.dir.clone(), file_name(key));
        spawn_blocking(move || work(&dir, &name))
            .await
            .map_err(error::cut_off)?
            .map_err(|error| error.context(key))
    }

    async fn give_up(&self, key: &LockKey, attempts: u32, waited: Duration) -> Error {
        // Who holds it is for people: where it can't be read, the lock is locked all the same.
        let holder = self.holder(key.clone()).await.ok().flatten();
        tracing::warn!(
            lock.key = %key,
            lock.attempts = attempts,
            lock.waited_ms = waited.as_millis(),
            lock.holder = holder.as_ref().map(|holder| format!("{}@{}", holder.pid, holder.host)),
            "gave up waiting for a lock"
        );
        error::locked(key, holder.as_ref(), attempts, waited)
    }
}

impl fmt::Debug for FileLocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileLocks")
            .field("dir", &self.dir)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl LockManager for FileLocks {
    async fn acquire(&self, key: LockKey, patience: LockPatience) -> Result<Box<dyn LockGuard>> {
        let begun = Instant::now();
        let deadline = begun.checked_add(patience.timeout);
        let place = self.lines.join(&key);
        // Who never comes first makes one try of its own when its time is over.
        let first = place.first(deadline).await;
        let mut backoff = Backoff::new(patience.retry_interval);
        let mut attempts = 0_u32;
        loop {
            attempts = attempts.saturating_add(1);
            if let Some(guard) = self.attempt(&key).await? {
                return Ok(Box::new(guard));
            }
            let now = Instant::now();
            let left = deadline.map(|deadline| deadline.saturating_duration_since(now));
            if first.is_none() || left == Some(Duration::ZERO) {
                return Err(self.give_up(&key, attempts, begun.elapsed()).await);
            }
            let wait = backoff.next(left);
            tracing::debug!(
                lock.key = %key,
                lock.attempts = attempts,
                lock.waited_ms = begun.elapsed().as_millis(),
                lock.next_ms = wait.as_millis(),
                "waits for a lock"
            );
            place.freed_or(now + wait).await;
        }
    }

    async fn is_locked(&self, key: LockKey) -> Result<bool> {
        self.on_file(&key, LockDir::is_held).await
    }

    async fn holder(&self, key: LockKey) -> Result<Option<LockHolder>> {
        self.on_file(&key, LockDir::holder).await
    }

    async fn force_unlock(&self, key: LockKey) -> Result<bool> {
        let was_held = self.on_file(&key, LockDir::take_away).await?;
        self.lines.freed(&key);
        Ok(was_held)
    }
}

/// A lock that is held.
struct Guard {
    /// Always there until it is dropped.
    file: Option<LockFile>,
    lines: Arc<Lines>,
    key: LockKey,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guard").field(&self.key.as_str()).finish()
    }
}

#[async_trait]
impl LockGuard for Guard {
    /// Frees it where it stands, as a drop does: the way to the blocking pool would cost more.
    async fn release(self: Box<Self>) -> Result<()> {
        drop(self);
        Ok(())
    }
}

impl Drop for Guard {
    /// Frees the lock where it stands: a few quick calls, since a drop can't wait for another
    /// thread to make them.
    fn drop(&mut self) {
        drop(self.file.take());
        self.lines.freed(&self.key);
    }
}
