//! Retention: what goes by which rule, what is kept, what cleanup does and says. Artifacts get their
//! age by being stored through the library under an older clock.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use artifact_app::UploadRequest;
use artifact_bootstrap::open_at;
use artifact_domain::port::Clock;
use artifact_domain::{Coordinate, Timestamp};
use bytes::Bytes;
use e2e::Sandbox;
use serde_json::Value;

use super::{sandbox, texts};

/// A clock that stands.
struct Standing(Timestamp);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn days_ago(days: u64) -> Timestamp {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is after 1970");
    let ago = now.saturating_sub(Duration::from_hours(24 * days));
    Timestamp::UNIX_EPOCH.saturating_add(ago)
}

/// Stores `SPEC/TASK/TYPE/NAME` as if so many days ago, with the settings' defaults.
fn seed(store: &Sandbox, days: u64, artifacts: &[&str]) {
    seed_at(store, days_ago(days), artifacts);
}

fn seed_at(store: &Sandbox, now: Timestamp, artifacts: &[&str]) {
    let settings = super::settings(store, &[("versioning.enabled", "true")]);
    let runtime = tokio::runtime::Runtime::new().expect("it can start");
    runtime.block_on(async {
        let clock = Arc::new(Standing(now));
        let opened = open_at(&settings, clock).await.expect("it opens");
        for artifact in artifacts {
            let parts: Vec<_> = artifact.splitn(4, '/').collect();
            let coordinate = Coordinate::new(
                parts[0].parse().expect("a spec"),
                parts[1].parse().expect("a task"),
                parts[2].parse().expect("a type"),
                parts[3].parse().expect("a name"),
            );
            let request = UploadRequest::new(coordinate.expect("a coordinate"));
            let text = Bytes::from(format!("{artifact}\n"));
            opened.upload(request, text).await.expect("it is stored");
        }
        opened.settle().await;
    });
}

/// What a cleanup prints: its items and its totals.
fn clean(store: &Sandbox, flags: &[&str]) -> (Vec<Value>, Value) {
    let mut objects = store.json(&[&["cleanup"], flags].concat());
    let totals = objects.pop().expect("there are totals");
    (objects, totals)
}

/// The names of what a cleanup lets expire, sorted.
fn expiring(items: &[Value]) -> Vec<String> {
    let expire = |item: &&Value| item["action"] == "expire";
    let items: Vec<_> = items.iter().filter(expire).cloned().collect();
    let mut names: Vec<_> = texts(&items, "uri")
        .iter()
        .map(|uri| {
            let path = uri.split('?').next().unwrap_or_default();
            path.rsplit('/').next().unwrap_or_default().to_owned()
        })
        .collect();
    names.sort();
    names
}

fn names(store: &Sandbox) -> Vec<String> {
    let found = store.json(&["search"]);
    let mut names: Vec<_> = texts(&found, "name")
        .iter()
        .map(ToString::to_string)
        .collect();
    names.sort();
    names
}

fn why(store: &Sandbox, artifact: &str) -> Value {
    let uri = format!("artifact://{artifact}");
    store.json(&["why", &uri]).remove(0)
}

#[test]
fn days_by_type_and_by_default_decide_what_goes() {
    let store = sandbox();
    seed(
        &store,
        8,
        &["s/1/log/log8", "s/1/code/code8", "s/1/diff/diff8"],
    );
    seed(&store, 31, &["s/1/code/code31", "s/1/test-results/test31"]);
    seed(&store, 6, &["s/1/log/log6"]);
    let (items, _) = clean(&store, &["--dry-run"]);
    assert_eq!(expiring(&items), ["code31", "log8", "test31"]);
    let mut rules = texts(&items, "rule");
    rules.sort_unstable();
    assert_eq!(
        rules,
        [
            "by_type log: 7 days",
            "by_type test-results: 14 days",
            "default_days: 30 days"
        ]
    );
    // What is due is gone already, cleanup or not.
    assert_eq!(names(&store), ["code8", "diff8", "log6"]);
    store.fails(&["show", "artifact://s/1/log/log8"], 3);
    clean(&store, &[]);
    assert_eq!(names(&store), ["code8", "diff8", "log6"]);
    assert_eq!(store.blobs().len(), 3);
}

#[test]
fn days_by_task_and_by_artifact_come_before_those_by_type() {
    let store = sandbox().with_env(
        "ARTIFACT_RETENTION__BY_TASK",
        "nightly-*=3, nightly-keep*=never",
    );
    seed(
        &store,
        5,
        &[
            "s/nightly-1/code/nightly",
            "s/nightly-keep/log/keep",
            "s/1/log/log",
            "s/1/log/own",
        ],
    );
    seed(&store, 400, &["s/nightly-keep/log/old", "s/1/log/ever"]);
    let own = "artifact://s/1/log/own";
    store.ok(&["retention", "set", own, "--keep-days", "2"]);
    store.ok(&["retention", "set", "artifact://s/1/log/ever", "--never"]);
    let (items, totals) = clean(&store, &[]);
    assert_eq!(expiring(&items), ["nightly", "own"]);
    assert_eq!(totals["expired"], 2);
    assert_eq!(names(&store), ["ever", "keep", "log", "old"]);
    assert_eq!(why(&store, "s/nightly-keep/log/old")["fate"], "unending");
    let ever = why(&store, "s/1/log/ever");
    assert_eq!(
        (&ever["rule"], &ever["fate"]),
        (&"own days".into(), &"unending".into())
    );
    // The rules of old apply again, and it goes.
    store.ok(&["retention", "set", "artifact://s/1/log/ever", "--default"]);
    let (items, _) = clean(&store, &[]);
    assert_eq!(expiring(&items), ["ever"]);
    let said = store.ok(&["retention", "show"]);
    assert!(said.contains("by_task nightly-keep*: never\n"), "{said}");
    assert!(said.contains("by_type log: 7 days\n"), "{said}");
}

#[test]
fn retention_is_set_by_filters_and_by_version() {
    let store = sandbox();
    seed(
        &store,
        1,
        &["s/1/log/a", "s/1/log/a", "s/1/log/b", "t/1/log/c"],
    );
    let set = ["retention", "set", "--keep-days", "90"];
    let one = store.json(&[&set[..], &["artifact://s/1/log/a?version=1"]].concat());
    assert_eq!(one[0]["uri"], "artifact://s/1/log/a?version=1");
    let tried = store.json(&[&set[..], &["--spec", "s", "--all-versions", "--dry-run"]].concat());
    let changed = |changes: &[Value]| changes.iter().filter(|one| one["changed"] == true).count();
    assert_eq!((tried.len(), changed(&tried)), (3, 2));
    assert_eq!(
        why(&store, "s/1/log/b")["days"],
        7,
        "a dry run changes nothing"
    );
    let done = store.json(&[&set[..], &["--spec", "s", "--all-versions"]].concat());
    assert_eq!(changed(&done), 2);
    assert_eq!(why(&store, "s/1/log/b")["days"], 90);
    assert_eq!(why(&store, "t/1/log/c")["days"], 7);
    store.fails(&set, 2);
    store.fails(
        &[&set[..], &["--spec", "s", "artifact://s/1/log/a"]].concat(),
        2,
    );
    store.fails(&["retention", "set", "--spec", "s"], 2);
    store.fails(&[&set[..], &["artifact://s/1/log/none"]].concat(), 3);
}

#[test]
fn the_latest_are_kept_whatever_their_age() {
    let store = sandbox()
        .with_env("ARTIFACT_RETENTION__KEEP_LATEST", "2")
        .with_env("ARTIFACT_RETENTION__KEEP_LATEST_BY_TASK", "release-*=1");
    seed(&store, 90, &["s/release-1/log/r1"]);
    for (days, name) in [(80, "a"), (70, "b"), (60, "c"), (50, "d")] {
        seed(&store, days, &[&format!("s/1/log/{name}")]);
        seed(&store, days, &[&format!("other/1/log/o{name}")]);
    }
    let (items, _) = clean(&store, &["--dry-run"]);
    assert_eq!(expiring(&items), ["a", "b", "oa", "ob"]);
    clean(&store, &[]);
    assert_eq!(names(&store), ["c", "d", "oc", "od", "r1"]);
    let latest = why(&store, "s/1/log/c");
    assert_eq!(latest["fate"], "latest");
    assert_eq!(latest["latest"]["rank"], 2);
    let text = store.ok(&["why", "artifact://s/release-1/log/r1"]);
    assert!(
        text.contains(
            "stays: it is number 1 of the latest 1 of its spec and type in tasks release-*"
        ),
        "{text}"
    );
    // A newer one takes the place of the oldest that was kept.
    store.write("e", "e");
    let args = ["upload", "e", "--spec", "s", "--task", "1", "--type", "log"];
    store.ok(&args);
    let (items, totals) = clean(&store, &[]);
    assert_eq!(expiring(&items), ["c"]);
    assert_eq!(totals["restamped"], 0);
    assert_eq!(why(&store, "s/1/log/d")["latest"]["rank"], 2);
}

#[test]
fn cleanup_does_what_its_dry_run_says_and_nothing_else() {
    let store = sandbox();
    seed(
        &store,
        10,
        &["s/1/log/a", "s/1/log/b", "s/2/log/ü d", "s/1/code/stays"],
    );
    seed(&store, 1, &["s/1/log/young"]);
    let everything = [
        "search",
        "--all-versions",
        "--state",
        "active",
        "--state",
        "deleted",
    ];
    let (planned, would) = clean(&store, &["--dry-run"]);
    assert_eq!(
        (would["expired"].clone(), would["dry_run"].clone()),
        (3.into(), true.into())
    );
    assert_eq!(store.blobs().len(), 5, "a dry run removes nothing");
    for item in &planned {
        assert_eq!(item["rule"], "by_type log: 7 days");
        assert!(
            item["due_since"].is_string() && item["stored_size_bytes"].is_u64(),
            "{item}"
        );
    }
    let outcome = store.run(&["cleanup", "--json", "-v"]).expect_code(0);
    // The log names each and its rule.
    outcome.says(&[
        "artifact://s/1/log/a?version=1",
        "by_type log: 7 days",
        "cleaned up",
    ]);
    let mut done = outcome.objects();
    let did = done.pop().expect("there are totals");
    assert_eq!(done, planned);
    for key in [
        "expired",
        "stored_size_bytes",
        "restamped",
        "changed",
        "failed",
    ] {
        assert_eq!(did[key], would[key], "{key}");
    }
    assert_eq!(store.json(&everything).len(), 2);
    assert_eq!(names(&store), ["stays", "young"]);
    assert_eq!(store.blobs().len(), 2);
    let (again, totals) = clean(&store, &[]);
    assert_eq!((again.len(), totals["expired"].clone()), (0, 0.into()));
    let text = store.ok(&["cleanup", "--dry-run"]);
    assert_eq!(
        text,
        "would expire 0 versions, 0 B; 0 with another time of expiry\n"
    );
    // What is gone stays gone when the index is made anew.
    for path in store.index_files() {
        if path.is_dir() {
            std::fs::remove_dir_all(path).expect("it can be removed");
        } else {
            std::fs::remove_file(path).expect("it can be removed");
        }
    }
    store.ok(&["reindex"]);
    assert_eq!(names(&store), ["stays", "young"]);
}

#[test]
fn a_hold_beats_cleanup_until_it_is_released() {
    let store = sandbox();
    seed(&store, 10, &["s/1/log/held", "s/1/log/free"]);
    let held = "artifact://s/1/log/held?version=1";
    store.ok(&["hold", "set", held, "--reason", "audit"]);
    let kept = why(&store, "s/1/log/held?version=1");
    assert!(kept.to_string().contains("audit"), "{kept}");
    let (planned, _) = clean(&store, &["--dry-run"]);
    assert_eq!(expiring(&planned), ["free"]);
    clean(&store, &[]);
    assert_eq!(names(&store), ["held"]);
    store.ok(&["hold", "release", held]);
    assert_eq!(names(&store), [""; 0]);
    let (done, _) = clean(&store, &[]);
    assert_eq!(expiring(&done), ["held"]);
    assert_eq!(store.blobs().len(), 0);
}

#[test]
fn a_changed_policy_applies_to_what_is_stored() {
    let store = sandbox();
    seed(&store, 10, &["s/1/log/log", "s/1/code/code"]);
    let laxer = store.with_env("ARTIFACT_RETENTION__BY_TYPE__LOG", "20");
    // Its record says that it has expired; no rule in force does.
    laxer.fails(&["show", "artifact://s/1/log/log"], 3);
    let text = laxer.ok(&["why", "artifact://s/1/log/log"]);
    assert!(
        text.contains("by_type log: 20 days") && text.contains("its record says"),
        "{text}"
    );
    let (items, totals) = clean(&laxer, &[]);
    assert_eq!(texts(&items, "action"), ["restamp"]);
    assert_eq!(
        (totals["expired"].clone(), totals["restamped"].clone()),
        (0.into(), 1.into())
    );
    assert_eq!(names(&laxer), ["code", "log"]);
    let stricter = laxer.with_env("ARTIFACT_RETENTION__DEFAULT_DAYS", "9");
    let (items, _) = clean(&stricter, &["--dry-run"]);
    assert_eq!(expiring(&items), ["code"]);
    let off = stricter.with_env("ARTIFACT_RETENTION__ENABLED", "false");
    let (items, totals) = clean(&off, &[]);
    assert_eq!(totals["expired"], 0, "{items:?}");
    assert_eq!(why(&off, "s/1/code/code")["fate"], "unending");
    assert_eq!(names(&off), ["code", "log"]);
}

#[test]
fn a_clock_that_is_behind_what_is_stored_is_not_trusted() {
    let store = sandbox();
    seed(&store, 10, &["s/1/log/old"]);
    let ahead = days_ago(0).saturating_add(Duration::from_hours(72));
    seed_at(&store, ahead, &["s/1/code/from the future"]);
    for flags in [&["cleanup"][..], &["cleanup", "--dry-run"]] {
        let stderr = store.fails(flags, 6);
        assert!(
            stderr.contains("the clock says") && stderr.contains("--force"),
            "{stderr}"
        );
    }
    assert_eq!(store.blobs().len(), 2);
    let (items, _) = clean(&store, &["--force"]);
    assert_eq!(expiring(&items), ["old"]);
}

#[test]
fn a_schedule_that_is_off_ends_at_once_and_says_why() {
    for (variable, value, why) in [
        (
            "ARTIFACT_RETENTION__ENABLED",
            "false",
            "retention.enabled is false",
        ),
        (
            "ARTIFACT_RETENTION__SCHEDULE",
            "",
            "retention.schedule is not set",
        ),
    ] {
        let store = sandbox().with_env(variable, value);
        let outcome = store.run(&["cleanup", "--scheduled"]).expect_code(0);
        outcome.says(&[why]);
    }
    let never = sandbox().with_env("ARTIFACT_RETENTION__SCHEDULE", "0 0 31 2 *");
    let stderr = never.fails(&["cleanup", "--scheduled"], 2);
    assert!(stderr.contains("no time that ever comes"), "{stderr}");
}

#[test]
fn what_never_was_has_no_reason() {
    let store = sandbox();
    let stderr = store.fails(&["why", "artifact://s/1/log/none"], 3);
    assert!(stderr.contains("artifact://s/1/log/none"), "{stderr}");
}
