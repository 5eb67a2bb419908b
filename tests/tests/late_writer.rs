//! A writer that sleeps past its lease and wakes up after it was reaped. On SQLite alone: sled lets
//! one process in at a time, so nobody could reap while the sleeper has it open.

use std::thread;
use std::time::Duration;

use e2e::{Sandbox, eventually};

const URI: &str = "artifact://default/local/data/slow";
const UPLOAD: [&str; 6] = ["upload", "-", "--name", "slow", "--type", "data"];

#[test]
fn it_gets_an_error_and_overwrites_nothing() {
    let store = Sandbox::new().with_env("ARTIFACT_UPLOAD__LEASE_S", "1");
    let mut sleeper = store.start(&[&UPLOAD[..], &["--task", "local"]].concat());
    assert!(sleeper.feed(&vec![7; 300_000]));
    eventually("the upload to begin", || {
        !store.ok(&["search", "--state", "uploading"]).is_empty()
    });
    sleeper.signal("STOP");
    thread::sleep(Duration::from_millis(1_200));
    assert_eq!(store.ok(&["lock", "unlock", URI]).trim(), "unlocked");

    let winner = store.run_with_input(&[&UPLOAD[..], &["--task", "local"]].concat(), b"winner");
    assert_eq!(winner.expect_code(0).text().trim(), URI);

    sleeper.signal("CONT");
    sleeper.feed(&vec![7; 300_000]);
    sleeper.end_of_input();
    sleeper.wait().expect_code(6).says(&["lease"]);
    assert_eq!(store.bytes(&["download", URI, "-o", "-"]), b"winner");
    assert_eq!(store.blobs().len(), 1);
    assert_eq!(
        store.ok(&["search", "--state", "uploading", "--state", "deleted"]),
        ""
    );
}

#[test]
fn whom_gc_has_reaped_gets_an_error_and_leaves_nothing() {
    let store = Sandbox::new().with_env("ARTIFACT_UPLOAD__LEASE_S", "1");
    let mut sleeper = store.start(&[&UPLOAD[..], &["--task", "local"]].concat());
    assert!(sleeper.feed(&vec![7; 300_000]));
    eventually("the upload to begin", || {
        !store.ok(&["search", "--state", "uploading"]).is_empty()
    });
    sleeper.signal("STOP");
    thread::sleep(Duration::from_millis(1_200));
    let cleared = store.json(&["gc"]);
    assert_eq!(cleared[0]["reason"], "abandoned", "{cleared:?}");

    sleeper.signal("CONT");
    sleeper.feed(&vec![7; 300_000]);
    sleeper.end_of_input();
    sleeper.wait().expect_code(6).says(&["lease"]);
    store.assert_empty();
    // It had not come to the metadata, and its number is free again.
    assert_eq!(store.metadata(), Vec::<std::path::PathBuf>::new());
    store.ok(&["verify"]);
}
