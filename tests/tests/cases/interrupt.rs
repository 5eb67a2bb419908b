//! Stopped in the middle: exit code 130, nothing visible, and nothing left, at once or once the
//! lease has ended.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use e2e::tree::noise;
use e2e::{Running, Sandbox, eventually};

use super::{sandbox, texts};

/// How long an upload that was cut off keeps its place, and a little more.
const LEASE: Duration = Duration::from_millis(1_500);

/// How long the program takes to give up a source that says nothing, and less than that.
const AT_ONCE: Duration = Duration::from_secs(3);

fn short_lease() -> Sandbox {
    let store = sandbox().with_env("ARTIFACT_UPLOAD__LEASE_S", "1");
    store.write("other.txt", "content");
    store
}

/// An upload from standard input that has stored some and waits for more.
fn stalled_upload(store: &Sandbox) -> Running {
    let mut upload = store.start(&["upload", "-", "--name", "big.bin", "--type", "data"]);
    assert!(upload.feed(&noise(1, store.held_in_memory() + 3_000_000)));
    eventually("all that was sent to be read", || {
        let arrived = store.arrived_bytes();
        thread::sleep(Duration::from_millis(300));
        arrived > 1_000_000 && store.arrived_bytes() == arrived
    });
    upload
}

/// Asserts that after the lease the next upload leaves itself alone in the store.
fn assert_reaped(store: &Sandbox) {
    assert_eq!(store.ok(&["search"]), "", "it is visible");
    thread::sleep(LEASE);
    store.ok(&["upload", "other.txt"]);
    if store.has_bucket() {
        // What was killed leaves parts of an upload there, which are swept with the rest.
        store.ok(&["gc"]);
    }
    assert_eq!(store.blobs().len(), 1, "{:?}", store.blobs());
    store.ok(&["delete", "artifact://default/local/document/other.txt"]);
    store.assert_empty();
}

#[test]
fn an_upload_that_flows_takes_itself_back_at_once() {
    for signal in ["INT", "TERM"] {
        let store = sandbox();
        let mut upload = stalled_upload(&store);
        upload.signal(signal);
        let begun = Instant::now();
        let chunk = noise(2, 100_000);
        while upload.feed(&chunk) {
            thread::sleep(Duration::from_millis(5));
        }
        let outcome = upload.wait().expect_code(130);
        assert!(
            begun.elapsed() < AT_ONCE,
            "it took {:?}:\n{outcome}",
            begun.elapsed()
        );
        assert_eq!(outcome.text(), "");
        store.assert_empty();
    }
}

#[test]
fn an_upload_that_waits_is_given_up_and_reaped_after_its_lease() {
    for signal in ["INT", "TERM"] {
        let store = short_lease();
        let mut upload = stalled_upload(&store);
        upload.signal(signal);
        let outcome = upload.wait().expect_code(130);
        assert_eq!(outcome.text(), "");
        assert_reaped(&store);
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let store = short_lease();
    let mut upload = stalled_upload(&store);
    upload.signal("INT");
    thread::sleep(Duration::from_millis(300));
    assert!(!upload.has_ended(), "the first signal gives it time");
    let begun = Instant::now();
    upload.signal("INT");
    let _ = upload.wait().expect_code(130);
    assert!(begun.elapsed() < AT_ONCE, "it took {:?}", begun.elapsed());
    assert_reaped(&store);
}

#[test]
fn what_was_killed_is_reaped_after_its_lease() {
    let store = short_lease();
    let mut upload = stalled_upload(&store);
    upload.signal("KILL");
    assert_eq!(upload.wait().signal, Some(9));
    assert_reaped(&store);
}

#[test]
fn a_running_upload_outlives_its_lease() {
    let store = short_lease();
    let mut upload = stalled_upload(&store);
    thread::sleep(2 * LEASE);
    assert!(upload.feed(b"end"));
    upload.end_of_input();
    let _ = upload.wait().expect_code(0);
    let found = store.json(&["search"]);
    let sent = store.held_in_memory() + 3_000_000 + "end".len();
    assert_eq!(found[0]["size_bytes"], sent);
}

#[test]
fn an_upload_from_a_named_pipe_is_taken_back() {
    let store = sandbox();
    let path = store.work("pipe");
    let made = store
        .other("mkfifo")
        .arg(&path)
        .status()
        .expect("`mkfifo` can be run");
    assert!(made.success());
    let mut upload = store.start(&["upload", "pipe", "--type", "data"]);
    let mut pipe = fs::File::options()
        .write(true)
        .open(&path)
        .expect("the program opens it too");
    pipe.write_all(&noise(1, store.held_in_memory() + 3_000_000))
        .expect("the program reads");
    eventually("some of the upload to be stored", || {
        store.arrived_bytes() > 1_000_000
    });
    upload.signal("INT");
    let chunk = noise(2, 100_000);
    while pipe.write_all(&chunk).is_ok() {
        thread::sleep(Duration::from_millis(5));
    }
    let _ = upload.wait().expect_code(130);
    store.assert_empty();
}

#[test]
fn of_a_tree_what_was_acknowledged_stays() {
    let store = sandbox();
    for number in 0..1_000 {
        store.write(format!("tree/{number}"), noise(number, 2_000));
    }
    let mut upload = store.start(&["upload", "tree", "--type", "data"]);
    eventually("the first files to be stored", || {
        store.stored_bytes() > 20 * 2_000
    });
    upload.signal("INT");
    let outcome = upload.wait().expect_code(130);
    let found = store.json(&["search"]);
    let found: BTreeSet<_> = texts(&found, "uri").into_iter().collect();
    assert!(
        outcome.text().lines().all(|uri| found.contains(uri)),
        "{outcome}"
    );
    assert!(found.len() < 1_000, "it was not stopped");
    assert_eq!(store.blobs().len(), found.len());
    store.ok(&["download", "--task", "local", "-D", "out"]);
    for (path, bytes) in e2e::tree::contents(&store.work("out")) {
        assert!(
            store.read(std::path::Path::new("tree").join(&path)) == bytes,
            "{path:?}"
        );
    }
}

#[test]
fn a_download_that_nobody_reads_can_be_stopped() {
    let store = sandbox();
    store.write("big.bin", noise(1, 4_000_000));
    let uri = store.ok(&["upload", "big.bin"]);
    let mut download = store.start(&["download", uri.trim(), "-o", "-"]);
    thread::sleep(Duration::from_millis(500));
    assert!(!download.has_ended(), "a pipe takes no 4 MB");
    download.signal("INT");
    let _ = download.wait().expect_code(130);
}
