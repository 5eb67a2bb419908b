//! `--json`: whatever a verb says, in data and in numbers, is one object per line. Reports end with their
//! sums; what answers with artifacts says its sums beside them.

use e2e::Sandbox;
use serde_json::Value;

use super::sandbox;

fn filled() -> Sandbox {
    let store = sandbox().with_env("ARTIFACT_VERSIONING__ENABLED", "true");
    for name in ["a.log", "b.log"] {
        for text in ["one\n", "two\n"] {
            store.write(name, text);
            store.ok(&["upload", name, "--task", "1"]);
        }
    }
    store.write("c.log", "three\n");
    store
}

/// The objects on standard output, and those on standard error.
#[track_caller]
fn objects(store: &Sandbox, args: &[&str]) -> (Vec<Value>, Vec<Value>) {
    let args = [args, &["--json", "--no-progress"]].concat();
    let outcome = store.run(&args).expect_code(0);
    let parsed = |text: &str| {
        let object = |line: &str| match serde_json::from_str(line) {
            Ok(Value::Object(object)) => Value::Object(object),
            _ => panic!("`{line}` is no object:\n{outcome}"),
        };
        text.lines().map(object).collect::<Vec<_>>()
    };
    (parsed(outcome.text()), parsed(&outcome.stderr))
}

#[test]
fn what_answers_with_artifacts_says_its_sums_on_stderr() {
    let store = filled();
    let b = "artifact://default/1/log/b.log";
    for (args, lines, key) in [
        (&["tag", "add", "--task", "1", "k"][..], 2, "changed"),
        (&["meta", "set", b, "k=1"], 1, "changed"),
        (&["hold", "set", b, "--reason", "r"], 1, "changed"),
        (&["hold", "release", b], 1, "changed"),
        (
            &["retention", "set", "--task", "1", "--never"],
            2,
            "changed",
        ),
        (&["versions", "prune", b, "--keep", "1"], 1, "pruned"),
        (&["delete", "--task", "1", "--dry-run"], 3, "deleted"),
        (
            &["upload", "c.log", "--task", "1", "--skip-unchanged"],
            1,
            "unchanged",
        ),
        (&["search", "--limit", "1"], 1, "next_cursor"),
        (&["grep", "two"], 2, "summary"),
    ] {
        let (data, sums) = objects(&store, args);
        assert_eq!((data.len(), sums.len()), (lines, 1), "{args:?}");
        assert!(data.iter().all(|one| one.get("uri").is_some()), "{data:?}");
        assert!(sums[0].get(key).is_some(), "{args:?}: {sums:?}");
        let quiet = store.run(&[args, &["--json", "--quiet"]].concat());
        assert_eq!(quiet.expect_code(0).stderr, "", "{args:?}");
    }
}

#[test]
fn reports_end_with_their_sums() {
    let store = filled();
    for (args, key) in [
        (&["archive", "--task", "1"][..], "moved"),
        (&["restore", "--task", "1"], "moved"),
        (&["verify"], "findings"),
        (&["gc"], "dry_run"),
        (&["cleanup"], "dry_run"),
        (&["usage"], "limit_bytes"),
        (&["export", "-o", "all.zip", "--with-metadata"], "left_out"),
        (&["import", "all.zip", "--task", "2"], "present"),
        (&["compare", "--baseline", "1", "--current", "2"], "kind"),
        (&["delete", "--task", "2"], "deleted"),
        (&["reindex"], "known"),
    ] {
        let (data, beside) = objects(&store, args);
        let last = data.last().expect("something is said");
        assert!(last.get(key).is_some(), "{args:?}: {last}");
        assert!(beside.is_empty(), "{args:?}: {beside:?}");
    }
}
