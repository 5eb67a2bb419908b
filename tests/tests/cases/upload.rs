//! Uploading: what is printed, and how things are named and guessed.

use super::{sandbox, texts};

#[test]
fn a_file_prints_its_address_and_nothing_else() {
    let store = sandbox();
    store.write("out/report.json", "{}");
    let args = [
        "upload",
        "out/report.json",
        "--spec",
        "demo",
        "--task",
        "1",
        "--type",
        "data",
    ];
    let outcome = store.run(&args).expect_code(0);
    assert_eq!(outcome.text(), "artifact://demo/1/data/report.json\n");
    assert_eq!(outcome.stderr, "");
}

#[test]
fn an_address_is_percent_encoded_and_serves() {
    let store = sandbox();
    store.write("x", "content");
    let args = [
        "upload",
        "x",
        "--spec",
        "org/repo",
        "--task",
        "run 7",
        "--type",
        "custom:My.Type",
    ];
    let uri = store.ok(&[&args[..], &["--name", "dir/a b#c?d%e&\u{e9}.txt"]].concat());
    let expected =
        "artifact://org%2Frepo/run%207/custom%3Amy.type/dir/a%20b%23c%3Fd%25e%26%C3%A9.txt";
    assert_eq!(uri.trim(), expected);
    assert_eq!(store.ok(&["download", uri.trim(), "-o", "-"]), "content");
    let shown = store.json(&["show", uri.trim()]);
    assert_eq!(shown[0]["name"], "dir/a b#c?d%e&\u{e9}.txt");
    assert_eq!(shown[0]["spec"], "org/repo");
    assert_eq!(shown[0]["task"], "run 7");
}

#[test]
fn the_short_verbs_are_the_long_ones() {
    let store = sandbox();
    store.write("x.txt", "content");
    let uri = store.ok(&["put", "x.txt"]);
    let uri = uri.trim();
    assert_eq!(store.ok(&["get", uri, "-o", "-"]), "content");
    assert_eq!(store.json(&["ls"]), store.json(&["search"]));
    assert_eq!(store.ok(&["stat", uri]), store.ok(&["show", uri]));
    store.ok(&["rm", uri]);
    store.assert_empty();
}

#[test]
fn a_task_may_be_called_job_or_execution() {
    let store = sandbox();
    store.write("x.txt", "content");
    for alias in ["--task", "--job", "--execution"] {
        let shown = store.json(&["upload", "x.txt", alias, "build-7"]);
        assert_eq!(texts(&shown, "task"), ["build-7"]);
        let dir = format!("out{alias}");
        store.ok(&["download", alias, "build-7", "-D", &dir]);
        assert_eq!(store.read(format!("{dir}/x.txt")), b"content");
    }
}

#[test]
fn spec_and_task_fall_back_to_the_surroundings() {
    let store = sandbox();
    store.write("x.txt", "content");
    assert_eq!(
        store.ok(&["upload", "x.txt"]),
        "artifact://default/local/document/x.txt\n"
    );
    let store = store.with_env("GITHUB_RUN_ID", "77");
    assert_eq!(
        store.ok(&["upload", "x.txt"]),
        "artifact://default/77/document/x.txt\n"
    );
    let store = store
        .with_env("ARTIFACT_TASK", "mine")
        .with_env("ARTIFACT_SPEC", "web");
    assert_eq!(
        store.ok(&["upload", "x.txt"]),
        "artifact://web/mine/document/x.txt\n"
    );
    let uri = store.ok(&["upload", "x.txt", "--spec", "api", "--task", "2"]);
    assert_eq!(uri, "artifact://api/2/document/x.txt\n");
}

#[test]
fn standard_input_is_a_source() {
    let store = sandbox();
    let bytes = e2e::tree::noise(1, 1_000_000);
    let outcome = store
        .run_with_input(&["upload", "-", "--task", "1"], &bytes)
        .expect_code(0);
    assert_eq!(outcome.text(), "artifact://default/1/other/stdin\n");
    assert_eq!(
        store.bytes(&["download", outcome.text().trim(), "-o", "-"]),
        bytes
    );
    let log = b"2026-11-21T01:02:03Z INFO start\n2026-11-21T01:02:04Z INFO end\n";
    let args = ["upload", "-", "--name", "out/run.log"];
    let outcome = store.run_with_input(&args, log).expect_code(0);
    assert_eq!(outcome.text(), "artifact://default/local/log/out/run.log\n");
}

#[test]
fn nothing_at_all_can_be_stored() {
    let store = sandbox();
    let shown = store.json(&["upload", "-", "--name", "empty"]);
    assert_eq!(shown[0]["size_bytes"], 0);
    let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(shown[0]["sha256"], hash);
    let uri = texts(&shown, "uri")[0];
    assert_eq!(store.bytes(&["download", uri, "-o", "-"]), b"");
}

#[test]
fn types_are_guessed_from_name_and_content() {
    let store = sandbox();
    let files: [(&str, &[u8], &str, &str); 10] = [
        (
            "changes.diff",
            b"-a\n+b\n",
            "diff",
            "text/x-diff; charset=utf-8",
        ),
        (
            "junit.xml",
            b"<testsuites/>",
            "test-results",
            "text/xml; charset=utf-8",
        ),
        (
            "build.log",
            b"cc main.c\n",
            "build-log",
            "text/plain; charset=utf-8",
        ),
        ("app.log", b"hello\n", "log", "text/plain; charset=utf-8"),
        (
            "lcov.info",
            b"TN:\nSF:src/a.rs\n",
            "coverage-report",
            "text/plain; charset=utf-8",
        ),
        (
            "main.rs",
            b"fn main() {}",
            "code",
            "text/x-rust; charset=utf-8",
        ),
        (
            "README.md",
            b"# Hello\n",
            "document",
            "text/markdown; charset=utf-8",
        ),
        (
            "logo",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
            "image",
            "image/png",
        ),
        ("settings.toml", b"a = 1\n", "data", "application/toml"),
        (
            "blob",
            b"\0\x01\x02\xff",
            "other",
            "application/octet-stream",
        ),
    ];
    for (name, content, artifact_type, mime_type) in files {
        let path = store.write(name, content);
        let path = path.to_str().expect("the path is UTF-8");
        let shown = store.json(&["upload", path]);
        let guessed = (texts(&shown, "type")[0], texts(&shown, "mime_type")[0]);
        assert_eq!(guessed, (artifact_type, mime_type), "{name}");
    }
    let args = [
        "upload",
        "logo",
        "--type",
        "Test_Results",
        "--mime",
        "text/x-mine",
    ];
    let shown = store.json(&args);
    assert_eq!(texts(&shown, "type"), ["test-results"]);
    assert_eq!(texts(&shown, "mime_type"), ["text/x-mine"]);
}

#[test]
fn several_files_keep_their_order_and_one_failure_keeps_none() {
    let store = sandbox();
    store.write("b.txt", "b");
    store.write("a.txt", "a");
    let outcome = store
        .run(&["upload", "b.txt", "nowhere.txt", "a.txt"])
        .expect_code(3);
    let names: Vec<_> = outcome
        .text()
        .lines()
        .filter_map(|uri| uri.rsplit('/').next())
        .collect();
    assert_eq!(names, ["b.txt", "a.txt"]);
    outcome.says(&["nowhere.txt"]);
    assert_eq!(store.json(&["search"]).len(), 2);
}

#[test]
fn two_files_of_one_name_are_refused_before_anything_is_stored() {
    let store = sandbox();
    store.write("a/x.txt", "a");
    store.write("b/x.txt", "b");
    let outcome = store.run(&["upload", "a/x.txt", "b/x.txt"]).expect_code(2);
    outcome.says(&["a/x.txt", "b/x.txt", "--name"]);
    store.assert_empty();
}
