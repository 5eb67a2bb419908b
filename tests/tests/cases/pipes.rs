//! Whoever reads our output may stop reading: that is success, in silence.

use std::io::Read;
use std::process::Stdio;

use e2e::Sandbox;
use e2e::tree::noise;

use super::sandbox;

/// Runs the program, reads a little of its output, and closes the pipe.
#[track_caller]
fn assert_may_be_cut(store: &Sandbox, args: &[&str]) {
    let mut child = store
        .command(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let mut stdout = child.stdout.take().expect("its output is a pipe");
    let mut first = [0];
    stdout.read_exact(&mut first).expect("it writes something");
    drop(stdout);
    let output = child.wait_with_output().expect("it can be waited for");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {stderr}");
    assert_eq!(stderr, "", "{args:?}");
}

#[test]
fn a_search_that_is_cut_off_is_success() {
    let store = sandbox();
    for number in 0..400 {
        store.write(format!("tree/{number}"), "");
    }
    store.ok(&["upload", "tree"]);
    let all = store.ok(&["search", "--json"]);
    assert!(all.len() > 128 * 1024, "it would fit into a pipe");
    assert_may_be_cut(&store, &["search", "--json"]);
}

#[test]
fn a_download_that_is_cut_off_is_success() {
    let store = sandbox();
    store.write("big.bin", noise(1, 4_000_000));
    let uri = store.ok(&["upload", "big.bin"]);
    assert_may_be_cut(&store, &["download", uri.trim(), "-o", "-"]);
    assert_may_be_cut(
        &store,
        &["download", uri.trim(), "-o", "-", "--range", "1-"],
    );
}

#[test]
fn a_grep_that_is_cut_off_is_success() {
    let store = sandbox();
    store.write("big.log", e2e::tree::prose(1, 4_000_000));
    store.ok(&["upload", "big.log"]);
    assert_may_be_cut(&store, &["grep", "step"]);
    assert_may_be_cut(&store, &["grep", "step", "--json"]);
}

#[test]
fn an_export_that_is_cut_off_is_success() {
    let store = sandbox();
    store.write("big.bin", noise(1, 4_000_000));
    store.ok(&["upload", "big.bin"]);
    for format in ["zip", "tar.gz"] {
        let args = ["export", "-o", "-", "--format", format, "--quiet"];
        assert_may_be_cut(&store, &args);
    }
}

#[test]
fn help_and_completions_that_are_cut_off_are_success() {
    let store = sandbox();
    assert_may_be_cut(&store, &["upload", "--help"]);
    assert_may_be_cut(&store, &["completions", "zsh"]);
    assert_may_be_cut(&store, &["config", "show"]);
}
