//! Downloading: where to, which bytes, and what is never overwritten.

use std::fs;

use e2e::Sandbox;
use e2e::tree::{contents, prose};

use super::{sandbox, texts};

const URI: &str = "artifact://demo/1/data/dir/a.txt";

/// A store with one artifact.
fn filled() -> (Sandbox, Vec<u8>) {
    let store = sandbox();
    let bytes = prose(1, 100_000);
    store.write("a.txt", &bytes);
    let args = [
        "upload", "a.txt", "--spec", "demo", "--task", "1", "--type", "data",
    ];
    store.ok(&[&args[..], &["--name", "dir/a.txt"]].concat());
    fs::remove_file(store.work("a.txt")).expect("the original can be removed");
    (store, bytes)
}

/// The names of what lies in the current folder.
fn listing(store: &Sandbox) -> Vec<String> {
    let paths = contents(&store.work("")).into_keys();
    paths
        .map(|path| path.to_string_lossy().into_owned())
        .collect()
}

#[test]
fn a_file_gets_its_own_name_and_overwrites_nothing() {
    let (store, bytes) = filled();
    assert_eq!(store.ok(&["download", URI]), "a.txt\n");
    assert_eq!(store.read("a.txt"), bytes);
    store.write("a.txt", "mine");
    let outcome = store.run(&["download", URI]).expect_code(6);
    outcome.says(&["a.txt", "-o"]);
    assert_eq!(store.read("a.txt"), b"mine");
    assert_eq!(listing(&store), ["a.txt"]);
}

#[test]
fn a_file_that_is_named_is_replaced() {
    let (store, bytes) = filled();
    store.write("out.txt", "old");
    assert_eq!(store.ok(&["download", URI, "-o", "out.txt"]), "out.txt\n");
    assert_eq!(store.read("out.txt"), bytes);
    assert_eq!(listing(&store), ["out.txt"]);
}

/// What is no file is written to, never replaced: a device, a pipe, a standard stream.
#[test]
fn what_is_no_file_is_written_to() {
    let (store, bytes) = filled();
    let of_stdout = store.work("stdout");
    std::os::unix::fs::symlink("/proc/self/fd/1", &of_stdout).expect("links can be made");
    let mut command = store.command(["download", URI, "-o", "stdout"]);
    let out = command.output().expect("it can be run");
    assert!(out.status.success() && out.stdout == bytes);
    assert!(of_stdout.is_symlink());
    let pipe = store.work("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo can be run").success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read(pipe)
    });
    store.ok(&["download", URI, "-o", "pipe"]);
    let read = reader.join().expect("it ends").expect("it can be read");
    assert!(read == bytes);
    let kind = fs::symlink_metadata(&pipe)
        .expect("it is there")
        .file_type();
    assert!(std::os::unix::fs::FileTypeExt::is_fifo(&kind));
    store.ok(&["download", URI, "-o", "/dev/null"]);
}

#[test]
fn ids_serve_for_addresses() {
    let (store, bytes) = filled();
    let found = store.json(&["search"]);
    let id = texts(&found, "id")[0];
    assert_eq!(store.bytes(&["download", id, "-o", "-"]), bytes);
    assert_eq!(store.json(&["show", id]), found);
    assert_eq!(
        store.bytes(&["download", &id.to_uppercase(), "-o", "-"]),
        bytes
    );
}

#[test]
fn json_tells_what_was_fetched() {
    let (store, bytes) = filled();
    assert_eq!(
        store.json(&["download", URI, "-o", "x"]),
        store.json(&["show", URI])
    );
    assert_eq!(store.read("x"), bytes);
}

#[test]
fn a_range_is_cut_out() {
    let (store, bytes) = filled();
    store.write("plain.txt", &bytes);
    store.ok(&[
        "upload",
        "plain.txt",
        "--no-compress",
        "--type",
        "data",
        "--task",
        "1",
    ]);
    let size = bytes.len();
    let cases = [
        ("0-99", &bytes[..100]),
        ("0-0", &bytes[..1]),
        ("5000-70000", &bytes[5_000..=70_000]),
        ("99000-", &bytes[99_000..]),
        ("-1000", &bytes[size - 1_000..]),
        ("-0", &[]),
        ("-999999", &bytes[..]),
        ("99999-200000", &bytes[99_999..]),
        ("0-", &bytes[..]),
        ("0-18446744073709551615", &bytes[..]),
    ];
    for uri in [URI, "artifact://default/1/data/plain.txt"] {
        for (range, expected) in cases {
            let found = store.bytes(&["download", uri, "-o", "-", "--range", range]);
            assert_eq!(found.len(), expected.len(), "{uri} {range}");
            assert!(found == expected, "other bytes: {uri} {range}");
        }
        let outcome = store.run(&["download", uri, "-o", "x", "--range", "100000-"]);
        outcome.expect_code(2).says(&["100000-", "100000 bytes"]);
    }
    assert!(!store.work("x").exists());
}

#[test]
fn a_range_of_nothing() {
    let store = sandbox();
    store.ok(&["upload", "-", "--name", "empty", "--type", "data"]);
    let uri = "artifact://default/local/data/empty";
    for range in ["0-", "0-99", "-5"] {
        assert_eq!(
            store.bytes(&["download", uri, "-o", "-", "--range", range]),
            b"",
            "{range}"
        );
    }
    store.fails(&["download", uri, "-o", "-", "--range", "1-"], 2);
}

#[test]
fn a_folder_gets_one_folder_per_task_where_no_task_is_named() {
    let store = sandbox();
    store.write("x.txt", "one");
    store.ok(&["upload", "x.txt", "--spec", "demo", "--task", "run/1"]);
    store.write("x.txt", "two");
    store.ok(&[
        "upload", "x.txt", "--spec", "demo", "--task", "2", "--name", "a/x.txt",
    ]);
    store.ok(&["upload", "x.txt", "--spec", "other", "--task", "3"]);
    store.ok(&["download", "--spec", "demo", "-D", "out"]);
    let found = contents(&store.work("out"));
    let expected = [
        ("2/a/x.txt".into(), b"two".to_vec()),
        ("run%2F1/x.txt".into(), b"one".to_vec()),
    ];
    assert_eq!(found, expected.into());
}

#[test]
fn two_types_of_one_name_do_not_overwrite_each_other() {
    let store = sandbox();
    store.write("x", "data");
    store.ok(&["upload", "x", "--task", "1", "--type", "data"]);
    store.write("x", "code");
    store.ok(&["upload", "x", "--task", "1", "--type", "code"]);
    store.write("y", "fine");
    store.ok(&["upload", "y", "--task", "1"]);
    let outcome = store
        .run(&["download", "--task", "1", "-D", "out"])
        .expect_code(6);
    outcome.says(&["out/x", "of type "]);
    let found = contents(&store.work("out"));
    assert_eq!(found.len(), 2, "{outcome}");
    let first = &found[std::path::Path::new("x")];
    assert!(first == b"data" || first == b"code", "{outcome}");
}

#[test]
fn a_folder_that_is_there_is_written_into_and_never_out_of() {
    let (store, bytes) = filled();
    store.write("out/mine.txt", "mine");
    store.write("out/dir/a.txt", "old");
    store.ok(&["download", "--spec", "demo", "--task", "1", "-D", "out"]);
    assert_eq!(store.read("out/mine.txt"), b"mine");
    assert_eq!(store.read("out/dir/a.txt"), bytes);

    fs::create_dir(store.work("outside")).expect("folders can be made");
    fs::create_dir(store.work("trap")).expect("folders can be made");
    std::os::unix::fs::symlink("../outside", store.work("trap/dir")).expect("links can be made");
    let outcome = store.run(&["download", "--spec", "demo", "--task", "1", "-D", "trap"]);
    outcome.expect_code(6).says(&["trap/dir"]);
    assert!(contents(&store.work("outside")).is_empty());
}

#[test]
fn nothing_to_fetch_is_not_found() {
    let (store, _) = filled();
    let outcome = store.run(&["download", "--spec", "demo", "--task", "2", "-D", "out"]);
    outcome.expect_code(3).says(&["demo", "2"]);
    let outcome = store.run(&["download", "artifact://demo/1/data/nothing", "-o", "x"]);
    outcome
        .expect_code(3)
        .says(&["artifact://demo/1/data/nothing"]);
    assert_eq!(listing(&store), Vec::<String>::new());
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let (store, _) = filled();
    store.write("file", "x");
    store
        .run(&["download", URI, "-o", "missing/x"])
        .expect_code(3)
        .says(&["missing/x"]);
    store
        .run(&["download", URI, "-o", "file/x"])
        .expect_code(2)
        .says(&["file/x"]);
    store
        .run(&["download", URI, "-o", "."])
        .expect_code(2)
        .says(&["is a folder"]);
    store
        .run(&["download", "--spec", "demo", "-D", "file"])
        .expect_code(6)
        .says(&["file"]);
    assert_eq!(listing(&store), ["file"]);
}
