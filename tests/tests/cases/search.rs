//! Finding: every filter alone and combined, the orders, pages.

use e2e::Sandbox;
use serde_json::Value;

use super::past::{self, Past};
use super::{sandbox, texts};

/// Spec, task, type, name, size and tags of what is stored, the oldest first.
type Stored = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    usize,
    &'static [&'static str],
);

const STORED: [Stored; 7] = [
    (
        "web",
        "build-1",
        "log",
        "out/build.log",
        100,
        &["branch=main", "ci"],
    ),
    (
        "web",
        "build-1",
        "data",
        "result.json",
        2_000,
        &["branch=main"],
    ),
    (
        "web",
        "build-2",
        "log",
        "out/build.log",
        50_000,
        &["branch=dev"],
    ),
    ("web", "release-1", "document", "README.md", 10, &[]),
    (
        "api",
        "build-1",
        "log",
        "server.log",
        1_500_000,
        &["branch=main", "nightly="],
    ),
    ("api", "build-1", "custom:sbom", "sbom.json", 5_000, &["ci"]),
    ("api-v2", "9", "screenshot", "shot.png", 0, &["branch="]),
];

/// A store with all of that, and what `show` says of each.
fn filled() -> (Sandbox, Vec<Value>) {
    let store = sandbox();
    let mut shown = Vec::new();
    for (spec, task, artifact_type, name, size, tags) in STORED {
        store.write("file", e2e::tree::prose(1, size));
        let mut args = vec!["upload", "file", "--spec", spec, "--task", task];
        args.extend(["--type", artifact_type, "--name", name]);
        args.extend(tags.iter().flat_map(|tag| ["--tag", tag]));
        shown.extend(store.json(&args));
    }
    (store, shown)
}

/// Which of `STORED`, by their numbers from 1 on, in the order in which they were found.
fn numbers(all: &[Value], found: &[Value]) -> Vec<usize> {
    let number = |id: &str| {
        let at = all.iter().position(|artifact| artifact["id"] == id);
        at.unwrap_or_else(|| panic!("{id} was never stored")) + 1
    };
    texts(found, "id").into_iter().map(number).collect()
}

#[track_caller]
fn assert_finds((store, all): &(Sandbox, Vec<Value>), filters: &[&str], expected: &[usize]) {
    let found = store.json(&[&["search"], filters].concat());
    let mut found = numbers(all, &found);
    found.sort_unstable();
    assert_eq!(found, expected, "{filters:?}");
}

#[test]
fn every_filter_on_its_own() {
    let filled = filled();
    let everything = [1, 2, 3, 4, 5, 6, 7];
    let cases: &[(&[&str], &[usize])] = &[
        (&[], &everything),
        (&["--spec", "web"], &[1, 2, 3, 4]),
        (&["--spec", "api"], &[5, 6]),
        (&["--spec", "api*"], &[5, 6, 7]),
        (&["--spec", "WEB"], &[]),
        (&["--task", "build-1"], &[1, 2, 5, 6]),
        (&["--job", "build-1"], &[1, 2, 5, 6]),
        (&["--execution", "build-*"], &[1, 2, 3, 5, 6]),
        (&["--task", "*-[12]"], &[1, 2, 3, 4, 5, 6]),
        (&["--task", "?"], &[7]),
        (&["--type", "log"], &[1, 3, 5]),
        (&["--type", "LOG", "--type", "custom:sbom"], &[1, 3, 5, 6]),
        (&["--type", "screenshots"], &[7]),
        (&["--type", "video"], &[]),
        (&["--name", "*.json"], &[2, 6]),
        (&["--name", "*build.log"], &[1, 3]),
        (&["--name", "build.log"], &[]),
        (&["--name", "README.md"], &[4]),
        (&["--tag", "branch"], &[1, 2, 3, 5, 7]),
        (&["--tag", "branch=main"], &[1, 2, 5]),
        (&["--tag", "branch="], &[7]),
        (&["--tag", "branch=main", "--tag", "ci"], &[1]),
        (&["--tag", "main"], &[]),
        (&["--min-size", "2kB"], &[2, 3, 5, 6]),
        (&["--max-size", "100"], &[1, 4, 7]),
        (&["--min-size", "2000", "--max-size", "5000B"], &[2, 6]),
        (&["--min-size", "1MB"], &[5]),
        (&["--max-size", "0"], &[7]),
        (&["--days", "1"], &everything),
        (&["--days", "0"], &[]),
        (&["--after", "2026-01-01"], &everything),
        (&["--before", "2026-01-01"], &[]),
        (&["--state", "active"], &everything),
        (&["--state", "archived"], &[]),
        (&["--state", "deleted", "--state", "ACTIVE"], &everything),
        (&["--all-versions"], &everything),
    ];
    for (filters, expected) in cases {
        assert_finds(&filled, filters, expected);
    }
}

#[test]
fn times_are_exact_to_the_record() {
    let filled = filled();
    let times = texts(&filled.1, "created_at");
    assert_finds(&filled, &["--after", times[2]], &[3, 4, 5, 6, 7]);
    assert_finds(&filled, &["--before", times[2]], &[1, 2]);
    assert_finds(
        &filled,
        &["--after", times[1], "--before", times[4]],
        &[2, 3, 4],
    );
}

#[test]
fn filters_narrow_each_other() {
    let filled = filled();
    let cases: &[(&[&str], &[usize])] = &[
        (
            &["--spec", "web", "--task", "build-*", "--type", "log"],
            &[1, 3],
        ),
        (
            &["--spec", "web", "--type", "log", "--tag", "branch=main"],
            &[1],
        ),
        (
            &["--task", "build-1", "--name", "*.json", "--days", "2"],
            &[2, 6],
        ),
        (
            &["--tag", "branch", "--min-size", "1kB", "--max-size", "1MB"],
            &[2, 3],
        ),
        (
            &["--spec", "api", "--type", "log", "--max-size", "1kB"],
            &[],
        ),
        (
            &[
                "--spec",
                "w*",
                "--task",
                "build-?",
                "--type",
                "log",
                "--name",
                "out/*",
                "--tag",
                "ci",
                "--days",
                "1",
                "--min-size",
                "1",
                "--max-size",
                "1kB",
                "--state",
                "active",
            ],
            &[1],
        ),
    ];
    for (filters, expected) in cases {
        assert_finds(&filled, filters, expected);
    }
}

#[test]
fn orders_and_pages_give_everything_once() {
    let (store, all) = filled();
    let orders: [(&str, [usize; 7]); 3] = [
        ("created", [7, 6, 5, 4, 3, 2, 1]),
        ("size", [5, 3, 6, 2, 1, 4, 7]),
        ("name", [4, 1, 3, 2, 6, 5, 7]),
    ];
    for (order, expected) in orders {
        let whole = store.json(&["search", "--sort", order]);
        assert_eq!(numbers(&all, &whole), expected, "{order}");
        for limit in ["1", "2", "3", "6", "7", "100"] {
            assert_eq!(
                paged(&store, &all, order, limit),
                expected,
                "{order} by {limit}"
            );
        }
    }
    assert_eq!(numbers(&all, &store.json(&["search"])), orders[0].1);
}

/// Goes through the pages as a script would.
fn paged(store: &Sandbox, all: &[Value], order: &str, limit: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut args = vec!["search", "--sort", order, "--limit", limit, "--json"];
        args.extend(cursor.iter().flat_map(|cursor| ["--cursor", cursor]));
        let outcome = store.run(&args).expect_code(0);
        let page = numbers(all, &outcome.objects());
        assert!(!page.is_empty(), "an empty page:\n{outcome}");
        found.extend(page);
        if outcome.stderr.is_empty() {
            return found;
        }
        let next: Value = serde_json::from_str(&outcome.stderr).expect("the cursor is JSON");
        cursor = next["next_cursor"].as_str().map(str::to_owned);
        assert!(cursor.is_some(), "{outcome}");
    }
}

#[test]
fn a_person_is_told_how_to_go_on() {
    let (store, _) = filled();
    let outcome = store.run(&["search", "--limit", "3"]).expect_code(0);
    outcome.says(&["there is more: --cursor "]);
    let cursor = outcome
        .stderr
        .trim()
        .rsplit(' ')
        .next()
        .expect("it ends in the cursor");
    let rest = store.run(&["search", "--cursor", cursor]).expect_code(0);
    assert_eq!(rest.text().lines().count(), 4, "{rest}");
    assert_eq!(rest.stderr, "");
}

#[test]
fn a_row_has_time_size_and_address() {
    let (store, all) = filled();
    let text = store.ok(&["search", "--name", "sbom.json"]);
    let columns: Vec<_> = text.split_whitespace().collect();
    let created = all[5]["created_at"].as_str().expect("it has a time");
    assert_eq!(columns[0].trim_end_matches('Z'), &created[..19], "{text}");
    assert_eq!(columns[1..3], ["4.88", "KiB"], "{text}");
    assert_eq!(
        columns[3], "artifact://api/build-1/custom%3Asbom/sbom.json",
        "{text}"
    );
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn the_latest_of_a_type() {
    let (store, all) = filled();
    let latest = |filters: &[&str]| {
        numbers(
            &all,
            &store.json(&[&["search", "--latest"], filters].concat()),
        )
    };
    assert_eq!(latest(&["2"]), [7, 6]);
    assert_eq!(latest(&["1", "--type", "log"]), [5]);
    assert_eq!(latest(&["2", "--type", "log", "--spec", "web"]), [3, 1]);
    assert_eq!(latest(&["9", "--type", "video"]), [0; 0]);
    let outcome = store.run(&["search", "--latest", "1"]).expect_code(0);
    assert_eq!(outcome.stderr, "", "{outcome}");
}

#[test]
fn nothing_found_is_no_failure() {
    let store = sandbox();
    let outcome = store.run(&["search", "--spec", "nobody"]).expect_code(0);
    assert_eq!((outcome.text(), outcome.stderr.as_str()), ("", ""));
}

#[test]
fn days_count_back_from_this_instant() {
    let store = sandbox();
    let past = |hours, name| Past {
        hours,
        spec: "web",
        task: "1",
        artifact_type: "log",
        name,
        bytes: vec![b'x'; 10],
    };
    let stored = vec![
        past(24 * 400, "ancient"),
        past(24 * 30 + 1, "before"),
        past(24 * 30 - 1, "within"),
        past(1, "now"),
    ];
    let times = past::store(&store, stored);
    let found = |filters: &[&str]| {
        let found = store.json(&[&["search", "--sort", "name"], filters].concat());
        texts(&found, "name").join(" ")
    };
    assert_eq!(found(&["--days", "30"]), "now within");
    assert_eq!(found(&["--days", "31"]), "before now within");
    assert_eq!(found(&["--days", "1"]), "now");
    assert_eq!(found(&["--days", "365000"]), "ancient before now within");
    // A day's own date, and the time to the microsecond.
    assert_eq!(found(&["--before", &times[1]]), "ancient");
    let span = ["--after", &times[1], "--before", &times[3]];
    assert_eq!(found(&span), "before within");
    let date = &times[0][..10];
    assert_eq!(found(&["--after", date, "--before", &times[1]]), "ancient");
    assert_eq!(found(&["--before", date]), "");
    let latest = store.json(&["search", "--latest", "2", "--days", "30"]);
    assert_eq!(texts(&latest, "name"), ["now", "within"]);
}

#[test]
fn the_latest_are_counted_over_all_that_match() {
    let store = sandbox();
    let past = |hours, task, name| Past {
        hours,
        spec: "web",
        task,
        artifact_type: "test-results",
        name,
        bytes: vec![b'x'; 10],
    };
    let stored = vec![
        past(90, "1", "a.xml"),
        past(80, "1", "b.xml"),
        past(70, "2", "a.xml"),
        past(60, "2", "a.xml"),
        past(50, "2", "b.xml"),
    ];
    past::store(&store, stored);
    let latest = |args: &[&str]| {
        let args = [&["search", "--type", "test-results", "--latest"], args].concat();
        let found = store.json(&args);
        let found = found.iter().map(|artifact| {
            let (task, name) = (&artifact["task"], &artifact["name"]);
            format!("{task}/{name}@{}", artifact["version"]).replace('"', "")
        });
        found.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(latest(&["1"]), "2/b.xml@1");
    assert_eq!(latest(&["3"]), "2/b.xml@1 2/a.xml@2 1/b.xml@1");
    assert_eq!(latest(&["2", "--name", "a.xml"]), "2/a.xml@2 1/a.xml@1");
    assert_eq!(
        latest(&["2", "--name", "a.xml", "--all-versions"]),
        "2/a.xml@2 2/a.xml@1"
    );
    assert_eq!(latest(&["9", "--task", "1"]), "1/b.xml@1 1/a.xml@1");
}
