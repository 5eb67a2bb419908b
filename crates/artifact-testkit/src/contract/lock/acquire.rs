//! Taking, waiting, giving up and giving back.

use std::time::{Duration, Instant};

use artifact_domain::ErrorKind;
use artifact_domain::port::{LockKey, LockManager, LockPatience};

use super::{AT_ONCE, PATIENT, assert_held, take};
use crate::Subject;
use crate::contract::failure;

/// A lock that nobody holds is had at once, even by who tries once, and again after each release.
pub async fn a_free_lock_is_had_at_once(locks: Subject<dyn LockManager>) {
    for patience in [AT_ONCE, LockPatience::default(), AT_ONCE] {
        let guard = locks.acquire(LockKey::job("free"), patience).await;
        guard.unwrap().release().await.unwrap();
    }
}

/// Not reentrant: who holds a lock and acquires it again waits for himself.
pub async fn a_held_lock_is_not_had_again(locks: Subject<dyn LockManager>) {
    let key = LockKey::job("held");
    let guard = take(&*locks, &key).await;
    assert_held(&*locks, &key).await;
    guard.release().await.unwrap();
}

/// Zero patience gives up at once.
pub async fn no_patience_tries_once(locks: Subject<dyn LockManager>) {
    let key = LockKey::job("held");
    let _guard = take(&*locks, &key).await;
    let began = Instant::now();
    assert_held(&*locks, &key).await;
    assert!(began.elapsed() < Duration::from_secs(1), "it waited");
}

/// After the timeout, not before it and not much later, comes `Locked`; it names the key, the
/// holder if known, how many attempts were made and how long it waited.
pub async fn a_timeout_says_what_it_waited_for(locks: Subject<dyn LockManager>) {
    let key = LockKey::job("a-contended-job");
    let _guard = take(&*locks, &key).await;
    let patience = LockPatience {
        timeout: Duration::from_millis(300),
        retry_interval: Duration::from_millis(20),
    };
    let began = Instant::now();
    let error = failure(locks.acquire(key.clone(), patience).await);
    let waited = began.elapsed();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(waited >= Duration::from_millis(290), "after {waited:?}");
    assert!(waited < Duration::from_secs(5), "after {waited:?}");
    let message = error.message();
    assert!(message.contains(key.as_str()), "{message}");
    let rest = message.replace(key.as_str(), "");
    let numbers = rest.split(|c: char| !c.is_ascii_digit() && c != '.');
    let numbers = numbers.filter(|part| part.contains(|c: char| c.is_ascii_digit()));
    assert!(numbers.count() >= 2, "attempts and wait missing: {message}");
    assert!(rest.contains("attempt"), "{message}");
    if let Some(holder) = locks.holder(key).await.unwrap() {
        assert!(rest.contains(&holder.pid.to_string()), "{message}");
    }
}

/// Once a release returns another acquire succeeds.
pub async fn a_release_frees_the_lock(locks: Subject<dyn LockManager>) {
    let key = LockKey::job("released");
    for _ in 0..20 {
        let guard = take(&*locks, &key).await;
        guard.release().await.unwrap();
    }
}

/// A guard that is dropped frees its lock as soon as that can be done.
pub async fn a_drop_frees_the_lock(locks: Subject<dyn LockManager>) {
    let key = LockKey::job("dropped");
    for _ in 0..5 {
        drop(locks.acquire(key.clone(), PATIENT).await.unwrap());
    }
    let soon = LockPatience {
        timeout: Duration::from_secs(5),
        ..PATIENT
    };
    let guard = locks.acquire(key, soon).await.unwrap();
    guard.release().await.unwrap();
}

/// Who waits gets the lock when it is freed, long before the timeout.
pub async fn who_waits_gets_the_lock_when_it_is_freed(locks: Subject<dyn LockManager>) {
    let key = LockKey::job("awaited");
    let guard = take(&*locks, &key).await;
    let (port, awaited) = (locks.port(), key.clone());
    let waiting = tokio::spawn(async move {
        let guard = port.acquire(awaited, PATIENT).await.unwrap();
        guard.release().await.unwrap();
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished(), "two held the lock");
    let freed = Instant::now();
    guard.release().await.unwrap();
    waiting.await.unwrap();
    assert!(freed.elapsed() < Duration::from_secs(20));
}

/// Who stops waiting holds nothing, neither then nor later.
pub async fn a_cancelled_waiter_holds_nothing(locks: Subject<dyn LockManager>) {
    let key = LockKey::job("given up");
    for _ in 0..10 {
        // A waiter that was dropped in the midst of a try may need a moment to let go.
        let guard = locks.acquire(key.clone(), PATIENT).await.unwrap();
        for wait_ms in [0, 7, 25] {
            let waiting = locks.acquire(key.clone(), PATIENT);
            let wait = Duration::from_millis(wait_ms);
            assert!(tokio::time::timeout(wait, waiting).await.is_err());
        }
        guard.release().await.unwrap();
        let next = locks.acquire(key.clone(), PATIENT).await.unwrap();
        next.release().await.unwrap();
    }
}
