//! Progress as it is seen: lines where no terminal is, a bar where one is, nothing where nobody
//! wants it.

use std::thread;
use std::time::Duration;

use e2e::{Outcome, Sandbox, artifact};

/// Longer than the program waits between two lines.
const LONGER_THAN_A_LINE: Duration = Duration::from_millis(5_800);

fn slow_upload(more: &[&str]) -> Outcome {
    let store = Sandbox::new();
    let args = [&["upload", "-", "--name", "slow"], more].concat();
    let mut upload = store.start(&args);
    assert!(upload.feed(&vec![b'x'; 400_000]));
    thread::sleep(LONGER_THAN_A_LINE);
    upload.end_of_input();
    upload.wait().expect_code(0)
}

#[test]
fn progress_is_written_as_lines_where_no_terminal_is() {
    let outcome = slow_upload(&[]);
    outcome.says(&["upload 390.62 KiB"]);
    assert_eq!(
        outcome.text().lines().count(),
        1,
        "progress is no data:\n{outcome}"
    );
}

#[test]
fn an_export_to_a_slow_reader_shows_how_far_it_is() {
    use std::io::Read;
    use std::process::Stdio;

    let store = Sandbox::new();
    store.write("noise", e2e::tree::noise(1, 5_000_000));
    store.ok(&["upload", "noise"]);
    let mut child = store
        .command(["export", "-o", "-", "--format", "zip"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let mut stdout = child.stdout.take().expect("its output is a pipe");
    thread::sleep(LONGER_THAN_A_LINE);
    let read = stdout.read_to_end(&mut Vec::new());
    assert!(read.expect("it can be read") > 5_000_000);
    let output = child.wait_with_output().expect("it can be waited for");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let line = stderr.lines().next().expect("a line of progress");
    assert!(
        line.starts_with("export ") && line.contains("/4.77 MiB"),
        "{stderr}"
    );
    assert!(stderr.contains("exported 1 artifact, 4.77 MiB"), "{stderr}");
}

#[test]
fn progress_can_be_left_out() {
    assert_eq!(slow_upload(&["--no-progress"]).stderr, "");
}

#[test]
fn progress_is_a_bar_on_a_terminal() {
    let store = Sandbox::new().with_env("TERM", "xterm");
    for n in 0..200_u64 {
        store.write(format!("tree/{n}.bin"), e2e::tree::noise(n, 100_000));
    }
    let typed = format!("stty cols 120; {} upload tree", artifact().display());
    let mut terminal = store.other("script");
    let output = terminal.args(["-qec", &typed, "/dev/null"]).output();
    let output = output.expect("`script`, of util-linux, can be started");
    let outcome = Outcome::from_output(&[&typed], output).expect_code(0);
    let shown = String::from_utf8_lossy(&outcome.stdout);
    assert!(shown.contains("upload [="), "no bar was drawn:\n{outcome}");
    assert!(
        shown.contains("/200 files"),
        "no files were counted:\n{outcome}"
    );
}
