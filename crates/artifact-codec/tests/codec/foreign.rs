//! Other gzip programs read what we write, and we read what they write. `gzip`, `gunzip` and
//! `python3` must be installed; a missing one fails the test.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use crate::streams::{gunzipped, gzip, log, noise, stored};

/// Reads gzip in both of Python's ways, one of them block by block, and writes the plain bytes.
const PYTHON_READS: &str = "
import gzip, sys, zlib
stored = sys.stdin.buffer.read()
whole = gzip.decompress(stored)
stream, pieces = zlib.decompressobj(31), []
for start in range(0, len(stored), 1000):
    pieces.append(stream.decompress(stored[start:start + 1000]))
pieces.append(stream.flush())
assert stream.eof and not stream.unused_data, 'not exactly one member'
assert b''.join(pieces) == whole, 'gzip and zlib disagree'
sys.stdout.buffer.write(whole)
";

const PYTHON_WRITES: &str = "
import gzip, sys
plain = sys.stdin.buffer.read()
with gzip.GzipFile('a name', 'wb', fileobj=sys.stdout.buffer) as stream:
    stream.write(plain)
";

fn run(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .env_remove("GZIP")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} must be installed for this test: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let output = thread::scope(|scope| {
        // A program that ends early breaks the pipe; its status below tells more.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().unwrap()
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}: {said}",
        output.status
    );
    assert!(said.is_empty(), "{program} {arguments:?} warns: {said}");
    output.stdout
}

fn inputs() -> Vec<Vec<u8>> {
    let block = 64 * 1024;
    vec![
        Vec::new(),
        b"x".to_vec(),
        log(4_096),
        noise(4_096),
        vec![0; block],
        log(5 * block),
        [log(100_000), noise(300_000), vec![0; 1_000_000]].concat(),
    ]
}

#[test]
fn gunzip_reads_ours() {
    for input in inputs() {
        for level in [1, 2, 6, 9] {
            let (ours, _) = stored(&input, &gzip(level));
            assert!(run("gunzip", &["-t"], &ours).is_empty());
            assert!(
                run("gunzip", &["-c"], &ours) == input,
                "{} bytes",
                input.len()
            );
        }
    }
}

#[test]
fn python_reads_ours() {
    for input in inputs() {
        for level in [1, 6, 9] {
            let (ours, _) = stored(&input, &gzip(level));
            assert!(run("python3", &["-c", PYTHON_READS], &ours) == input);
        }
    }
}

#[test]
fn we_read_gzip() {
    for input in inputs() {
        for level in ["-1", "-6", "-9"] {
            let theirs = run("gzip", &[level, "-c"], &input);
            assert!(
                gunzipped(&theirs).unwrap() == input,
                "{} bytes, {level}",
                input.len()
            );
        }
    }
}

#[test]
fn we_read_gzip_of_a_named_file() {
    let input = log(10_000);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("named by gzip.log");
    fs::write(&path, &input).unwrap();
    let theirs = run("gzip", &["-c", path.to_str().unwrap()], b"");
    assert_eq!(theirs[3], 8, "gzip stored no name");
    assert!(gunzipped(&theirs).unwrap() == input);
}

#[test]
fn we_read_concatenated_output_of_gzip() {
    let (first, second) = (log(100_000), noise(50_000));
    let theirs = [
        run("gzip", &["-1", "-c"], &first),
        run("gzip", &["-9", "-c"], &second),
    ];
    assert!(gunzipped(&theirs.concat()).unwrap() == [first, second].concat());
}

#[test]
fn we_read_python() {
    for input in inputs() {
        let theirs = run("python3", &["-c", PYTHON_WRITES], &input);
        assert!(gunzipped(&theirs).unwrap() == input);
    }
}
