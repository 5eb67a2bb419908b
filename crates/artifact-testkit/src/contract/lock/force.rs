//! Taking a lock away.

use artifact_domain::port::{LockKey, LockManager};

use super::{assert_held, take};
use crate::Subject;

/// After a lock was taken away the next acquire succeeds at once.
pub async fn a_lock_taken_away_can_be_had(locks: Subject<dyn LockManager>) {
    let key = LockKey::job("taken away");
    let _old = take(&*locks, &key).await;
    assert!(locks.force_unlock(key.clone()).await.unwrap());
    assert!(!locks.is_locked(key.clone()).await.unwrap());
    assert_eq!(locks.holder(key.clone()).await.unwrap(), None);
    take(&*locks, &key).await.release().await.unwrap();
}

/// When the old holder releases, or drops, what was taken away from him, the new one still holds.
pub async fn the_old_holder_disturbs_the_new_one_not(locks: Subject<dyn LockManager>) {
    let key = LockKey::job("taken away");
    for released in [true, false] {
        let old = take(&*locks, &key).await;
        assert!(locks.force_unlock(key.clone()).await.unwrap());
        let new = take(&*locks, &key).await;
        if released {
            old.release().await.unwrap();
        } else {
            drop(old);
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        assert!(locks.is_locked(key.clone()).await.unwrap());
        assert_held(&*locks, &key).await;
        new.release().await.unwrap();
        assert!(!locks.is_locked(key.clone()).await.unwrap());
        take(&*locks, &key).await.release().await.unwrap();
    }
}

/// A lock that was taken away and not had since stays free when its old holder releases it.
pub async fn a_late_release_is_no_error(locks: Subject<dyn LockManager>) {
    let key = LockKey::job("taken away");
    let old = take(&*locks, &key).await;
    assert!(locks.force_unlock(key.clone()).await.unwrap());
    old.release().await.unwrap();
    take(&*locks, &key).await.release().await.unwrap();
}

/// A free lock stays free: never held, released, or taken away before.
pub async fn a_free_lock_cannot_be_taken_away(locks: Subject<dyn LockManager>) {
    let key = LockKey::job("free");
    assert!(!locks.force_unlock(key.clone()).await.unwrap());
    take(&*locks, &key).await.release().await.unwrap();
    assert!(!locks.force_unlock(key.clone()).await.unwrap());
    let _old = take(&*locks, &key).await;
    assert!(locks.force_unlock(key.clone()).await.unwrap());
    assert!(!locks.force_unlock(key.clone()).await.unwrap());
    take(&*locks, &key).await.release().await.unwrap();
}

/// Other locks stay with their holders.
pub async fn other_locks_are_not_taken_away(locks: Subject<dyn LockManager>) {
    let (key, other) = (LockKey::job("one"), LockKey::job("other"));
    let (_one, _other) = (take(&*locks, &key).await, take(&*locks, &other).await);
    assert!(locks.force_unlock(key).await.unwrap());
    assert_held(&*locks, &other).await;
}
