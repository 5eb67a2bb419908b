//! What a process has left behind: its exit code and what it wrote. Knows no store.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::Output;

use serde_json::Value;

/// How much of what a process wrote a failing test shows, in characters.
const SHOWN_CHARS: usize = 4_000;

/// What a process has left behind. `Display` shows all of it, so that a failing test explains
/// itself.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What it was started with.
    pub args: Vec<String>,
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Outcome {
    pub(crate) fn new(args: Vec<String>, output: Output) -> Self {
        Self {
            args,
            code: output.status.code(),
            signal: output.status.signal(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// What another program than `artifact` has left behind.
    pub fn from_output(args: &[&str], output: Output) -> Self {
        Self::new(args.iter().map(|arg| (*arg).to_owned()).collect(), output)
    }

    /// Asserts that it ended with `code`.
    #[track_caller]
    #[must_use]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "not exit code {code}:\n{self}");
        self
    }

    /// Asserts that standard error has each of these.
    #[track_caller]
    pub fn says(&self, parts: &[&str]) {
        for part in parts {
            assert!(self.stderr.contains(part), "stderr lacks `{part}`:\n{self}");
        }
    }

    /// Standard output as text.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap_or_else(|_| panic!("stdout is no text:\n{self}"))
    }

    /// Standard output as one JSON object per line.
    #[track_caller]
    pub fn objects(&self) -> Vec<Value> {
        self.text()
            .lines()
            .map(|line| {
                serde_json::from_str(line)
                    .unwrap_or_else(|error| panic!("`{line}` is no JSON: {error}\n{self}"))
            })
            .collect()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &str| -> String { text.chars().take(SHOWN_CHARS).collect() };
        write!(
            f,
            "artifact {:?}\n  exit code {:?}, signal {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.args,
            self.code,
            self.signal,
            shown(&String::from_utf8_lossy(&self.stdout)),
            shown(&self.stderr)
        )
    }
}
