//! How much all artifacts together may have: what does not fit ends with exit code 8 and leaves
//! nothing, whoever else uploads meanwhile. And how much there is.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use e2e::tree::{noise, prose};
use e2e::{Sandbox, eventually};
use serde_json::Value;

use super::sandbox;

/// What `0.001` GB are.
const LIMIT_BYTES: u64 = 1_000_000;

/// A store for a million bytes.
fn limited() -> Sandbox {
    sandbox().with_env("ARTIFACT_QUOTA__MAX_STORAGE_GB", "0.001")
}

/// The last line of `usage --json`.
fn usage(store: &Sandbox, args: &[&str]) -> Value {
    let mut objects = store.json(&[&["usage"], args].concat());
    objects.pop().expect("there is a last line")
}

#[test]
fn r61_of_fifty_uploads_by_ten_processes_exactly_those_succeed_that_fit() {
    const FIT: usize = 20;
    let store = limited();
    for n in 0..50 {
        store.write(format!("{n}.bin"), noise(n, 50_000));
    }
    let (stored, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = 0;
            while !done.load(Ordering::SeqCst) {
                most = most.max(store.stored_bytes());
                thread::sleep(Duration::from_millis(5));
            }
            most
        });
        let uploads: Vec<_> = (0..10)
            .map(|first| {
                let (store, stored) = (&store, &stored);
                scope.spawn(move || {
                    for n in (first..50).step_by(10) {
                        let name = format!("{n}.bin");
                        let outcome = store.run(&["upload", &name, "--no-compress", "--json"]);
                        match outcome.code {
                            Some(0) => drop(stored.fetch_add(1, Ordering::SeqCst)),
                            _ => outcome.expect_code(8).says(&["quota-exceeded", &name]),
                        }
                    }
                })
            })
            .collect();
        for upload in uploads {
            upload.join().expect("it holds");
        }
        done.store(true, Ordering::SeqCst);
        let most = watch.join().expect("it only looks");
        assert!(most <= LIMIT_BYTES, "{most} bytes were stored");
    });
    assert_eq!(stored.into_inner(), FIT);
    assert_eq!(store.blobs().len(), FIT);
    assert_eq!(store.stored_bytes(), LIMIT_BYTES);
    assert_eq!(store.json(&["search", "--limit", "100"]).len(), FIT);
    let usage = usage(&store, &[]);
    assert_eq!(
        (&usage["count"], &usage["uploads"]),
        (&FIT.into(), &0.into())
    );
    assert_eq!(usage["held_bytes"], LIMIT_BYTES);
}

#[test]
fn r61_of_one_folder_as_much_is_stored_as_fits() {
    let store = limited();
    for n in 0..50 {
        store.write(format!("tree/{n}"), noise(n, 30_000));
    }
    let args = ["upload", "tree", "--no-compress", "--no-progress"];
    let outcome = store.run(&args).expect_code(8);
    assert_eq!(outcome.text().lines().count(), 33, "{outcome}");
    assert_eq!(store.stored_bytes(), 990_000);
}

#[test]
fn r61_a_stream_is_cut_off_at_the_limit_and_leaves_nothing() {
    let store = limited();
    let args = ["upload", "-", "--name", "stream.bin", "--no-compress"];
    let outcome = store
        .run_with_input(&args, &noise(1, 3_000_000))
        .expect_code(8);
    outcome.says(&["stream.bin", "1000000", "quota.max_storage_gb"]);
    store.assert_empty();
    assert_eq!(usage(&store, &[])["held_bytes"], 0);
    let _ = store
        .run_with_input(&args, &noise(1, 1_000_000))
        .expect_code(0);
    let more = ["upload", "-", "--name", "more", "--type", "data"];
    let _ = store.run_with_input(&more, b"x").expect_code(8);
    store.ok(&["delete", "--task", "local"]);
    let _ = store.run_with_input(&more, b"x").expect_code(0);
}

#[test]
fn what_counts_is_what_is_stored() {
    let store = limited();
    // Five times the limit, before it is compressed.
    store.write("large.log", "the same line again\n".repeat(250_000));
    store.ok(&["upload", "large.log", "--no-progress"]);
    assert!(store.stored_bytes() < LIMIT_BYTES);
}

#[test]
fn a_full_store_takes_nothing_more() {
    let store = limited();
    store.write("a.bin", noise(1, 1_000_000));
    store.write("b.bin", noise(2, 10));
    let args = ["--no-compress", "--type", "data", "--task", "1"];
    let upload = |name: &str| store.run(&[&["upload", name], &args[..]].concat());
    let _ = upload("a.bin").expect_code(0);
    let outcome = upload("b.bin").expect_code(8);
    outcome.says(&["b.bin", "1000000 bytes", "quota.max_storage_gb"]);
    assert_eq!(store.blobs().len(), 1);
    assert_eq!(store.json(&["search"]).len(), 1);
    store.ok(&["delete", "artifact://default/1/data/a.bin"]);
    let _ = upload("b.bin").expect_code(0);
}

#[test]
fn r61_an_upload_that_was_killed_holds_its_room_no_longer_than_its_lease() {
    let store = sandbox()
        .with_env("ARTIFACT_QUOTA__MAX_STORAGE_GB", "0.005")
        .with_env("ARTIFACT_UPLOAD__LEASE_S", "1");
    let mut killed = store.start(&["upload", "-", "--name", "killed", "--no-compress"]);
    assert!(killed.feed(&noise(1, 3_000_000)));
    // Some of it has come to a file, or is held in memory.
    eventually("the upload to have begun", || {
        store.stored_bytes() > 0 || (store.has_bucket() && usage(&store, &[])["uploads"] == 1)
    });
    killed.kill();
    drop(killed);
    let held = usage(&store, &[]);
    assert_eq!((&held["count"], &held["uploads"]), (&0.into(), &1.into()));
    assert!(held["reserved_bytes"].as_u64() >= Some(store.stored_bytes()));
    store.write("next.bin", noise(2, 4_900_000));
    thread::sleep(Duration::from_millis(1_100));
    store.ok(&["upload", "next.bin", "--no-compress", "--no-progress"]);
    assert_eq!(usage(&store, &[])["held_bytes"], 4_900_000);
}

#[test]
fn r60_usage_is_by_spec_type_state_and_tier() {
    let store = sandbox();
    store.write("a.log", prose(1, 50_000));
    store.write("b.bin", noise(1, 10_000));
    for spec in ["one", "two"] {
        store.ok(&["upload", "a.log", "--spec", spec]);
    }
    store.ok(&["upload", "b.bin", "--spec", "two", "--type", "data"]);
    let on_disk = store.stored_bytes();
    let total = usage(&store, &[]);
    assert_eq!(
        (&total["count"], &total["size_bytes"]),
        (&3.into(), &110_000.into())
    );
    assert_eq!(total["stored_size_bytes"], on_disk);
    assert_eq!(total["limit_bytes"], 100_000_000_000_u64);
    assert_eq!(total["warning"], Value::Null);
    let saved = total["saved_ratio"].as_f64().expect("it is a number");
    assert!(saved > 0.1 && saved < 1.0);

    let by = |args: &[&str]| -> Vec<Value> {
        let mut objects = store.json(&[&["usage"], args].concat());
        objects.pop();
        objects
    };
    let specs = by(&["--by", "spec"]);
    assert_eq!(super::texts(&specs, "spec"), ["one", "two"]);
    assert_eq!([&specs[0]["count"], &specs[1]["count"]], [1, 2]);
    assert_eq!(
        [&specs[0]["size_bytes"], &specs[1]["size_bytes"]],
        [50_000, 60_000]
    );
    let both = by(&["--by", "type,state", "--by", "tier", "--spec", "two"]);
    let mut types = super::texts(&both, "type");
    types.sort_unstable();
    assert_eq!(types, ["data", "log"]);
    assert!(
        both.iter()
            .all(|sum| sum["state"] == "ACTIVE" && sum["tier"] == "HOT")
    );
    assert_eq!(usage(&store, &["--spec", "two"])["size_bytes"], 60_000);
    assert_eq!(usage(&store, &["--spec", "none"])["count"], 0);

    let text = store.ok(&["usage", "--by", "spec"]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert!(lines[1].starts_with("one ") && lines[2].starts_with("two "));
    assert!(lines[3].starts_with("total ") && lines[4].contains("% of the limit"));
    let _ = store.run(&["usage", "--by", "colour"]).expect_code(2);
}

#[test]
fn r61_a_warning_comes_with_the_threshold() {
    let store = limited();
    store.write("a.bin", noise(1, 790_000));
    store.write("b.bin", noise(2, 10_000));
    let upload = |name: &str, more: &[&str]| {
        let args = [&["upload", name, "--no-compress", "--no-progress"], more].concat();
        store.run(&args).expect_code(0)
    };
    assert_eq!(upload("a.bin", &[]).stderr, "");
    assert_eq!(store.run(&["usage"]).stderr, "");

    let outcome = upload("b.bin", &[]);
    let warning = "the store is 80.0 % full: 800000 bytes of its quota of 1000000";
    outcome.says(&["warning:", warning]);
    assert_eq!(
        outcome.stderr.lines().count(),
        1,
        "once a command: {outcome}"
    );
    assert_eq!(upload("b.bin", &["-q"]).stderr, "");
    let outcome = store.run(&["usage"]).expect_code(0);
    assert_eq!(outcome.stderr, format!("warning: {warning}\n"));
    let total = usage(&store, &[]);
    assert_eq!(total["warning"], warning);
    assert_eq!(total["used_ratio"].as_f64(), Some(0.8));

    // The log of whoever asks for it has it with its numbers.
    let logged = store
        .command(["usage", "-q"])
        .env("ARTIFACT_LOG", "warn")
        .output()
        .expect("the program can be started");
    let log = String::from_utf8_lossy(&logged.stderr).into_owned();
    assert!(
        log.contains("WARN") && log.contains("quota.held_bytes=800000"),
        "{log}"
    );
}
