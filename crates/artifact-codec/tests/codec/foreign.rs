//! Other gzip programs read what we write, and we read what they write. `gzip`, `gunzip` and
//! `python3` must be installed; a missing one fails the test. `node`, `curl`, `pigz` and `igzip` are
//! used where they are installed; a missing one is named on standard error, and fails the test where
//! `CODEC_FOREIGN=all` is set.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use artifact_codec::BlockSizes;

use crate::streams::{LARGE, SMALL, gunzipped, gzip, log, noise, stored};

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

/// Reads gzip in both of Node's ways, one of them piece by piece.
const NODE_READS: &str = "
const zlib = require('zlib');
const stored = require('fs').readFileSync(0);
const whole = zlib.gunzipSync(stored);
const stream = zlib.createGunzip();
const pieces = [];
stream.on('data', piece => pieces.push(piece));
stream.on('end', () => {
    if (!Buffer.concat(pieces).equals(whole)) throw new Error('stream and whole disagree');
    process.stdout.write(whole);
});
for (let start = 0; start < stored.length; start += 1000) {
    stream.write(stored.subarray(start, start + 1000));
}
stream.end();
";

/// Whether a program is there. Where it is not, its part of a test cannot be done: that is said, and
/// where all of them must be there, `CODEC_FOREIGN=all` makes it a failure.
fn has(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    if !found {
        let must = std::env::var_os("CODEC_FOREIGN").is_some_and(|which| which == "all");
        assert!(!must, "{program} is not installed");
        // Past the capture of test output, which shows nothing of a test that passes.
        drop(writeln!(
            std::io::stderr(),
            "SKIPPED: {program} is not installed"
        ));
    }
    found
}

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
    vec![
        Vec::new(),
        b"x".to_vec(),
        log(4_096),
        noise(4_096),
        log(4_097),
        vec![0; 64 * 1024],
        log(16 * SMALL),
        log(16 * SMALL + 2 * LARGE),
        [log(100_000), noise(300_000), vec![0; 1_000_000]].concat(),
    ]
}

/// Ours, in small blocks and in those that are used by default.
fn ours(input: &[u8], level: u32) -> [Vec<u8>; 2] {
    let default = gzip(level).with_block_sizes(BlockSizes::default());
    [gzip(level), default].map(|options| stored(input, &options).0)
}

#[test]
fn gunzip_reads_ours() {
    for input in inputs() {
        for level in [1, 2, 6, 9] {
            for ours in ours(&input, level) {
                assert!(run("gunzip", &["-t"], &ours).is_empty());
                assert!(
                    run("gunzip", &["-c"], &ours) == input,
                    "{} bytes",
                    input.len()
                );
            }
        }
    }
}

#[test]
fn python_reads_ours() {
    for input in inputs() {
        for level in [1, 6, 9] {
            for ours in ours(&input, level) {
                assert!(run("python3", &["-c", PYTHON_READS], &ours) == input);
            }
        }
    }
}

#[test]
fn node_pigz_and_igzip_read_ours() {
    for (program, arguments) in [
        ("node", &["-e", NODE_READS][..]),
        ("pigz", &["-d", "-c"]),
        ("igzip", &["-d", "-c"]),
    ] {
        if !has(program) {
            continue;
        }
        for input in inputs() {
            for ours in ours(&input, 6) {
                assert!(
                    run(program, arguments, &ours) == input,
                    "{program}, {} bytes",
                    input.len()
                );
            }
        }
    }
}

/// Answers one request with these bytes and says that they are gzip, as a server does that passes
/// stored bytes on.
fn serve_once(listener: &TcpListener, stored: &[u8]) {
    let (mut client, _) = listener.accept().unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        request.push(byte[0]);
    }
    let request = String::from_utf8(request).unwrap().to_ascii_lowercase();
    assert!(request.contains("accept-encoding:") && request.contains("gzip"));
    write!(
        client,
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        stored.len()
    )
    .unwrap();
    client.write_all(stored).unwrap();
}

#[test]
fn curl_reads_ours() {
    if !has("curl") {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    for input in inputs() {
        for ours in ours(&input, 6) {
            let got = thread::scope(|scope| {
                scope.spawn(|| serve_once(&listener, &ours));
                let arguments = ["--compressed", "--noproxy", "*", "-sS", "--fail", &url];
                run("curl", &arguments, b"")
            });
            assert!(got == input, "{} bytes", input.len());
        }
    }
}

#[test]
fn we_read_pigz_and_igzip() {
    for (program, levels) in [("pigz", ["-1", "-6", "-9"]), ("igzip", ["-0", "-1", "-3"])] {
        if !has(program) {
            continue;
        }
        for input in inputs() {
            for level in levels {
                let theirs = run(program, &[level, "-c"], &input);
                assert!(
                    gunzipped(&theirs).unwrap() == input,
                    "{program} {level}, {} bytes",
                    input.len()
                );
            }
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
