//! Holds: what is held stays, whatever says that it should go; who holds it, why and since when.

use e2e::Sandbox;
use serde_json::json;

use super::aged::{self, Aged};
use super::{sandbox, texts};

const URI: &str = "artifact://demo/1/data/a";
const OTHER: &str = "artifact://demo/1/data/b";

fn put(store: &Sandbox, name: &str, bytes: &str) {
    let args = [
        "upload", "-", "--spec", "demo", "--task", "1", "--type", "data",
    ];
    let args = [&args[..], &["--name", name]].concat();
    let _ = store.run_with_input(&args, bytes.as_bytes()).expect_code(0);
}

/// Two artifacts, of which one is held.
fn held() -> Sandbox {
    let store = sandbox();
    put(&store, "a", "held");
    put(&store, "b", "free");
    let printed = store.ok(&["hold", "set", URI, "--reason", "audit 2026", "--by", "ann"]);
    assert_eq!(printed, format!("{URI}?version=1\n"));
    store
}

fn content(store: &Sandbox, artifact: &str) -> String {
    store.ok(&["download", artifact, "-o", "-"])
}

#[test]
fn a_hold_says_who_holds_it_why_and_since_when() {
    let store = held();
    let shown = store.json(&["show", URI]).remove(0);
    assert_eq!(shown["held"], true);
    assert_eq!(shown["hold"]["reason"], "audit 2026");
    assert_eq!(shown["hold"]["by"], "ann");
    let since = shown["hold"]["since"].as_str().expect("it has a beginning");
    let line = format!("held       since {since} by ann (audit 2026)\n");
    let text = store.ok(&["show", URI]);
    assert!(text.contains(&line), "{text}");
    let free = store.json(&["show", OTHER]).remove(0);
    assert_eq!((&free["held"], free.get("hold")), (&json!(false), None));

    let line = format!("{URI}?version=1  since {since} by ann (audit 2026)\n");
    assert_eq!(store.ok(&["hold", "list"]), line);
    assert_eq!(store.json(&["hold", "list", "--spec", "demo"]), [shown]);
    assert_eq!(store.ok(&["hold", "list", "--spec", "none"]), "");
}

#[test]
fn whoever_the_ci_runs_for_holds_it_unless_that_is_said() {
    let store = held().with_env("USER", "runner");
    store.ok(&["hold", "set", OTHER, "--reason", "flaky"]);
    assert_eq!(store.json(&["show", OTHER])[0]["hold"]["by"], "runner");
    let store = store.with_env("GITHUB_ACTOR", "bob");
    // Set again it keeps its beginning.
    let before = store.json(&["show", OTHER]).remove(0);
    store.ok(&["hold", "set", OTHER, "--reason", "bug 7"]);
    let after = store.json(&["show", OTHER]).remove(0);
    assert_eq!(after["hold"]["since"], before["hold"]["since"]);
    assert_eq!(
        (&after["hold"]["by"], &after["hold"]["reason"]),
        (&json!("bob"), &json!("bug 7"))
    );
    let again = store.run(&["hold", "set", OTHER, "--reason", "bug 7"]);
    again.expect_code(0).says(&["0 changed, 1 unchanged"]);
}

#[test]
fn what_is_held_cannot_be_deleted_until_it_is_released() {
    let store = held();
    let stderr = store.fails(&["delete", URI], 6);
    assert!(stderr.contains("on hold (audit 2026)"), "{stderr}");
    assert!(stderr.contains("release"), "{stderr}");
    store.fails(&["delete", URI, "--dry-run"], 6);
    let all = store.run(&["delete", "--spec", "demo", "--json"]);
    let all = all.expect_code(6);
    assert_eq!(
        (&all.objects()[0]["deleted"], &all.objects()[0]["failed"]),
        (&json!(1), &json!(1))
    );
    all.says(&[r#""kind":"held""#]);
    store.fails(&["show", OTHER], 3);
    assert_eq!(content(&store, URI), "held");
    store.ok(&["gc"]);
    assert_eq!(content(&store, URI), "held");

    assert_eq!(
        store.ok(&["hold", "release", URI]),
        format!("{URI}?version=1\n")
    );
    store
        .run(&["hold", "release", URI])
        .expect_code(0)
        .says(&["0 changed"]);
    store.ok(&["delete", URI]);
    store.assert_empty();
}

#[test]
fn an_upload_without_versioning_leaves_a_held_version() {
    let store = held();
    put(&store, "a", "newer");
    put(&store, "a", "newest");
    assert_eq!(content(&store, URI), "newest");
    assert_eq!(content(&store, &format!("{URI}?version=1")), "held");
    store.fails(&["show", &format!("{URI}?version=2")], 3);
    store.ok(&["hold", "release", &format!("{URI}?version=1")]);
    put(&store, "a", "last");
    store.fails(&["show", &format!("{URI}?version=1")], 3);
    assert_eq!(store.blobs().len(), 2);
}

#[test]
fn a_hold_beats_expiry_and_takes_what_has_expired_and_is_there() {
    let store = sandbox();
    let week = |uri, days_ago| Aged {
        uri,
        days_ago,
        retention_days: Some(7),
    };
    let uploads = [URI, OTHER].map(|uri| week(uri, 8));
    aged::upload(&store, &uploads);
    for verb in ["show", "download"] {
        let stderr = store.fails(&[verb, URI], 3);
        assert!(stderr.contains("has expired"), "{stderr}");
    }
    store.fails(&["tag", "add", URI, "late"], 3);
    store.ok(&["hold", "set", URI, "--reason", "audit"]);
    assert_eq!(content(&store, URI), URI);
    assert_eq!(texts(&store.json(&["search"]), "uri"), [URI]);
    store.fails(&["show", OTHER], 3);
    // Flags reach it too, and say what would be.
    let plan = store.ok(&[
        "hold",
        "set",
        "--spec",
        "demo",
        "--reason",
        "x",
        "--dry-run",
    ]);
    assert_eq!(plan.lines().count(), 2);
    store.fails(&["show", OTHER], 3);

    // Without its hold it is gone at once, and that is said.
    let released = store
        .run(&["hold", "release", "--task", "1"])
        .expect_code(0);
    released.says(&["has expired while it was held", "1 changed, 1 unchanged"]);
    store.fails(&["show", URI], 3);

    // What is removed cannot be held.
    store.ok(&["delete", "--spec", "demo"]);
    store.fails(&["hold", "set", URI, "--reason", "too late"], 3);
}

#[test]
fn flags_hold_every_version_and_an_address_the_newest() {
    let store = sandbox().with_env("ARTIFACT_VERSIONING__ENABLED", "true");
    for bytes in ["one", "two"] {
        put(&store, "a", bytes);
    }
    store.ok(&["hold", "set", URI, "--reason", "release"]);
    let held = store.json(&["hold", "list"]);
    assert_eq!(held.len(), 1);
    assert_eq!(held[0]["version"], 2);
    let outcome = store.run(&["hold", "set", "--task", "1", "--reason", "release"]);
    outcome.expect_code(0).says(&["1 changed, 1 unchanged"]);
    assert_eq!(store.json(&["hold", "list"]).len(), 2);
    let both = [URI.to_owned(), format!("{URI}?version=1")];
    store.ok(&["hold", "release", &both[0], &both[1]]);
    assert_eq!(store.ok(&["hold", "list"]), "");
}

#[test]
fn a_hold_survives_the_loss_of_the_index() {
    let store = held();
    let before = store.json(&["show", URI]);
    for file in store.index_files() {
        e2e::tree::remove(&file);
    }
    store.ok(&["reindex"]);
    assert_eq!(store.json(&["show", URI]), before);
    store.fails(&["delete", URI], 6);
}

#[test]
fn a_hold_that_cannot_be_is_refused() {
    let store = held();
    let long = "x".repeat(2_000);
    for (args, why) in [
        (&["set", OTHER][..], "--reason"),
        (&["set", "--reason", "x"], "neither artifacts were named"),
        (&["release"], "neither artifacts were named"),
        (
            &["set", OTHER, "--spec", "demo", "--reason", "x"],
            "cannot be used with",
        ),
        (&["set", OTHER, "--reason", ""], "is empty"),
        (
            &["set", OTHER, "--reason", "a\u{1b}[2J"],
            "control character",
        ),
        (&["set", OTHER, "--reason", &long], "over 1024 bytes"),
        (&["set", OTHER, "--reason", "x", "--by", "\n"], "is empty"),
    ] {
        let outcome = store.run(&[&["hold"], args].concat()).expect_code(2);
        outcome.says(&[why]);
        assert_eq!(outcome.text(), "");
    }
    let none = "artifact://demo/1/data/none";
    let outcome = store.run(&["hold", "set", none, OTHER, "--reason", "x"]);
    let outcome = outcome.expect_code(3);
    outcome.says(&[none, "1 changed, 0 unchanged, 1 failed"]);
    assert_eq!(store.json(&["hold", "list"]).len(), 2);
}
