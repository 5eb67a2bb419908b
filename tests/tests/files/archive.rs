//! Archiving and restoring: states, tiers, filters, ages; what is printed, and where the bytes lie.

use std::path::PathBuf;
use std::time::Duration;

use e2e::tree::{files_below, noise, prose};
use e2e::{Random, Sandbox};
use serde_json::json;

use super::sandbox;
use crate::cases::aged::{self, Aged};
use crate::cases::texts;

/// A store whose cold tier is a folder beside it.
pub(super) fn tiered() -> Sandbox {
    let store = sandbox();
    let cold = store.root().join("cold");
    store.with_env("ARTIFACT_TIERS__COLD__BASE_PATH", cold)
}

/// The blobs in a folder beside the store.
pub(super) fn blobs_in(store: &Sandbox, folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files_below(&store.root().join(folder), &mut found);
    found
}

/// The number of blobs in the hot and in the cold folder.
fn blobs(store: &Sandbox) -> (usize, usize) {
    (store.blobs().len(), blobs_in(store, "cold").len())
}

fn upload(store: &Sandbox, name: &str) -> String {
    store.write(name, prose(7, 700_000));
    let args = ["upload", name, "--type", "data", "--task", "1"];
    store.ok(&args).trim().to_owned()
}

#[test]
fn a_version_goes_through_all_its_states() {
    let store = tiered();
    let uri = &upload(&store, "a.txt");
    let state = |uri: &str| {
        let shown = store.json(&["show", uri]);
        let state = |key: &str| shown[0][key].as_str().expect("a text").to_owned();
        (state("state"), state("tier"))
    };
    let pair = |state: &str, tier: &str| (state.to_owned(), tier.to_owned());
    assert_eq!(state(uri), pair("ACTIVE", "HOT"));

    assert_eq!(store.ok(&["archive", uri]), format!("{uri}?version=1\n"));
    assert_eq!(state(uri), pair("ARCHIVED", "COLD"));
    let archived = store.json(&["search", "--state", "archived"]);
    assert_eq!(texts(&archived, "uri"), [uri.as_str()]);
    assert!(archived[0]["archived_at"].is_string(), "{archived:?}");
    assert_eq!(store.ok(&["search", "--state", "active"]), "");
    assert!(store.ok(&["search"]).contains("[archived]"));
    assert!(store.ok(&["show", uri]).contains("\narchived   20"));

    assert_eq!(store.ok(&["restore", uri]), format!("{uri}?version=1\n"));
    assert_eq!(state(uri), pair("ACTIVE", "HOT"));
    assert!(store.json(&["show", uri])[0]["archived_at"].is_null());
    assert_eq!(store.ok(&["search", "--state", "archived"]), "");

    store.ok(&["archive", uri]);
    store.ok(&["delete", uri]);
    store.fails(&["show", uri], 3);
    store.fails(&["archive", uri], 3);
    store.fails(&["restore", uri], 3);
    assert_eq!(blobs(&store), (0, 0));
    store.assert_empty();
}

#[test]
fn archived_bytes_lie_in_the_cold_folder_and_come_back() {
    let store = tiered();
    let uri = &upload(&store, "a.txt");
    let written = store.read("a.txt");
    let before = store.json(&["show", uri]);
    assert_eq!(blobs(&store), (1, 0));
    store.ok(&["archive", uri]);
    assert_eq!(blobs(&store), (0, 1));
    // A plain file in the same layout, which needs no software of ours.
    let blob = &blobs_in(&store, "cold")[0];
    let below = blob.strip_prefix(store.root().join("cold"));
    let below = below.expect("it lies there").to_string_lossy();
    assert!(below.starts_with("artifacts/default/1/output/data/a.txt@1."));
    let zcat = store.other("zcat").arg(blob).output();
    assert_eq!(zcat.expect("zcat can be run").stdout, written);

    assert_eq!(store.bytes(&["download", uri, "-o", "-"]), written);
    let last = &written[written.len() - 100..];
    let range = ["download", uri, "-o", "-", "--range=-100"];
    assert_eq!(store.bytes(&range), last);
    assert_eq!(store.bytes(&["cat", uri]), written);
    store.ok(&["verify"]);
    let again = store.ok(&["archive", uri]);
    assert_eq!(again, format!("{uri}?version=1\n"), "it changes nothing");

    store.ok(&["restore", uri]);
    assert_eq!(blobs(&store), (1, 0));
    assert_eq!(store.bytes(&["download", uri, "-o", "-"]), written);
    assert_eq!(store.json(&["show", uri]), before);
    store.ok(&["verify"]);
    assert_eq!(store.ok(&["gc"]), "cleared 0 items, 0 B\n");
}

#[test]
fn without_folders_only_the_record_says_so() {
    let store = sandbox();
    let uri = &upload(&store, "a.txt");
    let before = store.blobs();
    store.ok(&["archive", uri]);
    assert_eq!(store.json(&["show", uri])[0]["tier"], "COLD");
    assert_eq!(store.blobs(), before);
    assert_eq!(store.bytes(&["cat", uri]), store.read("a.txt"));
    store.ok(&["restore", uri]);
    assert_eq!(store.json(&["show", uri])[0]["state"], "ACTIVE");
}

#[test]
fn a_filter_archives_all_versions_and_a_dry_run_none() {
    let store = tiered().with_env("ARTIFACT_VERSIONING__ENABLED", "true");
    for task in ["1", "1", "2"] {
        store.write("tree/a", noise(1, 900));
        store.write("tree/b", noise(2, 900));
        store.ok(&["upload", "tree", "--task", task, "--type", "data"]);
    }
    let of_one = ["archive", "--task", "1"];
    let planned = store.json(&[&of_one[..], &["--dry-run"]].concat());
    assert_eq!(planned.len(), 5);
    assert_eq!(planned[0]["move_to"], "COLD");
    assert_eq!(planned[4]["dry_run"], true);
    assert_eq!(blobs(&store), (6, 0));
    let done = store.json(&of_one);
    let sum = json!({
        "moved": 4, "stored_size_bytes": planned[4]["stored_size_bytes"], "lost": 0, "failed": 0,
        "restoring": 0, "dry_run": false,
    });
    assert_eq!(done[4], sum);
    assert_eq!(texts(&done[..4], "state"), ["ARCHIVED"; 4]);
    assert_eq!(blobs(&store), (2, 4));
    let outcome = store.run(&of_one).expect_code(0);
    assert_eq!(outcome.text(), "");
    outcome.says(&["0 versions, 0 B moved"]);

    let outcome = store.run(&["restore", "--name", "a", "--dry-run"]);
    let outcome = outcome.expect_code(0);
    assert_eq!(outcome.text().lines().count(), 2);
    outcome.says(&["2 versions", "would be moved"]);
    assert_eq!(blobs(&store), (2, 4));
    let restored = store.ok(&["restore", "--name", "a"]);
    assert!(restored.starts_with("hot   artifact://default/1/data/a?version="));
    assert_eq!(blobs(&store), (4, 2));
}

#[test]
fn one_that_fails_keeps_no_other_and_its_code_is_given() {
    let store = tiered();
    let uri = &upload(&store, "a.txt");
    let missing = "artifact://default/1/data/nothing";
    let outcome = store.run(&["archive", missing, uri]).expect_code(3);
    outcome.says(&[missing]);
    assert_eq!(outcome.text(), format!("{uri}?version=1\n"));
    // Of many, one that is damaged.
    upload(&store, "b.txt");
    upload(&store, "c.txt");
    let broken = store.blobs().remove(0);
    let mut bytes = std::fs::read(&broken).expect("it can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&broken, bytes).expect("it can be written");
    let outcome = store.run(&["archive", "--task", "1"]).expect_code(5);
    outcome.says(&["stored bytes are damaged", "artifact verify --repair"]);
    assert_eq!(outcome.text().lines().count(), 1);
    assert_eq!(blobs(&store), (1, 2));
    // Marked as lost it is left out.
    let _ = store.run(&["verify", "--repair"]).expect_code(5);
    let outcome = store.run(&["archive", "--task", "1"]).expect_code(0);
    outcome.says(&["is marked as lost and stays where it is"]);
}

#[test]
fn what_is_to_move_must_be_named() {
    let store = tiered();
    store.fails(&["archive"], 2);
    store.fails(&["restore"], 2);
    store.fails(&["archive", "artifact://a/1/data/b", "--by-age"], 2);
    store.fails(&["archive", "artifact://a/1/data/b", "--spec", "a"], 2);
    let error = store.fails(&["archive", "--by-age"], 2);
    assert!(error.contains("tiers.cold_after_days"), "{error}");
}

/// Uploads as the program would have done so many days ago.
fn upload_days_ago(store: &Sandbox, days_ago: i64, name: &str) {
    let uri = format!("artifact://old/1/data/{name}");
    let upload = Aged {
        uri: &uri,
        days_ago,
        retention_days: Some(365),
    };
    aged::upload(store, &[upload]);
}

#[test]
fn age_moves_to_the_warm_and_then_to_the_cold_folder() {
    let store = tiered();
    let warm = store.root().join("warm");
    let store = store
        .with_env("ARTIFACT_TIERS__WARM__BASE_PATH", warm)
        .with_env("ARTIFACT_TIERS__WARM_AFTER_DAYS", "30")
        .with_env("ARTIFACT_TIERS__COLD_AFTER_DAYS", "90");
    upload_days_ago(&store, 100, "oldest");
    upload_days_ago(&store, 40, "older");
    upload_days_ago(&store, 20, "young");
    let planned = store.json(&["archive", "--by-age", "--dry-run"]);
    assert_eq!(texts(&planned[..2], "move_to"), ["WARM", "COLD"]);
    assert_eq!(planned.len(), 3);
    assert_eq!(store.blobs().len(), 3);
    let text = store.ok(&["archive", "--by-age", "--name", "old*"]);
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    let expected = [
        "cold  artifact://old/1/data/oldest?version=1",
        "warm  artifact://old/1/data/older?version=1",
    ];
    assert_eq!(lines, expected);
    assert_eq!(store.blobs().len(), 1);
    assert_eq!(blobs_in(&store, "warm").len(), 1);
    assert_eq!(blobs_in(&store, "cold").len(), 1);
    let older = store.json(&["show", "artifact://old/1/data/older"]);
    assert_eq!(
        (&older[0]["state"], &older[0]["tier"]),
        (&json!("ACTIVE"), &json!("WARM"))
    );
    let again = store.json(&["archive", "--by-age"]);
    assert_eq!(again[0]["moved"], 0);
    for name in ["oldest", "older", "young"] {
        let uri = format!("artifact://old/1/data/{name}");
        assert_eq!(store.ok(&["cat", &uri]), uri);
    }
    // Everything can be had again from what lies in the three folders.
    let before = store.ok(&["search", "--json"]);
    for path in store.index_files() {
        e2e::tree::remove(&path);
    }
    store.ok(&["reindex"]);
    assert_eq!(store.ok(&["search", "--json"]), before);
    store.ok(&["verify"]);
}

#[test]
fn a_tier_that_is_not_read_from_says_what_to_do() {
    let store = tiered().with_env("ARTIFACT_TIERS__COLD__READ_THROUGH", "false");
    let uri = &upload(&store, "a.txt");
    store.ok(&["archive", uri]);
    for verb in ["download", "cat", "tail"] {
        let outcome = store.run(&[verb, uri]).expect_code(6);
        outcome.says(&[
            "cold tier",
            "artifact restore artifact://default/1/data/a.txt",
        ]);
    }
    let told = store.run(&["cat", uri, "--json"]).expect_code(6);
    told.says(&[r#""kind":"conflict""#]);
    store.ok(&["verify"]);
    store.ok(&["restore", uri]);
    assert_eq!(store.bytes(&["cat", uri]), store.read("a.txt"));
}

#[test]
fn movers_that_are_killed_lose_nothing() {
    let store = tiered();
    let mut random = Random::seeded();
    for n in 0..12 {
        store.write(format!("tree/{n}"), prose(n, 90_000));
    }
    store.ok(&["upload", "tree", "--task", "1", "--type", "data"]);
    let expected = e2e::tree::contents(&store.work("tree"));
    let mut killed = 0;
    for round in 0..12 {
        let args = match round % 2 {
            0 => ["archive", "--task", "1", "--no-progress"],
            _ => ["restore", "--task", "1", "--no-progress"],
        };
        let mut mover = store.start(&args);
        std::thread::sleep(Duration::from_micros(random.below(120_000)));
        mover.kill();
        killed += usize::from(mover.wait().signal.is_some());
        let out = format!("out-{round}");
        store.ok(&["download", "--task", "1", "-D", &out, "--no-progress"]);
        assert!(
            e2e::tree::contents(&store.work(&out)) == expected,
            "round {round}"
        );
    }
    assert!(killed > 0, "nobody was killed");
    store.ok(&["archive", "--task", "1"]);
    for path in blobs_in(&store, "cold").iter().chain(&store.blobs()) {
        crate::cases::gc::age(path, 30);
    }
    store.ok(&["gc"]);
    assert_eq!(blobs(&store), (0, 12));
    store.ok(&["verify"]);
    let found = store.ok(&["search", "--json"]);
    for path in store.index_files() {
        e2e::tree::remove(&path);
    }
    store.ok(&["reindex"]);
    assert_eq!(store.ok(&["search", "--json"]), found);
}
