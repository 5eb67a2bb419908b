//! Whether the store can be served from, as it was a moment ago: anybody may ask, as often as he likes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use artifact_app::Store;
use artifact_domain::{Error, ErrorKind, Result};

/// How long an answer is good for.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// What was found when it was looked last.
#[derive(Debug, Default)]
pub(crate) struct Readiness(Mutex<Option<Looked>>);

#[derive(Debug, Clone)]
struct Looked {
    at: Instant,
    fault: Option<Fault>,
}

/// An error that can be told again.
#[derive(Debug, Clone)]
struct Fault {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
}

impl Readiness {
    /// Whether the store can be served from.
    ///
    /// # Errors
    /// Why it cannot.
    pub(crate) async fn of(&self, store: &Store) -> Result<()> {
        if let Some(known) = self.known() {
            return known.map_err(Fault::error);
        }
        let probed = store.probe().await;
        let fault = probed.as_ref().err().map(Fault::of);
        let at = Instant::now();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Looked { at, fault });
        probed
    }

    /// What is known; nothing where whoever asks has to look. Meanwhile others get the answer of before.
    fn known(&self) -> Option<Result<(), Fault>> {
        let mut looked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let looked = looked.as_mut()?;
        if looked.at.elapsed() < GOOD_FOR {
            return Some(looked.fault.clone().map_or(Ok(()), Err));
        }
        looked.at = Instant::now();
        None
    }
}

impl Fault {
    fn of(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            message: error.message().to_owned(),
            hint: error.hint().map(str::to_owned),
        }
    }

    fn error(self) -> Error {
        let error = Error::new(self.kind, self.message);
        match self.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}
