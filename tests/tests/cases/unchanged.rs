//! `upload --skip-unchanged`: what is stored already as it is stays as it is, and everything else
//! is stored.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use e2e::tree::{assert_same, contents, set_modified};
use e2e::{Outcome, Sandbox};

use super::tree::grown;
use super::{sandbox, texts};

const LONG_AGO: u64 = 1_000_000_000;

fn upload(store: &Sandbox, more: &[&str]) -> Outcome {
    let args = ["upload", "tree", "--task", "1", "--skip-unchanged"];
    store.run(&[&args, more].concat()).expect_code(0)
}

fn names(outcome: &Outcome) -> Vec<&str> {
    let lines = outcome.text().lines();
    lines.filter_map(|uri| uri.rsplit('/').next()).collect()
}

fn with_tree(names: &[&str]) -> Sandbox {
    let store = sandbox();
    for name in names {
        let path = store.write(format!("tree/{name}"), name);
        set_modified(&path, LONG_AGO, 7);
    }
    store
}

#[test]
fn a_tree_that_has_not_changed_is_left_as_it_is() {
    let store = sandbox();
    grown(&store, 1_300);
    let count = contents(&store.work("tree")).len();
    for path in contents(&store.work("tree")).keys().step_by(2) {
        set_modified(&store.work("tree").join(path), LONG_AGO, 7);
    }
    let first = upload(&store, &[]);
    assert_eq!(first.text().lines().count(), count);
    first.says(&["0 unchanged\n"]);
    let before = store.json(&["search"]);
    let second = upload(&store, &[]);
    assert_eq!(second.text(), "");
    second.says(&[&format!("{count} unchanged\n")]);
    assert_eq!(store.json(&["search"]), before);

    fs::write(store.work("tree/0.txt"), "changed").expect("files can be written");
    store.write("tree/src/new.txt", "new");
    let third = upload(&store, &[]);
    assert_eq!(names(&third), ["0.txt", "new.txt"]);
    third.says(&[&format!("{} unchanged\n", count - 1)]);
    store.ok(&["download", "--task", "1", "-D", "out"]);
    assert_same(&store.work("tree"), &store.work("out"));
}

#[test]
fn bytes_are_compared_where_the_time_does_not_tell() {
    let store = with_tree(&["same", "other"]);
    upload(&store, &[]);
    // another time and the same bytes; the same time, just now, and other bytes of that size
    set_modified(&store.work("tree/same"), LONG_AGO + 1, 0);
    store.write("tree/other", "OTHER");
    let outcome = upload(&store, &[]);
    assert_eq!(names(&outcome), ["other"]);
    outcome.says(&["1 unchanged\n"]);
    // the size and an old time are believed: that is what makes it quick
    fs::write(store.work("tree/same"), "SAME").expect("files can be written");
    set_modified(&store.work("tree/same"), LONG_AGO, 7);
    upload(&store, &[]).says(&["2 unchanged\n"]);
}

#[test]
fn a_file_that_was_written_just_before_is_read() {
    let store = sandbox();
    store.write("tree/x", "one");
    upload(&store, &[]);
    let time = fs::metadata(store.work("tree/x")).and_then(|found| found.modified());
    store.write("tree/x", "two");
    let file = fs::File::options().append(true).open(store.work("tree/x"));
    file.and_then(|file| file.set_modified(time?))
        .expect("times can be changed");
    assert_eq!(names(&upload(&store, &[])), ["x"]);
}

#[test]
fn a_large_file_is_read_and_stored_whole() {
    let store = sandbox();
    let path = store.write("tree/large", e2e::tree::noise(1, 3_000_000));
    set_modified(&path, LONG_AGO, 0);
    upload(&store, &[]);
    set_modified(&path, LONG_AGO + 1, 0);
    upload(&store, &[]).says(&["1 unchanged\n"]);
    fs::write(&path, e2e::tree::noise(2, 3_000_000)).expect("files can be written");
    assert_eq!(names(&upload(&store, &[])), ["large"]);
    store.ok(&["download", "--task", "1", "-D", "out"]);
    assert_same(&store.work("tree"), &store.work("out"));
}

#[test]
fn another_kind_or_mode_of_file_is_a_change() {
    let store = with_tree(&["run", "link"]);
    upload(&store, &[]);
    let run = store.work("tree/run");
    fs::set_permissions(&run, Permissions::from_mode(0o755)).expect("modes can be changed");
    fs::remove_file(store.work("tree/link")).expect("files can be removed");
    // its bytes are what the file had
    symlink("link", store.work("tree/link")).expect("links can be made");
    assert_eq!(names(&upload(&store, &[])), ["link", "run"]);
    upload(&store, &[]).says(&["2 unchanged\n"]);
    fs::remove_file(store.work("tree/link")).expect("links can be removed");
    symlink("knil", store.work("tree/link")).expect("links can be made");
    assert_eq!(names(&upload(&store, &[])), ["link"]);
}

#[test]
fn only_the_newest_version_at_the_same_place_counts() {
    let store = with_tree(&["x.txt"]).with_env("ARTIFACT_VERSIONING__ENABLED", "true");
    upload(&store, &[]);
    for other in [&["--type", "data"][..], &["--task", "2"], &["--spec", "s"]] {
        let args = [&["upload", "tree", "--skip-unchanged"], other].concat();
        let args = if other[0] == "--task" {
            args
        } else {
            [&args[..], &["--task", "1"]].concat()
        };
        let outcome = store.run(&args).expect_code(0);
        assert_eq!(names(&outcome), ["x.txt"], "{outcome}");
    }
    // back to bytes that an older version has
    let path = store.write("tree/x.txt", "other");
    assert_eq!(names(&upload(&store, &[])), ["x.txt"]);
    fs::write(&path, "x.txt").expect("files can be written");
    set_modified(&path, LONG_AGO, 7);
    assert_eq!(names(&upload(&store, &[])), ["x.txt"]);
    let everything = ["search", "--all-versions", "--spec", "default"];
    let found = store.json(&[&everything[..], &["--task", "1", "--type", "document"]].concat());
    assert_eq!(found.len(), 3);
}

#[test]
fn what_is_gone_is_stored_again() {
    let store = with_tree(&["a", "b", "c"]);
    let uploaded = upload(&store, &[]);
    let uri = uploaded.text().lines().nth(1).expect("there are three");
    store.ok(&["delete", uri]);
    let outcome = upload(&store, &[]);
    assert_eq!(names(&outcome), ["b"]);
    outcome.says(&["2 unchanged\n"]);
}

#[test]
fn single_files_and_streams() {
    let store = with_tree(&["a", "b"]);
    let files = [
        "upload",
        "tree/b",
        "tree/a",
        "--skip-unchanged",
        "--type",
        "data",
    ];
    let outcome = store.run(&files).expect_code(0);
    assert_eq!(names(&outcome), ["b", "a"]);
    let outcome = store.run(&files).expect_code(0);
    assert_eq!(outcome.text(), "");
    outcome.says(&["2 unchanged\n"]);
    // a stream can be read once only, so it is stored
    let stream = [
        "upload",
        "-",
        "--name",
        "a",
        "--skip-unchanged",
        "--type",
        "data",
    ];
    for _ in 0..2 {
        let outcome = store.run_with_input(&stream, b"a").expect_code(0);
        assert_eq!(names(&outcome), ["a"]);
    }
    // and has no attributes, so the file is compared by its bytes
    let outcome = store.run(&files).expect_code(0);
    outcome.says(&["2 unchanged\n"]);
}

#[test]
fn json_has_what_was_stored_and_nothing_new() {
    let store = with_tree(&["a", "b"]);
    upload(&store, &[]);
    store.write("tree/b", "changed");
    let outcome = upload(&store, &["--json"]);
    let objects = outcome.objects();
    assert_eq!(texts(&objects, "name"), ["b"]);
    assert_eq!(store.json(&["show", texts(&objects, "uri")[0]]), objects);
    assert_eq!(upload(&store, &["--quiet"]).stderr, "");
}
