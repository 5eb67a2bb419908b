//! Free metadata: set, removed and patched after the upload, within its limit, beside others.

use std::thread;

use e2e::Sandbox;
use serde_json::{Value, json};

use super::sandbox;

const URI: &str = "artifact://demo/1/data/a.txt";

/// One artifact with metadata of its upload, and the attributes of its file.
fn filled() -> Sandbox {
    let store = sandbox();
    store.write("a.txt", "bytes");
    let args = [
        "upload", "a.txt", "--spec", "demo", "--task", "1", "--type", "data",
    ];
    let metadata = [
        "--meta",
        "run={\"attempt\":1,\"host\":\"ci-7\"}",
        "--meta",
        "n=1",
    ];
    store.ok(&[&args[..], &metadata].concat());
    store
}

/// The metadata without what is kept for the file, which must be there.
fn metadata(store: &Sandbox) -> Value {
    let mut metadata = store.json(&["show", URI])[0]["metadata"].clone();
    let map = metadata.as_object_mut().expect("it is an object");
    assert!(map.remove("file").is_some(), "the attributes are lost");
    metadata
}

#[test]
fn metadata_is_set_removed_and_patched() {
    let store = filled();
    let version = format!("{URI}?version=1\n");
    assert_eq!(
        store.ok(&["meta", "set", URI, "n=2", "s=\"a=b\"", "z=null"]),
        version
    );
    let run = json!({ "attempt": 1, "host": "ci-7" });
    let expected = json!({ "run": run, "n": 2, "s": "a=b", "z": null });
    assert_eq!(metadata(&store), expected);

    store.ok(&["meta", "remove", URI, "s", "z", "none"]);
    assert_eq!(metadata(&store), json!({ "run": run, "n": 2 }));

    let patch = r#"{"run": {"host": null, "attempt": 2}, "n": null, "new": [1]}"#;
    let plan = store.run(&["meta", "patch", URI, patch, "--dry-run"]);
    plan.expect_code(0).says(&["1 would be changed"]);
    assert_eq!(metadata(&store), json!({ "run": run, "n": 2 }));
    let changed = store.json(&["meta", "patch", URI, patch]);
    let expected = json!({ "run": { "attempt": 2 }, "new": [1] });
    assert_eq!(metadata(&store), expected);
    assert_eq!(changed, store.json(&["show", URI]));

    let outcome = store.run_with_input(&["meta", "patch", URI, "-"], b"{\"new\": {\"a\": 1}}\n");
    assert_eq!(outcome.expect_code(0).text(), version);
    assert_eq!(metadata(&store)["new"], json!({ "a": 1 }));
    let again = store.run(&["meta", "patch", URI, r#"{"new":{"a":1}}"#]);
    let again = again.expect_code(0);
    again.says(&["0 changed, 1 unchanged"]);
    assert_eq!(again.text(), "");
}

#[test]
fn whole_numbers_stay_what_they_are_or_are_refused() {
    let store = filled();
    let large = format!(r#"{{"n":{},"m":[{}]}}"#, u64::MAX, i64::MIN);
    store.ok(&["meta", "patch", URI, &large]);
    let before = metadata(&store);
    let kept = json!({ "n": u64::MAX, "m": [i64::MIN] });
    assert_eq!((&before["n"], &before["m"]), (&kept["n"], &kept["m"]));
    let why = "the number 18446744073709551616 has more digits than can be kept";
    let patch = r#"{"n":[18446744073709551616]}"#;
    let outcome = store.run(&["meta", "patch", URI, patch]).expect_code(2);
    outcome.says(&[why]);
    for args in [
        &["meta", "set", URI, "n=18446744073709551616"][..],
        &["upload", "-", "--meta", "n=18446744073709551616"],
    ] {
        store.run(args).expect_code(2).says(&["`n`", why]);
    }
    assert_eq!(metadata(&store), before);
}

#[test]
fn metadata_that_is_refused_changes_nothing() {
    let store = filled();
    let before = metadata(&store);
    // An argument of the system has its own limit: what is too large comes by standard input.
    let large = format!(r#"{{"large": "{}"}}"#, "x".repeat(64 * 1024));
    let outcome = store.run_with_input(&["meta", "patch", URI, "-"], large.as_bytes());
    outcome.expect_code(2).says(&["the limit is 65536"]);
    let larger = format!(r#"{{"large": "{}"}}"#, "x".repeat(2 << 20));
    let outcome = store.run_with_input(&["meta", "patch", URI, "-"], larger.as_bytes());
    outcome
        .expect_code(2)
        .says(&["the patch is over 1048576 bytes"]);
    for (args, why) in [
        (&["set", URI][..], "required"),
        (&["set", URI, "n"], "key=JSON"),
        (&["set", URI, "n=text"], "n='\"text\"'"),
        (&["set", URI, "file={}"], "kept for the attributes"),
        (&["remove", URI, "file"], "kept for the attributes"),
        (
            &["patch", URI, r#"{"file":null}"#],
            "kept for the attributes",
        ),
        (&["patch", URI, "[1]"], "no JSON object"),
        (&["patch", URI, "{"], "not JSON"),
        (&["set", "n=1", "m=2"], "n=1"),
    ] {
        let outcome = store.run(&[&["meta"], args].concat()).expect_code(2);
        outcome.says(&[why]);
    }
    assert_eq!(metadata(&store), before);
    store.fails(&["meta", "set", "artifact://demo/1/data/none", "n=1"], 3);
}

#[test]
fn processes_that_set_metadata_at_once_lose_nothing() {
    const PROCESSES: usize = 8;
    let store = filled();
    thread::scope(|scope| {
        for process in 0..PROCESSES {
            let store = &store;
            scope.spawn(move || {
                let entry = format!("p{process}={process}");
                store.ok(&["meta", "set", URI, &entry]);
            });
        }
    });
    let found = metadata(&store);
    for process in 0..PROCESSES {
        assert_eq!(found[format!("p{process}")], json!(process), "{found}");
    }
}

#[test]
fn metadata_as_deep_as_is_allowed_is_read_again_and_deeper_is_refused() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let store = filled();
    for depth in [100, 120, 127, 1_000] {
        let entry = format!("deep={}", nested(depth));
        store.fails(&["meta", "set", URI, &entry], 2);
        let patch = format!(r#"{{"deep":{}}}"#, nested(depth));
        store.fails(&["meta", "patch", URI, &patch], 2);
        store.fails(&["upload", "a.txt", "--meta", &entry], 2);
    }
    let entry = format!("deep={}", nested(99));
    store.ok(&["meta", "set", URI, &entry]);
    let before = store.json(&["search"]);
    assert_eq!(before.len(), 1);
    store.ok(&["gc"]);
    store.ok(&["verify"]);
    for file in store.index_files() {
        e2e::tree::remove(&file);
    }
    store.ok(&["reindex"]);
    assert_eq!(store.json(&["search"]), before);
}
