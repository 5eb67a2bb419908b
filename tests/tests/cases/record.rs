//! What is remembered of an artifact, and how it is shown to scripts and to people.

use e2e::tree::set_modified;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{sandbox, texts};

/// The keys of an artifact as JSON, frozen, in this order.
const KEYS: [&str; 20] = [
    "id",
    "uri",
    "spec",
    "task",
    "type",
    "name",
    "version",
    "state",
    "tier",
    "size_bytes",
    "stored_size_bytes",
    "sha256",
    "compressed",
    "mime_type",
    "created_at",
    "expires_at",
    "archived_at",
    "held",
    "tags",
    "metadata",
];

#[test]
fn tags_and_metadata_are_remembered() {
    let store = sandbox();
    store.write("x.txt", "content");
    let shown = store.json(&[
        "upload",
        "x.txt",
        "--tag",
        "branch=main",
        "--tag",
        "ci",
        "--tag",
        "url=a=b",
        "--tag",
        "branch=dev",
        "--meta",
        "passed=true",
        "--meta",
        "n=[1,2.5]",
        "--meta",
        "s=\"a b\"",
        "--meta",
        "deep={\"a\":{\"b\":null}}",
    ]);
    assert_eq!(
        shown[0]["tags"],
        json!({ "branch": "dev", "ci": "", "url": "a=b" })
    );
    let metadata = json!({
        "passed": true, "n": [1, 2.5], "s": "a b", "deep": { "a": { "b": null } },
        "file": shown[0]["metadata"]["file"],
    });
    assert_eq!(shown[0]["metadata"], metadata);
    assert_eq!(store.json(&["show", texts(&shown, "uri")[0]]), shown);
}

/// How long after its creation an artifact expires, if it does.
fn kept_for(artifact: &Value) -> Option<SignedDuration> {
    let time = |key: &str| -> Option<Timestamp> { artifact[key].as_str()?.parse().ok() };
    let created = time("created_at").expect("it has a time");
    time("expires_at").map(|end| end.duration_since(created))
}

#[test]
fn retention_is_by_flag_by_type_and_by_default() {
    let store = sandbox();
    store.write("x", "content");
    let days = |count: i64| Some(SignedDuration::from_hours(24 * count));
    let upload = |more: &[&str]| kept_for(&store.json(&[&["upload", "x"], more].concat())[0]);
    assert_eq!(upload(&["--type", "diff"]), days(30));
    assert_eq!(upload(&["--type", "log"]), days(7));
    assert_eq!(upload(&["--type", "test"]), days(14));
    assert_eq!(upload(&["--type", "data"]), days(30));
    assert_eq!(upload(&["--type", "log", "--retention-days", "3"]), days(3));
    assert_eq!(upload(&["--retention-days", "36500"]), days(36_500));
    let store = store.with_env("ARTIFACT_RETENTION__BY_TYPE__DATA", "2");
    assert_eq!(
        kept_for(&store.json(&["upload", "x", "--type", "data"])[0]),
        days(2)
    );
    let store = store.with_env("ARTIFACT_RETENTION__ENABLED", "false");
    assert_eq!(
        kept_for(&store.json(&["upload", "x", "--type", "data"])[0]),
        None
    );
}

#[test]
fn the_json_of_an_artifact_has_the_frozen_keys_in_order() {
    let store = sandbox();
    store.write("x.txt", "content");
    let uploaded = store.ok(&["upload", "x.txt", "--json"]);
    let id = texts(&store.json(&["search"]), "id")[0].to_owned();
    let shown = [
        store.ok(&["show", &id, "--json"]),
        store.ok(&["search", "--json"]),
    ];
    for line in [&uploaded, &shown[0], &shown[1]] {
        assert_eq!(line, &uploaded);
        let object: Value = serde_json::from_str(line).expect("it is JSON");
        assert_eq!(
            object.as_object().map(serde_json::Map::len),
            Some(KEYS.len())
        );
        let place = |key: &&str| line.find(&format!("\"{key}\":"));
        let places: Vec<_> = KEYS.iter().map(place).collect();
        assert!(places.iter().all(Option::is_some), "{line}");
        assert!(places.is_sorted(), "{line}");
    }
}

#[test]
fn the_json_of_an_artifact_says_what_it_is() {
    let store = sandbox();
    set_modified(&store.write("x.txt", "content"), 1_000_000_000, 0);
    let shown = store
        .json(&["upload", "x.txt", "--spec", "demo", "--task", "1"])
        .remove(0);
    let expected = [
        ("uri", json!("artifact://demo/1/document/x.txt")),
        ("version", json!(1)),
        ("state", json!("ACTIVE")),
        ("tier", json!("HOT")),
        ("size_bytes", json!(7)),
        // Seven bytes do not shrink.
        ("compressed", json!(false)),
        // of `printf content | sha256sum`
        (
            "sha256",
            json!("ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"),
        ),
        ("archived_at", Value::Null),
        ("held", json!(false)),
        ("tags", json!({})),
        (
            "metadata",
            json!({ "file": { "mtime": "2001-09-09T01:46:40Z" } }),
        ),
    ];
    for (key, value) in expected {
        assert_eq!(shown[key], value, "{key}");
    }
    let created = texts(std::slice::from_ref(&shown), "created_at")[0];
    assert!(
        created.ends_with('Z') && created.parse::<Timestamp>().is_ok(),
        "{created}"
    );
}

#[test]
fn a_person_is_shown_a_table() {
    let store = sandbox();
    store.write("x.txt", "content");
    let args = [
        "upload",
        "x.txt",
        "--spec",
        "demo",
        "--task",
        "1",
        "--no-compress",
    ];
    set_modified(&store.work("x.txt"), 1_000_000_000, 0);
    store.ok(&[&args[..], &["--tag", "ci", "--tag", "b=c", "--meta", "n=1"]].concat());
    let uri = "artifact://demo/1/document/x.txt";
    let text = store.ok(&["show", uri]);
    let rows: Vec<(&str, &str)> = text
        .lines()
        .map(|line| line.split_at_checked(11).expect("it has two columns"))
        .collect();
    let row = |key: &str| {
        rows.iter()
            .find(|(name, _)| name.trim() == key)
            .map(|(_, value)| *value)
    };
    assert_eq!(row("uri"), Some(uri));
    assert_eq!(row("version"), Some("1"));
    assert_eq!(row("state"), Some("ACTIVE"));
    assert_eq!(row("size"), Some("7 bytes (7 B)"));
    assert_eq!(row("stored"), Some("7 bytes (7 B), as it is"));
    assert_eq!(row("tags"), Some("b=c ci"));
    let metadata = "{\"file\":{\"mtime\":\"2001-09-09T01:46:40Z\"},\"n\":1}";
    assert_eq!(row("metadata"), Some(metadata));
    assert_eq!(row("mime type"), Some("text/plain; charset=utf-8"));
}
