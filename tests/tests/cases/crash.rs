//! Processes are killed at any moment: what was acknowledged is there, nothing is half-visible,
//! and what was left is cleared after its lease.

use std::env;
use std::fs::{self, File};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use e2e::{Random, Sandbox, eventually};

use super::sandbox;

/// How many processes are killed; `E2E_CRASH_ROUNDS` overrules.
const ROUNDS: u64 = 50;

/// How many files a process uploads.
const FILES: usize = 64;

fn rounds() -> u64 {
    env::var("E2E_CRASH_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(ROUNDS)
}

fn crashing_sandbox() -> Sandbox {
    sandbox().with_env("ARTIFACT_UPLOAD__LEASE_S", "1")
}

/// Many small files, and some that take a while.
fn write_tree(store: &Sandbox) {
    for n in 0..60 {
        store.write(
            format!("tree/small/{n}.txt"),
            format!("file {n}\n").repeat(n),
        );
    }
    for n in 0..4_u64 {
        store.write(format!("tree/{n}.bin"), e2e::tree::noise(n, 1_500_000));
    }
}

/// How long a command takes that nobody kills.
fn undisturbed(store: &Sandbox, args: &[&str]) -> Duration {
    let begun = Instant::now();
    store.ok(args);
    begun.elapsed()
}

/// Starts a command and kills it at a moment before `longest`; gives the complete lines that it has
/// printed.
fn kill_within(
    longest: Duration,
    store: &Sandbox,
    args: &[&str],
    random: &mut Random,
) -> Vec<String> {
    let printed = store.work("printed");
    let output = File::create(&printed).expect("a file can be made");
    let mut child = store
        .command(args)
        .stdout(output)
        .stderr(Stdio::null())
        .spawn()
        .expect("the program can be started");
    let longest_micros = u64::try_from(longest.as_micros()).expect("it is not that long");
    thread::sleep(Duration::from_micros(random.below(longest_micros)));
    // SIGKILL; it may have ended by itself.
    let _ = child.kill();
    child.wait().expect("it can be waited for");
    let text = fs::read_to_string(&printed).expect("what was printed is text");
    let complete = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
    complete.lines().map(str::to_owned).collect()
}

/// Everything that can be found of a task can be fetched, verified, and is what was uploaded.
/// Gives the addresses.
fn assert_whole(store: &Sandbox, task: &str) -> Vec<String> {
    let found = store.json(&["search", "--task", task]);
    if !found.is_empty() {
        store.ok(&["download", "--task", task, "-D", "out", "--no-progress"]);
        let fetched = e2e::tree::contents(&store.work("out"));
        assert_eq!(fetched.len(), found.len());
        for (path, bytes) in fetched {
            let original = store.read(std::path::Path::new("tree").join(&path));
            assert!(
                original == bytes,
                "{} is not what was uploaded",
                path.display()
            );
        }
        fs::remove_dir_all(store.work("out")).expect("it can be removed");
    }
    super::texts(&found, "uri")
        .into_iter()
        .map(str::to_owned)
        .collect()
}

/// After the leases have ended some more uploads clear everything that is left.
fn assert_cleared(store: &Sandbox) {
    thread::sleep(Duration::from_millis(1_100));
    store.write("last", "one");
    eventually("the leftovers to be cleared", || {
        store.ok(&["upload", "last", "--task", "last"]);
        let unfinished = [
            "search",
            "--all-versions",
            "--state",
            "uploading",
            "--state",
            "deleted",
        ];
        store.ok(&unfinished).is_empty()
    });
    let live = store.ok(&["search", "--all-versions"]).lines().count();
    let blobs = store.blobs();
    assert_eq!(
        blobs.len(),
        live,
        "bytes without a record, or records without: {blobs:#?}"
    );
}

#[test]
fn a_killed_writer_loses_nothing_it_acknowledged_and_shows_nothing_half_done() {
    let store = crashing_sandbox();
    write_tree(&store);
    let longest = undisturbed(
        &store,
        &["upload", "tree", "--task", "whole", "--no-progress"],
    );
    let mut random = Random::seeded();
    let (mut acknowledged, mut cut) = (0, 0);
    for round in 0..rounds() {
        // Some tasks are uploaded again, over what an earlier kill has left.
        let task = format!("task-{}", round % 20);
        let before = assert_whole(&store, &task);
        let args = ["upload", "tree", "--task", &task, "--no-progress"];
        let printed = kill_within(longest, &store, &args, &mut random);
        let after = assert_whole(&store, &task);
        for uri in before.iter().chain(&printed) {
            assert!(
                after.contains(uri),
                "{uri} was acknowledged and is lost, round {round}"
            );
        }
        acknowledged += printed.len();
        cut += u64::from(printed.len() < FILES);
    }
    assert!(cut > 0, "no process was killed before it was done");
    assert!(
        acknowledged > 0,
        "every process was killed before it had done anything"
    );
    assert_cleared(&store);
}

#[test]
fn a_killed_deletion_can_be_repeated() {
    let store = crashing_sandbox();
    write_tree(&store);
    store.ok(&["upload", "tree", "--task", "whole", "--no-progress"]);
    let longest = undisturbed(&store, &["delete", "--task", "whole"]);
    let mut random = Random::seeded();
    for round in 0..=rounds() / 10 {
        let task = format!("task-{round}");
        store.ok(&["upload", "tree", "--task", &task, "--no-progress"]);
        kill_within(longest, &store, &["delete", "--task", &task], &mut random);
        assert_whole(&store, &task);
        if round % 2 == 0 {
            store.ok(&["delete", "--task", &task]);
            assert_eq!(store.ok(&["search", "--task", &task]), "");
        }
    }
    assert_cleared(&store);
}
