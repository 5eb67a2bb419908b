//! The keys of an issuer, kept for as long as they are good. Knows no way to fetch them.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use artifact_domain::{Error, ErrorKind, Result};
use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::keys::KeySet;

/// How often at most an issuer is asked because a token names a key that it did not have.
const UNKNOWN_KEY_GAP: Duration = Duration::from_secs(30);

/// How long an issuer that has failed is left alone while it is not known yet.
const FIRST_GAP: Duration = Duration::from_secs(2);

/// How long it is left alone while there are older keys.
const LATER_GAP: Duration = Duration::from_secs(30);

/// How long keys are used beyond their time while the issuer fails.
const GRACE: Duration = Duration::from_hours(24);

/// What gives the keys of one issuer.
#[async_trait]
pub(crate) trait Source: fmt::Debug + Send + Sync + 'static {
    /// Fetches them.
    async fn fetch(&self) -> Result<Fetched>;
}

/// Keys, and for how long they are good.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) keys: KeySet,
    pub(crate) good_for: Duration,
}

/// The keys of one issuer. Cloning it is cheap and gives the same.
#[derive(Debug, Clone)]
pub(crate) struct KeyCache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    issuer: String,
    source: Box<dyn Source>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: Option<Held>,
    failed: Option<Instant>,
    asked_for_unknown: Option<Instant>,
    under_way: Option<UnderWay>,
}

#[derive(Debug, Clone)]
struct Held {
    keys: Arc<KeySet>,
    since: Instant,
    good_for: Duration,
}

/// A fetch for which any number can wait. It goes on though nobody does, and ends by itself in time.
#[derive(Debug)]
struct UnderWay {
    task: AbortHandle,
    end: Shared<BoxFuture<'static, ()>>,
}

impl State {
    fn has_failed_within(&self, gap: Duration) -> bool {
        self.failed.is_some_and(|failed| failed.elapsed() < gap)
    }

    /// Keys that may be used, though they may be old.
    fn usable(&self) -> Option<&Held> {
        let held = self.held.as_ref()?;
        (held.since.elapsed() < held.good_for.saturating_add(GRACE)).then_some(held)
    }
}

impl KeyCache {
    pub(crate) fn new(issuer: &str, source: impl Source) -> Self {
        Self(Arc::new(Inner {
            issuer: issuer.to_owned(),
            source: Box::new(source),
            state: Mutex::default(),
        }))
    }

    /// The keys, as the issuer had them a while ago.
    ///
    /// # Errors
    /// `Unavailable` where it has given none.
    pub(crate) async fn get(&self) -> Result<Arc<KeySet>> {
        let waiting = {
            let mut state = self.state();
            match state.usable().cloned() {
                Some(held) => {
                    let age = held.since.elapsed();
                    let is_left_alone = state.has_failed_within(LATER_GAP);
                    if age >= held.good_for && !is_left_alone {
                        self.fetching(&mut state)
                    } else {
                        if age >= held.good_for / 5 * 4 && !is_left_alone {
                            // Nobody has to wait for it.
                            drop(self.fetching(&mut state));
                        }
                        return Ok(held.keys);
                    }
                }
                None if state.has_failed_within(FIRST_GAP) => return Err(self.unavailable()),
                None => self.fetching(&mut state),
            }
        };
        waiting.await;
        let state = self.state();
        let held = state.usable().map(|held| held.keys.clone());
        held.ok_or_else(|| self.unavailable())
    }

    /// Keys that are newer than `old`, since a token names one that is not among them; none where the
    /// issuer was asked for such a reason a moment ago, or gives none.
    pub(crate) async fn newer_than(&self, old: &Arc<KeySet>) -> Option<Arc<KeySet>> {
        let newer = |state: &State| {
            let keys = &state.held.as_ref()?.keys;
            (!Arc::ptr_eq(keys, old)).then(|| keys.clone())
        };
        let waiting = {
            let mut state = self.state();
            if let Some(keys) = newer(&state) {
                return Some(keys);
            }
            let is_under_way = state.under_way.as_ref().is_some_and(UnderWay::goes_on);
            if !is_under_way {
                let asked = state.asked_for_unknown;
                if asked.is_some_and(|asked| asked.elapsed() < UNKNOWN_KEY_GAP) {
                    return None;
                }
                state.asked_for_unknown = Some(Instant::now());
            }
            self.fetching(&mut state)
        };
        waiting.await;
        newer(&self.state())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = self.0.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// The fetch that is under way, or a new one.
    fn fetching(&self, state: &mut State) -> Shared<BoxFuture<'static, ()>> {
        if let Some(under_way) = state.under_way.as_ref().filter(|it| it.goes_on()) {
            return under_way.end.clone();
        }
        let this = self.clone();
        let task = tokio::spawn(async move {
            let fetched = this.0.source.fetch().await;
            this.note(fetched);
        });
        let under_way = UnderWay {
            task: task.abort_handle(),
            end: task.map(drop).boxed().shared(),
        };
        let end = under_way.end.clone();
        state.under_way = Some(under_way);
        end
    }

    fn note(&self, fetched: Result<Fetched>) {
        let mut state = self.state();
        let issuer = &self.0.issuer;
        match fetched {
            Ok(Fetched { keys, good_for }) => {
                tracing::debug!(%issuer, good_for_s = good_for.as_secs(), "keys were fetched");
                state.failed = None;
                state.held = Some(Held {
                    keys: Arc::new(keys),
                    since: Instant::now(),
                    good_for,
                });
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                let cause = cause.unwrap_or_default();
                if state.usable().is_some() {
                    tracing::warn!(%issuer, %error, cause, "older keys are used for up to a day");
                } else {
                    tracing::error!(%issuer, %error, cause, "its tokens can't be verified");
                }
                state.failed = Some(Instant::now());
            }
        }
    }

    fn unavailable(&self) -> Error {
        let message = format!("{} can't be asked for its keys at present", self.0.issuer);
        Error::new(ErrorKind::Unavailable, message)
    }
}

impl UnderWay {
    fn goes_on(&self) -> bool {
        !self.task.is_finished()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    /// An issuer that counts how often it is asked, and takes a second each time.
    #[derive(Debug, Default)]
    struct Counted {
        count: AtomicUsize,
        is_down: AtomicBool,
    }

    #[async_trait]
    impl Source for Arc<Counted> {
        async fn fetch(&self) -> Result<Fetched> {
            self.count.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(1)).await;
            if self.is_down.load(Ordering::SeqCst) {
                return Err(Error::new(ErrorKind::Unavailable, "down"));
            }
            Ok(Fetched {
                keys: KeySet::parse(b"{\"keys\":[]}").unwrap(),
                good_for: Duration::from_mins(10),
            })
        }
    }

    fn cache() -> (Arc<Counted>, KeyCache) {
        let source = Arc::new(Counted::default());
        (source.clone(), KeyCache::new("x", source))
    }

    fn count(source: &Counted) -> usize {
        source.count.load(Ordering::SeqCst)
    }

    async fn pass(duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_come_at_once_share_one_fetch() {
        let (source, cache) = cache();
        let all = (0..100).map(|_| cache.get());
        let all = futures::future::join_all(all).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(count(&source), 1);
        // One that stops waiting stops nobody.
        let (source, cache) = self::cache();
        assert!(
            tokio::time::timeout(Duration::from_millis(10), cache.get())
                .await
                .is_err()
        );
        cache.get().await.unwrap();
        assert_eq!(count(&source), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn they_are_fetched_again_before_their_time_is_over_and_nobody_waits() {
        let (source, cache) = cache();
        let first = cache.get().await.unwrap();
        pass(Duration::from_secs(479)).await;
        assert!(Arc::ptr_eq(&first, &cache.get().await.unwrap()));
        assert_eq!(count(&source), 1);
        pass(Duration::from_secs(2)).await;
        let begun = Instant::now();
        assert!(Arc::ptr_eq(&first, &cache.get().await.unwrap()));
        assert_eq!(begun.elapsed(), Duration::ZERO, "somebody waited");
        pass(Duration::from_secs(2)).await;
        assert!(!Arc::ptr_eq(&first, &cache.get().await.unwrap()));
        assert_eq!(count(&source), 2);
        // Whoever comes after their time waits.
        pass(Duration::from_hours(1)).await;
        let begun = Instant::now();
        cache.get().await.unwrap();
        assert_eq!((count(&source), begun.elapsed().as_secs()), (3, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_issuer_that_fails_is_done_without_for_a_day() {
        let (source, cache) = cache();
        let first = cache.get().await.unwrap();
        source.is_down.store(true, Ordering::SeqCst);
        pass(Duration::from_mins(11)).await;
        assert!(Arc::ptr_eq(&first, &cache.get().await.unwrap()));
        assert_eq!(count(&source), 2);
        for _ in 0..50 {
            let begun = Instant::now();
            cache.get().await.unwrap();
            assert_eq!(begun.elapsed(), Duration::ZERO);
        }
        assert_eq!(count(&source), 2, "it is left alone for a while");
        pass(Duration::from_hours(23)).await;
        cache.get().await.unwrap();
        pass(Duration::from_hours(1)).await;
        let error = cache.get().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        source.is_down.store(false, Ordering::SeqCst);
        pass(FIRST_GAP).await;
        cache.get().await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn without_any_keys_it_is_unavailable_and_no_storm() {
        let (source, cache) = cache();
        source.is_down.store(true, Ordering::SeqCst);
        for _ in 0..50 {
            let error = cache.get().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable);
        }
        assert_eq!(count(&source), 1);
        pass(FIRST_GAP).await;
        source.is_down.store(false, Ordering::SeqCst);
        cache.get().await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn forged_names_of_keys_make_no_storm() {
        let (source, cache) = cache();
        let first = cache.get().await.unwrap();
        let newer = cache.newer_than(&first).await.unwrap();
        assert_eq!(count(&source), 2, "the first one is asked for at once");
        assert!(Arc::ptr_eq(
            &newer,
            &cache.newer_than(&first).await.unwrap()
        ));
        let forged = (0..200).map(|_| cache.newer_than(&newer));
        let found = futures::future::join_all(forged).await;
        assert!(found.iter().all(Option::is_none));
        assert_eq!(count(&source), 2);
        pass(UNKNOWN_KEY_GAP).await;
        let forged = (0..200).map(|_| cache.newer_than(&newer));
        let found = futures::future::join_all(forged).await;
        assert!(found.iter().all(Option::is_some));
        assert_eq!(count(&source), 3);
    }
}
