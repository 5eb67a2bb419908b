//! Versions of one artifact: kept where versioning is on, superseded where it is off.

use std::fs;

use e2e::Sandbox;

use super::{sandbox, texts};

const URI: &str = "artifact://demo/1/data/a.bin";

fn versioned() -> Sandbox {
    sandbox().with_env("ARTIFACT_VERSIONING__ENABLED", "true")
}

/// Uploads `text` as the next version, and gives its id.
fn upload(store: &Sandbox, text: &str) -> String {
    let args = [
        "upload", "-", "--spec", "demo", "--task", "1", "--type", "data",
    ];
    let args = [&args[..], &["--name", "a.bin", "--json"]].concat();
    let outcome = store.run_with_input(&args, text.as_bytes()).expect_code(0);
    texts(&outcome.objects(), "id")[0].to_owned()
}

fn download(store: &Sandbox, artifact: &str) -> String {
    store.ok(&["download", artifact, "-o", "-"])
}

#[test]
fn versioning_keeps_every_version() {
    let store = versioned();
    let ids: Vec<_> = ["one", "two", "three"]
        .map(|text| upload(&store, text))
        .into();
    for (number, text) in (1..).zip(["one", "two", "three"]) {
        let uri = format!("{URI}?version={number}");
        assert_eq!(download(&store, &uri), text);
        assert_eq!(download(&store, &ids[number - 1]), text);
        let shown = store.json(&["show", &uri]);
        assert_eq!(shown[0]["version"], number);
        assert_eq!(shown[0]["id"], *ids[number - 1]);
    }
    assert_eq!(download(&store, URI), "three");
    assert_eq!(store.blobs().len(), 3);
}

#[test]
fn a_search_gives_the_newest_or_all_versions() {
    let store = versioned();
    for text in ["one", "two", "three"] {
        upload(&store, text);
    }
    let newest = store.json(&["search"]);
    assert_eq!(newest.len(), 1);
    assert_eq!(newest[0]["version"], 3);
    let all = store.json(&["search", "--all-versions"]);
    let versions: Vec<_> = all
        .iter()
        .map(|artifact| artifact["version"].clone())
        .collect();
    assert_eq!(versions, [3, 2, 1]);
    let text = store.ok(&["search", "--all-versions", "--name", "a.bin"]);
    assert!(text.contains(&format!("{URI}?version=1")), "{text}");
    // the newest does not match, and an older one that does is not what was asked for
    assert_eq!(store.ok(&["search", "--max-size", "3"]), "");
}

#[test]
fn deleting_the_newest_version_brings_the_one_before_back() {
    let store = versioned();
    for text in ["one", "two", "three"] {
        upload(&store, text);
    }
    store.ok(&["delete", &format!("{URI}?version=2")]);
    store.fails(&["show", &format!("{URI}?version=2")], 3);
    assert_eq!(download(&store, URI), "three");
    assert_eq!(store.ok(&["delete", URI]), format!("{URI}?version=3\n"));
    assert_eq!(download(&store, URI), "one");
    assert_eq!(store.blobs().len(), 1);
}

#[test]
fn without_versioning_an_upload_supersedes() {
    let store = sandbox();
    let first = upload(&store, "one");
    let blob = store.blobs().remove(0);
    let second = upload(&store, "two");
    assert_ne!(first, second);
    assert_eq!(download(&store, URI), "two");
    store.fails(&["show", &first], 3);
    store.fails(&["download", &format!("{URI}?version=1")], 3);
    assert!(!fs::exists(blob).expect("the store can be looked at"));
    assert_eq!(store.blobs().len(), 1);
    let all = store.json(&["search", "--all-versions"]);
    assert_eq!(texts(&all, "id"), [second]);
    assert_eq!(all[0]["version"], 2);
}

#[test]
fn versions_end_where_versioning_is_switched_off() {
    let store = versioned();
    for text in ["one", "two", "three"] {
        upload(&store, text);
    }
    let store = store.with_env("ARTIFACT_VERSIONING__ENABLED", "false");
    upload(&store, "four");
    assert_eq!(download(&store, URI), "four");
    assert_eq!(store.blobs().len(), 1);
    assert_eq!(store.json(&["search", "--all-versions"])[0]["version"], 4);
}

#[test]
fn a_version_that_is_not_there_is_not_found() {
    let store = versioned();
    upload(&store, "one");
    let wrong = format!("{URI}?version=2");
    for verb in ["show", "download", "delete"] {
        let stderr = store.fails(&[verb, &wrong], 3);
        assert!(stderr.contains(&wrong), "{stderr}");
    }
}
