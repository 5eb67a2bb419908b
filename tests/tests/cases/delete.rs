//! Deleting: one, many, a task, a spec; what is gone, what stays, and what is counted.

use e2e::Sandbox;
use serde_json::json;

use super::{sandbox, texts};

/// Two specs with two tasks of three files each.
fn filled() -> Sandbox {
    let store = sandbox();
    for name in ["a.txt", "b.log", "sub/c.json"] {
        store.write(format!("tree/{name}"), e2e::tree::noise(1, 1_000));
    }
    for (spec, task) in [("web", "1"), ("web", "2"), ("api", "1"), ("default", "1")] {
        store.ok(&[
            "upload", "tree", "--spec", spec, "--task", task, "--type", "data",
        ]);
    }
    store
}

fn count(store: &Sandbox, filters: &[&str]) -> usize {
    store.json(&[&["search"], filters].concat()).len()
}

#[test]
fn one_artifact_goes_with_its_bytes() {
    let store = filled();
    let before = store.blobs();
    let uri = "artifact://web/1/data/a.txt";
    assert_eq!(store.ok(&["delete", uri]), format!("{uri}?version=1\n"));
    let stderr = store.fails(&["show", uri], 3);
    assert!(stderr.contains(uri), "{stderr}");
    store.fails(&["download", uri, "-o", "-"], 3);
    assert_eq!(count(&store, &[]), 11);
    let gone: Vec<_> = before.iter().filter(|blob| !blob.exists()).collect();
    assert_eq!(gone.len(), 1, "{gone:?}");
    assert!(
        gone[0]
            .to_string_lossy()
            .contains("web/1/output/data/a.txt@1."),
        "{gone:?}"
    );
    store.fails(&["delete", uri], 3);
}

#[test]
fn ids_serve_for_addresses() {
    let store = filled();
    let found = store.json(&["search", "--spec", "web", "--task", "1"]);
    let ids = texts(&found, "id");
    let deleted = store.json(&[&["delete"], &ids[..]].concat());
    assert_eq!(texts(&deleted, "id"), ids);
    assert!(
        texts(&deleted, "state")
            .iter()
            .all(|state| *state == "DELETED")
    );
    assert_eq!(count(&store, &["--spec", "web"]), 3);
}

#[test]
fn one_that_is_missing_does_not_keep_the_rest() {
    let store = filled();
    let missing = "artifact://web/1/data/nothing";
    let last = "artifact://web/1/data/b.log";
    let outcome = store.run(&["delete", missing, last]).expect_code(3);
    outcome.says(&[missing]);
    assert_eq!(outcome.text(), format!("{last}?version=1\n"));
    store.fails(&["show", last], 3);
}

#[test]
fn a_task_goes_with_all_its_bytes_and_nothing_else() {
    let store = filled();
    let text = store.ok(&["delete", "--spec", "web", "--task", "1"]);
    assert!(text.starts_with("deleted 3 versions, "), "{text}");
    assert_eq!(count(&store, &["--spec", "web", "--task", "1"]), 0);
    assert_eq!(count(&store, &[]), 9);
    assert_eq!(store.blobs().len(), 9);
    assert!(store.is_gone("artifacts/web/1/output"));
    assert!(store.store("artifacts/web/2/output").exists());
}

#[test]
fn a_task_without_a_spec_is_of_the_default_spec() {
    let store = filled();
    let deleted = store.json(&["delete", "--job", "1"]);
    assert_eq!(deleted[0]["deleted"], 3);
    assert_eq!(count(&store, &["--spec", "default"]), 0);
    assert_eq!(count(&store, &[]), 9);
}

#[test]
fn a_spec_goes_with_all_its_tasks() {
    let store = filled();
    let stored: u64 = store
        .json(&["search", "--spec", "web"])
        .iter()
        .filter_map(|artifact| artifact["stored_size_bytes"].as_u64())
        .sum();
    let deleted = store.json(&["delete", "--spec", "web"]);
    assert_eq!(
        deleted,
        [json!({ "deleted": 6, "stored_size_bytes": stored, "failed": 0 })]
    );
    assert_eq!(count(&store, &[]), 6);
    assert_eq!(store.blobs().len(), 6);
}

#[test]
fn every_version_of_a_task_goes() {
    let store = filled().with_env("ARTIFACT_VERSIONING__ENABLED", "true");
    store.ok(&[
        "upload", "tree", "--spec", "web", "--task", "1", "--type", "data",
    ]);
    let deleted = store.json(&["delete", "--spec", "web", "--task", "1"]);
    assert_eq!(deleted[0]["deleted"], 6);
    assert_eq!(store.blobs().len(), 9);
}

#[test]
fn a_name_is_no_pattern() {
    let store = filled();
    let deleted = store.json(&["delete", "--spec", "w*"]);
    assert_eq!(deleted[0]["deleted"], 0);
    assert_eq!(count(&store, &[]), 12);
}

#[test]
fn a_dry_run_names_all_and_deletes_nothing() {
    let store = filled();
    let blobs = store.blobs();
    let uri = "artifact://web/1/data/a.txt";
    let one = store.ok(&["delete", "--dry-run", uri]);
    assert_eq!(one, format!("{uri}?version=1\n"));
    for scope in [&["--spec", "web", "--task", "2"][..], &["--spec", "web"]] {
        let outcome = store
            .run(&[&["delete", "--dry-run"], scope].concat())
            .expect_code(0);
        let listed = outcome.text().lines().count();
        assert_eq!(listed, count(&store, scope), "{outcome}");
        outcome.says(&[&format!("{listed} versions, "), "would be deleted"]);
    }
    store.fails(&["delete", "--dry-run", "artifact://web/1/data/nothing"], 3);
    assert_eq!(count(&store, &[]), 12);
    assert_eq!(store.blobs(), blobs);
}

#[test]
fn everything_deleted_leaves_nothing() {
    let store = filled();
    for spec in ["web", "api", "default"] {
        store.ok(&["delete", "--spec", spec]);
    }
    store.assert_empty();
}
