//! What the lock files do that the contract does not say: they do not pile up, odd ones are told,
//! and who looks at them disturbs nobody.

#![expect(clippy::unwrap_used, reason = "a panic is the failure of a test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use adapter_filelock::FileLocks;
use artifact_domain::port::{LockKey, LockManager, LockPatience};
use artifact_domain::{ArtifactUri, ErrorKind};
use artifact_testkit::{ManualClock, sample};
use tempfile::TempDir;

const ONCE: LockPatience = LockPatience {
    timeout: Duration::ZERO,
    retry_interval: Duration::from_millis(100),
};

fn noon() -> ManualClock {
    ManualClock::new(sample::now())
}

fn fixture() -> (TempDir, PathBuf, FileLocks) {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("base/locks");
    let locks = FileLocks::new(&dir, Arc::new(noon()));
    (temp, dir, locks)
}

fn artifact(uri: &str) -> LockKey {
    let uri: ArtifactUri = uri.parse().unwrap();
    LockKey::artifact(uri.coordinate())
}

fn lock_files(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "lock"))
        .collect()
}

#[tokio::test]
async fn a_lock_is_one_file_that_names_its_holder_and_goes_with_it() {
    let (_temp, dir, locks) = fixture();
    let key = LockKey::job("gc");
    let guard = locks.acquire(key.clone(), ONCE).await.unwrap();
    let [file] = &lock_files(&dir)[..] else {
        panic!("one file");
    };
    let note = fs::read_to_string(file).unwrap();
    let host = gethostname::gethostname().into_string().unwrap();
    let pid = std::process::id();
    assert_eq!(
        note,
        format!("{{\"pid\":{pid},\"host\":\"{host}\",\"since\":\"2026-03-01T12:00:00Z\"}}\n")
    );
    guard.release().await.unwrap();
    assert!(lock_files(&dir).is_empty());

    drop(locks.acquire(key, ONCE).await.unwrap());
    assert!(lock_files(&dir).is_empty());
}

#[tokio::test]
async fn odd_keys_have_locks_of_their_own() {
    let (_temp, dir, locks) = fixture();
    let long = "x/".repeat(400);
    let mut guards = Vec::new();
    for uri in [
        "artifact://a/b/log/c",
        "artifact://a/b/log/C",
        "artifact://a/b/log/%C3%A9",
        "artifact://a/b/log/e%CC%81",
        "artifact://a/b/log/%25",
        "artifact://a/b/log/c.",
        "artifact://a/b/custom:x-y/...",
        &format!("artifact://a/b/log/{long}1"),
        &format!("artifact://a/b/log/{long}2"),
    ] {
        guards.push(locks.acquire(artifact(uri), ONCE).await.unwrap());
        assert_eq!(lock_files(&dir).len(), guards.len(), "{uri}");
    }
    drop(guards);
    assert!(lock_files(&dir).is_empty());
}

#[tokio::test]
async fn what_a_holder_left_unreadable_locks_nobody_out_and_names_nobody() {
    let (_temp, dir, locks) = fixture();
    let key = LockKey::job("gc");
    let guard = locks.acquire(key.clone(), ONCE).await.unwrap();
    let file = lock_files(&dir).remove(0);
    fs::write(&file, b"\xff{\"pid\":").unwrap();
    assert!(locks.is_locked(key.clone()).await.unwrap());
    assert_eq!(locks.holder(key.clone()).await.unwrap(), None);
    let error = locks.acquire(key.clone(), ONCE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    drop(guard);

    fs::write(&file, b"\xff left by a crash").unwrap();
    assert!(!locks.is_locked(key.clone()).await.unwrap());
    let guard = locks.acquire(key.clone(), ONCE).await.unwrap();
    assert!(locks.holder(key).await.unwrap().is_some());
    drop(guard);
    assert!(lock_files(&dir).is_empty());
}

#[tokio::test]
async fn a_directory_that_was_deleted_is_made_again() {
    let (_temp, dir, locks) = fixture();
    let key = LockKey::job("gc");
    let guard = locks.acquire(key.clone(), ONCE).await.unwrap();
    fs::remove_dir_all(dir.parent().unwrap()).unwrap();
    assert!(!locks.is_locked(key.clone()).await.unwrap());
    guard.release().await.unwrap();
    assert!(!dir.exists());
    let guard = locks.acquire(key.clone(), ONCE).await.unwrap();
    assert!(locks.is_locked(key).await.unwrap());
    drop(guard);
}

#[tokio::test]
async fn what_is_in_the_way_is_an_error_at_once() {
    let (_temp, dir, locks) = fixture();
    let key = LockKey::job("gc");
    let guard = locks.acquire(key.clone(), ONCE).await.unwrap();
    let file = lock_files(&dir).remove(0);
    drop(guard);

    fs::create_dir(&file).unwrap();
    let begun = Instant::now();
    let patience = LockPatience::default();
    for error in [
        locks.acquire(key.clone(), patience).await.unwrap_err(),
        locks.is_locked(key.clone()).await.unwrap_err(),
        locks.holder(key.clone()).await.unwrap_err(),
        locks.force_unlock(key.clone()).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert!(error.message().contains(file.to_str().unwrap()), "{error}");
        assert!(error.message().starts_with("job://gc: "), "{error}");
    }

    fs::remove_dir_all(&dir).unwrap();
    fs::write(&dir, "a file").unwrap();
    let error = locks.acquire(key, patience).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(error.hint().unwrap().contains("base path"));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_never_makes_an_acquire_fail() {
    let (_temp, dir, locks) = fixture();
    let key = LockKey::job("gc");
    let is_over = Arc::new(AtomicBool::new(false));
    let lookers: Vec<_> = (0..3)
        .map(|_| {
            // As another process would: with nothing in common but the directory.
            let locks = FileLocks::new(&dir, Arc::new(noon()));
            let (key, is_over) = (key.clone(), Arc::clone(&is_over));
            tokio::spawn(async move {
                let mut seen = 0;
                while !is_over.load(Ordering::Relaxed) {
                    seen += usize::from(locks.is_locked(key.clone()).await.unwrap());
                    locks.holder(key.clone()).await.unwrap();
                }
                seen
            })
        })
        .collect();
    for round in 0..1_000 {
        let guard = locks.acquire(key.clone(), ONCE).await.unwrap();
        // Some rounds leave the file, so that lookers can hold its shared lock.
        let file = lock_files(&dir).first().cloned();
        guard.release().await.unwrap();
        if let (0, Some(file)) = (round % 2, file) {
            fs::write(file, "").unwrap();
        }
    }
    is_over.store(true, Ordering::Relaxed);
    let mut seen = 0;
    for looker in lookers {
        seen += looker.await.unwrap();
    }
    assert!(seen > 0, "the lookers never met the lock");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn locks_with_nothing_in_common_but_the_directory_exclude_each_other() {
    let (_temp, dir, _locks) = fixture();
    let is_held = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let locks = FileLocks::new(&dir, Arc::new(noon()));
            let is_held = Arc::clone(&is_held);
            tokio::spawn(async move {
                // Quick turns and no waits between them: files come and go under those who open
                // them.
                for _ in 0..3_000 {
                    let Ok(guard) = locks.acquire(LockKey::job("gc"), ONCE).await else {
                        continue;
                    };
                    assert!(!is_held.swap(true, Ordering::SeqCst), "two hold it");
                    tokio::task::yield_now().await;
                    is_held.store(false, Ordering::SeqCst);
                    guard.release().await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn tasks_of_one_process_hand_the_lock_on_without_waiting_for_the_interval() {
    let (_temp, _dir, locks) = fixture();
    let key = LockKey::job("gc");
    let begun = Instant::now();
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (locks, key) = (locks.clone(), key.clone());
            tokio::spawn(async move {
                let patience = LockPatience {
                    timeout: Duration::from_mins(1),
                    retry_interval: Duration::from_secs(1),
                };
                let guard = locks.acquire(key, patience).await.unwrap();
                tokio::time::sleep(Duration::from_millis(2)).await;
                guard.release().await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    // Twenty turns, each after half a second at the least, if nobody were woken.
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_waiter_that_is_dropped_holds_nothing_and_lets_the_next_come_first() {
    let (_temp, dir, locks) = fixture();
    let key = LockKey::job("gc");
    let guard = locks.acquire(key.clone(), ONCE).await.unwrap();
    let waiting = |locks: FileLocks, key: LockKey| {
        tokio::spawn(async move { locks.acquire(key, LockPatience::default()).await })
    };
    let one = waiting(locks.clone(), key.clone());
    tokio::time::sleep(Duration::from_millis(30)).await;
    let two = waiting(locks.clone(), key.clone());
    tokio::time::sleep(Duration::from_millis(30)).await;
    one.abort();
    assert!(one.await.unwrap_err().is_cancelled());
    guard.release().await.unwrap();
    two.await.unwrap().unwrap().release().await.unwrap();
    assert!(!locks.is_locked(key).await.unwrap());
    assert!(lock_files(&dir).is_empty());
}

#[tokio::test]
async fn who_waits_in_vain_is_told_so_in_time_whatever_the_clock_shows() {
    let temp = tempfile::tempdir().unwrap();
    let clock = noon();
    let locks = FileLocks::new(temp.path(), Arc::new(clock.clone()));
    let key = artifact("artifact://a/b/log/c");
    let guard = locks.acquire(key.clone(), ONCE).await.unwrap();
    clock.go_back(Duration::from_hours(24));
    let patience = LockPatience {
        timeout: Duration::from_millis(350),
        retry_interval: Duration::from_millis(20),
    };
    let begun = Instant::now();
    // The second stands behind the first and comes to tries of its own only at the end.
    let (one, two) = tokio::join!(
        locks.acquire(key.clone(), patience),
        locks.acquire(key.clone(), patience)
    );
    let waited = begun.elapsed();
    assert!(
        waited >= patience.timeout && waited < Duration::from_secs(5),
        "{waited:?}"
    );
    let (one, two) = (one.unwrap_err(), two.unwrap_err());
    let by = format!(
        "artifact://a/b/log/c is locked by process {} on {} since 2026-03-01T12:00:00Z: gave up after ",
        std::process::id(),
        gethostname::gethostname().display(),
    );
    for error in [&one, &two] {
        assert_eq!(error.kind(), ErrorKind::Locked);
        assert!(error.message().starts_with(&by), "{error}");
        assert!(error.hint().unwrap().contains("artifact lock unlock"));
    }
    let attempts = |text: &str| -> u32 {
        let tail = text.strip_prefix(by.as_str()).unwrap();
        tail.split(' ').next().unwrap().parse().unwrap()
    };
    let (first, second) = (attempts(one.message()), attempts(two.message()));
    assert!((5..=40).contains(&first), "{one}");
    assert!((1..first).contains(&second), "{two}");
    drop(guard);
}

#[tokio::test]
async fn a_waiter_gets_a_lock_that_another_process_took_away() {
    let (_temp, dir, locks) = fixture();
    let key = LockKey::job("gc");
    let hangs = locks.acquire(key.clone(), ONCE).await.unwrap();
    let waiter = {
        let (locks, key) = (locks.clone(), key.clone());
        tokio::spawn(async move { locks.acquire(key, LockPatience::default()).await })
    };
    tokio::time::sleep(Duration::from_millis(30)).await;
    let other = FileLocks::new(&dir, Arc::new(noon()));
    assert!(other.force_unlock(key.clone()).await.unwrap());
    let guard = waiter.await.unwrap().unwrap();
    hangs.release().await.unwrap();
    assert!(other.is_locked(key.clone()).await.unwrap());
    assert!(other.acquire(key, ONCE).await.is_err());
    drop(guard);
}
