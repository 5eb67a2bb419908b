//! Looking into contents: what is printed, what is left out and said, how it ends.

use std::fs;
use std::thread;
use std::time::Duration;

use e2e::tree::{noise, prose};
use e2e::{Sandbox, artifact};
use serde_json::{Value, json};

use super::{sandbox, texts};

/// A store with some logs, a picture, and a log of many blocks.
fn filled() -> Sandbox {
    let store = sandbox();
    store.write("t/a.log", "one\ntwo error\nthree\n");
    store.write("t/b/b.log", "Error first\n\nlast error");
    store.write("t/c.txt", "nothing here\n");
    store.write("t/long.log", prose(3, 3_000_000));
    store.write(
        "t/shot.png",
        [&b"\x89PNG\r\n\x1a\n\0error\n"[..], &noise(1, 9_000)].concat(),
    );
    store.ok(&["upload", "t", "--task", "1", "--no-progress"]);
    store
}

fn uri(name: &str) -> String {
    format!("artifact://default/1/log/{name}")
}

#[test]
fn grep_prints_address_line_and_text() {
    let store = filled();
    let outcome = store
        .run(&["grep", "error", "--sort", "name"])
        .expect_code(0);
    let expected = format!(
        "{}:2:two error\n{}:3:last error\n",
        uri("a.log"),
        uri("b/b.log")
    );
    assert_eq!(outcome.text(), expected);
    outcome.says(&["searched 5 artifacts", "2 matches in 2", "1 no text"]);
    let quiet = store.run(&["grep", "error", "-q"]).expect_code(0);
    assert_eq!((quiet.text().lines().count(), &*quiet.stderr), (2, ""));

    let lines = |args: &[&str]| {
        let found = store.ok(&[&["grep", "--sort", "name"], args].concat());
        let found = found.lines().map(|line| {
            let line = line.strip_prefix("artifact://default/1/");
            line.expect("it begins with the address").to_owned()
        });
        found.collect::<Vec<_>>()
    };
    assert_eq!(
        lines(&["-i", "ERROR", "-m", "1"]),
        ["log/a.log:2:two error", "log/b/b.log:1:Error first"]
    );
    assert_eq!(lines(&["-F", "o e"]), ["log/a.log:2:two error"]);
    assert_eq!(lines(&["o.err"]), ["log/a.log:2:two error"]);
    assert_eq!(lines(&["-w", "erro|one"]), ["log/a.log:1:one"]);
    assert_eq!(lines(&["--invert-match", "e", "--name", "?.log"]), [""; 0]);
    assert_eq!(lines(&["^$"]), ["log/b/b.log:2:"]);
    assert_eq!(
        lines(&["-l", "^(o|n|last)"]),
        ["log/a.log", "log/b/b.log", "document/c.txt"]
    );
    assert_eq!(lines(&["-c", "rr"]), ["log/a.log:1", "log/b/b.log:2"]);
}

#[test]
fn grep_finds_what_grep_finds_in_the_files() {
    let store = filled();
    for pattern in [
        "step 7[0-9] of",
        "000.*done$",
        "^0000123[0-9]",
        "no such line",
    ] {
        let args = ["grep", pattern, "--name", "*.log"];
        let found = store.ok(&args).replace("artifact://default/1/log/", "");
        let mut plain = store.other("grep");
        plain.args(["-rnE", pattern, "--include=*.log", "."]);
        let output = plain.current_dir(store.work("t")).output();
        let expected = String::from_utf8(output.expect("`grep` can be run").stdout);
        let expected = expected.expect("it is text").replace("./", "");
        let sorted = |text: &str| {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        assert!(sorted(&found) == sorted(&expected), "{pattern}:\n{found}");
        assert_eq!(found.is_empty(), pattern == "no such line");
    }
    // Neither the bytes nor what was found went through a file.
    assert_eq!(e2e::tree::contents(&store.root().join("tmp")).len(), 0);
    assert_eq!(store.blobs().len(), 5);
}

#[test]
fn grep_selects_by_address_by_filter_and_by_version() {
    let store = sandbox().with_env("ARTIFACT_VERSIONING__ENABLED", "true");
    for (text, task) in [("v1 hit", "1"), ("v2 hit", "1"), ("other hit", "2")] {
        store.write("a.log", text);
        store.ok(&["upload", "a.log", "--task", task, "--type", "log"]);
    }
    let newest = "artifact://default/1/log/a.log";
    let first = format!("{newest}?version=1");
    assert_eq!(
        store.ok(&["grep", "hit", newest]),
        format!("{newest}:1:v2 hit\n")
    );
    assert_eq!(
        store.ok(&["grep", "hit", &first]),
        format!("{first}:1:v1 hit\n")
    );
    let other = "artifact://default/2/log/a.log:1:other hit\n";
    assert_eq!(store.ok(&["grep", "hit", "--latest", "1"]), other);
    assert_eq!(store.ok(&["grep", "hit", "--job", "2"]), other);
    let all = store.ok(&["grep", "hit", "--all-versions", "--task", "1"]);
    assert_eq!(
        all,
        format!("{newest}?version=2:1:v2 hit\n{first}:1:v1 hit\n")
    );
    let outcome = store.run(&["grep", "hit", "artifact://default/9/log/none", newest]);
    let outcome = outcome.expect_code(3);
    outcome.says(&["artifact://default/9/log/none", "1 failed"]);
    assert_eq!(outcome.text().lines().count(), 1);
}

#[test]
fn grep_shows_context() {
    let store = sandbox();
    store.write(
        "n.txt",
        (1..=20)
            .map(|n| format!("line {n}\n"))
            .collect::<Vec<_>>()
            .concat(),
    );
    store.write("m.txt", "line 4 too\n");
    store.ok(&["upload", "n.txt", "m.txt", "--task", "1", "--type", "log"]);
    let at = |name: &str| format!("artifact://default/1/log/{name}");
    let found = store.ok(&["grep", "line (4|6|15)", "-B", "1", "-A1", "--sort", "name"]);
    let (m, n) = (at("m.txt"), at("n.txt"));
    let expected = format!(
        "{m}:1:line 4 too\n--\n{n}-3-line 3\n{n}:4:line 4\n{n}-5-line 5\n{n}:6:line 6\n\
         {n}-7-line 7\n--\n{n}-14-line 14\n{n}:15:line 15\n{n}-16-line 16\n"
    );
    assert_eq!(found, expected);
    let around = store.ok(&["grep", "line 15", "-C", "2"]);
    assert_eq!(around.lines().count(), 5);
    let found = store.json(&["grep", "line 20", "-C", "1"]);
    assert_eq!(texts(&found, "kind"), ["context", "match"]);
    store.fails(&["grep", "x", "-C", "501"], 2);
    store.fails(&["grep", "x", "-C", "1", "-l"], 2);
}

#[test]
fn grep_gives_json_for_every_match() {
    let store = sandbox();
    store.write("a.log", b"a hit and a hit\nbad \xff hit\n");
    let stored = store.json(&["upload", "a.log", "--task", "1"]);
    let outcome = store.run(&["grep", "hit", "--json"]).expect_code(0);
    let uri = "artifact://default/1/log/a.log";
    let id = stored[0]["id"].clone();
    let expected: [Value; 2] = [
        json!({
            "kind": "match", "uri": uri, "id": id, "line": 1, "text": "a hit and a hit", "cut": false,
            "submatches": [{"start": 2, "end": 5}, {"start": 12, "end": 15}],
        }),
        json!({
            "kind": "match", "uri": uri, "id": id, "line": 2, "bytes": "YmFkIP8gaGl0", "cut": false,
            "submatches": [{"start": 6, "end": 9}],
        }),
    ];
    assert_eq!(outcome.objects(), expected);
    let said: Value = serde_json::from_str(&outcome.stderr).expect("the summary is JSON");
    assert_eq!(said["summary"]["matches"], 2);
    assert_eq!(said["summary"]["cut_short"], false);
    assert_eq!(
        store.json(&["grep", "hit", "-c"]),
        [json!({"uri": uri, "id": id, "count": 2})]
    );
    assert_eq!(
        store.json(&["grep", "hit", "-l"]),
        [json!({"uri": uri, "id": id})]
    );
}

#[test]
fn grep_says_what_it_has_left_out() {
    let store = sandbox();
    store.write("t/1.txt", "hit\n".repeat(3));
    store.write("t/2.txt", "hit\n".repeat(1_000));
    store.write(
        "t/3.txt",
        [&b"hit "[..], &vec![b'x'; 300_000], b"hit\nhit"].concat(),
    );
    store.ok(&[
        "upload",
        "t",
        "--task",
        "1",
        "--type",
        "log",
        "--no-progress",
    ]);
    let run = |args: &[&str]| {
        let all = [&["grep", "hit", "--sort", "name", "--no-progress"], args].concat();
        store.run(&all).expect_code(0)
    };
    let all = run(&["-c"]);
    assert_eq!(all.text().matches(":1000\n").count(), 1);
    all.says(&["1 lines were searched only in their first 128.00 KiB"]);
    let cut = run(&["--name", "3.txt"]);
    let mut lines = cut.text().lines();
    assert_eq!(
        lines.next().map(str::len),
        Some("artifact://default/1/log/3.txt:1:".len() + 128 * 1024)
    );
    assert_eq!(lines.next(), Some("artifact://default/1/log/3.txt:2:hit"));

    let budget = run(&["--max-bytes", "5kB", "-c"]);
    budget.says(&["1 artifacts of 292.98 KiB were left out", "--max-bytes"]);
    assert_eq!(budget.text().lines().count(), 2);
    let total = run(&["--max-total", "5"]);
    total.says(&[
        "--max-total was reached: there may be more",
        "5 matches in 2",
    ]);
    assert_eq!(total.text().lines().count(), 5);
    let each = run(&["--max-count", "2"]);
    assert_eq!(each.text().lines().count(), 6);
    assert!(!each.stderr.contains("may be more"));
    store.fails(&["grep", "hit", "-c", "--max-total", "1"], 2);
    store.fails(&["grep", "hit", "--max-count", "0"], 2);
}

#[test]
fn grep_reports_damage_and_searches_the_rest() {
    let store = filled();
    let blobs = store.blobs();
    let long = blobs
        .iter()
        .find(|path| path.to_string_lossy().contains("long.log"));
    let long = long.expect("it is stored");
    let mut bytes = fs::read(long).expect("the blob can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(long, bytes).expect("the blob can be written");
    let outcome = store
        .run(&["grep", "error", "--no-progress"])
        .expect_code(5);
    outcome.says(&["long.log", "damaged", "1 failed"]);
    assert_eq!(outcome.text().lines().count(), 2);
    fs::remove_file(long).expect("the blob can be removed");
    let outcome = store
        .run(&["grep", "error", "--json", "--no-progress"])
        .expect_code(5);
    outcome.says(&["\"kind\":\"integrity\"", "missing"]);
    assert_eq!(outcome.objects().len(), 2);
}

#[test]
fn grep_that_finds_nothing_is_no_failure() {
    let store = filled();
    for args in [
        &["grep", "no such line"][..],
        &["grep", "error", "--spec", "nobody"],
    ] {
        let outcome = store.run(args).expect_code(0);
        assert_eq!(outcome.text(), "");
        outcome.says(&["0 matches in 0"]);
    }
    assert_eq!(store.ok(&["grep", "error", "--name", "*.png"]), "");
    let found = store.bytes(&["grep", "error", "--name", "*.png", "-a"]);
    assert!(
        found.ends_with(b"png:3:\0error\n"),
        "{}",
        found.escape_ascii()
    );
}

#[test]
fn grep_refuses_what_it_cannot_look_for() {
    let store = sandbox();
    for pattern in ["a(", "[", "a\\nb", "(?P<x", "(a{1000}){1000}"] {
        let stderr = store.fails(&["grep", pattern], 2);
        assert!(
            stderr.contains("cannot be looked for") && stderr.contains("-F"),
            "{stderr}"
        );
    }
    store.fails(&["grep"], 2);
    store.fails(&["grep", "x", "no-address"], 2);
    store.fails(&["grep", "x", "artifact://a/1/log/x", "--spec", "a"], 2);
    store.fails(&["grep", "x", "--max-bytes", "much"], 2);
}

#[test]
fn grep_lets_nothing_through_to_a_terminal() {
    let store = sandbox();
    store.write("evil.log", "hit \x1b]0;title\x07\x1b[2J end\r\n");
    store.ok(&["upload", "evil.log", "--task", "1"]);
    let piped = store.bytes(&["grep", "hit"]);
    assert!(piped.ends_with(b"hit \x1b]0;title\x07\x1b[2J end\r\n"));
    let on_terminal = |more: &str| {
        let typed = format!("{} grep hit --no-progress {more}", artifact().display());
        let mut terminal = store.other("script");
        let output = terminal.args(["-qec", &typed, "/dev/null"]).output();
        let output = output.expect("`script`, of util-linux, can be started");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let plain = on_terminal("--color never");
    assert!(
        plain.contains("1:hit \\u{1b}]0;title\\u{7}\\u{1b}[2J end\r\n"),
        "{plain:?}"
    );
    assert!(!plain.contains('\x1b'), "{plain:?}");
    let colored = on_terminal("");
    assert!(
        colored.contains("\x1b[1;31mhit\x1b[0m \\u{1b}]0;"),
        "{colored:?}"
    );
}

#[test]
fn a_grep_that_nobody_reads_can_be_stopped() {
    let store = filled();
    let mut grep = store.start(&["grep", ".", "--no-progress"]);
    thread::sleep(Duration::from_millis(500));
    assert!(!grep.has_ended(), "a pipe takes no 3 MB");
    grep.signal("INT");
    let _ = grep.wait().expect_code(130);
}
