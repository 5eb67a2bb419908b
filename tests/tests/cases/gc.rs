//! Garbage collection: what is planned is what goes, and nothing else does.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use e2e::tree::{noise, prose};
use e2e::{Sandbox, eventually};
use serde_json::{Value, json};

use super::reindex::answers;
use super::{sandbox, texts};

/// Longer than the leases of [`short_lease`].
const AFTER_THE_LEASE: Duration = Duration::from_millis(1_500);

pub(crate) fn short_lease() -> Sandbox {
    let store = sandbox().with_env("ARTIFACT_UPLOAD__LEASE_S", "1");
    for name in ["a.txt", "b.txt"] {
        store.write(name, prose(1, 3_000));
        store.ok(&["upload", name]);
    }
    store
}

/// A path beside a blob for one that no index knows.
pub(super) fn stray_beside(blob: &Path) -> PathBuf {
    let name = blob.file_name().unwrap_or_default().to_string_lossy();
    let end = if name.ends_with(".gz") { ".gz" } else { "" };
    blob.with_file_name(format!("stray.txt@1.0190a0b0c0d07000a000000000000001{end}"))
}

/// Makes a file look as if it was last written so many hours ago.
pub(crate) fn age(path: &Path, hours: u64) {
    let time = std::time::SystemTime::now() - Duration::from_hours(hours);
    let file = fs::File::options().append(true).open(path);
    let aged = file.and_then(|file| file.set_modified(time));
    aged.expect("times can be changed");
}

/// A blob that nobody knows, so many hours old.
pub(crate) fn plant_orphan(store: &Sandbox, hours: u64) -> PathBuf {
    let is_blob = |path: &PathBuf| path.starts_with(store.store("artifacts"));
    let blob = store.blobs().into_iter().find(is_blob);
    let stray = stray_beside(&blob.expect("a blob is there"));
    fs::write(&stray, noise(hours, 1_234)).expect("it can be written");
    age(&stray, hours);
    stray
}

/// Leaves an upload behind whose writer was killed.
fn abandon(store: &Sandbox) {
    let before = store.arrived_bytes();
    let mut upload = store.start(&["upload", "-", "--name", "cut.bin", "--type", "data"]);
    assert!(upload.feed(&noise(1, store.held_in_memory() + 3_000_000)));
    eventually("some of it to be stored", || {
        store.arrived_bytes() > before + 1_000_000
    });
    upload.signal("KILL");
    assert_eq!(upload.wait().signal, Some(9));
}

/// What is collected with these arguments: the items and the sum.
fn collected(store: &Sandbox, args: &[&str]) -> (Vec<Value>, Value) {
    let mut objects = store.json(&[&["gc"], args].concat());
    let sum = objects.pop().expect("it ends with a sum");
    objects.sort_by_key(ToString::to_string);
    (objects, sum)
}

#[test]
fn a_tidy_store_has_no_garbage() {
    let store = short_lease();
    assert_eq!(store.ok(&["gc", "--dry-run"]), "would clear 0 items, 0 B\n");
    assert_eq!(store.ok(&["gc"]), "cleared 0 items, 0 B\n");
    assert_eq!(store.blobs().len(), 2);
    assert_eq!(sandbox().ok(&["gc"]), "cleared 0 items, 0 B\n");
}

#[test]
fn what_is_planned_goes_and_frees_as_many_bytes() {
    let store = short_lease();
    abandon(&store);
    let orphan = store.can_date_blobs().then(|| plant_orphan(&store, 30));
    let expected = [
        Some("abandoned"),
        orphan.as_ref().map(|_| "orphan"),
        store.can_list_parts().then_some("temporary"),
    ];
    let expected: Vec<_> = expected.into_iter().flatten().collect();
    let before = answers(&store);
    let bytes = store.stored_bytes();
    thread::sleep(AFTER_THE_LEASE);

    let (planned, sum) = collected(&store, &["--dry-run"]);
    assert_eq!(sum["dry_run"], true);
    let mut reasons = texts(&planned, "reason");
    reasons.sort_unstable();
    assert_eq!(reasons, expected);
    assert_eq!(store.stored_bytes(), bytes, "a plan changes nothing");
    assert!(orphan.as_ref().is_none_or(|orphan| orphan.exists()));

    let (cleared, done) = collected(&store, &[]);
    assert_eq!(cleared, planned);
    assert_eq!(done["size_bytes"], sum["size_bytes"]);
    assert_eq!(done["items"], expected.len());
    assert_eq!(
        bytes - store.stored_bytes(),
        sum["size_bytes"].as_u64().expect("a number")
    );
    assert!(orphan.is_none_or(|orphan| !orphan.exists()));
    assert_eq!(answers(&store), before);
    assert_eq!(store.ok(&["gc"]), "cleared 0 items, 0 B\n");
    store.ok(&["verify"]);
}

#[test]
fn an_upload_is_left_alone_until_its_lease_has_ended() {
    let store = sandbox();
    store.write("a.txt", "content");
    store.ok(&["upload", "a.txt"]);
    abandon(&store);
    let bytes = store.stored_bytes();
    assert_eq!(store.ok(&["gc"]), "cleared 0 items, 0 B\n");
    assert_eq!(store.stored_bytes(), bytes);
    assert_eq!(
        store
            .ok(&["search", "--state", "uploading"])
            .lines()
            .count(),
        1
    );
}

#[test]
fn a_running_upload_is_no_garbage_however_long_it_takes() {
    let store = short_lease();
    let before = store.arrived_bytes();
    let mut upload = store.start(&["upload", "-", "--name", "slow.bin", "--type", "data"]);
    assert!(upload.feed(&noise(1, store.held_in_memory() + 1_000_000)));
    eventually("it to have begun", || store.arrived_bytes() > before);
    thread::sleep(AFTER_THE_LEASE);
    if crate::INDEX != "sled" {
        // With sled it would wait for the upload.
        assert_eq!(store.ok(&["gc"]), "cleared 0 items, 0 B\n");
    }
    assert!(upload.feed(b"end"));
    upload.end_of_input();
    let _ = upload.wait().expect_code(0);
    assert_eq!(store.ok(&["gc"]), "cleared 0 items, 0 B\n");
    store.ok(&["verify"]);
}

#[test]
fn an_orphan_goes_after_its_grace() {
    let store = short_lease();
    if !store.can_date_blobs() {
        return;
    }
    let orphan = plant_orphan(&store, 5);
    assert_eq!(store.ok(&["gc"]), "cleared 0 items, 0 B\n");
    assert_eq!(
        store.ok(&["gc", "--grace-hours", "6"]),
        "cleared 0 items, 0 B\n"
    );
    assert!(orphan.exists());
    let printed = store.ok(&["gc", "--grace-hours", "4", "--dry-run"]);
    assert!(printed.contains("(nothing names it)"), "{printed}");
    assert!(
        printed.ends_with("would clear 1 items, 1.21 KiB\n"),
        "{printed}"
    );
    let printed = store.ok(&["gc", "--grace-hours", "4"]);
    assert!(
        printed.ends_with("cleared 1 items, 1.21 KiB\n"),
        "{printed}"
    );
    assert!(!orphan.exists());
    assert_eq!(store.blobs().len(), 2);
}

#[test]
fn many_orphans_go_at_once() {
    let store = short_lease();
    if !store.can_date_blobs() {
        return;
    }
    let first = plant_orphan(&store, 30);
    let name = first.to_string_lossy().into_owned();
    for number in 2..200 {
        let other = name.replace("000001", &format!("{number:06x}"));
        fs::copy(&first, &other).expect("it can be copied");
        age(Path::new(&other), 30);
    }
    let printed = store.ok(&["gc"]);
    assert!(
        printed.ends_with("cleared 199 items, 239.81 KiB\n"),
        "{printed}"
    );
    assert_eq!(store.blobs().len(), 2);
}

#[test]
fn what_damaged_metadata_may_have_named_is_no_orphan() {
    let store = short_lease();
    if !store.can_date_blobs() {
        return;
    }
    let orphan = plant_orphan(&store, 100);
    for path in store.metadata() {
        let text = fs::read_to_string(&path).expect("it is text");
        let damaged = text.replacen("\"version\":1", "\"version\":9", 1);
        fs::write(&path, damaged).expect("it can be written");
    }
    for _ in 0..2 {
        let outcome = store.run(&["gc"]).expect_code(0);
        outcome.says(&["damaged metadata is kept", "artifact reindex --recover"]);
        assert_eq!(outcome.text(), "cleared 0 items, 0 B\n");
    }
    assert!(orphan.exists());
}

#[test]
fn files_of_others_are_never_touched() {
    let store = short_lease();
    if !store.can_date_blobs() {
        return;
    }
    let task = "artifacts/default/local";
    let others = [
        format!("{task}/notes.txt"),
        format!("{task}/metadata/notes.txt"),
        format!("{task}/output/document/a.txt"),
        format!("{task}/output/document/a.txt@x.gz"),
        format!("{task}/output/document/a.txt@1.0190a0b0.gz"),
        "artifacts/readme".to_owned(),
        "readme".to_owned(),
    ];
    for path in &others {
        let path = store.store(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("folders can be made");
        fs::write(&path, "of somebody else").expect("it can be written");
        age(&path, 10_000);
    }
    assert_eq!(
        store.ok(&["gc", "--grace-hours", "1"]),
        "cleared 0 items, 0 B\n"
    );
    for path in &others {
        let text = fs::read_to_string(store.store(path)).expect("it is still there");
        assert_eq!(text, "of somebody else");
    }
}

#[test]
fn metadata_is_folded_into_one_file_per_task_and_completed() {
    let store = sandbox();
    for number in 0..12 {
        let (name, task) = (format!("{number}.txt"), (number % 2).to_string());
        store.write(&name, &name);
        store.ok(&["upload", &name, "--task", &task]);
    }
    fs::remove_file(&store.metadata()[0]).expect("it can be removed");
    let (_, sum) = collected(&store, &[]);
    assert_eq!(sum["tasks"], 2);
    let folded =
        ["0", "1"].map(|task| store.store(format!("artifacts/default/{task}/metadata.json")));
    assert_eq!(store.metadata(), folded);
    let before = answers(&store);
    super::reindex::lose_index(&store);
    store.ok(&["reindex"]);
    assert_eq!(answers(&store), before);
}

#[test]
fn a_task_that_is_empty_keeps_nothing() {
    let store = short_lease();
    store.ok(&["delete", "--task", "local"]);
    store.ok(&["gc"]);
    assert_eq!(store.metadata(), [""; 0].map(PathBuf::from));
    assert!(store.is_gone("artifacts/default"));
}

#[test]
fn its_json_says_what_went_and_how_much() {
    let store = short_lease();
    if !store.can_date_blobs() {
        return;
    }
    let orphan = plant_orphan(&store, 30);
    let (items, sum) = collected(&store, &["--dry-run"]);
    let path = orphan
        .strip_prefix(store.blobs_folder())
        .expect("it is in the store");
    assert_eq!(
        items,
        [json!({
            "reason": "orphan", "uri": null, "id": null, "tier": "HOT", "paths": [path],
            "files": 1, "size_bytes": 1_234,
        })]
    );
    assert_eq!(
        sum,
        json!({ "items": 1, "size_bytes": 1_234, "tasks": 0, "failed": 0, "dry_run": true })
    );
}

#[test]
fn bad_arguments_are_refused() {
    let store = short_lease();
    for args in [
        &["gc", "--grace-hours", "0"][..],
        &["gc", "--grace-hours", "-1"],
        &["gc", "--grace-hours", "1000001"],
        &["gc", "--grace-hours", "99999999999999999999"],
        &["gc", "--grace-hours", "1.5"],
        &["gc", "--grace-hours", ""],
        &["gc", "artifact://default/local/document/a.txt"],
    ] {
        let outcome = store.run(args).expect_code(2);
        assert_eq!(outcome.text(), "");
    }
    assert_eq!(
        store.ok(&["gc", "--grace-hours", "1000000"]),
        "cleared 0 items, 0 B\n"
    );
}
