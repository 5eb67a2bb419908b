//! A rebuild of what is not whole: bytes that are gone or damaged, metadata that is, blobs that
//! nothing names.

use std::fs;

use e2e::tree::prose;
use serde_json::json;

use super::reindex::{answers, filled, lose_index, lose_metadata};
use super::{sandbox, texts};

#[test]
fn bytes_that_are_gone_are_named_and_the_rest_comes_back() {
    let store = filled();
    let blob = store
        .blobs()
        .into_iter()
        .find(|path| path.to_string_lossy().contains("page.html"));
    fs::remove_file(blob.expect("it is there")).expect("it can be removed");
    lose_index(&store);
    let outcome = store.run(&["reindex"]).expect_code(5);
    outcome.says(&["page.html?version=1 is lost: its bytes are not stored any more"]);
    assert_eq!(
        outcome.text(),
        "restored 5, recovered 0 without tags, knew 0, lost 1\n"
    );
    assert_eq!(answers(&store).lines().count(), 5);
}

#[test]
fn bytes_that_are_damaged_and_named_by_nothing_are_left_as_they_are() {
    let store = sandbox();
    store.write("a.txt", prose(1, 9_000));
    store.write("b.txt", prose(2, 9_000));
    store.ok(&["upload", "a.txt"]);
    store.ok(&["upload", "b.txt"]);
    let blobs = store.blobs();
    let bytes = fs::read(&blobs[0]).expect("it can be read");
    fs::write(&blobs[0], &bytes[..100]).expect("it can be cut");
    lose_index(&store);
    lose_metadata(&store);
    let outcome = store.run(&["reindex"]).expect_code(5);
    outcome.says(&[
        "a.txt@1",
        "was left as it is",
        "b.txt?version=1 was recovered",
    ]);
    assert_eq!(store.blobs(), blobs);
}

#[test]
fn a_damaged_line_of_metadata_costs_one_artifact_its_tags() {
    let store = sandbox();
    for name in ["a.txt", "b.txt"] {
        store.write(name, name);
        store.ok(&["upload", name, "--tag", "kept"]);
    }
    store.ok(&["gc"]);
    let path = store.metadata().remove(0);
    let text = fs::read_to_string(&path).expect("it is text");
    fs::write(&path, text.replacen("a.txt", "A.txt", 1)).expect("it can be written");
    lose_index(&store);
    let outcome = store.run(&["reindex"]).expect_code(0);
    outcome.says(&[
        "1 lines of the metadata of task `local` of spec `default` are damaged",
        "a.txt?version=1 was recovered",
    ]);
    assert_eq!(store.ok(&["search", "--tag", "kept"]).lines().count(), 1);
    assert_eq!(store.ok(&["search"]).lines().count(), 2);
}

#[test]
fn blobs_that_nothing_names_are_taken_in_when_that_is_asked_for() {
    let store = sandbox();
    store.write("a.txt", "content");
    store.ok(&["upload", "a.txt"]);
    let blob = store.blobs().remove(0);
    let stray = super::gc::stray_beside(&blob);
    fs::copy(&blob, &stray).expect("it can be copied");
    let outcome = store.run(&["reindex"]).expect_code(0);
    outcome.says(&["1 blobs are named by nothing", "--recover"]);
    let outcome = store.run(&["reindex", "--recover"]).expect_code(0);
    outcome.says(&["stray.txt?version=1 was recovered"]);
    let uri = "artifact://default/local/document/stray.txt";
    assert_eq!(store.ok(&["download", uri, "-o", "-"]), "content");
}

#[test]
fn its_json_says_what_was_found_and_how_much() {
    let store = filled();
    lose_index(&store);
    let blob = store.blobs().remove(0);
    fs::remove_file(blob).expect("it can be removed");
    let web_1 = store.store("artifacts/web/1");
    for path in store
        .metadata()
        .iter()
        .filter(|path| path.starts_with(&web_1))
    {
        fs::remove_file(path).expect("it can be removed");
    }
    let outcome = store.run(&["reindex", "--json", "--quiet"]).expect_code(5);
    let objects = outcome.objects();
    let (sum, findings) = objects.split_last().expect("it says something");
    assert_eq!(
        *sum,
        json!({
            "restored": 2, "recovered": 3, "known": 0, "missing": 1, "unnamed": 0, "spare": 0,
            "failed": 0, "damaged_lines": 0,
        })
    );
    let mut kinds = texts(findings, "finding");
    kinds.sort_unstable();
    assert_eq!(kinds, ["missing", "recovered", "recovered", "recovered"]);
    for finding in findings {
        let id = finding["id"].as_str().expect("it has an id");
        let uri = finding["uri"].as_str().expect("it has a uri");
        assert!(id.len() == 36 && uri.contains("?version="), "{finding}");
    }
}

#[test]
fn an_empty_store_has_nothing_to_rebuild() {
    let store = sandbox();
    let expected = "restored 0, recovered 0 without tags, knew 0, lost 0\n";
    assert_eq!(store.ok(&["reindex"]), expected);
    assert_eq!(store.ok(&["reindex", "--rebuild", "--quiet"]), expected);
    store.assert_empty();
    for args in [
        &["reindex", "x"][..],
        &["reindex", "--rebuild=1"],
        &["reindex", "--nothing"],
    ] {
        store.fails(args, 2);
    }
}
