//! Verification: what is wrong is found, said, marked and unmarked, and nothing is taken away.

use std::fs;
use std::path::PathBuf;

use e2e::tree::{noise, prose};
use e2e::{Outcome, Sandbox};
use serde_json::{Value, json};

use super::reindex::{answers, lose_metadata};
use super::{sandbox, texts};

/// Three artifacts of two tasks, and the blob of `a.log`.
pub(crate) fn filled() -> (Sandbox, PathBuf) {
    let store = sandbox();
    store.write("a.log", prose(1, 30_000));
    store.write("b.bin", noise(2, 3_000));
    store.write("empty", "");
    for args in [
        ["upload", "a.log", "--task", "1", "--tag", "ci"],
        ["upload", "b.bin", "--task", "1", "--no-compress", "--quiet"],
        ["upload", "empty", "--task", "2", "--type", "data"],
    ] {
        store.ok(&args);
    }
    let is_log = |path: &PathBuf| path.to_string_lossy().contains("a.log@1");
    let blob = store.blobs().into_iter().find(is_log);
    (store, blob.expect("it is there"))
}

pub(crate) const LOG: &str = "artifact://default/1/log/a.log";

/// What becomes of a blob; none if it goes.
type Damaging = fn(Vec<u8>) -> Option<Vec<u8>>;

const DAMAGES: [(&str, Damaging); 5] = [
    ("missing", |_| None),
    ("damaged", |mut bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        Some(bytes)
    }),
    ("damaged", |bytes| Some(bytes[..bytes.len() - 9].to_vec())),
    ("damaged", |bytes| Some([bytes, b"more".to_vec()].concat())),
    ("damaged", |_| Some(Vec::new())),
];

fn damage(blob: &PathBuf, how: Damaging) -> Vec<u8> {
    let sound = fs::read(blob).expect("the blob can be read");
    match how(sound.clone()) {
        Some(bytes) => fs::write(blob, bytes).expect("the blob can be written"),
        None => fs::remove_file(blob).expect("the blob can be removed"),
    }
    sound
}

#[test]
fn a_sound_store_is_sound() {
    let (store, _) = filled();
    let outcome = store.run(&["verify"]).expect_code(0);
    assert_eq!(
        outcome.text(),
        "verified 3 versions, 32.23 KiB: 0 findings, 0 mended\n"
    );
    assert_eq!(outcome.stderr, "");
    assert_eq!(
        sandbox().ok(&["verify"]),
        "verified 0 versions, 0 B: 0 findings, 0 mended\n"
    );
}

#[test]
fn every_damage_is_found_and_named_and_ends_with_5() {
    for (word, how) in DAMAGES {
        let (store, blob) = filled();
        damage(&blob, how);
        let before = (answers(&store), store.blobs(), store.metadata());
        let outcome = store.run(&["verify"]).expect_code(5);
        let text = outcome.text();
        assert!(
            text.contains(&format!("{word}  {LOG}?version=1: ")),
            "{outcome}"
        );
        assert!(
            text.contains("3 versions, 32.23 KiB: 1 findings, 0 mended"),
            "{outcome}"
        );
        assert_eq!((answers(&store), store.blobs(), store.metadata()), before);
    }
}

#[test]
fn a_repair_marks_what_is_lost_and_takes_the_mark_away_again() {
    for (word, how) in DAMAGES {
        let (store, blob) = filled();
        let sound = damage(&blob, how);
        let outcome = store.run(&["verify", "--repair"]).expect_code(5);
        assert!(outcome.text().contains("(marked as lost)"), "{outcome}");
        for tag in ["lost", &format!("lost={word}"), "ci"] {
            let found = store.json(&["search", "--tag", tag]);
            assert_eq!(texts(&found, "uri"), [LOG]);
        }
        let _ = store.run(&["verify", "--repair"]).expect_code(5);

        fs::write(&blob, sound).expect("the blob can be written");
        let outcome = store.run(&["verify"]).expect_code(5);
        assert!(
            outcome.text().contains(&format!("found  {LOG}")),
            "{outcome}"
        );
        let outcome = store.run(&["verify", "--repair"]).expect_code(0);
        assert!(outcome.text().contains("1 findings, 1 mended"), "{outcome}");
        assert_eq!(store.ok(&["search", "--tag", "lost"]), "");
        store.ok(&["verify"]);
    }
}

#[test]
fn one_artifact_or_what_a_filter_selects_is_verified_alone() {
    let (store, blob) = filled();
    damage(&blob, |_| None);
    let id = texts(&store.json(&["show", LOG]), "id")[0].to_owned();
    let versioned = format!("{LOG}?version=1");
    for args in [
        &["verify", LOG][..],
        &["verify", &versioned],
        &["verify", &id],
        &["verify", "--task", "1"],
        &["verify", "--name", "*.log", "--min-size", "1KB"],
        &["verify", "--tag", "ci", "--days", "1"],
        &["verify", "--type", "log"],
    ] {
        let outcome = store.run(args).expect_code(5);
        assert!(outcome.text().contains("missing  "), "{outcome}");
    }
    let other = "artifact://default/2/data/empty";
    for (args, versions) in [
        (&["verify", other][..], 1),
        (&["verify", "--task", "2"], 1),
        (&["verify", "--name", "*.bin"], 1),
        (&["verify", "--spec", "nobody"], 0),
    ] {
        let printed = store.ok(args);
        assert!(
            printed.starts_with(&format!("verified {versions} versions")),
            "{printed}"
        );
    }
}

#[test]
fn of_several_addresses_each_is_verified_and_the_first_failure_counts() {
    let (store, blob) = filled();
    let nowhere = "artifact://default/1/log/nowhere";
    let outcome = store.run(&["verify", nowhere, LOG]).expect_code(3);
    outcome.says(&["no artifact at", "nowhere"]);
    assert!(outcome.text().contains("verified 1 versions"), "{outcome}");
    damage(&blob, |_| None);
    let outcome = store.run(&["verify", nowhere, LOG]).expect_code(3);
    assert!(outcome.text().contains("missing  "), "{outcome}");
    let unknown_id = "018f3b5a-2b7c-7def-8123-456789abcdef";
    store.fails(&["verify", unknown_id], 3);
}

#[test]
fn it_finds_the_same_however_many_read() {
    let store = sandbox();
    for number in 0..40 {
        store.write(format!("tree/{number}.txt"), prose(number, 5_000));
    }
    store.ok(&["upload", "tree", "--no-progress"]);
    for (blob, (_, how)) in store.blobs().iter().step_by(3).zip(DAMAGES) {
        damage(blob, how);
    }
    let found = |jobs: &str| {
        let outcome = store
            .run(&["verify", "--jobs", jobs, "--json"])
            .expect_code(5);
        let mut lines: Vec<_> = outcome.text().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let one = found("1");
    assert_eq!(one.len(), DAMAGES.len() + 1);
    assert_eq!(found("8"), one);
    assert_eq!(found("256"), one);
}

#[test]
fn many_that_are_lost_are_marked_by_many_readers() {
    let store = sandbox();
    for number in 0..150 {
        store.write(format!("tree/{number}.txt"), prose(number, 50));
    }
    store.ok(&["upload", "tree", "--no-progress"]);
    for blob in store.blobs() {
        fs::remove_file(blob).expect("the blob can be removed");
    }
    let _ = store
        .run(&["verify", "--repair", "--jobs", "64"])
        .expect_code(5);
    let marked = store.ok(&["search", "--tag", "lost=missing"]);
    assert_eq!(marked.lines().count(), 150);
}

fn lines_of_metadata(store: &Sandbox) -> (PathBuf, String) {
    store.ok(&["gc"]);
    let path = store.store("artifacts/default/1/metadata.json");
    let text = fs::read_to_string(&path).expect("it is text");
    (path, text)
}

#[track_caller]
fn assert_repaired(store: &Sandbox, expected: &str) {
    let before = answers(store);
    let outcome = store.run(&["verify"]).expect_code(5);
    assert!(outcome.text().contains(expected), "{outcome}");
    let outcome = store.run(&["verify", "--repair"]).expect_code(0);
    assert!(outcome.text().contains("(written again)"), "{outcome}");
    store.ok(&["verify"]);
    super::reindex::lose_index(store);
    store.ok(&["reindex"]);
    assert_eq!(answers(store), before, "the metadata is not whole again");
}

#[test]
fn metadata_that_is_gone_is_written_again() {
    let (store, _) = filled();
    lose_metadata(&store);
    assert_repaired(
        &store,
        "metadata  task `1` of spec `default`: 2 versions are missing or out of date",
    );
}

/// What becomes of the text of metadata.
type Rewriting = fn(&str) -> String;

#[test]
fn metadata_that_is_damaged_is_written_again() {
    let damages: [(Rewriting, &str); 4] = [
        (|_| String::new(), "2 versions are missing or out of date"),
        (|_| "{}".to_owned(), "2 versions are missing or out of date"),
        (
            |text| text.replacen("a.log", "A.log", 1),
            "1 lines are damaged",
        ),
        (
            |text| text[..text.len() / 2].to_owned(),
            "lines are damaged",
        ),
    ];
    for (how, expected) in damages {
        let (store, _) = filled();
        let (path, text) = lines_of_metadata(&store);
        fs::write(path, how(&text)).expect("it can be written");
        assert_repaired(&store, expected);
    }
}

#[test]
fn metadata_of_a_newer_release_is_left_alone() {
    let (store, _) = filled();
    let (path, text) = lines_of_metadata(&store);
    let newer = text.replacen("\"format\":1", "\"format\":2", 1);
    fs::write(&path, &newer).expect("it can be written");
    for args in [&["verify"][..], &["verify", "--repair"], &["gc"]] {
        store
            .run(args)
            .expect_code(10)
            .says(&["has format 2", "hint: use the newer release"]);
    }
    assert_eq!(fs::read_to_string(&path).expect("it is text"), newer);
}

#[test]
fn a_blob_that_nobody_knows_is_said_once_it_is_old_and_is_left() {
    let (store, blob) = filled();
    let stray = super::gc::stray_beside(&blob);
    fs::copy(&blob, &stray).expect("it can be copied");
    store.ok(&["verify"]);
    if !store.can_date_blobs() {
        return;
    }
    super::gc::age(&stray, 2);
    let outcome = store.run(&["verify", "--repair"]).expect_code(5);
    assert!(
        outcome
            .text()
            .contains("unknown  artifacts/default/1/logs/log/stray.txt@1."),
        "{outcome}"
    );
    assert!(stray.exists());
}

fn without_path(finding: &Value) -> Value {
    let mut finding = finding.clone();
    let fields = finding.as_object_mut().expect("it is an object");
    for key in ["id", "message"] {
        if let Some(value) = fields.get_mut(key) {
            assert!(
                value.as_str().is_some_and(|text| text.len() > 10),
                "{value}"
            );
            *value = Value::from("…");
        }
    }
    finding
}

fn json(store: &Sandbox, args: &[&str], code: i32) -> Vec<Value> {
    let outcome: Outcome = store.run(&[args, &["--json"]].concat()).expect_code(code);
    outcome.objects().iter().map(without_path).collect()
}

#[test]
fn its_json_says_what_was_found_and_how_much() {
    let (store, blob) = filled();
    let uri = format!("{LOG}?version=1");
    let sum = |findings: u64, mended: u64| {
        json!({
            "versions": 3, "size_bytes": 33_000, "unread": 0, "findings": findings,
            "mended": mended, "sound": findings == mended,
        })
    };
    assert_eq!(json(&store, &["verify"], 0), [sum(0, 0)]);
    let sound = damage(&blob, |_| None);
    let missing = |repaired: bool| {
        json!({
            "finding": "missing", "uri": uri, "id": "…", "message": "…", "repaired": repaired,
        })
    };
    assert_eq!(json(&store, &["verify"], 5), [missing(false), sum(1, 0)]);
    assert_eq!(
        json(&store, &["verify", "--repair"], 5),
        [missing(true), sum(1, 0)]
    );
    fs::write(&blob, sound).expect("it can be written");
    let found = json!({ "finding": "found", "uri": uri, "id": "…", "repaired": true });
    assert_eq!(json(&store, &["verify", "--repair"], 0), [found, sum(1, 1)]);
    lose_metadata(&store);
    let lacking = |task: &str, behind: u64| {
        json!({
            "finding": "metadata", "spec": "default", "task": task, "behind": behind, "ahead": 0,
            "damaged_lines": 0, "repaired": false,
        })
    };
    assert_eq!(
        json(&store, &["verify"], 5),
        [lacking("1", 2), lacking("2", 1), sum(2, 0)]
    );
}

#[test]
fn bad_arguments_are_refused() {
    let (store, _) = filled();
    for args in [
        &["verify", "not-a-uri"][..],
        &["verify", "artifact://default"],
        &["verify", "artifact://default/1/log/../x"],
        &["verify", LOG, "--spec", "x"],
        &["verify", "--jobs", "0"],
        &["verify", "--jobs", "257"],
        &["verify", "--jobs", "-1"],
        &["verify", "--days", "-1"],
        &["verify", "--min-size", "large"],
        &["verify", "--name", "[a"],
        &["verify", "--state", "lost"],
    ] {
        let outcome = store.run(args).expect_code(2);
        assert_eq!(outcome.text(), "");
    }
}
