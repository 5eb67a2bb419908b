//! Writers of one artifact come in turn, of different ones side by side; a lock can be looked at
//! and broken. On SQLite: a sled index lets only one process in at a time.

use std::fs;

use e2e::tree::noise;
use e2e::{Running, Sandbox, eventually};

const URI: &str = "artifact://demo/1/data/a";

fn impatient() -> Sandbox {
    Sandbox::with_index("sqlite").with_env("ARTIFACT_LOCKING__TIMEOUT_S", "0.5")
}

fn args(name: &str) -> [&str; 10] {
    [
        "upload", "-", "--spec", "demo", "--task", "1", "--type", "data", "--name", name,
    ]
}

/// An upload that holds its lock and waits for more.
fn holder(store: &Sandbox) -> Running {
    let mut upload = store.start(&args("a"));
    assert!(upload.feed(&noise(1, 4_000_000)));
    let stored = |store: &Sandbox| -> u64 {
        store
            .blobs()
            .iter()
            .filter_map(|blob| fs::metadata(blob).ok())
            .map(|at| at.len())
            .sum()
    };
    eventually("some of the upload to be stored", || {
        stored(store) > 1_000_000
    });
    upload
}

#[test]
fn a_second_writer_waits_and_gives_up_with_7() {
    let store = impatient();
    let mut upload = holder(&store);
    let outcome = store.run(&args("a")).expect_code(7);
    outcome.says(&[URI, "lock"]);
    upload.end_of_input();
    let _ = upload.wait().expect_code(0);
    let found = store.json(&["search"]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["size_bytes"], 4_000_000);
}

#[test]
fn a_second_writer_that_is_patient_gets_its_turn() {
    let store = Sandbox::with_index("sqlite").with_env("ARTIFACT_VERSIONING__ENABLED", "true");
    let mut first = holder(&store);
    let mut second = store.start(&args("a"));
    second.end_of_input();
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(!second.has_ended(), "it did not wait");
    first.end_of_input();
    let _ = first.wait().expect_code(0);
    let _ = second.wait().expect_code(0);
    let found = store.json(&["search", "--all-versions"]);
    let sizes: Vec<_> = found
        .iter()
        .map(|artifact| artifact["size_bytes"].clone())
        .collect();
    assert_eq!(sizes, [0, 4_000_000]);
}

#[test]
fn readers_and_writers_of_others_do_not_wait() {
    let store = impatient();
    let mut upload = holder(&store);
    store.ok(&args("b"));
    assert_eq!(store.json(&["search"]).len(), 1);
    store.ok(&["download", "artifact://demo/1/data/b", "-o", "-"]);
    store.fails(&["show", URI], 3);
    upload.end_of_input();
    let _ = upload.wait().expect_code(0);
}

#[test]
fn a_lock_can_be_looked_at() {
    let store = impatient();
    assert_eq!(store.ok(&["lock", "status", URI]), "free\n");
    let mut upload = holder(&store);
    let text = store.ok(&["lock", "status", URI]);
    assert!(text.starts_with("locked by process "), "{text}");
    let shown = store.json(&["lock", "status", URI]);
    assert_eq!(shown[0]["uri"], URI);
    assert_eq!(shown[0]["locked"], true);
    assert!(shown[0]["holder"]["pid"].is_number(), "{shown:?}");
    assert!(shown[0]["holder"]["host"].is_string(), "{shown:?}");
    assert!(shown[0]["holder"]["since"].is_string(), "{shown:?}");
    upload.end_of_input();
    let _ = upload.wait().expect_code(0);
    assert_eq!(store.json(&["lock", "status", URI])[0]["locked"], false);
}

#[test]
fn a_lock_can_be_broken() {
    let store = impatient();
    assert_eq!(store.ok(&["lock", "unlock", URI]), "was not locked\n");
    let mut upload = holder(&store);
    assert_eq!(
        store.ok(&["lock", "unlock", "--dry-run", URI]),
        "would be unlocked\n"
    );
    store.fails(&args("a"), 7);
    assert_eq!(store.ok(&["lock", "unlock", URI]), "unlocked\n");
    store.ok(&args("a"));
    // the one that hung began first, so it loses to the newer one, and mixes up nothing
    upload.end_of_input();
    let outcome = upload.wait();
    let found = store.json(&["search"]);
    assert_eq!(found.len(), 1, "{outcome}");
    assert_eq!(found[0]["version"], 2, "{outcome}");
    assert_eq!(found[0]["size_bytes"], 0, "{outcome}");
    assert_eq!(store.blobs().len(), 1);
}

#[test]
fn without_locking_there_is_nothing_to_look_at() {
    let store = impatient().with_env("ARTIFACT_LOCKING__ENABLED", "false");
    let outcome = store.run(&["lock", "status", URI]).expect_code(10);
    outcome.says(&["locking.enabled"]);
    store.ok(&args("a"));
}
