//! Keys of every legal form.

use artifact_domain::port::{LockKey, LockManager};

use super::{assert_held, take};
use crate::{Subject, sample};

/// Keys with slashes, odd characters, of 2 KB, and those that differ only in case, Unicode form,
/// or past the first hundreds of bytes, are locks of their own.
pub async fn odd_keys_are_locks_of_their_own(locks: Subject<dyn LockManager>) {
    let long = "k".repeat(2_048);
    let names = [
        "gc".to_owned(),
        "GC".to_owned(),
        "a/b/../c".to_owned(),
        "../../etc/passwd".to_owned(),
        "a%2Fb".to_owned(),
        "a b".to_owned(),
        "日本🦀".to_owned(),
        "caf\u{e9}".to_owned(),
        "cafe\u{301}".to_owned(),
        "x'\"\\;--".to_owned(),
        ".".to_owned(),
        format!("{long}1"),
        format!("{long}2"),
    ];
    // The names of jobs are literals in production; a test may leak the few it makes up.
    let mut keys: Vec<_> = names
        .into_iter()
        .map(|name| LockKey::job(name.leak()))
        .collect();
    for name in ["build.log", "Build.log", "a/b", "a%2Fb", "日本"] {
        let coordinate = sample::coordinate("org/repo", "1", "log", name);
        keys.push(LockKey::artifact(&coordinate));
    }
    let at = sample::coordinate("org/repo", "1", "log", "x");
    keys.push(LockKey::task_metadata(at.spec(), at.task()));
    let mut guards = Vec::new();
    for key in &keys {
        guards.push(take(&*locks, key).await);
    }
    for key in &keys {
        assert!(locks.is_locked(key.clone()).await.unwrap());
        assert_held(&*locks, key).await;
    }
    for (key, guard) in keys.iter().zip(guards) {
        guard.release().await.unwrap();
        assert!(!locks.is_locked(key.clone()).await.unwrap());
    }
}
