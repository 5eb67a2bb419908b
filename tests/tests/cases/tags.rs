//! Tags: added, replaced, removed and searched, on one artifact and on what flags select, beside
//! other processes that do the same.

use std::collections::BTreeSet;
use std::thread;

use e2e::Sandbox;
use serde_json::{Value, json};

use super::{sandbox, texts};

const URI: &str = "artifact://demo/1/data/a";
const VERSION: &str = "artifact://demo/1/data/a?version=1";

/// Three artifacts in two tasks.
fn filled() -> Sandbox {
    let store = sandbox();
    for (task, name) in [("1", "a"), ("1", "b"), ("2", "a")] {
        put(&store, task, name);
    }
    store
}

fn put(store: &Sandbox, task: &str, name: &str) {
    let args = ["upload", "-", "--spec", "demo", "--task", task];
    let args = [&args[..], &["--type", "data", "--name", name]].concat();
    let _ = store.run_with_input(&args, b"bytes").expect_code(0);
}

fn tags(store: &Sandbox, artifact: &str) -> Value {
    store.json(&["show", artifact])[0]["tags"].clone()
}

/// The addresses that a search for a tag gives.
fn tagged(store: &Sandbox, tag: &str) -> BTreeSet<String> {
    let found = store.json(&["search", "--tag", tag]);
    texts(&found, "uri")
        .into_iter()
        .map(str::to_owned)
        .collect()
}

#[test]
fn tags_are_added_replaced_removed_and_searched() {
    let store = filled();
    let printed = store.ok(&["tag", "add", URI, "branch=main", "reviewed"]);
    assert_eq!(printed, format!("{VERSION}\n"));
    assert_eq!(
        tags(&store, URI),
        json!({ "branch": "main", "reviewed": "" })
    );
    assert_eq!(tagged(&store, "branch=main"), [URI.to_owned()].into());

    store.ok(&["tag", "add", URI, "branch=dev", "n=1"]);
    let all = json!({ "branch": "dev", "n": "1", "reviewed": "" });
    assert_eq!(tags(&store, URI), all);
    assert!(tagged(&store, "branch=main").is_empty());

    // Another value than it has, and no such key: nothing to be done.
    let outcome = store.run(&["tag", "remove", URI, "branch=main", "none"]);
    let outcome = outcome.expect_code(0);
    assert_eq!(outcome.text(), "");
    outcome.says(&["0 changed, 1 unchanged"]);
    store.ok(&["tag", "remove", URI, "branch=dev", "n"]);
    assert_eq!(tags(&store, URI), json!({ "reviewed": "" }));

    let id = store.json(&["show", URI])[0]["id"].clone();
    let id = id.as_str().expect("it has an id");
    let changed = store.json(&["tag", "set", id, "only=this"]);
    assert_eq!(changed, store.json(&["show", URI]));
    assert_eq!(changed[0]["tags"], json!({ "only": "this" }));
    assert_eq!(tags(&store, "artifact://demo/1/data/b"), json!({}));
}

#[test]
fn tags_of_what_flags_select_are_changed_at_once() {
    let store = filled();
    let planned = store.run(&["tag", "add", "--task", "1", "--dry-run", "kept", "n=1"]);
    let planned = planned.expect_code(0);
    assert_eq!(planned.text().lines().count(), 2);
    planned.says(&["2 would be changed, 0 unchanged"]);
    assert!(tagged(&store, "kept").is_empty());

    let changed = store.run(&["tag", "add", "--task", "1", "kept", "n=1"]);
    let changed = changed.expect_code(0);
    assert_eq!(changed.text().lines().count(), 2);
    changed.says(&["2 changed, 0 unchanged"]);
    assert_eq!(tagged(&store, "kept").len(), 2);
    let more = store.run(&["tag", "add", "--spec", "*", "kept", "--json"]);
    let more = more.expect_code(0);
    assert_eq!(texts(&more.objects(), "task"), ["2"]);
    more.says(&[r#"{"changed":1,"dry_run":false,"failed":0,"unchanged":2}"#]);

    // What is removed is what was selected by.
    store.ok(&["tag", "remove", "--tag", "n=1", "n", "kept"]);
    assert_eq!(
        tagged(&store, "kept"),
        ["artifact://demo/2/data/a".to_owned()].into()
    );
    store.ok(&["tag", "set", "--spec", "demo", "--quiet", "x=y"]);
    assert_eq!(tagged(&store, "x=y").len(), 3);
    assert!(tagged(&store, "kept").is_empty());
}

#[test]
fn of_several_versions_the_newest_is_tagged_unless_all_are_asked_for() {
    let store = filled().with_env("ARTIFACT_VERSIONING__ENABLED", "true");
    put(&store, "1", "a");
    store.ok(&[
        "tag", "add", "--spec", "demo", "--name", "a", "--task", "1", "new",
    ]);
    assert_eq!(tags(&store, URI), json!({ "new": "" }));
    assert_eq!(tags(&store, VERSION), json!({}));
    store.ok(&["tag", "add", "--task", "1", "--all-versions", "every"]);
    assert_eq!(tags(&store, VERSION), json!({ "every": "" }));
    store.ok(&["tag", "add", VERSION, "old"]);
    assert_eq!(tags(&store, VERSION), json!({ "every": "", "old": "" }));
}

#[test]
fn processes_that_tag_one_artifact_at_once_lose_nothing() {
    const PROCESSES: usize = 12;
    const EACH: usize = 4;
    let store = filled();
    thread::scope(|scope| {
        for process in 0..PROCESSES {
            let store = &store;
            scope.spawn(move || {
                for n in 0..EACH {
                    let tag = format!("p{process}-{n}=x");
                    store.ok(&["tag", "add", URI, &tag]);
                }
            });
        }
    });
    let found = tags(&store, URI);
    let count = found.as_object().map(serde_json::Map::len);
    assert_eq!(count, Some(PROCESSES * EACH), "{found}");

    // The metadata beside the bytes knows them all.
    for file in store.index_files() {
        e2e::tree::remove(&file);
    }
    store.ok(&["reindex"]);
    assert_eq!(tags(&store, URI), found);
}

#[test]
fn one_that_cannot_be_tagged_keeps_no_other() {
    let store = filled();
    let many: Vec<_> = (0..64).map(|n| format!("t{n}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    store.ok(&[&["tag", "add", URI], &many[..]].concat());
    let outcome = store.run(&["tag", "add", "--spec", "demo", "another"]);
    let outcome = outcome.expect_code(2);
    outcome.says(&[
        VERSION,
        "at most 64 tags",
        "2 changed, 0 unchanged, 1 failed",
    ]);
    assert_eq!(tagged(&store, "another").len(), 2);
    store.fails(&["tag", "add", "artifact://demo/1/data/none", "x"], 3);
}

#[test]
fn artifacts_tags_and_flags_are_not_mixed_up() {
    let store = filled();
    let id = store.json(&["show", URI])[0]["id"].clone();
    let id = id.as_str().expect("it has an id");
    for (args, why) in [
        (&["add"][..], "required"),
        (&["add", URI], "no tag was named"),
        (&["add", "reviewed"], "neither a URI nor an id"),
        (&["add", "reviewed", "x"], "neither a URI nor an id"),
        (
            &["add", URI, "artifact://demo/1/data/b", "x"],
            "is an artifact, not a tag",
        ),
        (
            &["add", "--spec", "demo", URI, "x"],
            "is an artifact, not a tag",
        ),
        (
            &["remove", "--spec", "demo", id],
            "is an artifact, not a tag",
        ),
        (&["set", "artifact://demo/1/nothing", "x"], "artifact://"),
        (&["set", "--all-versions", URI, "x"], "--all-versions"),
        (&["add", URI, "=x"], "has no key"),
        (&["remove", URI, ""], "has no key"),
    ] {
        let outcome = store.run(&[&["tag"], args].concat()).expect_code(2);
        outcome.says(&[why]);
        assert_eq!(outcome.text(), "");
    }
    assert!(
        store
            .json(&["search"])
            .iter()
            .all(|one| one["tags"] == json!({}))
    );
}
