//! Damage on disk is found: exit code 5, the artifact is named, and no file appears.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::Sandbox;
use e2e::tree::{contents, prose};

use super::sandbox;

const URI: &str = "artifact://demo/1/data/a.txt";

/// A store with one artifact, and the path of its blob.
fn filled(more: &[&str]) -> (Sandbox, PathBuf) {
    let store = sandbox();
    store.write("a.txt", prose(1, 200_000));
    let args = [
        "upload", "a.txt", "--spec", "demo", "--task", "1", "--type", "data",
    ];
    store.ok(&[&args[..], more].concat());
    let blob = store.blobs().remove(0);
    (store, blob)
}

fn change(blob: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(blob).expect("the blob can be read");
    change(&mut bytes);
    fs::write(blob, bytes).expect("the blob can be written");
}

/// Asserts that no way of fetching gives a file.
#[track_caller]
fn assert_damaged(store: &Sandbox) {
    let before = contents(&store.work(""));
    store
        .run(&["download", URI, "-o", "out.txt"])
        .expect_code(5)
        .says(&[URI]);
    store
        .run(&["download", "--spec", "demo", "-D", "out"])
        .expect_code(5)
        .says(&[URI]);
    store
        .run(&["download", URI, "-o", "-"])
        .expect_code(5)
        .says(&[URI]);
    assert_eq!(contents(&store.work("")), before, "a file was left");
}

#[test]
fn a_flipped_bit_is_found() {
    for more in [&[][..], &["--no-compress"]] {
        let (store, blob) = filled(more);
        let middle = |bytes: &mut Vec<u8>| {
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
        };
        change(&blob, middle);
        assert_damaged(&store);
        change(&blob, middle);
        store.ok(&["download", URI, "-o", "-"]);
        change(&blob, |bytes| bytes[0] ^= 0x80);
        assert_damaged(&store);
    }
}

#[test]
fn nothing_of_what_is_damaged_is_printed() {
    let store = sandbox();
    let text = prose(1, 3_000_000);
    store.write("a.txt", &text);
    for more in [&[][..], &["--no-compress"]] {
        let args = ["upload", "a.txt", "--spec", "demo", "--task", "1"];
        let args = [&args[..], &["--type", "data"], more].concat();
        store.ok(&args);
        let blob = store.blobs().remove(0);
        change(&blob, |bytes| {
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
        });
        for way in [
            &["cat", URI][..],
            &["download", URI, "-o", "-", "--no-verify"],
        ] {
            let outcome = store.run(way).expect_code(5);
            let printed = &outcome.stdout[..];
            assert!(!printed.is_empty() && printed.len() < text.len(), "{way:?}");
            assert!(text.starts_with(printed), "{way:?} {more:?}");
        }
        store.ok(&["delete", URI]);
    }
}

#[test]
fn a_blob_that_is_too_short_or_too_long_is_found() {
    for more in [&[][..], &["--no-compress"]] {
        for length in [0, 1, 1_000] {
            let (store, blob) = filled(more);
            change(&blob, |bytes| bytes.truncate(length));
            assert_damaged(&store);
        }
        let (store, blob) = filled(more);
        change(&blob, |bytes| {
            bytes.pop();
        });
        assert_damaged(&store);
        let (store, blob) = filled(more);
        change(&blob, |bytes| bytes.push(b'x'));
        assert_damaged(&store);
    }
}

#[test]
fn a_blob_that_is_gone_is_found() {
    let (store, blob) = filled(&[]);
    fs::remove_file(blob).expect("the blob can be removed");
    assert_damaged(&store);
    store.ok(&["show", URI]);
    store.ok(&["delete", URI]);
    store.assert_empty();
}

#[test]
fn one_damaged_artifact_does_not_keep_the_others() {
    let (store, blob) = filled(&[]);
    store.write("b.txt", "sound");
    store.ok(&[
        "upload", "b.txt", "--spec", "demo", "--task", "1", "--type", "data",
    ]);
    change(&blob, |bytes| bytes.truncate(100));
    let args = ["download", "--spec", "demo", "--task", "1", "-D", "out"];
    store.run(&args).expect_code(5).says(&[URI]);
    let found = contents(&store.work("out"));
    assert_eq!(found, [("b.txt".into(), b"sound".to_vec())].into());
}

#[test]
fn verification_can_be_left_out() {
    let (store, blob) = filled(&["--no-compress"]);
    change(&blob, |bytes| bytes[0] ^= 1);
    let damaged = fs::read(&blob).expect("the blob can be read");
    assert!(
        store.bytes(&["download", URI, "-o", "-", "--no-verify"]) == damaged,
        "other bytes"
    );
    let store = store.with_env("ARTIFACT_VERIFY_CHECKSUM", "false");
    assert!(
        store.bytes(&["download", URI, "-o", "-"]) == damaged,
        "other bytes"
    );
    // what the encoding itself shows is damage all the same
    let (store, blob) = filled(&[]);
    change(&blob, |bytes| bytes.truncate(100));
    store.fails(&["download", URI, "-o", "x", "--no-verify"], 5);
    assert!(!store.work("x").exists());
}

#[test]
fn an_upload_over_damage_repairs_it() {
    let (store, blob) = filled(&[]);
    change(&blob, Vec::clear);
    assert_damaged(&store);
    store.write("a.txt", "new");
    store.ok(&[
        "upload", "a.txt", "--spec", "demo", "--task", "1", "--type", "data",
    ]);
    assert_eq!(store.ok(&["download", URI, "-o", "-"]), "new");
    assert_eq!(store.blobs().len(), 1);
}
