//! Every way of taking, freeing and taking away, with files of their own and with kept ones.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tempfile::TempDir;

use super::*;

const NAME: &str = "a.lock";

/// A directory for who takes few locks, and one for who has taken many.
fn fixtures() -> [(TempDir, LockDir, LockHolder); 2] {
    [0, 5].map(|taken| {
        let temp = tempfile::tempdir().unwrap();
        let dir = LockDir::new(temp.path().join("locks"));
        let me = LockHolder {
            pid: 1,
            host: "a".into(),
            since: "2026-03-01T12:00:00Z".parse().unwrap(),
        };
        for _ in 0..taken {
            drop(dir.take("other.lock", &me).unwrap().expect("free"));
        }
        (temp, dir, me)
    })
}

fn file_of(lock: &LockFile) -> &File {
    match &lock.file {
        Held::Own(file, _) => file,
        Held::Spare(spare, _) => &spare.as_ref().expect("there until it is dropped").file,
    }
}

fn lock_files(dir: &LockDir) -> Vec<String> {
    fs::read_dir(&dir.path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect()
}

#[test]
fn a_look_does_not_make_a_take_fail() {
    for (_temp, dir, me) in fixtures() {
        drop(dir.take(NAME, &me).unwrap().expect("free"));
        fs::write(dir.path.join(NAME), "").unwrap();
        let looking = File::open(dir.path.join(NAME)).unwrap();
        FileExt::try_lock_shared(&looking).unwrap();
        let looker = thread::spawn(move || {
            thread::sleep(Duration::from_millis(3));
            drop(looking);
        });
        assert!(dir.take(NAME, &me).unwrap().is_some());
        looker.join().unwrap();
    }
}

#[test]
fn a_file_that_lost_its_name_locks_nothing() {
    for (_temp, dir, me) in fixtures() {
        let first = dir.take(NAME, &me).unwrap().expect("free");
        fs::remove_file(dir.path.join(NAME)).unwrap();
        let second = dir.take(NAME, &me).unwrap().expect("free again");
        drop(first);
        assert_eq!(lock_files(&dir), [NAME], "the new holder's file stays");
        assert!(dir.is_held(NAME).unwrap());
        drop(second);
        assert_eq!(lock_files(&dir), [""; 0]);
    }
}

#[test]
fn whoever_frees_while_the_gate_is_closed_unlinks_nothing() {
    for (_temp, dir, me) in fixtures() {
        let held = dir.take(NAME, &me).unwrap().expect("free");
        let gate = open_gate(&dir.path.join(GATE)).unwrap();
        FileExt::try_lock(&gate).unwrap();
        drop(held);
        assert_eq!(lock_files(&dir), [NAME]);
        assert!(!dir.is_held(NAME).unwrap());
        assert_eq!(fs::read(dir.path.join(NAME)).unwrap(), b"");
        drop(gate);
        drop(dir.take(NAME, &me).unwrap().expect("free"));
        assert_eq!(lock_files(&dir), [""; 0]);
    }
}

#[test]
fn what_is_taken_away_is_free_and_the_old_holder_disturbs_nobody() {
    for (_temp, dir, me) in fixtures() {
        let old = dir.take(NAME, &me).unwrap().expect("free");
        assert!(dir.take_away(NAME).unwrap());
        assert!(!dir.is_held(NAME).unwrap());
        assert!(!dir.take_away(NAME).unwrap());
        let new = dir.take(NAME, &me).unwrap().expect("free");
        drop(old);
        assert!(dir.is_held(NAME).unwrap());
        assert!(dir.take(NAME, &me).unwrap().is_none());
        drop(new);
    }
}

#[test]
fn an_old_holder_that_lets_go_just_then_does_not_unlink_the_new_ones_file() {
    for (_temp, dir, me) in fixtures() {
        let is_over = AtomicBool::new(false);
        let until = Instant::now() + Duration::from_mins(1);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) && Instant::now() < until {
                    drop(dir.take(NAME, &me).unwrap());
                }
            });
            let mut taken = 0;
            while taken < 200 {
                assert!(Instant::now() < until, "the two met only {taken} times");
                if !dir.take_away(NAME).unwrap() {
                    continue;
                }
                if let Some(new) = dir.take(NAME, &me).unwrap() {
                    taken += 1;
                    thread::yield_now();
                    let is_mine = is_named(file_of(&new), &new.path).unwrap();
                    assert!(is_mine, "its file is gone after {taken} times");
                }
            }
            is_over.store(true, Ordering::Relaxed);
        });
    }
}

#[test]
fn looking_makes_nothing() {
    for (_temp, dir, _me) in fixtures() {
        assert!(!dir.is_held(NAME).unwrap());
        assert_eq!(dir.holder(NAME).unwrap(), None);
        assert!(!dir.take_away(NAME).unwrap());
        assert!(!dir.path.join(NAME).exists());
    }
}

#[test]
fn a_link_in_place_of_the_file_is_an_error_and_its_target_stays_as_it_is() {
    for (temp, dir, me) in fixtures() {
        let target = temp.path().join("precious");
        fs::write(&target, "data").unwrap();
        fs::create_dir_all(&dir.path).unwrap();
        std::os::unix::fs::symlink(&target, dir.path.join(NAME)).unwrap();
        for error in [
            dir.take(NAME, &me).unwrap_err(),
            dir.is_held(NAME).unwrap_err(),
            dir.take_away(NAME).unwrap_err(),
        ] {
            assert!(error.message().contains("not a regular file"), "{error}");
        }
        assert_eq!(fs::read(&target).unwrap(), b"data");
    }
}

#[test]
fn who_takes_many_makes_no_more_files() {
    let [(_few_temp, few, me), (_many_temp, many, _)] = fixtures();
    let inodes = |dir: &LockDir| {
        [(); 2].map(|()| {
            let lock = dir.take(NAME, &me).unwrap().expect("free");
            assert_eq!(dir.holder(NAME).unwrap().as_ref(), Some(&me));
            fs::metadata(&lock.path).unwrap().ino()
        })
    };
    let [one, two] = inodes(&many);
    assert_eq!(one, two);
    drop(few.take(NAME, &me));
    assert!(!few.path.join(NAME).exists() && !many.path.join(NAME).exists());
}

#[test]
fn a_kept_file_locks_one_name_at_a_time() {
    let [_, (_temp, dir, me)] = fixtures();
    let locks = ["b.lock", "c.lock", "d.lock"].map(|name| dir.take(name, &me).unwrap());
    assert!(locks.iter().all(Option::is_some));
    for name in ["b.lock", "c.lock", "d.lock"] {
        assert!(dir.take(name, &me).unwrap().is_none(), "{name} is held");
    }
    drop(locks);
    assert_eq!(lock_files(&dir), [""; 0]);
}

#[test]
fn what_a_killed_holder_of_a_kept_file_leaves_is_free() {
    let [_, (_temp, dir, me)] = fixtures();
    let held = dir.take(NAME, &me).unwrap().expect("free");
    // What the end of a process does: the lock goes, both names stay.
    FileExt::unlock(file_of(&held)).unwrap();
    std::mem::forget(held);
    let other = LockDir::new(dir.path.clone());
    let taken = other.take(NAME, &me).unwrap().expect("nobody holds it");
    assert!(dir.is_held(NAME).unwrap());
    drop(taken);
    assert_eq!(lock_files(&other), [""; 0]);
}
