//! Whether the store can be served from, as it was a moment ago: anybody may ask, as often as he likes.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use artifact_app::Store;
use artifact_domain::{Error, ErrorKind, Result};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use tokio::time::{Instant, timeout};

/// How long an answer is good for.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// How long the store may take to answer. For so long the answer of before is given to those who do not look
/// themselves, and no longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was found when it was looked last, and whoever looks now.
#[derive(Debug, Default)]
pub(crate) struct Readiness(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    looked: Option<Looked>,
    look: Option<Look>,
}

#[derive(Debug, Clone)]
struct Looked {
    at: Instant,
    found: Found,
}

type Found = std::result::Result<(), Fault>;

/// What is found in the end, be those there who have asked for it or not.
type Look = Shared<BoxFuture<'static, Found>>;

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
        let store = store.clone();
        self.found(async move { store.probe().await }).await
    }

    async fn found(&self, probe: impl Future<Output = Result<()>> + Send + 'static) -> Result<()> {
        let look = {
            let mut state = lock(&self.0);
            let ongoing = state.look.clone().filter(|look| look.peek().is_none());
            let good_for = match ongoing {
                Some(_) => GOOD_FOR + PATIENCE,
                None => GOOD_FOR,
            };
            if let Some(looked) = &state.looked
                && looked.at.elapsed() < good_for
            {
                return looked.found.clone().map_err(Fault::error);
            }
            let look = ongoing.unwrap_or_else(|| self.look(probe));
            state.look.insert(look).clone()
        };
        look.await.map_err(Fault::error)
    }

    /// Looks, in a task of its own: whoever asks may go away meanwhile.
    fn look(&self, probe: impl Future<Output = Result<()>> + Send + 'static) -> Look {
        let state = Arc::clone(&self.0);
        let task = tokio::spawn(async move {
            let probed = timeout(PATIENCE, probe).await.unwrap_or_else(|_| {
                let seconds = PATIENCE.as_secs();
                let message = format!("the store did not answer within {seconds} seconds");
                Err(Error::new(ErrorKind::Unavailable, message))
            });
            let found = probed.as_ref().map(drop).map_err(Fault::of);
            let at = Instant::now();
            lock(&state).looked = Some(Looked {
                at,
                found: found.clone(),
            });
            found
        });
        let found = task.map(|ended| {
            ended.unwrap_or_else(|_| {
                let stopped = "whoever looked whether the store answers stopped";
                Err(Fault::of(&Error::new(ErrorKind::Internal, stopped)))
            })
        });
        found.boxed().shared()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::time::{advance, sleep};

    use super::*;

    fn kind(found: Result<()>) -> Option<ErrorKind> {
        found.err().map(|error| error.kind())
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_hangs_is_not_ready() {
        let readiness = Readiness::default();
        readiness.found(ready(Ok(()))).await.unwrap();
        // Who looks goes away, as one that watches the server does.
        advance(GOOD_FOR).await;
        let gone = timeout(GOOD_FOR, readiness.found(pending())).await;
        assert!(gone.is_err());
        // Meanwhile the answer of before is good for a while, and not for ever.
        readiness.found(pending()).await.unwrap();
        advance(PATIENCE).await;
        let unavailable = Some(ErrorKind::Unavailable);
        for _ in 0..10 {
            assert_eq!(kind(readiness.found(pending()).await), unavailable);
            advance(GOOD_FOR).await;
        }
        // And it is seen when it is well again.
        assert_eq!(kind(readiness.found(ready(Ok(()))).await), None);
    }

    #[tokio::test(start_paused = true)]
    async fn one_looks_for_all() {
        let readiness = Readiness::default();
        let looked = Arc::new(AtomicU32::new(0));
        let probe = || {
            let looked = Arc::clone(&looked);
            async move {
                looked.fetch_add(1, Ordering::Relaxed);
                sleep(GOOD_FOR).await;
                Err(Error::new(ErrorKind::Integrity, "damaged"))
            }
        };
        // Before there is any answer they wait for the same one.
        let all = futures::future::join_all((0..10).map(|_| readiness.found(probe()))).await;
        let damaged = Some(ErrorKind::Integrity);
        assert!(all.into_iter().all(|found| kind(found) == damaged));
        assert_eq!(looked.load(Ordering::Relaxed), 1);
        assert_eq!(kind(readiness.found(probe()).await), damaged);
        assert_eq!(looked.load(Ordering::Relaxed), 1);
        advance(GOOD_FOR).await;
        assert_eq!(kind(readiness.found(probe()).await), damaged);
        assert_eq!(looked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_look_that_breaks_down_is_no_answer() {
        let readiness = Readiness::default();
        let broken = async { panic!("of the probe") };
        let internal = Some(ErrorKind::Internal);
        assert_eq!(kind(readiness.found(broken).await), internal);
        readiness.found(ready(Ok(()))).await.unwrap();
    }
}
