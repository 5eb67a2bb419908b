//! Whether an upload may begin: its size and the room that is left. Must not know how it goes on.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use artifact_domain::{Result, Timestamp};

use crate::Store;

/// For how long it is believed that there is plenty of room.
const PLENTY_LASTS: Duration = Duration::from_secs(1);

/// How much room is plenty: more than any storage takes in that time.
const PLENTY_BYTES: u64 = 16 << 30;

/// When there was last plenty of room, so that not every small upload has to ask the index.
#[derive(Debug, Default)]
pub(crate) struct Plenty(Mutex<Option<Timestamp>>);

impl Plenty {
    fn is_known(&self, now: Timestamp) -> bool {
        self.seen()
            .is_some_and(|seen| seen <= now && seen.until(now) < PLENTY_LASTS)
    }

    fn note(&self, now: Timestamp, room_bytes: u64) {
        *self.seen() = (room_bytes >= PLENTY_BYTES).then_some(now);
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Option<Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Refuses what is too large or does not fit before anything is written.
    pub(crate) async fn admit(&self, known_size_bytes: Option<u64>) -> Result<()> {
        let quota = &self.options.quota;
        if let Some(size_bytes) = known_size_bytes {
            quota.admit_artifact(size_bytes)?;
        }
        let Some(limit) = quota.max_storage_bytes else {
            return Ok(());
        };
        let now = self.now();
        if self.plenty.is_known(now) {
            return Ok(());
        }
        let usage = self.retrying("usage", || self.ports.index.usage()).await?;
        let stored = usage.iter().map(|row| row.stored_size_bytes).sum();
        self.plenty.note(now, limit.saturating_sub(stored));
        quota.admit_upload(stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plenty_is_believed_for_a_second_and_little_never() {
        let at = |millis: u64| Timestamp::UNIX_EPOCH.saturating_add(Duration::from_millis(millis));
        let plenty = Plenty::default();
        assert!(!plenty.is_known(at(5_000)));
        plenty.note(at(5_000), PLENTY_BYTES);
        assert!(plenty.is_known(at(5_000)) && plenty.is_known(at(5_999)));
        assert!(!plenty.is_known(at(6_000)));
        assert!(!plenty.is_known(at(4_999)), "the clock was set back");
        plenty.note(at(5_500), PLENTY_BYTES - 1);
        assert!(!plenty.is_known(at(5_500)));
    }
}
