//! What is synced before a put or a delete returns, as the system sees it: nothing but a power cut would show
//! otherwise. Needs `strace`; where that is missing the test says loudly what it could not try.

#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::Command;

use adapter_opendal::{Durability, FsOptions, OpendalStore};
use artifact_domain::port::{BlobStore, PutOptions};

use super::{key, put};

const ROOT: &str = "TRACED_PUT_ROOT";
const RELAXED: &str = "TRACED_PUT_RELAXED";

/// Two puts and two deletes, to be looked at from outside.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run under strace by the other tests of this file"]
async fn traced_put() {
    let (_, store) = traced_store();
    let (x, y) = (key("x"), key("y"));
    put(&store, &x, "x").await.unwrap();
    put(&store, &y, "y").await.unwrap();
    for key in [x, y] {
        assert!(store.delete(vec![key]).await.unwrap().is_empty());
    }
}

/// A put of what lies in a file already, likewise.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run under strace by the other tests of this file"]
async fn traced_local_copy() {
    let (root, store) = traced_store();
    let copy = root.join("copy");
    std::fs::write(&copy, "x").unwrap();
    let options = PutOptions {
        local_copy: Some(copy),
        ..PutOptions::default()
    };
    let put = store.put(key("x"), artifact_testkit::body("x"), options);
    put.await.unwrap();
}

fn traced_store() -> (PathBuf, OpendalStore) {
    let root = PathBuf::from(std::env::var_os(ROOT).unwrap());
    let durability = match std::env::var_os(RELAXED) {
        Some(_) => Durability::Relaxed,
        None => Durability::Full,
    };
    let options = FsOptions {
        root: root.clone(),
        durability,
    };
    (root, OpendalStore::fs(options).unwrap())
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Sync(PathBuf),
    Publish(PathBuf),
}

/// The syncs and renames of one of the tests above, below `root`.
fn trace(test: &str, root: &Path, durability: Durability) -> Option<Vec<Step>> {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut traced = Command::new("strace");
    traced
        .args([
            "-f",
            "-y",
            "-s",
            "4096",
            "-e",
            "trace=/sync,/rename,/linkat",
            "-o",
        ])
        .arg(log.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--test-threads=1"])
        .env(ROOT, root);
    if durability == Durability::Relaxed {
        traced.env(RELAXED, "1");
    }
    let done = match traced.output() {
        Ok(done) if done.status.success() => done,
        other => {
            eprintln!("NOT TRIED: what is synced, since strace does not run here: {other:?}");
            return None;
        }
    };
    assert!(
        String::from_utf8_lossy(&done.stdout).contains("1 passed"),
        "{done:?}"
    );
    let log = std::fs::read_to_string(log.path()).unwrap();
    Some(log.lines().filter_map(step).collect())
}

/// `7 fsync(4</path>) = 0`, or `7 rename("/from", "/to") = 0` or `linkat` alike; what failed is left
/// out.
fn step(line: &str) -> Option<Step> {
    let (call, result) = line.rsplit_once('=')?;
    if result.trim() != "0" {
        return None;
    }
    if call.contains("rename") || call.contains("linkat") {
        let to = call.rsplit('"').nth(1)?;
        Some(Step::Publish(to.into()))
    } else {
        let path = call.split_once('<')?.1.rsplit_once('>')?.0;
        Some(Step::Sync(path.into()))
    }
}

#[test]
fn the_file_its_directory_and_every_new_one_are_synced() {
    let directory = tempfile::tempdir().unwrap();
    let top = directory.path().canonicalize().unwrap();
    let root = top.join("new/root");
    let Some(mut steps) = trace("sync::traced_put", &root, Durability::Full) else {
        return;
    };
    let is_temp =
        |step: &Step| matches!(step, Step::Sync(path) if path.starts_with(root.join(".tmp")));
    let folder = |path: &str| Step::Sync(root.join(path));
    // The root itself, and what was made for it.
    let mut expected = vec![Step::Sync(top.join("new")), Step::Sync(top)];
    assert_eq!(steps[..2], expected);
    // The first put makes five directories.
    assert!(is_temp(&steps[2]), "{:?}", steps[2]);
    assert!(matches!(&steps[3], Step::Publish(path) if path.starts_with(root.join("artifacts"))));
    // A file that had no name, which the system shows by its number, is synced with its name too.
    if matches!(&steps[2], Step::Sync(path) if path.to_string_lossy().contains("/#")) {
        assert_eq!(steps.remove(4), steps[2]);
        assert_eq!(steps.remove(12), steps[10]);
    }
    expected = vec![
        folder("artifacts/spec/task/output/data"),
        folder("artifacts/spec/task/output"),
        folder("artifacts/spec/task"),
        folder("artifacts/spec"),
        folder("artifacts"),
        folder(""),
    ];
    assert_eq!(
        steps[4..10].iter().collect::<Vec<_>>(),
        expected.iter().collect::<Vec<_>>()
    );
    // The second finds them.
    assert!(is_temp(&steps[10]), "{:?}", steps[10]);
    assert!(matches!(&steps[11], Step::Publish(_)));
    assert_eq!(steps[12], expected[0]);
    // What is deleted is gone for good, with its directories where it was the last.
    assert_eq!(
        steps[13..],
        [
            folder("artifacts/spec/task/output/data"),
            folder("artifacts")
        ]
    );
}

#[test]
fn a_local_copy_is_synced_before_it_becomes_a_blob() {
    let directory = tempfile::tempdir().unwrap();
    let top = directory.path().canonicalize().unwrap();
    let root = top.join("root");
    let test = "sync::traced_local_copy";
    let Some(steps) = trace(test, &root, Durability::Full) else {
        return;
    };
    let copy = Step::Sync(root.join("copy"));
    let published = |step: &Step, folder: &str| {
        let folder = root.join(folder);
        matches!(step, Step::Publish(path) if path.starts_with(folder))
    };
    // After the root and what was made for it: a name to be renamed, the bytes, the place, its directory.
    assert_eq!(steps[0], Step::Sync(top.clone()));
    assert!(published(&steps[1], ".tmp"), "{steps:?}");
    assert_eq!(steps[2], copy);
    let place = steps.iter().position(|step| published(step, "artifacts"));
    let place = place.unwrap();
    assert!(
        steps[2..place].iter().all(|step| *step == copy),
        "{steps:?}"
    );
    let folder = root.join("artifacts/spec/task/output/data");
    assert_eq!(steps[place + 1], Step::Sync(folder));
    assert_eq!(steps.last(), Some(&Step::Sync(root)));
    let relaxed = top.join("relaxed");
    let steps = trace(test, &relaxed, Durability::Relaxed).unwrap();
    // Its first name may survive a loss of power, so its bytes have to.
    assert_eq!(steps.len(), 3, "{steps:?}");
    assert_eq!(steps[1], Step::Sync(relaxed.join("copy")));
    assert!(matches!(steps[2], Step::Publish(_)), "{steps:?}");
}

#[test]
fn what_is_relaxed_syncs_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("new/root");
    let Some(steps) = trace("sync::traced_put", &root, Durability::Relaxed) else {
        return;
    };
    assert_eq!(steps.len(), 2, "{steps:?}");
    assert!(steps.iter().all(|step| matches!(step, Step::Publish(_))));
}
