//! An index that was lost, damaged or emptied is refused, and comes back from what is stored.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use e2e::tree::{ODD_NAMES, noise, prose};
use e2e::{Running, Sandbox, eventually};
use serde_json::Value;

use super::sandbox;

/// Everything that is known of everything that can be asked for, as it is printed.
pub(crate) fn answers(store: &Sandbox) -> String {
    store.ok(&["search", "--all-versions", "--json"])
}

/// The files of the index.
fn index_files(store: &Sandbox) -> Vec<PathBuf> {
    let entries = fs::read_dir(store.store("")).expect("the store can be listed");
    let paths = entries.map(|entry| entry.expect("entries can be read").path());
    let is_index = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("index.") && !name.contains(".damaged-")
    };
    paths.filter(is_index).collect()
}

/// Removes the index, as if its disk was lost.
pub(crate) fn lose_index(store: &Sandbox) {
    let files = index_files(store);
    assert!(!files.is_empty(), "there is no index to be lost");
    for path in files {
        if path.is_dir() {
            fs::remove_dir_all(path).expect("folders can be removed");
        } else {
            fs::remove_file(path).expect("files can be removed");
        }
    }
}

/// Removes the metadata beside the blobs.
pub(super) fn lose_metadata(store: &Sandbox) {
    let files = store.metadata();
    assert!(!files.is_empty(), "there is no metadata to be lost");
    for path in files {
        fs::remove_file(path).expect("files can be removed");
    }
}

/// The file of the index that has its records.
fn records_file(store: &Sandbox) -> PathBuf {
    match crate::INDEX {
        "sled" => store.store("index.sled/db/db"),
        _ => store.store("index.sqlite"),
    }
}

/// Some of everything: specs, tasks, versions, tags, metadata, types, encodings, what is gone.
pub(crate) fn filled() -> Sandbox {
    let store = sandbox().with_env("ARTIFACT_VERSIONING__ENABLED", "true");
    store.write("a.log", prose(1, 20_000));
    store.write("b.bin", noise(2, 5_000));
    store.write("page.html", "<!doctype html><title>x</title>");
    let all = [
        &[
            "upload",
            "a.log",
            "--spec",
            "web",
            "--task",
            "1",
            "--tag",
            "branch=main",
            "--tag",
            "ci",
        ][..],
        &[
            "upload",
            "a.log",
            "--spec",
            "web",
            "--task",
            "1",
            "--meta",
            "ratio=0.30000000000000004",
        ],
        &[
            "upload",
            "a.log",
            "--spec",
            "web",
            "--task",
            "1",
            "--meta",
            "deep={\"a\":[1,null,\"\u{e9}\"]}",
        ],
        &[
            "upload",
            "b.bin",
            "--spec",
            "web",
            "--task",
            "2",
            "--mime",
            "application/x-thing",
        ],
        &[
            "upload",
            "b.bin",
            "--task",
            "org/repo#1",
            "--no-compress",
            "--retention-days",
            "3",
        ],
        &[
            "upload",
            "page.html",
            "--type",
            "custom:page",
            "--name",
            "dir/sub dir/page.html",
        ],
        &[
            "upload", "a.log", "--spec", "web", "--task", "3", "--name", "gone",
        ],
    ];
    for args in all {
        store.ok(args);
    }
    store.ok(&["delete", "--spec", "web", "--task", "3"]);
    store
}

#[test]
fn a_lost_index_is_refused_and_the_way_out_is_named() {
    let store = filled();
    lose_index(&store);
    let blobs = store.blobs();
    for args in [
        &["search"][..],
        &["upload", "a.log"],
        &["verify"],
        &["gc"],
        &["delete", "--spec", "web"],
    ] {
        let outcome = store.run(args).expect_code(5);
        outcome.says(&["it was lost", "hint: ", "artifact reindex"]);
        assert_eq!(outcome.text(), "");
    }
    assert_eq!(store.blobs(), blobs);
}

#[test]
fn a_lost_index_comes_back_as_it_was() {
    let store = filled();
    let before = answers(&store);
    assert_eq!(before.lines().count(), 6);
    lose_index(&store);
    let outcome = store.run(&["reindex"]).expect_code(0);
    assert_eq!(
        outcome.text(),
        "restored 6, recovered 0 without tags, knew 0, lost 0\n"
    );
    assert_eq!(outcome.stderr, "");
    assert_eq!(answers(&store), before);
    store.ok(&["verify"]);
    let uri = "artifact://web/1/log/a.log";
    assert_eq!(store.bytes(&["download", uri, "-o", "-"]), prose(1, 20_000));
    let next = store.json(&["upload", "a.log", "--spec", "web", "--task", "1"]);
    assert_eq!(next[0]["version"], 4, "versions go on where they were");
    let again = store.ok(&["reindex"]);
    assert_eq!(
        again,
        "restored 0, recovered 0 without tags, knew 7, lost 0\n"
    );
}

/// What the path and the bytes of a blob tell.
fn told_by_bytes(answers: &str) -> Vec<Value> {
    let lines = answers
        .lines()
        .map(|line| serde_json::from_str(line).expect("it is JSON"));
    lines
        .map(|mut artifact: Value| {
            let fields = artifact.as_object_mut().expect("it is an object");
            for key in ["tags", "metadata", "created_at", "expires_at"] {
                fields.remove(key);
            }
            artifact
        })
        .collect()
}

#[test]
fn without_metadata_artifacts_come_back_from_their_paths_and_bytes() {
    let store = sandbox().with_env("ARTIFACT_VERSIONING__ENABLED", "true");
    store.write("a.log", prose(1, 20_000));
    store.write(
        "picture.png",
        [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", &noise(1, 900)[..]].concat(),
    );
    store.write("data", r#"{"a": 1}"#);
    for file in ["a.log", "a.log", "picture.png", "data"] {
        store.ok(&["upload", file, "--tag", "branch=main", "--meta", "n=1"]);
    }
    store.ok(&[
        "upload",
        "a.log",
        "--name",
        "plain",
        "--no-compress",
        "--type",
        "code",
    ]);
    let before = answers(&store);
    lose_index(&store);
    lose_metadata(&store);
    let outcome = store.run(&["reindex"]).expect_code(0);
    outcome.says(&[
        "warning: ",
        "a.log?version=2 was recovered from its bytes; its tags and metadata are lost",
    ]);
    assert_eq!(
        outcome.text(),
        "restored 0, recovered 5 without tags, knew 0, lost 0\n"
    );
    let after = answers(&store);
    let sorted = |answers: &str| {
        let mut told = told_by_bytes(answers);
        told.sort_by_key(|artifact| artifact["id"].to_string());
        told
    };
    assert_eq!(sorted(&after), sorted(&before));
    assert!(!after.contains("branch"), "tags cannot be known");

    // What was recovered has metadata again.
    store.ok(&["verify"]);
    lose_index(&store);
    let outcome = store.run(&["reindex"]).expect_code(0);
    assert_eq!(
        outcome.text(),
        "restored 5, recovered 0 without tags, knew 0, lost 0\n"
    );
    assert_eq!(answers(&store), after);
}

#[test]
fn odd_names_come_back_with_and_without_metadata() {
    let store = sandbox();
    for (number, name) in (0..).zip(ODD_NAMES) {
        store.write(Path::new("tree").join(name), prose(number, 50));
        store.write(Path::new("tree/odd").join(name), noise(number, 50));
    }
    store.write(Path::new("tree").join("n".repeat(255)), "long");
    store.ok(&[
        "upload",
        "tree",
        "--spec",
        "%2F..",
        "--task",
        "a b/c?d#e",
        "--no-progress",
    ]);
    let before = answers(&store);
    lose_index(&store);
    store.ok(&["reindex"]);
    assert_eq!(answers(&store), before);
    lose_index(&store);
    lose_metadata(&store);
    let _ = store.run(&["reindex"]).expect_code(0);
    let uris = |answers: &str| {
        let lines = answers.lines();
        let artifacts = lines.map(|line| serde_json::from_str::<Value>(line).expect("it is JSON"));
        let mut uris: Vec<_> = artifacts
            .map(|artifact| artifact["uri"].to_string())
            .collect();
        uris.sort();
        uris
    };
    assert_eq!(uris(&answers(&store)), uris(&before));
    store.ok(&[
        "download",
        "--spec",
        "%2F..",
        "--task",
        "a b/c?d#e",
        "-D",
        "out",
        "--no-progress",
    ]);
    e2e::tree::assert_same(&store.work("tree"), &store.work("out"));
}

/// What becomes of the records of an index.
type Damaging = fn(Vec<u8>) -> Vec<u8>;

#[test]
fn a_damaged_index_is_set_aside_and_rebuilt() {
    let damages: [Damaging; 3] = [
        |bytes| noise(1, bytes.len()),
        |bytes| bytes[..bytes.len() / 50].to_vec(),
        |_| Vec::new(),
    ];
    for damage in damages {
        let store = filled();
        let before = answers(&store);
        let file = records_file(&store);
        let sound = fs::read(&file).expect("it can be read");
        fs::write(&file, damage(sound)).expect("it can be written");
        store
            .run(&["search"])
            .expect_code(5)
            .says(&["artifact reindex"]);
        let aside = format!("index.{}.damaged-1", crate::INDEX);
        let outcome = store.run(&["reindex"]).expect_code(0);
        outcome.says(&["the old index was set aside as", &aside]);
        assert!(store.store(&aside).exists(), "{outcome}");
        assert_eq!(answers(&store), before);
        store.ok(&["verify"]);
    }
}

#[test]
fn a_sound_index_is_set_aside_only_when_that_is_asked_for() {
    let store = filled();
    let before = answers(&store);
    let aside = |number| store.store(format!("index.{}.damaged-{number}", crate::INDEX));
    store.ok(&["reindex"]);
    assert!(!aside(1).exists());
    for number in [1, 2] {
        let outcome = store.run(&["reindex", "--rebuild"]).expect_code(0);
        outcome.says(&["the old index was set aside as"]);
        assert_eq!(
            outcome.text(),
            "restored 6, recovered 0 without tags, knew 0, lost 0\n"
        );
        assert!(aside(number).exists());
        assert_eq!(answers(&store), before);
    }
}

#[test]
fn an_index_in_use_is_not_set_aside() {
    let store = filled();
    let before = answers(&store);
    let stored = store.arrived_bytes();
    let mut upload = store.start(&["upload", "-", "--name", "slow", "--type", "data"]);
    assert!(upload.feed(&noise(1, store.held_in_memory() + 3_000_000)));
    eventually("the upload to have begun", || {
        store.arrived_bytes() > stored
    });
    let outcome = store.run(&["reindex", "--rebuild"]).expect_code(7);
    outcome.says(&["hint: stop the other processes"]);
    upload.end_of_input();
    let _ = upload.wait().expect_code(0);
    let after = answers(&store);
    assert!(before.lines().all(|line| after.contains(line)));
    assert_eq!(after.lines().count(), 7);
}

#[test]
fn beside_running_uploads_it_harms_nothing() {
    let store = sandbox();
    let uploads = 40;
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 0..uploads {
                let name = format!("{}.txt", number % 30);
                store.write(&name, format!("content {number}"));
                store.ok(&["upload", &name, "--tag", &format!("n={number}")]);
                if number % 9 == 0 {
                    store.ok(&[
                        "delete",
                        &format!("artifact://default/local/document/{name}"),
                    ]);
                }
            }
        });
        while !writer.is_finished() {
            for args in [&["reindex"][..], &["reindex", "--recover"]] {
                let outcome = store.run(args).expect_code(0);
                assert_eq!(outcome.stderr, "", "{outcome}");
                assert!(
                    outcome.text().starts_with("restored 0, recovered 0 "),
                    "{outcome}"
                );
            }
        }
    });
    let found = store.json(&["search"]);
    assert_eq!(found.len(), store.blobs().len());
    store.ok(&["verify"]);
}

/// A rebuild from blobs alone, of enough of them to be stopped on the way.
fn long_rebuild(store: &Sandbox) -> Running {
    for number in 0..600 {
        store.write(
            format!("tree/{}/{number}.txt", number % 6),
            prose(number, 30_000),
        );
    }
    store.ok(&["upload", "tree", "--no-progress"]);
    lose_index(store);
    lose_metadata(store);
    let mut rebuild = store.start(&["reindex", "--quiet"]);
    eventually("the index to be made anew", || {
        !index_files(store).is_empty()
    });
    rebuild.signal("STOP");
    assert!(!rebuild.has_ended(), "it was too quick");
    rebuild
}

#[test]
fn interrupted_it_can_be_run_again() {
    let store = sandbox();
    let mut rebuild = long_rebuild(&store);
    rebuild.signal("INT");
    rebuild.signal("CONT");
    let _ = rebuild.wait().expect_code(130);
    store
        .run(&["search"])
        .expect_code(5)
        .says(&["half rebuilt"]);
    store.ok(&["reindex", "--quiet"]);
    assert_eq!(store.json(&["search"]).len(), 600);
    store.ok(&["verify"]);
}

#[test]
fn killed_it_can_be_run_again() {
    let store = sandbox();
    let mut rebuild = long_rebuild(&store);
    rebuild.signal("KILL");
    assert_eq!(rebuild.wait().signal, Some(9));
    store.ok(&["reindex", "--quiet"]);
    assert_eq!(store.json(&["search"]).len(), 600);
    store.ok(&["verify"]);
}
