//! Comparing two tasks: artifacts, reports that real tools have written, verdicts, forms of output.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use e2e::{Outcome, Sandbox};
use serde_json::{Value, json};

use super::{sandbox, texts};

const SAMPLES: [&str; 8] = [
    "nextest.xml",
    "cargo-test.txt",
    "pytest.xml",
    "lcov",
    "cobertura.xml",
    "bandit.sarif",
    "ruff.sarif",
    "clippy.sarif",
];

fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package
        .parent()
        .expect("it lies in the workspace")
        .to_owned()
}

/// A report of the samples of `artifact-reports`.
fn sample(name: &str) -> Vec<u8> {
    let path = workspace()
        .join("crates/artifact-reports/tests/samples")
        .join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn put(store: &Sandbox, task: &str, artifact_type: &str, name: &str, bytes: impl AsRef<[u8]>) {
    store.write("file", bytes);
    let args = [
        "upload",
        "file",
        "--task",
        task,
        "--type",
        artifact_type,
        "--name",
        name,
    ];
    store.ok(&args);
}

/// Two tasks with all samples, as the upload guesses their types.
fn with_samples() -> Sandbox {
    let store = sandbox();
    for task in ["before", "after"] {
        for name in SAMPLES {
            store.write(format!("{task}/{name}"), sample(&format!("{task}.{name}")));
        }
        store.ok(&["upload", task, "--task", task, "--quiet"]);
    }
    store
}

fn compare(store: &Sandbox, more: &[&str]) -> Outcome {
    let args = [
        "compare",
        "--baseline",
        "before",
        "--current",
        "after",
        "--no-progress",
    ];
    store.run(&[&args, more].concat())
}

#[track_caller]
fn assert_accepted(store: &Sandbox, more: &[&str]) {
    let outcome = compare(store, more);
    assert_eq!(outcome.code, Some(0), "{outcome}");
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects
        .iter()
        .filter(|object| object["kind"] == kind)
        .collect()
}

#[test]
fn artifacts_are_compared_by_type_and_name() {
    let store = sandbox();
    for (task, artifact_type, name, bytes) in [
        ("before", "log", "a", "0123456789"),
        ("after", "log", "a", "0123456789abcde"),
        ("before", "data", "a", "same"),
        ("after", "data", "a", "same"),
        ("before", "log", "gone", "12345"),
        ("after", "log", "come", "123"),
    ] {
        put(&store, task, artifact_type, name, bytes);
    }
    let objects = compare(&store, &["--json"]).expect_code(0).objects();
    let artifacts = of_kind(&objects, "artifact");
    let told: Vec<_> = artifacts
        .iter()
        .map(|a| {
            let keys = [
                "change",
                "size_difference_bytes",
                "size_difference_percent",
                "size_increased",
            ];
            let name = format!(
                "{}/{}",
                a["type"].as_str().unwrap(),
                a["name"].as_str().unwrap()
            );
            (name, keys.map(|key| a[key].clone()))
        })
        .collect();
    let row = |name: &str, values: [Value; 4]| (name.to_owned(), values);
    assert_eq!(
        told,
        [
            row(
                "log/a",
                [json!("changed"), json!(5), json!(50.0), json!(true)]
            ),
            row(
                "data/a",
                [json!("same"), json!(0), json!(0.0), json!(false)]
            ),
            row(
                "log/come",
                [json!("added"), json!(3), json!(null), json!(true)]
            ),
            row(
                "log/gone",
                [json!("removed"), json!(-5), json!(-100.0), json!(false)]
            ),
        ]
    );
    assert_eq!(artifacts[0]["baseline"]["size_bytes"], 10);
    assert_eq!(artifacts[0]["current"]["version"], 1);
    assert_eq!(
        artifacts[1]["baseline"]["sha256"],
        artifacts[1]["current"]["sha256"]
    );
    let totals = of_kind(&objects, "totals")[0];
    assert_eq!(
        *totals,
        json!({
            "kind": "totals", "added": 1, "removed": 1, "changed": 1, "same": 1,
            "baseline_size_bytes": 19, "current_size_bytes": 22,
            "size_difference_bytes": 3, "size_difference_percent": 300.0 / 19.0,
            "size_increased": true,
        })
    );
    let only = compare(&store, &["--json", "--type", "log", "--name", "g*"]).expect_code(0);
    let objects = only.objects();
    assert_eq!(
        texts(
            &of_kind(&objects, "artifact")
                .into_iter()
                .cloned()
                .collect::<Vec<_>>(),
            "name"
        ),
        ["gone"]
    );
}

#[test]
fn the_newest_versions_of_two_specs_are_compared() {
    let store = sandbox().with_env("ARTIFACT_VERSIONING__ENABLED", "true");
    for (spec, bytes) in [("web", "1"), ("web", "22"), ("api", "333"), ("api", "4444")] {
        store.write("file", bytes);
        store.ok(&[
            "upload", "file", "--spec", spec, "--task", "1", "--type", "log",
        ]);
    }
    let args = ["compare", "--baseline", "1", "--current", "1"];
    let specs = ["--baseline-spec", "web", "--spec", "api"];
    let objects = store.json(&[&args[..], &specs].concat());
    let artifact = of_kind(&objects, "artifact")[0];
    assert_eq!(artifact["baseline"]["size_bytes"], 2);
    assert_eq!(artifact["current"]["size_bytes"], 4);
    assert_eq!(artifact["current"]["version"], 2);
}

#[test]
fn a_task_without_anything_is_not_found() {
    let store = sandbox();
    put(&store, "before", "log", "a", "1");
    let outcome = compare(&store, &[]).expect_code(3);
    outcome.says(&["the current task `after` of spec `default`"]);
    assert_eq!(outcome.text(), "");
    let args = ["compare", "--baseline", "none", "--current", "before"];
    store
        .run(&args)
        .expect_code(3)
        .says(&["the baseline task `none`"]);
}

/// What has changed of the objects of a kind, and what `key` says that it is.
fn changes<'a>(objects: &'a [Value], kind: &str, key: &str) -> Vec<(&'a str, &'a str)> {
    let text = |object: &'a Value, key: &str| object[key].as_str().expect("it is text");
    let objects = of_kind(objects, kind).into_iter();
    objects
        .map(|object| (text(object, "change"), text(object, key)))
        .collect()
}

#[test]
fn the_seeded_changes_of_real_reports_are_named() {
    let store = with_samples();
    let objects = compare(&store, &["--json"]).expect_code(0).objects();
    assert_eq!(
        changes(&objects, "test", "id"),
        [
            (
                "newly-failing",
                "artifact-reports coverage::tests::reports_of_one_file_are_merged_line_by_line"
            ),
            (
                "fixed",
                "artifact-reports test_runs::tests::times_are_taken_in_every_dress"
            ),
            ("new", "artifact-reports text::tests::long_names_differ"),
            (
                "gone",
                "artifact-reports text::tests::long_names_stay_different"
            ),
            (
                "gone",
                "artifact-reports text::tests::messages_are_one_short_line"
            ),
            ("new", "tests.test_cart test_comes"),
            ("gone", "tests.test_cart test_goes"),
            ("skipped", "tests.test_cart test_mail"),
            ("unchanged", "tests.test_cart test_slow"),
            ("newly-failing", "tests.test_cart test_total"),
            ("fixed", "tests.test_cart.TestDiscount test_broken"),
        ]
    );
    let files: Vec<_> = of_kind(&objects, "file")
        .into_iter()
        .map(|file| {
            (
                file["path"].as_str().unwrap(),
                file["current"]["lines_covered"].as_u64(),
            )
        })
        .collect();
    assert_eq!(
        files,
        [("shop/cart.py", Some(14)), ("shop/mail.py", Some(1))]
    );
    assert_eq!(
        changes(&objects, "finding", "rule"),
        [
            ("new", "S301"),
            ("fixed", "S101"),
            ("new", "B301"),
            ("fixed", "clippy::needless_return"),
            ("new", "clippy::clone_on_copy"),
            ("new", "B403"),
            ("fixed", "B101"),
        ]
    );
    let sums = of_kind(&objects, "tests")[0];
    assert_eq!(sums["state"], "known");
    assert_eq!(
        (
            &sums["newly_failing"],
            &sums["slower"],
            &sums["current"]["failed"]
        ),
        (&json!(2), &json!(1), &json!(2))
    );
    assert_eq!(of_kind(&objects, "findings")[0]["new"], 4);
    assert_eq!(of_kind(&objects, "report").len(), 14);
}

#[test]
fn what_is_printed_is_as_it_was() {
    let store = with_samples();
    let conditions = ["--fail-on", "new-failures,coverage-drop=0.5"];
    for (form, snapshot) in [("text", "compare.txt"), ("markdown", "compare.md")] {
        let args = [&["--format", form], &conditions[..]].concat();
        let found = compare(&store, &args).expect_code(6);
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("snapshots")
            .join(snapshot);
        if std::env::var_os("E2E_UPDATE_SNAPSHOTS").is_some() {
            fs::write(&path, &found.stdout).expect("snapshots can be written");
        }
        let expected = fs::read_to_string(&path).expect("the snapshot can be read");
        assert!(
            found.text() == expected,
            "E2E_UPDATE_SNAPSHOTS=1 accepts:\n{found}"
        );
    }
}

#[test]
fn conditions_end_with_6_and_the_whole_comparison() {
    let store = with_samples();
    let met = [
        "new-failures",
        "gone-tests",
        "slower",
        "slower=100",
        "coverage-drop",
        "coverage-drop=10.4",
        "new-findings",
        "new-findings=error",
        "size-increase",
        "size-increase=7%",
    ];
    let not_met = [
        "still-failing",
        "flaky",
        "slower=1000",
        "coverage-drop=10.5",
        "size-increase=8%",
        "removed",
        "unknown",
    ];
    for condition in met {
        let outcome = compare(&store, &["--fail-on", condition]).expect_code(6);
        outcome.says(&["the comparison fails", condition]);
        let text = outcome.text();
        assert!(
            text.contains("findings ") && text.contains("fails "),
            "{outcome}"
        );
    }
    for condition in not_met {
        let outcome = compare(&store, &["--fail-on", condition]).expect_code(0);
        assert!(!outcome.text().contains("fails "), "{outcome}");
    }
    let several = [
        "--fail-on",
        "removed",
        "--fail-on",
        "flaky,new-failures",
        "--json",
    ];
    let outcome = compare(&store, &several).expect_code(6);
    let objects = outcome.objects();
    let fails = of_kind(&objects, "fails");
    assert_eq!(fails.len(), 1);
    assert_eq!(fails[0]["condition"], "new-failures");
    let error: Value = serde_json::from_str(outcome.stderr.trim()).expect("an error is JSON");
    assert_eq!(error["error"]["kind"], "conflict");
    let lenient = ["--fail-on", "slower", "--slower-factor", "200"];
    assert_accepted(&store, &lenient);
    assert_accepted(&store, &["--fail-on", "slower", "--slower-min", "2"]);
    for wrong in ["failures", "slower=0.1", "new-findings=fatal", "removed=3"] {
        compare(&store, &["--fail-on", wrong])
            .expect_code(2)
            .says(&["new-failures"]);
    }
}

#[test]
fn a_report_that_cannot_be_read_or_is_missing_is_never_fine() {
    let whole = sample("after.pytest.xml");
    let cases: [(&str, Option<&[u8]>); 5] = [
        ("cut off", Some(&whole[..whole.len() / 2])),
        ("empty", Some(b"")),
        ("no XML", Some(b"Segmentation fault\n")),
        (
            "not UTF-8",
            Some(b"<testsuite><testcase name='\xff\xfe'/></testsuite>"),
        ),
        ("missing", None),
    ];
    for (what, report) in cases {
        let store = sandbox();
        put(
            &store,
            "before",
            "test-results",
            "report.xml",
            sample("before.pytest.xml"),
        );
        put(&store, "after", "log", "log", "done");
        if let Some(report) = report {
            put(&store, "after", "test-results", "report.xml", report);
        }
        let outcome = compare(&store, &[]).expect_code(0);
        assert!(
            outcome.text().contains("tests      unknown: "),
            "{what}: {outcome}"
        );
        let page = compare(&store, &["--format", "markdown"]).expect_code(0);
        assert!(page.text().contains("**unknown**"), "{what}: {page}");
        for condition in [
            "new-failures",
            "still-failing",
            "flaky",
            "slower",
            "unknown",
        ] {
            let outcome = compare(&store, &["--fail-on", condition]).expect_code(6);
            assert!(outcome.text().contains("fails "), "{what}: {outcome}");
        }
        let objects = compare(&store, &["--json"]).expect_code(0).objects();
        let tests = of_kind(&objects, "tests")[0];
        assert_eq!(tests["state"], "unknown", "{what}");
        assert_eq!(
            (&tests["fixed"], &tests["gone"]),
            (&json!(0), &json!(0)),
            "{what}"
        );
        // What does not depend on it is judged as ever.
        assert_accepted(&store, &["--fail-on", "size-increase=1000000"]);
    }
    let store = sandbox();
    put(&store, "before", "log", "a", "1");
    put(&store, "after", "log", "a", "1");
    for condition in ["new-failures", "coverage-drop=50", "new-findings=error"] {
        let outcome = compare(&store, &["--fail-on", condition]).expect_code(6);
        outcome.says(&["unknown: there is no report"]);
    }
    assert_accepted(&store, &["--fail-on", "unknown"]);
}

#[test]
fn fewer_reports_are_unknown_unless_they_are_allowed() {
    let store = sandbox();
    for name in ["a.xml", "b.xml"] {
        put(
            &store,
            "before",
            "test-results",
            name,
            sample("before.pytest.xml"),
        );
    }
    put(
        &store,
        "after",
        "test-results",
        "a.xml",
        sample("before.pytest.xml"),
    );
    let outcome = compare(&store, &["--fail-on", "new-failures"]).expect_code(6);
    outcome.says(&["1 report fewer than the baseline"]);
    let allowed = ["--fail-on", "new-failures", "--allow-fewer-reports"];
    assert_accepted(&store, &allowed);
}

#[test]
fn damaged_reports_are_unknown() {
    let store = sandbox();
    put(
        &store,
        "before",
        "test-results",
        "a.xml",
        sample("before.pytest.xml"),
    );
    put(
        &store,
        "after",
        "test-results",
        "a.xml",
        sample("before.pytest.xml"),
    );
    let blobs = store.blobs();
    let blob = blobs
        .iter()
        .find(|path| path.to_string_lossy().contains("/after/"));
    let blob = blob.expect("it is stored");
    let mut bytes = fs::read(blob).expect("it can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(blob, bytes).expect("it can be written");
    let outcome = compare(&store, &["--fail-on", "new-failures"]).expect_code(6);
    assert!(
        outcome.text().contains("unreadable current: artifact://"),
        "{outcome}"
    );
}

/// Whoever stops reading gets the verdict all the same.
#[test]
fn a_broken_pipe_does_not_hide_the_verdict() {
    let store = with_samples();
    let args = [
        "compare",
        "--baseline",
        "before",
        "--current",
        "after",
        "--fail-on",
        "new-failures",
    ];
    let mut command = store.command(args);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be started");
    drop(child.stdout.take());
    let status = child.wait().expect("it can be waited for");
    assert_eq!(status.code(), Some(6));
}

#[test]
fn a_report_without_the_tests_that_it_states_is_unknown() {
    let store = sandbox();
    let two = "<testsuite tests='2'><testcase name='a'/><testcase name='b'/></testsuite>";
    put(&store, "before", "test-results", "a.xml", two);
    for short in [
        "<testsuites/>",
        "<testsuite tests='2'><testcase name='a'/></testsuite>",
    ] {
        put(&store, "after", "test-results", "a.xml", short);
        let outcome = compare(&store, &["--fail-on", "unknown"]).expect_code(6);
        assert!(outcome.text().contains("unknown"), "{outcome}");
    }
}

#[test]
fn names_cannot_break_out() {
    let hostile = "&#27;[31m&#10;&lt;/code&gt;|`**@all**`&#x202e;&lt;script&gt;";
    let report = format!(
        "<testsuite name='s' failures='1'><testcase name=\"{hostile}\">\
         <failure message=\"{hostile}\"/></testcase></testsuite>"
    );
    let store = sandbox();
    put(
        &store,
        "before",
        "test-results",
        "a.xml",
        "<testsuite name='s'><testcase name='other'/></testsuite>",
    );
    put(&store, "after", "test-results", "a.xml", report);
    let text = compare(&store, &[]).expect_code(0);
    assert!(!text.text().contains(['\x1b', '\u{202e}']), "{text}");
    assert!(text.text().contains("\\u{1b}[31m\\u{a}</code>"), "{text}");
    let page = compare(&store, &["--format", "markdown"]).expect_code(0);
    let safe = !page.text().contains(['\x1b', '\u{202e}', '@', '`', '*']);
    assert!(safe && !page.text().contains("<script"), "{page}");
    assert!(page.text().contains("&#64;all"), "{page}");
}

#[test]
fn a_comment_is_never_too_long() {
    let cases = |count: usize| -> String {
        let case = |n| {
            format!(
                "<testcase classname='{}' name='{n}'><failure/></testcase>",
                "c".repeat(90)
            )
        };
        let cases: String = (0..count).map(case).collect();
        format!("<testsuite name='s'><testcase name='other'/>{cases}</testsuite>")
    };
    let store = sandbox();
    put(&store, "before", "test-results", "a.xml", cases(0));
    put(&store, "after", "test-results", "a.xml", cases(3_000));
    for n in 0..300 {
        store.write(format!("many/{n}-{}", "n".repeat(200)), "x");
    }
    store.ok(&[
        "upload", "many", "--task", "after", "--type", "log", "--quiet",
    ]);
    let page = compare(&store, &["--format", "markdown"]).expect_code(0);
    assert!(page.stdout.len() <= 60_000, "{} bytes", page.stdout.len());
    let count = |part| page.text().matches(part).count();
    assert_eq!((count("<details>"), count("</details>")), (2, 2));
    assert!(page.text().contains("… and 2950 more"), "{page}");
    let short = compare(&store, &[]).expect_code(0);
    assert!(short.text().contains("… and 2980 more (--all lists them)"));
    let all = compare(&store, &["--all"]).expect_code(0);
    assert!(all.text().lines().count() > 3_300);
}
