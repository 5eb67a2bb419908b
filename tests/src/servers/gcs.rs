//! gcp-storage-emulator: Google's storage API in Python, without authentication.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::access::{curl, unique_bucket};
use super::process::{Process, free_port, scripts};
use super::{Server, venv};

/// A running emulator.
#[derive(Debug)]
pub struct GcpEmulator {
    /// `http://HOST:PORT`.
    pub endpoint: String,
    process: Option<Process>,
}

impl GcpEmulator {
    /// Makes a bucket of the test's own and gives its name.
    ///
    /// # Panics
    /// When the server refuses.
    #[track_caller]
    pub fn make_bucket(&self) -> String {
        self.make(&json!({ "name": unique_bucket() }))
    }

    /// The same for much: what is deleted in others is kept for a week, in memory.
    ///
    /// # Panics
    /// When the server refuses.
    #[track_caller]
    pub(crate) fn make_bucket_that_forgets(&self) -> String {
        let kept = json!({ "retentionDurationSeconds": "0" });
        self.make(&json!({ "name": unique_bucket(), "softDeletePolicy": kept }))
    }

    #[track_caller]
    fn make(&self, bucket: &Value) -> String {
        let body = bucket.to_string();
        let name = bucket["name"].as_str().expect("it has a name").to_owned();
        let json = ["--header", "Content-Type: application/json"];
        let args = [&json[..], &["--data", &body]].concat();
        let (status, answer) = self.curl(&args, "/storage/v1/b?project=e2e");
        assert_eq!(status, 200, "no bucket {name}: {answer}");
        name
    }

    /// One request by curl: what was answered, and its status.
    pub fn curl(&self, args: &[&str], path: &str) -> (u16, String) {
        let url = format!("{}{path}", self.endpoint);
        curl(Command::new("curl").args(args), &url)
    }
}

impl Server for GcpEmulator {
    const NAME: &'static str = "gcs";

    fn start() -> Self {
        let port = free_port();
        let endpoint = format!("http://127.0.0.1:{port}");
        let mut command = Command::new(venv("python"));
        // A thread for each connection, which the emulator by itself has not.
        command.arg(scripts().join("gcs.py"));
        command.args(["start", "--in-memory", "--host", "127.0.0.1", "--port"]);
        command.arg(port.to_string());
        let process = Process::start(Self::NAME, &command).wait_for(&endpoint);
        Self {
            endpoint,
            process: Some(process),
        }
    }

    fn log(&self) -> Option<PathBuf> {
        self.process.as_ref().map(Process::log)
    }

    fn hand_over(&self) -> Value {
        json!(self.endpoint)
    }

    fn take_over(value: &Value) -> Self {
        Self {
            endpoint: value.as_str().expect("it is a text").to_owned(),
            process: None,
        }
    }
}
