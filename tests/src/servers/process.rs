//! The processes of one server: started under a supervisor, waited for until they answer, and gone
//! with whoever started them, killed or not. Knows no protocol but that a server answers HTTP.

use std::collections::hash_map::RandomState;
use std::env;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take to start, and to end.
const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(20);
/// How much of its log a server shows that has failed.
const SHOWN_LINES: usize = 40;

/// A server's processes, its folder and its log. Dropped, all are gone; in a test that fails, or
/// with `E2E_KEEP`, the folder stays.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    folder: PathBuf,
    supervisor: Child,
}

impl Process {
    /// Starts a server in an empty folder of its own, with the environment of `command`.
    pub(crate) fn start(name: &'static str, command: &Command) -> Self {
        let folder = tempfile::Builder::new()
            .prefix(&format!("artifact-e2e-{name}-"))
            .tempdir()
            .expect("a temporary folder can be made")
            .keep();
        let mut supervised = Command::new(scripts().join("supervise"));
        supervised
            .arg(&folder)
            .arg(command.get_program())
            .args(command.get_args())
            .envs(
                command
                    .get_envs()
                    .filter_map(|(key, value)| Some((key, value?))),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // What ends a test by a signal to its group ends it alone: the supervisor cleans up after it.
        let supervisor = supervised
            .process_group(0)
            .spawn()
            .expect("a server's supervisor can be started");
        Self {
            name,
            folder,
            supervisor,
        }
    }

    /// Waits until something answers HTTP at `endpoint`.
    ///
    /// # Panics
    /// When the server ends, or does not answer within a minute; with the end of its log.
    pub(crate) fn wait_for(mut self, endpoint: &str) -> Self {
        let begun = Instant::now();
        while !answers(endpoint) {
            let ended = self.supervisor.try_wait().expect("it can be waited for");
            assert!(
                ended.is_none(),
                "{} has ended\n{}",
                self.name,
                self.shown_log()
            );
            let waits = begun.elapsed() < PATIENCE;
            assert!(waits, "{} does not answer\n{}", self.name, self.shown_log());
            thread::sleep(POLL);
        }
        self
    }

    /// The end of what it wrote, and where all of it is.
    fn shown_log(&self) -> String {
        let path = self.log();
        let text = fs::read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let end = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
        format!("--- {}\n{}", path.display(), end.join("\n"))
    }

    /// Where its processes write, in the folder that they run in.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() || env::var_os("E2E_KEEP").is_some() {
            // The folder is gone if the server has never come to life.
            let _ = File::create(self.folder.join("keep"));
            #[expect(clippy::print_stderr, reason = "a failing test explains itself")]
            {
                eprintln!("{} wrote\n{}", self.name, self.shown_log());
            }
        }
        self.supervisor.stdin = None;
        let begun = Instant::now();
        while matches!(self.supervisor.try_wait(), Ok(None)) {
            if begun.elapsed() > PATIENCE {
                // It is of no use any more; what it should have ended shows in the test's own checks.
                let _ = self.supervisor.kill();
            }
            thread::sleep(POLL);
        }
    }
}

/// Whether somebody answers HTTP there, whatever the answer.
fn answers(endpoint: &str) -> bool {
    let address = address_of(endpoint);
    let Ok(mut stream) = TcpStream::connect(address) else {
        return false;
    };
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    stream.set_read_timeout(Some(PATIENCE)).is_ok()
        && stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_end(&mut answer).is_ok()
        && answer.starts_with(b"HTTP/")
}

/// `HOST:PORT` of `http://HOST:PORT`.
pub(crate) fn address_of(endpoint: &str) -> &str {
    endpoint
        .strip_prefix("http://")
        .expect("an endpoint of a test begins with http://")
}

/// A port of loopback that nobody listens on. It lies below those that the system gives to whoever
/// asks for any, so that nobody takes it before the server does.
pub(crate) fn free_port() -> u16 {
    loop {
        let chance = RandomState::new().build_hasher().finish() % 20_000;
        let port = 10_000 + u16::try_from(chance).expect("it is below 20,000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// How many processes run in `folder`, or below it.
pub fn processes_in(folder: &Path) -> usize {
    let entries = fs::read_dir("/proc").expect("processes can be listed");
    entries
        .filter_map(|entry| fs::read_link(entry.ok()?.path().join("cwd")).ok())
        .filter(|cwd| cwd.starts_with(folder))
        .count()
}

/// Where the scripts of the servers lie.
pub(crate) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("servers")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python(port: u16) -> Command {
        let mut command = Command::new("sh");
        // Two processes, of which one ignores what can be ignored.
        let script = format!(
            "trap '' TERM INT HUP; sleep 1000 & python3 -m http.server -b 127.0.0.1 {port}"
        );
        command.args(["-c", &script]);
        command
    }

    #[test]
    fn a_server_that_is_dropped_leaves_nothing() {
        let port = free_port();
        let endpoint = format!("http://127.0.0.1:{port}");
        let process = Process::start("python", &python(port)).wait_for(&endpoint);
        let folder = process.folder.clone();
        assert!(processes_in(&folder) >= 3, "shell, sleep, python");
        drop(process);
        assert_eq!(processes_in(&folder), 0);
        assert!(!folder.exists());
        assert!(!answers(&endpoint));
    }

    #[test]
    fn a_server_that_is_dropped_while_it_starts_leaves_nothing() {
        for _ in 0..20 {
            let process = Process::start("python", &python(free_port()));
            let folder = process.folder.clone();
            drop(process);
            assert_eq!(processes_in(&folder), 0);
            assert!(!folder.exists());
        }
    }

    #[test]
    fn a_server_that_ends_by_itself_says_why() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such disk; exit 3"]);
        let result = thread::spawn(move || {
            let port = free_port();
            Process::start("broken", &command).wait_for(&format!("http://127.0.0.1:{port}"));
        })
        .join();
        let said = result.expect_err("it must panic");
        let said = said.downcast_ref::<String>().expect("it says something");
        assert!(said.contains("broken has ended"), "{said}");
        assert!(said.contains("no such disk"), "{said}");
        let log = said.lines().find_map(|line| line.strip_prefix("--- "));
        let folder = Path::new(log.expect("it names its log")).parent();
        let folder = folder.expect("a log lies in a folder");
        assert!(folder.exists(), "the log is kept");
        fs::remove_dir_all(folder).expect("it can be removed");
    }
}
