//! A process that is still running: fed, signalled, waited for, and never left behind. Knows no
//! store.

use std::io::Write;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Outcome;

/// How long anything that must happen may take before a test gives up.
const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(10);

/// Waits until something holds.
///
/// # Panics
/// When it does not hold within a minute.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        thread::sleep(POLL);
    }
}

/// A process that is still running. Dropped, it is killed.
#[derive(Debug)]
pub struct Running {
    args: Vec<String>,
    /// None once it has been waited for.
    child: Option<Child>,
}

impl Running {
    /// Starts a command whose input stays open and whose output is kept. What it writes must fit
    /// into a pipe until it is waited for.
    pub fn start(command: &mut Command) -> Self {
        Self::start_with_input(command, Stdio::piped())
    }

    /// The same, with an input of the test's own choice.
    pub fn start_with_input(command: &mut Command, input: impl Into<Stdio>) -> Self {
        Self::start_between(command, input, Stdio::piped())
    }

    /// The same, with an output of the test's own choice: what goes into a file can be read while
    /// the process runs.
    pub fn start_between(
        command: &mut Command,
        input: impl Into<Stdio>,
        output: impl Into<Stdio>,
    ) -> Self {
        let args = command.get_args().map(|arg| arg.to_string_lossy().into());
        let args = args.collect();
        let child = command
            .stdin(input)
            .stdout(output)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        Self {
            args,
            child: Some(child),
        }
    }

    fn child(&mut self) -> &mut Child {
        self.child
            .as_mut()
            .expect("a process is there until it is waited for")
    }

    /// Writes to its standard input; false once nobody reads it any more.
    pub fn feed(&mut self, bytes: &[u8]) -> bool {
        let input = self.child().stdin.as_mut();
        input.is_some_and(|input| input.write_all(bytes).is_ok())
    }

    /// Closes its standard input.
    pub fn end_of_input(&mut self) {
        self.child().stdin = None;
    }

    /// Sends a signal by its name, such as `INT`.
    pub fn signal(&mut self, name: &str) {
        let status = Command::new("kill")
            .args([format!("-{name}"), self.child().id().to_string()])
            .status()
            .expect("`kill` can be run");
        assert!(status.success(), "the process could not be signalled");
    }

    /// Kills it at once, if it is still there: `kill -9`.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child().kill();
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.status().is_some()
    }

    fn status(&mut self) -> Option<ExitStatus> {
        self.child()
            .try_wait()
            .expect("a process can be waited for")
    }

    /// Waits for its end, with its input left as it is.
    #[track_caller]
    pub fn wait(mut self) -> Outcome {
        eventually("the end of the process", || self.has_ended());
        let child = self.child.take().expect("a process is waited for once");
        let output = child
            .wait_with_output()
            .expect("what a process wrote can be read");
        Outcome::new(std::mem::take(&mut self.args), output)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
