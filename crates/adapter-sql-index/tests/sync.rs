//! What is synced before a change is acknowledged, as the system sees it: nothing but a power cut
//! would show otherwise. Needs `strace`; where that is missing the test says loudly what it could
//! not try.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "what helps a test may fail and speak as the test itself may"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use adapter_sql_index::{Durability, SqliteIndex, SqliteOptions};
use artifact_domain::port::ArtifactIndex;
use artifact_testkit::sample;

const DIR: &str = "TRACED_INDEX_DIR";
const RELAXED: &str = "TRACED_INDEX_RELAXED";

/// Two uploads, each step marked by a file of its name, to be looked at from outside.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run under strace by the other tests of this file"]
async fn traced_uploads() {
    let dir = PathBuf::from(std::env::var_os(DIR).unwrap());
    let durability = match std::env::var_os(RELAXED) {
        Some(_) => Durability::Relaxed,
        None => Durability::Full,
    };
    let options = SqliteOptions {
        durability,
        ..SqliteOptions::default()
    };
    let index = SqliteIndex::open(dir.join("index.sqlite"), options)
        .await
        .unwrap();
    let mark = |name: &str| std::fs::write(dir.join(name), "").unwrap();
    for name in ["one", "two"] {
        let upload = sample::upload("spec", "task", "log", name);
        let id = upload.id;
        mark(&format!("{name}-begins"));
        index.begin(upload).await.unwrap();
        mark(&format!("{name}-begun"));
        index.commit(sample::commit(id, 10)).await.unwrap();
        mark(&format!("{name}-committed"));
    }
}

/// What happened between two marks, in order: `write` and `sync` of the log, `name` for a sync of
/// the directory.
fn trace(durability: Durability) -> Option<Vec<(String, Vec<&'static str>)>> {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().canonicalize().unwrap();
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut traced = Command::new("strace");
    traced
        .args(["-f", "-y", "-s", "0", "-e", "trace=/sync,pwrite64,openat"])
        .arg("-o")
        .arg(log.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "traced_uploads", "--ignored", "--test-threads=1"])
        .env(DIR, &dir);
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
    let mut steps = vec![("opened".to_owned(), Vec::new())];
    for line in log.lines() {
        let (_, happened) = steps.last_mut().unwrap();
        match what(line, &dir) {
            Some(What::Mark(mark)) => steps.push((mark, Vec::new())),
            Some(What::Did(what)) => happened.push(what),
            None => {}
        }
    }
    Some(steps)
}

enum What {
    Mark(String),
    Did(&'static str),
}

/// `7 fdatasync(4</dir/index.sqlite-wal>) = 0`, `7 pwrite64(4</dir/index.sqlite-wal>, …) = 4096`,
/// `7 openat(AT_FDCWD</>, "/dir/one-begun", O_WRONLY|O_CREAT…) = 9</dir/one-begun>`.
fn what(line: &str, dir: &Path) -> Option<What> {
    if line.contains("openat(") {
        let mark = line.rsplit_once("= ")?.1.split_once('<')?.1;
        let mark = Path::new(mark.trim_end().strip_suffix('>')?);
        let name = mark.strip_prefix(dir).ok()?.to_str()?;
        let is_mark = name.starts_with("one-") || name.starts_with("two-");
        return is_mark.then(|| What::Mark(name.to_owned()));
    }
    let (call, rest) = line.split_once('(')?;
    let path = Path::new(rest.split_once('<')?.1.split_once('>')?.0);
    let is_log = path == dir.join("index.sqlite-wal");
    if call.contains("pwrite64") {
        return is_log.then_some(What::Did("write"));
    }
    if is_log {
        return Some(What::Did("sync"));
    }
    (path == dir).then_some(What::Did("name"))
}

fn between(steps: &[(String, Vec<&'static str>)], mark: &str) -> Vec<&'static str> {
    let (_, happened) = steps.iter().find(|(step, _)| step == mark).unwrap();
    let mut happened = happened.clone();
    happened.dedup();
    happened
}

#[test]
fn a_commit_is_acknowledged_once_the_log_is_synced_and_a_begin_before() {
    let Some(steps) = trace(Durability::Full) else {
        return;
    };
    // SQLite itself syncs the header of a log that begins.
    let begun = between(&steps, "one-begins");
    assert_eq!(begun.last(), Some(&"write"), "{steps:?}");
    // The first sync is one of the log's name too.
    assert_eq!(between(&steps, "one-begun"), ["write", "sync", "name"]);
    assert_eq!(between(&steps, "two-begins"), ["write"]);
    assert_eq!(between(&steps, "two-begun"), ["write", "sync"]);
}

#[test]
fn what_is_relaxed_waits_for_no_sync() {
    let Some(steps) = trace(Durability::Relaxed) else {
        return;
    };
    assert_eq!(between(&steps, "one-begun"), ["write"]);
    assert_eq!(between(&steps, "two-begins"), ["write"]);
    assert_eq!(between(&steps, "two-begun"), ["write"]);
}
