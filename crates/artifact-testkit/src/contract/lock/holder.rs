//! Asking who holds a lock, which changes nothing.

use std::time::{Duration, SystemTime};

use artifact_domain::Timestamp;
use artifact_domain::port::{LockKey, LockManager};

use super::take;
use crate::Subject;

/// A lock is locked while it is held, and neither before nor after.
pub async fn a_lock_is_locked_while_it_is_held(locks: Subject<dyn LockManager>) {
    let (key, other) = (LockKey::job("asked"), LockKey::job("other"));
    let is_locked = |key: &LockKey| locks.is_locked(key.clone());
    assert!(!is_locked(&key).await.unwrap());
    for _ in 0..3 {
        let guard = take(&*locks, &key).await;
        assert!(is_locked(&key).await.unwrap());
        assert!(!is_locked(&other).await.unwrap());
        guard.release().await.unwrap();
        assert!(!is_locked(&key).await.unwrap());
    }
}

/// A lock that is free has no holder, before and after it is held.
pub async fn a_free_lock_has_no_holder(locks: Subject<dyn LockManager>) {
    let key = LockKey::job("asked");
    assert_eq!(locks.holder(key.clone()).await.unwrap(), None);
    take(&*locks, &key).await.release().await.unwrap();
    assert_eq!(locks.holder(key).await.unwrap(), None);
}

/// The holder, where it is known, is this process, on a host that has a name, since now.
pub async fn the_holder_is_this_process(locks: Subject<dyn LockManager>) {
    let key = LockKey::job("asked");
    let guard = take(&*locks, &key).await;
    if let Some(holder) = locks.holder(key).await.unwrap() {
        assert_eq!(holder.pid, std::process::id());
        assert!(!holder.host.trim().is_empty());
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let present = Timestamp::UNIX_EPOCH.saturating_add(since_epoch.unwrap());
        let hour = Duration::from_hours(1);
        assert!(holder.since > present.saturating_sub(hour));
        assert!(holder.since < present.saturating_add(hour));
    }
    guard.release().await.unwrap();
}

/// Asking never makes an acquire fail, not even of who tries once.
pub async fn asking_never_makes_an_acquire_fail(locks: Subject<dyn LockManager>) {
    let key = LockKey::job("asked again and again");
    let port = locks.port();
    let asked = key.clone();
    let asking = tokio::spawn(async move {
        loop {
            port.is_locked(asked.clone()).await.unwrap();
            port.holder(asked.clone()).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    for _ in 0..200 {
        take(&*locks, &key).await.release().await.unwrap();
    }
    assert!(!asking.is_finished(), "asking failed");
    asking.abort();
}
