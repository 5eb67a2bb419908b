//! Files, folders and streams that cannot be read or written: the exit code says which kind, the
//! culprit is named, and nothing is stored.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use e2e::tree::noise;
use e2e::{Outcome, Running, Sandbox};

use super::sandbox;

#[test]
fn a_file_that_is_missing() {
    let store = sandbox();
    store
        .run(&["upload", "nowhere.txt"])
        .expect_code(3)
        .says(&["nowhere.txt", "cannot be read"]);
    std::os::unix::fs::symlink("nowhere", store.work("broken")).expect("links can be made");
    store
        .run(&["upload", "broken"])
        .expect_code(3)
        .says(&["broken"]);
    store.assert_empty();
}

#[test]
fn a_path_that_leads_through_a_file() {
    let store = sandbox();
    store.write("x.txt", "content");
    for path in ["x.txt/below", "x.txt/"] {
        store
            .run(&["upload", path])
            .expect_code(2)
            .says(&[path, "cannot be read"]);
    }
    store.assert_empty();
}

#[test]
fn a_file_that_may_not_be_read() {
    let store = sandbox();
    let secret = store.write("tree/secret.txt", "content");
    let outcome = store.run_unprivileged(&secret, 0o000, &["upload", "tree/secret.txt"]);
    outcome
        .expect_code(4)
        .says(&["tree/secret.txt", "cannot be read"]);
    assert_eq!(store.blobs().len(), 0);
    store.write("tree/open.txt", "content");
    let outcome = store
        .run_unprivileged(&secret, 0o000, &["upload", "tree"])
        .expect_code(4);
    outcome.says(&["tree/secret.txt"]);
    assert_eq!(
        outcome.text(),
        "artifact://default/local/document/open.txt\n"
    );
    assert_eq!(store.blobs().len(), 1);
}

#[test]
fn a_folder_that_may_not_be_listed() {
    let store = sandbox();
    store.write("tree/locked/a.txt", "content");
    store.write("tree/open.txt", "content");
    let outcome = store.run_unprivileged(&store.work("tree/locked"), 0o000, &["upload", "tree"]);
    let outcome = outcome.expect_code(4);
    outcome.says(&["tree/locked"]);
    assert_eq!(
        outcome.text(),
        "artifact://default/local/document/open.txt\n"
    );
}

#[test]
fn a_file_that_fails_while_it_is_read() {
    let store = sandbox();
    // it can be opened, and reading it at 0 is an I/O error
    let outcome = store.run(&["upload", "/proc/self/mem"]).expect_code(1);
    outcome.says(&["/proc/self/mem", "cannot be read"]);
    store.assert_empty();
}

#[test]
fn standard_input_that_is_a_folder() {
    let store = sandbox();
    let folder = fs::File::open(store.work("")).expect("folders can be opened");
    let output = store
        .command(["upload", "-", "--name", "x"])
        .stdin(Stdio::from(folder))
        .output()
        .expect("the program can be started");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        matches!(output.status.code(), Some(1 | 2)),
        "{:?}: {stderr}",
        output.status
    );
    assert!(stderr.contains("standard input cannot be read"), "{stderr}");
    store.assert_empty();
}

/// Uploads from a connection that is cut off after a few megabytes.
pub(super) fn upload_that_is_cut_off(store: &Sandbox) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port can be had");
    let address = listener.local_addr().expect("it has an address");
    let mut source = TcpStream::connect(address).expect("it can be reached");
    let (mut far_end, _) = listener.accept().expect("it is reached");
    // What is sent to the far end and not read there makes its end a reset, not an end of file.
    source
        .write_all(b"unread")
        .expect("a connection can be written");
    let mut command = store.command(["upload", "-", "--name", "cut.bin"]);
    let running = Running::start_with_input(&mut command, OwnedFd::from(source));
    far_end.write_all(&noise(1, 4_000_000)).expect("it is read");
    let mut first = [0];
    far_end.read_exact(&mut first).expect("something was sent");
    drop(far_end);
    running.wait()
}

#[test]
fn standard_input_that_is_cut_off() {
    let store = sandbox();
    let outcome = upload_that_is_cut_off(&store).expect_code(9);
    outcome.says(&["cut.bin"]);
    assert_eq!(outcome.text(), "");
    store.assert_empty();
}

#[test]
fn a_closed_standard_input_is_an_empty_one() {
    let store = sandbox();
    let output = store
        .other("sh")
        .args(["-c", "exec \"$0\" upload - --name empty --type data <&-"])
        .arg(e2e::artifact())
        .output()
        .expect("a shell can be run");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(store.json(&["search"])[0]["size_bytes"], 0);
}
