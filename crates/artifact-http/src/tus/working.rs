//! Which uploads this server receives bytes of at the moment, so that who comes after a broken
//! connection need not wait until the broken one is given up. Knows no files.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::id::UploadId;

/// The uploads that bytes come for.
#[derive(Debug, Clone, Default)]
pub(super) struct Working(Arc<Mutex<HashMap<UploadId, CancellationToken>>>);

/// Says that bytes come for an upload, as long as it lives.
#[derive(Debug)]
pub(super) struct Turn {
    working: Working,
    id: UploadId,
    /// Cancelled when somebody else asks for the upload.
    pub(super) asked_for: CancellationToken,
}

impl Working {
    /// Begins to receive. Whoever calls it holds the upload, so nobody else does.
    pub(super) fn begin(&self, id: UploadId) -> Turn {
        let asked_for = CancellationToken::new();
        self.with(|all| all.insert(id, asked_for.clone()));
        Turn {
            working: self.clone(),
            id,
            asked_for,
        }
    }

    /// Asks whoever receives to leave the upload as it is.
    pub(super) fn ask_for(&self, id: UploadId) {
        self.with(|all| {
            if let Some(token) = all.get(&id) {
                token.cancel();
            }
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<UploadId, CancellationToken>) -> T) -> T {
        // A map is whole after every change.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.working.with(|all| all.remove(&self.id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_receives_hears_that_it_is_asked_for() {
        let (working, id) = (Working::default(), UploadId::random());
        working.ask_for(id);
        let turn = working.begin(id);
        assert!(!turn.asked_for.is_cancelled());
        working.ask_for(UploadId::random());
        assert!(!turn.asked_for.is_cancelled());
        working.ask_for(id);
        assert!(turn.asked_for.is_cancelled());
        drop(turn);
        assert!(working.with(|all| all.is_empty()));
    }
}
