//! Looking into artifacts without fetching them: `cat`, `tail`, ranges, of a log of many blocks.

use std::fs;
use std::process::Stdio;

use e2e::Sandbox;
use e2e::tree::prose;

use super::sandbox;

const URI: &str = "artifact://demo/1/build-log/build.log";
const SIZE: usize = 3_500_000;

/// A store with a log that is compressed in many blocks, and the log.
fn filled() -> (Sandbox, Vec<u8>) {
    let store = sandbox();
    let log = prose(7, SIZE);
    store.write("build.log", &log);
    let args = [
        "upload",
        "build.log",
        "--spec",
        "demo",
        "--task",
        "1",
        "--type",
        "build-log",
    ];
    store.ok(&args);
    (store, log)
}

fn last_lines(log: &[u8], count: usize) -> Vec<u8> {
    let lines: Vec<_> = log.split_inclusive(|byte| *byte == b'\n').collect();
    lines[lines.len().saturating_sub(count)..].concat()
}

#[test]
fn cat_prints_one_after_another() {
    let (store, log) = filled();
    store.write("note.txt", "short\n");
    store.ok(&[
        "upload", "note.txt", "--spec", "demo", "--task", "1", "--type", "data",
    ]);
    assert!(store.bytes(&["cat", URI]) == log);
    let note = "artifact://demo/1/data/note.txt";
    assert!(store.bytes(&["cat", note, URI]) == [b"short\n", &log[..]].concat());

    // What fails does not keep the others from being printed.
    let missing = "artifact://demo/1/data/missing";
    let outcome = store.run(&["cat", missing, note]).expect_code(3);
    outcome.says(&[missing]);
    assert_eq!(outcome.text(), "short\n");
}

#[test]
fn tail_prints_the_last_lines_or_bytes() {
    let (store, log) = filled();
    assert!(store.bytes(&["tail", URI]) == last_lines(&log, 10));
    for count in [0, 1, 100, 40_000, 9_999_999] {
        let found = store.bytes(&["tail", "-n", &count.to_string(), URI]);
        assert!(found == last_lines(&log, count), "{count} lines");
    }
    for (asked, count) in [("0", 0), ("1", 1), ("1KB", 1_000), ("2MiB", 2 << 20)] {
        let found = store.bytes(&["tail", "-c", asked, URI]);
        assert!(found == log[SIZE - count..], "{asked}");
    }
    assert!(store.bytes(&["tail", "-c", "1GB", URI]) == log);
    store.fails(&["tail", "-c", "1", "-n", "1", URI], 2);
    store.fails(&["tail", "artifact://demo/1/data/missing"], 3);
}

#[test]
fn pages_have_every_line_once() {
    let (store, log) = filled();
    let mut all = Vec::new();
    for page in 1..=4 {
        let args = ["cat", URI, "--page", &page.to_string()];
        let outcome = store.run(&args).expect_code(0);
        outcome.says(&[&format!("page {page} of 4")]);
        all.extend(store.bytes(&args));
    }
    assert!(all == log);
    let first = store.bytes(&["cat", URI, "--page", "1", "--page-size", "100"]);
    assert_eq!(first, log[..first.len()]);
    assert!(first.len() >= 100 && first.ends_with(b"\n"));
    let outcome = store.run(&["cat", URI, "--page", "5"]).expect_code(2);
    outcome.says(&["page 5", "4"]);
    store.fails(&["cat", URI, "--page", "0"], 2);
    store.fails(&["cat", URI, "--page", "1", "--page-size", "0"], 2);
    store.fails(&["cat", URI, "--page-size", "1MB"], 2);
}

#[test]
fn ranges_of_a_log_of_many_blocks() {
    let (store, log) = filled();
    for (asked, slice) in [
        ("262140-262150", 262_140..262_151),
        ("1000000-3000000", 1_000_000..3_000_001),
        ("-1000000", SIZE - 1_000_000..SIZE),
        ("3400000-", 3_400_000..SIZE),
    ] {
        let found = store.bytes(&["download", URI, "-o", "-", "--range", asked]);
        assert!(found == log[slice], "{asked}");
    }
}

#[test]
fn what_is_damaged_elsewhere_does_not_keep_the_end_from_being_read() {
    let (store, log) = filled();
    let path = store.blobs().remove(0);
    let mut blob = fs::read(&path).expect("the blob can be read");
    let middle = blob.len() / 2;
    blob[middle] ^= 1;
    fs::write(&path, blob).expect("the blob can be written");
    assert!(store.bytes(&["tail", "-n", "5", URI]) == last_lines(&log, 5));
    let head = store.bytes(&["download", URI, "-o", "-", "--range", "0-99"]);
    assert!(head == log[..100]);
    store.fails(&["cat", URI], 5);
    store.fails(&["tail", "-n", "9999999", URI], 5);
    let range = ["download", URI, "-o", "-", "--range", "1000000-3000000"];
    store.fails(&range, 5);
}

#[test]
fn gunzip_reads_a_blob_of_many_blocks() {
    let (store, log) = filled();
    let path = store.blobs().remove(0);
    assert!(path.to_string_lossy().ends_with(".gz"));
    let output = store
        .other("gunzip")
        .arg("-c")
        .arg(&path)
        .stdin(Stdio::null())
        .output()
        .expect("gunzip runs");
    assert!(output.status.success() && output.stdout == log);
}

#[test]
fn what_does_not_shrink_is_stored_as_it_is() {
    let store = sandbox();
    // xorshift64 (Marsaglia 2003): nothing in it repeats, as in pictures and archives.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let packed: Vec<u8> = (0..50_000).flat_map(|_| next()).collect();
    store.write("packed.bin", &packed);
    let uploaded = store.json(&["upload", "packed.bin", "--task", "1", "--type", "data"]);
    assert_eq!(uploaded[0]["compressed"], false);
    assert_eq!(uploaded[0]["stored_size_bytes"], packed.len());
    assert!(fs::read(store.blobs().remove(0)).expect("it can be read") == packed);
    let uri = "artifact://default/1/data/packed.bin";
    assert!(store.bytes(&["cat", uri]) == packed);
    let middle = packed.len() / 2;
    let range = format!("{middle}-{}", middle + 10);
    let found = store.bytes(&["download", uri, "-o", "-", "--range", &range]);
    assert!(found == packed[middle..=middle + 10]);
}
