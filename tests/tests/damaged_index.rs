//! An index that is damaged, foreign or in use: named, explained, and the blobs left as they are.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use e2e::Sandbox;

/// A store with one artifact, on an index engine.
fn filled(index: &str) -> Sandbox {
    let store = Sandbox::with_index(index);
    store.write("a.txt", "some content\n");
    store.ok(&["upload", "a.txt"]);
    store
}

/// Every use ends with `code` and names the index; the blob stays.
#[track_caller]
fn assert_refused(store: &Sandbox, code: i32, name: &str) {
    let before = store.blobs();
    assert_eq!(before.len(), 1);
    for args in [&["search"][..], &["upload", "a.txt"]] {
        let outcome = store.run(args).expect_code(code);
        outcome.says(&["error:", name]);
        assert!(!outcome.stderr.contains("panicked"), "{outcome}");
    }
    assert_eq!(store.blobs(), before);
}

fn python(script: &str, path: &std::path::Path) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", script]).arg(path);
    command
}

#[test]
fn a_truncated_sqlite_index_is_damage() {
    let store = filled("sqlite");
    let path = store.store("index.sqlite");
    let bytes = fs::read(&path).expect("it can be read");
    fs::write(&path, &bytes[..bytes.len() / 2]).expect("it can be cut");
    assert_refused(&store, 5, "index.sqlite");
}

#[test]
fn garbage_is_no_sqlite_index() {
    let store = filled("sqlite");
    fs::write(store.store("index.sqlite"), e2e::tree::noise(1, 50_000)).expect("it can be written");
    assert_refused(&store, 5, "index.sqlite");
}

#[test]
fn an_emptied_sqlite_index_is_damage_not_an_empty_store() {
    let store = filled("sqlite");
    fs::write(store.store("index.sqlite"), "").expect("it can be emptied");
    assert_refused(&store, 5, "index.sqlite");
}

#[test]
fn a_folder_is_no_sqlite_index() {
    let store = filled("sqlite");
    fs::remove_file(store.store("index.sqlite")).expect("it can be removed");
    fs::create_dir(store.store("index.sqlite")).expect("a folder can be made");
    assert_refused(&store, 2, "index.sqlite");
}

#[test]
fn the_sqlite_index_of_a_newer_release_is_left_alone() {
    let store = filled("sqlite");
    let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\n\
                  c.execute('PRAGMA user_version = 999')\nc.commit()";
    let status = python(script, &store.store("index.sqlite")).status();
    assert!(status.expect("python3 can be started").success());
    assert_refused(&store, 10, "index.sqlite");
}

#[test]
fn counters_that_drift_are_found_and_mended() {
    let store = filled("sqlite");
    let sound = store.ok(&["usage", "--json"]);
    for change in [
        "UPDATE usage SET count = count + 3, stored_size_bytes = stored_size_bytes + 1000",
        "UPDATE usage SET size_bytes = -5",
        "DELETE FROM usage",
    ] {
        let script = format!(
            "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\n\
             c.execute('{change}')\nc.commit()"
        );
        let status = python(&script, &store.store("index.sqlite")).status();
        assert!(status.expect("python3 can be started").success());

        let found = store.run(&["verify", "--json"]).expect_code(5).objects();
        let finding = found[0]["finding"].as_str().expect("it is text");
        assert!(finding.contains("counter"), "{found:?}");
        assert_eq!(found[0]["repaired"], false);
        let said = store.run(&["verify"]).expect_code(5);
        assert!(said.text().starts_with("counter  "), "{said}");

        let mended = store.run(&["verify", "--repair"]).expect_code(0);
        assert!(mended.text().contains("(counted anew)"), "{mended}");
        store.ok(&["verify"]);
        assert_eq!(store.ok(&["usage", "--json"]), sound);
    }
}

#[test]
fn a_sqlite_index_that_is_locked_is_waited_for() {
    let store = filled("sqlite");
    let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
                  c.execute('BEGIN IMMEDIATE')\nprint('locked', flush=True)\n\
                  sys.stdin.read()\nc.execute('ROLLBACK')";
    let mut holder = python(script, &store.store("index.sqlite"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 can be started");
    let mut said = [0; 6];
    let stdout = holder.stdout.as_mut().expect("its output is a pipe");
    std::io::Read::read_exact(stdout, &mut said).expect("it locks");
    let mut upload = store.start(&["upload", "a.txt"]);
    thread::sleep(Duration::from_millis(1_500));
    assert!(!upload.has_ended(), "it did not wait for the index");
    drop(holder.stdin.take());
    assert!(holder.wait().expect("it can be waited for").success());
    let _ = upload.wait().expect_code(0);
}

#[test]
fn a_truncated_or_overwritten_sled_index_is_damage() {
    for damage in [
        |bytes: &[u8]| bytes[..bytes.len() / 3].to_vec(),
        |bytes: &[u8]| e2e::tree::noise(1, bytes.len()),
    ] {
        let store = filled("sled");
        let path = store.store("index.sled/db/db");
        let bytes = fs::read(&path).expect("it can be read");
        fs::write(&path, damage(&bytes)).expect("it can be written");
        assert_refused(&store, 5, "index.sled");
    }
}

#[test]
fn an_emptied_sled_index_is_damage_not_an_empty_store() {
    let store = filled("sled");
    fs::remove_dir_all(store.store("index.sled/db")).expect("it can be removed");
    assert_refused(&store, 5, "index.sled");
}

#[test]
fn a_sled_index_that_is_in_use_is_waited_for() {
    let store = filled("sled");
    let mut first = store.start(&["upload", "-", "--name", "slow"]);
    assert!(first.feed(&vec![1; 100_000]));
    thread::sleep(Duration::from_millis(500));
    let mut second = store.start(&["upload", "a.txt"]);
    thread::sleep(Duration::from_secs(1));
    assert!(!second.has_ended(), "two processes had it open");
    first.end_of_input();
    let _ = first.wait().expect_code(0);
    let _ = second.wait().expect_code(0);
    assert_eq!(store.ok(&["search"]).lines().count(), 2);
}
