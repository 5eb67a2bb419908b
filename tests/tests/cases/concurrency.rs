//! Eight processes write at once: none fails, none is lost, and readers see whole versions.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use e2e::Sandbox;
use serde_json::Value;

use super::sandbox;

const PROCESSES: usize = 8;
const UPLOADS: usize = 50;

/// Runs `work` in eight threads at once, each of which starts one process after another.
fn at_once(work: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        for process in 0..PROCESSES {
            let work = &work;
            scope.spawn(move || work(process));
        }
    });
}

/// Uploads one artifact whose content is the same text over and over.
fn upload(store: &Sandbox, text: &str) -> Value {
    let args = [
        "upload", "-", "--task", "1", "--name", "same", "--type", "data", "--json",
    ];
    let content = format!("{text}\n").repeat(500);
    let outcome = store
        .run_with_input(&args, content.as_bytes())
        .expect_code(0);
    outcome.objects().remove(0)
}

fn versions(records: &[Value]) -> BTreeSet<u64> {
    records
        .iter()
        .map(|record| record["version"].as_u64().expect("it has a version"))
        .collect()
}

#[test]
fn with_versioning_writers_of_one_artifact_get_all_versions() {
    let store = sandbox().with_env("ARTIFACT_VERSIONING__ENABLED", "true");
    at_once(|process| {
        for n in 0..UPLOADS {
            upload(&store, &format!("process {process}, upload {n}"));
        }
    });
    let records = store.json(&["search", "--all-versions"]);
    assert_eq!(records.len(), PROCESSES * UPLOADS);
    assert_eq!(versions(&records), (1..=400).collect());
    let digests: BTreeSet<_> = super::texts(&records, "sha256").into_iter().collect();
    assert_eq!(
        digests.len(),
        PROCESSES * UPLOADS,
        "an upload was lost to another"
    );
    // Verified by their digests on the way.
    for record in records.iter().step_by(20) {
        let id = record["id"].as_str().expect("it has an id");
        store.bytes(&["download", id, "-o", "-"]);
    }
    assert_eq!(store.blobs().len(), PROCESSES * UPLOADS);
}

#[test]
fn without_versioning_one_writer_wins_and_readers_see_whole_versions() {
    let store = sandbox();
    upload(&store, "the first");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0_u32;
            while !done.load(Ordering::SeqCst) {
                let uri = "artifact://default/1/data/same";
                let bytes = store.bytes(&["download", uri, "-o", "-"]);
                let text = String::from_utf8(bytes).expect("it is text");
                let lines: BTreeSet<_> = text.lines().collect();
                assert_eq!(
                    (lines.len(), text.lines().count()),
                    (1, 500),
                    "half an artifact"
                );
                assert_eq!(store.json(&["search"]).len(), 1);
                reads += 1;
            }
            reads
        });
        at_once(|process| {
            for n in 0..UPLOADS / 2 {
                upload(&store, &format!("process {process}, upload {n}"));
            }
        });
        done.store(true, Ordering::SeqCst);
        assert!(reader.join().expect("no read failed") > 0);
    });
    assert_eq!(store.json(&["search", "--all-versions"]).len(), 1);
    assert_eq!(store.blobs().len(), 1, "superseded bytes are left");
    let locks = std::fs::read_dir(store.store("locks")).expect("locks are there");
    let names: Vec<_> = locks
        .map(|entry| entry.expect("it can be read").file_name())
        .collect();
    assert!(
        names.iter().all(|name| name == ".gate"),
        "lock files are left: {names:?}"
    );
}

#[test]
fn writers_of_different_artifacts_all_succeed() {
    let store = sandbox();
    for process in 0..PROCESSES {
        for n in 0..UPLOADS {
            store.write(
                format!("{process}/sub/file-{n}.txt"),
                format!("{process} {n}"),
            );
        }
    }
    at_once(|process| {
        let (folder, task) = (process.to_string(), format!("task-{process}"));
        let printed = store.ok(&["upload", &folder, "--task", &task, "--no-progress"]);
        assert_eq!(printed.lines().count(), UPLOADS);
    });
    assert_eq!(store.ok(&["search"]).lines().count(), PROCESSES * UPLOADS);
    for process in 0..PROCESSES {
        let (folder, task) = (process.to_string(), format!("task-{process}"));
        store.ok(&["download", "--task", &task, "-D", "out", "--no-progress"]);
        assert_eq!(
            e2e::tree::contents(&store.work(&folder)),
            e2e::tree::contents(&store.work("out")),
        );
        std::fs::remove_dir_all(store.work("out")).expect("it can be removed");
    }
}
