//! Arguments that are refused: exit code 2, the culprit is named, and nothing is stored.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;

use e2e::Sandbox;

use super::sandbox;

fn with_a_file() -> Sandbox {
    let store = sandbox();
    store.write("x.txt", "content");
    store
}

/// Asserts that `before` with `FLAG=VALUE` is refused, and that value and flag are named.
#[track_caller]
fn assert_refused(store: &Sandbox, before: &[&str], flag: &str, values: &[(&str, &str)]) {
    for (value, why) in values {
        let argument = format!("{flag}={value}");
        let outcome = store.run(&[before, &[&argument]].concat()).expect_code(2);
        outcome.says(&[flag, why]);
        assert_eq!(outcome.text(), "");
    }
}

#[test]
fn bad_tags() {
    let store = with_a_file();
    let long_key = "k".repeat(129);
    let long_value = format!("k={}", "v".repeat(257));
    let cases = [
        ("", "tag"),
        ("=value", "has no key"),
        ("=", "has no key"),
        (" a=b", "white space"),
        ("a =b", "white space"),
        ("a=b\nc", "control character"),
        (&*long_key, "over 128 bytes"),
        (&*long_value, "over 256 bytes"),
    ];
    assert_refused(&store, &["upload", "x.txt"], "--tag", &cases);
    assert_refused(&store, &["search"], "--tag", &cases);
    let tags: Vec<_> = (0..65).map(|number| format!("--tag=t{number}")).collect();
    let args: Vec<_> = ["upload", "x.txt"]
        .into_iter()
        .chain(tags.iter().map(|tag| &**tag))
        .collect();
    store.run(&args).expect_code(2).says(&["at most 64 tags"]);
    store.assert_empty();
    store.ok(&args[..args.len() - 1]);
}

#[test]
fn bad_metadata() {
    let store = with_a_file();
    let cases = [
        ("", "key=JSON"),
        ("a", "key=JSON"),
        ("=1", "key=JSON"),
        ("a=", "the value of `a` is not JSON"),
        ("a=text", "the value of `a` is not JSON"),
        ("a={", "the value of `a` is not JSON"),
        ("a=1 2", "the value of `a` is not JSON"),
        ("a='x'", "the value of `a` is not JSON"),
        ("a=NaN", "the value of `a` is not JSON"),
        ("file=1", "the key `file` is kept for the attributes"),
        ("file={\"mtime\":null}", "the key `file` is kept"),
    ];
    assert_refused(&store, &["upload", "x.txt"], "--meta", &cases);
    let text = |length: usize| format!("--meta=k=\"{}\"", "v".repeat(length));
    // {"k":"…"} is 8 bytes more than the text
    let outcome = store
        .run(&["upload", "x.txt", &text(65_536 - 7)])
        .expect_code(2);
    outcome.says(&["metadata is 65537 bytes", "65536"]);
    let outcome = store.run(&[
        "upload",
        "x.txt",
        &text(40_000),
        "--meta=l=1",
        &text(40_000).replace("k=", "m="),
    ]);
    outcome.expect_code(2).says(&["metadata is 80"]);
    let deep = format!("--meta=a={}{}", "[".repeat(10_000), "]".repeat(10_000));
    store
        .run(&["upload", "x.txt", &deep])
        .expect_code(2)
        .says(&["`a` is not JSON"]);
    store.assert_empty();
    // a stream has nothing else to remember; a file has its attributes, which count too
    store.ok(&["upload", "-", &text(65_536 - 8)]);
    store
        .run(&["upload", "x.txt", &text(65_536 - 8)])
        .expect_code(2)
        .says(&["x.txt", "attributes of the file", "65536"]);
    assert_eq!(store.blobs().len(), 1);
}

#[test]
fn bad_types() {
    let store = with_a_file();
    let long = format!("custom:{}", "a".repeat(65));
    let cases = [
        ("", "unknown artifact type"),
        ("nonsense", "unknown artifact type `nonsense`"),
        ("log ", "unknown artifact type `log `"),
        ("custom:", "custom type"),
        ("custom:-a", "custom type"),
        ("custom:a/b", "custom type"),
        ("custom:..", "custom type"),
        ("custom:a b", "custom type"),
        (&*long, "custom type"),
    ];
    assert_refused(&store, &["upload", "x.txt"], "--type", &cases);
    assert_refused(&store, &["search"], "--type", &cases);
    let cases = [
        ("", "media type"),
        ("text", "media type"),
        ("text/", "media type"),
        ("/plain", "media type"),
        ("text/plain\r\nX: y", "media type"),
        ("t\u{e9}xt/plain", "media type"),
        ("a b/c", "media type"),
    ];
    assert_refused(&store, &["upload", "x.txt"], "--mime", &cases);
    store.assert_empty();
}

#[test]
fn bad_numbers() {
    let store = with_a_file();
    let not_whole = [
        "",
        "abc",
        "-1",
        "1.5",
        "1e3",
        "0x10",
        " 1",
        "99999999999999999999",
    ];
    let refuse = |before: &[&str], flag: &str, more: &[&str]| {
        for value in not_whole.iter().chain(more) {
            assert_refused(&store, before, flag, &[(value, value)]);
        }
    };
    refuse(
        &["upload", "x.txt"],
        "--retention-days",
        &["0", "36501", "4294967296"],
    );
    refuse(&["search"], "--days", &["365001"]);
    refuse(&["search"], "--limit", &["0", "18446744073709551616"]);
    refuse(&["search"], "--latest", &["0", "18446744073709551616"]);
    store.assert_empty();
    for flag in [
        "--limit=18446744073709551615",
        "--latest=18446744073709551615",
        "--days=365000",
    ] {
        assert_eq!(store.ok(&["search", flag]), "");
    }
}

#[test]
fn bad_sizes_and_times() {
    let store = sandbox();
    let sizes = [
        ("", "size"),
        ("-1", "negative"),
        ("abc", "size"),
        ("1XB", "unknown unit"),
        ("1e3", "unknown unit"),
        ("1.5", "part of a byte"),
        (".5MB", "size"),
        ("1..5MB", "size"),
        ("99999999999PB", "larger than"),
        ("18446744073709551616", "larger than"),
    ];
    assert_refused(&store, &["search"], "--min-size", &sizes);
    assert_refused(&store, &["search"], "--max-size", &sizes);
    let times = [
        ("", "time"),
        ("yesterday", "`yesterday` is not a time"),
        ("2026-02-30", "`2026-02-30` is not a time"),
        ("2026-13-01", "is not a time"),
        ("12:00", "is not a time"),
        ("-1", "is not a time"),
        ("99999-01-01", "is not a time"),
        ("1763686800", "is not a time"),
    ];
    assert_refused(&store, &["search"], "--after", &times);
    assert_refused(&store, &["search"], "--before", &times);
}

#[test]
fn bad_patterns_states_orders_and_cursors() {
    let store = sandbox();
    let long = "p".repeat(1_025);
    let patterns = [
        ("", "pattern"),
        ("[", "malformed"),
        ("[a", "malformed"),
        ("***", "malformed"),
        (&*long, "1024 bytes"),
    ];
    for flag in ["--spec", "--task", "--name"] {
        assert_refused(&store, &["search"], flag, &patterns);
    }
    let states = [
        ("", "unknown state"),
        ("gone", "unknown state `gone`"),
        ("active,deleted", "unknown state"),
    ];
    assert_refused(&store, &["search"], "--state", &states);
    let orders = [
        ("", "unknown order"),
        ("age", "unknown order `age`"),
        ("-size", "unknown order"),
    ];
    assert_refused(&store, &["search"], "--sort", &orders);
    let id = "01234567-89ab-7def-8123-456789abcdef";
    let cursors = [
        String::new(),
        "garbage".into(),
        "c~1".into(),
        format!("x~1~{id}"),
        format!("c~abc~{id}"),
        format!("c~99999999999999999999~{id}"),
        format!("c~9223372036854775807~{id}"),
        format!("s~-1~{id}"),
        format!("n~%~{id}"),
        "c~1~not-an-id".into(),
        format!("c~1~{id}~more"),
    ];
    for cursor in &cursors {
        assert_refused(
            &store,
            &["search"],
            "--cursor",
            &[(cursor, "is not a cursor")],
        );
    }
    let outcome = store.run(&["search", "--sort=size", &format!("--cursor=c~1~{id}")]);
    outcome
        .expect_code(2)
        .says(&["cursor", "`created`", "`size`"]);
}

#[test]
fn bad_ranges() {
    let store = with_a_file();
    let uri = store.ok(&["upload", "x.txt"]);
    for range in [
        "",
        "-",
        "5-2",
        "a-b",
        "1-2-3",
        "0x1-2",
        "+1-2",
        "1 - 2",
        "5",
        "99999999999999999999-",
    ] {
        let cases = [(range, "is not a range of bytes")];
        assert_refused(
            &store,
            &["download", uri.trim(), "-o", "out"],
            "--range",
            &cases,
        );
    }
    assert!(!store.work("out").exists());
}

#[test]
fn what_does_not_go_together_is_refused() {
    let store = with_a_file();
    let uri = "artifact://demo/1/data/x";
    let cases: [(&[&str], &str); 18] = [
        (&["upload"], "<PATH>"),
        (&["upload", ""], "PATH"),
        (&["upload", "x.txt", "x.txt"], "x.txt"),
        (
            &["upload", "x.txt", "-", "--name", "a"],
            "--name can name a single file only",
        ),
        (
            &["upload", ".", "--name", "a"],
            "--name can name a single file only",
        ),
        (&["show"], "<URI|ID>"),
        (&["download"], "URI|ID"),
        (&["download", uri, "-D", "out"], "--dir"),
        (&["download", uri, "--spec", "demo"], "--spec"),
        (&["download", "--spec", "demo"], "--dir"),
        (&["download", "-D", "out", "-o", "x"], "--output"),
        (&["download", "-D", "out", "--range", "0-1"], "--range"),
        (&["delete"], "--task"),
        (&["delete", "--dry-run"], "--task"),
        (&["delete", uri, "--spec", "demo"], "--spec"),
        (&["search", "--latest", "1", "--limit", "1"], "--latest"),
        (
            &["search", "--days", "1", "--after", "2026-01-01"],
            "--days",
        ),
        (&["search", "-q", "-v"], "--quiet"),
    ];
    for (args, named) in cases {
        store.run(args).expect_code(2).says(&[named]);
    }
    store.assert_empty();
}

#[test]
fn arguments_that_are_not_utf8_are_refused() {
    let store = with_a_file();
    let bad = || OsString::from_vec(b"bad\xff".to_vec());
    let refuse = |args: &[&OsStr]| {
        let output = store
            .command(args)
            .output()
            .expect("the program can be started");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains("UTF-8"), "{args:?}: {stderr}");
    };
    for flag in [
        "--spec",
        "--task",
        "--type",
        "--name",
        "--tag",
        "--meta",
        "--mime",
        "--base-path",
    ] {
        refuse(&["upload".as_ref(), "x.txt".as_ref(), flag.as_ref(), &bad()]);
    }
    for verb in ["show", "download", "delete"] {
        refuse(&[verb.as_ref(), &bad()]);
    }
    refuse(&["search".as_ref(), "--name".as_ref(), &bad()]);
    store.assert_empty();
}
