//! Versions of one artifact: kept where versioning is on, superseded where it is off.

use std::fs;

use e2e::Sandbox;
use serde_json::{Value, json};

use super::aged::{self, Aged};
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

fn numbers(artifacts: &[Value]) -> Vec<u64> {
    let number = |one: &Value| one["version"].as_u64().expect("it has a version");
    artifacts.iter().map(number).collect()
}

fn listed(store: &Sandbox) -> Vec<u64> {
    numbers(&store.json(&["versions", "list", URI]))
}

/// So many versions, each a day older than the next, the newest of today.
fn daily(count: i64) -> Sandbox {
    let store = versioned();
    let aged = |days_ago| Aged {
        uri: URI,
        days_ago,
        retention_days: None,
    };
    let uploads: Vec<_> = (0..count).rev().map(aged).collect();
    aged::upload(&store, &uploads);
    store
}

#[test]
fn every_version_is_listed_and_can_be_fetched() {
    let store = versioned();
    for text in ["one", "two", "three"] {
        upload(&store, text);
    }
    let second = format!("{URI}?version=2");
    store.ok(&["hold", "set", &second, "--reason", "release"]);
    let found = store.json(&["versions", "list", URI]);
    assert_eq!(numbers(&found), [3, 2, 1]);
    assert_eq!(
        store.json(&["versions", "list", texts(&found, "id")[2]]),
        found
    );
    let shown = store.json(&["show", &format!("{URI}?version=1")]).remove(0);
    assert_eq!(found[2], shown);
    assert_eq!(
        (&found[1]["held"], &found[2]["held"]),
        (&json!(true), &json!(false))
    );
    let text = store.ok(&["versions", "list", URI]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    for (line, number) in lines.iter().zip([3, 2, 1]) {
        let (uri, rest) = line.split_once("  ").expect("it has columns");
        assert_eq!(uri, format!("{URI}?version={number}"));
        for part in ["ACTIVE  ", " B  created 20", "expires 20"] {
            assert!(rest.contains(part), "{part} is not in {line}");
        }
        assert_eq!(rest.ends_with("  held"), number == 2, "{line}");
        let id = &found[3 - number]["id"];
        let id = id.as_str().expect("it has an id");
        assert_eq!(download(&store, uri), download(&store, id));
    }
    store.fails(&["versions", "list", "artifact://demo/1/data/none"], 3);
}

#[test]
fn old_versions_are_pruned_by_count() {
    let store = versioned();
    for text in ["one", "two", "three", "four", "five"] {
        upload(&store, text);
    }
    let plan = store.run(&["versions", "prune", URI, "--keep", "2", "--dry-run"]);
    let plan = plan.expect_code(0);
    plan.says(&["3 versions, ", " would be pruned, 0 kept on hold"]);
    assert_eq!(listed(&store).len(), 5);
    let pruned = store
        .run(&["versions", "prune", URI, "--keep", "2"])
        .expect_code(0);
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(pruned.text()), sorted(plan.text()));
    assert_eq!(
        sorted(pruned.text()),
        [1, 2, 3].map(|n| format!("{URI}?version={n}"))
    );
    assert_eq!(listed(&store), [5, 4]);
    assert_eq!(store.blobs().len(), 2);
    assert_eq!(download(&store, URI), "five");
    store.fails(&["download", &format!("{URI}?version=3"), "-o", "-"], 3);
    let again = store
        .run(&["versions", "prune", URI, "--keep", "2"])
        .expect_code(0);
    assert_eq!(again.text(), "");
    again.says(&["0 versions"]);
}

#[test]
fn old_versions_are_pruned_by_age_and_never_the_newest() {
    let store = daily(10);
    assert_eq!(listed(&store).len(), 10);
    // Version 10 is of today, 1 of nine days ago.
    let both = ["versions", "prune", URI, "--older-than", "5", "--keep", "7"];
    assert_eq!(store.ok(&both).lines().count(), 3);
    store.ok(&["versions", "prune", URI, "--older-than", "5"]);
    assert_eq!(listed(&store), [10, 9, 8, 7, 6]);
    store.ok(&["versions", "prune", "--spec", "demo", "--older-than", "0"]);
    assert_eq!(listed(&store), [10]);

    let old = versioned();
    let month = Aged {
        uri: URI,
        days_ago: 20,
        retention_days: None,
    };
    aged::upload(&old, &[month]);
    old.ok(&["versions", "prune", URI, "--older-than", "7"]);
    assert_eq!(listed(&old), [1]);
}

#[test]
fn a_version_on_hold_is_not_pruned_and_does_not_count() {
    let store = versioned();
    for text in ["one", "two", "three", "four", "five"] {
        upload(&store, text);
    }
    for version in [1, 4] {
        let uri = format!("{URI}?version={version}");
        store.ok(&["hold", "set", &uri, "--reason", "release 1.0"]);
    }
    let pruned = store.run(&["versions", "prune", URI, "--keep", "2", "--json"]);
    let pruned = pruned.expect_code(0);
    assert_eq!(numbers(&pruned.objects()), [2]);
    pruned.says(&[
        "?version=1 is on hold (release 1.0)",
        r#""held":1"#,
        r#""pruned":1"#,
    ]);
    assert_eq!(listed(&store), [5, 4, 3, 1]);
}

#[test]
fn what_flags_select_is_pruned_and_nothing_else() {
    let store = versioned();
    for name in ["a", "b"] {
        for text in ["1", "22", "333", "4444"] {
            let args = [
                "upload", "-", "--spec", "demo", "--task", "1", "--type", "data",
            ];
            let args = [&args[..], &["--name", name]].concat();
            let _ = store.run_with_input(&args, text.as_bytes()).expect_code(0);
        }
    }
    let versions = |name: &str| {
        let uri = format!("artifact://demo/1/data/{name}");
        numbers(&store.json(&["versions", "list", &uri]))
    };
    store.ok(&["versions", "prune", "--name", "a", "--keep", "3"]);
    assert_eq!(
        (versions("a"), versions("b")),
        (vec![4, 3, 2], vec![4, 3, 2, 1])
    );
    // Of each artifact two stay, and of the rest only what is large goes.
    store.ok(&["versions", "prune", "--min-size", "2", "--keep", "2"]);
    assert_eq!((versions("a"), versions("b")), (vec![4, 3], vec![4, 3, 1]));
}

#[test]
fn the_setting_prunes_behind_every_upload() {
    let store = versioned().with_env("ARTIFACT_VERSIONING__KEEP", "2");
    for text in ["one", "two", "three", "four"] {
        let args = [
            "upload", "-", "--spec", "demo", "--task", "1", "--type", "data",
        ];
        let args = [&args[..], &["--name", "a.bin"]].concat();
        let outcome = store.run_with_input(&args, text.as_bytes()).expect_code(0);
        assert_eq!(
            (outcome.text(), &*outcome.stderr),
            (&*format!("{URI}\n"), "")
        );
    }
    assert_eq!(listed(&store), [4, 3]);
    assert_eq!(store.blobs().len(), 2);
    store.ok(&[
        "hold",
        "set",
        &format!("{URI}?version=3"),
        "--reason",
        "release",
    ]);
    for text in ["five", "six"] {
        upload(&store, text);
    }
    assert_eq!(listed(&store), [6, 5, 3]);
    // Without versioning it says nothing.
    let store = store.with_env("ARTIFACT_VERSIONING__ENABLED", "false");
    upload(&store, "seven");
    assert_eq!(listed(&store), [7, 3]);
}

#[test]
fn pruning_that_says_too_little_is_refused() {
    let store = versioned();
    upload(&store, "one");
    upload(&store, "two");
    let version = format!("{URI}?version=1");
    for (args, why) in [
        (&[URI][..], "--keep"),
        (&["--keep", "1"], "neither artifacts were named"),
        (&[URI, "--keep", "0"], "--keep"),
        (
            &[URI, "--spec", "demo", "--keep", "1"],
            "cannot be used with",
        ),
        (
            &[&version, "--keep", "1"],
            "is one version, not an artifact",
        ),
    ] {
        let outcome = store.run(&[&["versions", "prune"], args].concat());
        outcome.expect_code(2).says(&[why]);
    }
    let none = "artifact://demo/1/data/none";
    let outcome = store
        .run(&["versions", "prune", none, URI, "--keep", "1"])
        .expect_code(3);
    outcome.says(&[none, "1 versions"]);
    assert_eq!(listed(&store), [2]);
}
