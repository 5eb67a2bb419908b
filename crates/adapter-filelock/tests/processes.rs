//! Processes of their own exclude each other, and a killed one holds nothing.
//!
//! The other process is this test binary again: it runs `the_other_process`, told by environment
//! variables what to do.

#![expect(clippy::unwrap_used, reason = "a panic is the failure of a test")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapter_filelock::FileLocks;
use artifact_domain::port::{LockKey, LockManager, LockPatience};
use artifact_testkit::{ManualClock, sample};

const DIR: &str = "FILELOCK_TEST_DIR";
const ROUNDS: &str = "FILELOCK_TEST_ROUNDS";

fn noon() -> ManualClock {
    ManualClock::new(sample::now())
}

fn locks(base: &Path) -> FileLocks {
    FileLocks::new(base.join("locks"), Arc::new(noon()))
}

fn key() -> LockKey {
    LockKey::job("gc")
}

fn spawn(base: &Path, rounds: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "the_other_process", "--nocapture"])
        .env(DIR, base)
        .env(ROUNDS, rounds.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// With rounds: counts up in a file so often, reading and writing apart, each time under the lock.
/// Without: says `held` once it holds the lock, and keeps it until it is killed.
#[tokio::test]
#[ignore = "runs as the other process of the tests here"]
async fn the_other_process() {
    let base = std::env::var_os(DIR).expect("started by another test");
    let base = Path::new(&base);
    let rounds: u32 = std::env::var(ROUNDS).unwrap().parse().unwrap();
    let locks = locks(base);
    if rounds == 0 {
        let _guard = locks.acquire(key(), LockPatience::default()).await.unwrap();
        println!("\nheld");
        std::thread::sleep(Duration::from_mins(1));
        panic!("nobody killed it");
    }
    let counter = base.join("counter");
    for _ in 0..rounds {
        let guard = locks.acquire(key(), LockPatience::default()).await.unwrap();
        let count: u32 = fs::read_to_string(&counter).unwrap().parse().unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        fs::write(&counter, (count + 1).to_string()).unwrap();
        guard.release().await.unwrap();
    }
}

#[test]
fn eight_processes_take_turns_and_all_come_to_their_turn() {
    let base = tempfile::tempdir().unwrap();
    fs::write(base.path().join("counter"), "0").unwrap();
    let begun = Instant::now();
    let children: Vec<Child> = (0..8).map(|_| spawn(base.path(), 50)).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
    println!(
        "8 processes took 400 turns of 5 ms in {:?}",
        begun.elapsed()
    );
    assert_eq!(
        fs::read_to_string(base.path().join("counter")).unwrap(),
        "400"
    );
    let left: Vec<_> = fs::read_dir(base.path().join("locks"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, [".gate"]);
}

#[tokio::test]
async fn a_killed_holder_holds_nothing() {
    let base = tempfile::tempdir().unwrap();
    let locks = locks(base.path());
    let mut child = spawn(base.path(), 0);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "held"));

    assert!(locks.is_locked(key()).await.unwrap());
    let holder = locks.holder(key()).await.unwrap().expect("it left a note");
    assert_eq!(holder.pid, child.id());
    let once = LockPatience {
        timeout: Duration::ZERO,
        ..LockPatience::default()
    };
    let error = locks.acquire(key(), once).await.unwrap_err();
    assert!(
        error.message().contains(&format!("process {}", child.id())),
        "{error}"
    );

    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!locks.is_locked(key()).await.unwrap());
    assert_eq!(locks.holder(key()).await.unwrap(), None);
    assert!(!locks.force_unlock(key()).await.unwrap());
    locks
        .acquire(key(), once)
        .await
        .unwrap()
        .release()
        .await
        .unwrap();
}
