//! The server `artifact-http` as a real process over a sandbox, and requests to it. Knows no route.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use ureq::http::{self, HeaderMap, Response, StatusCode};
use ureq::{Agent, Body, SendBody};

use crate::{Sandbox, artifact_http, eventually};

/// How long an answer may take before a test gives up.
const PATIENCE: Duration = Duration::from_mins(1);

/// The variable that says where a server listens.
const LISTEN: &str = "ARTIFACT_HTTP__LISTEN";

/// A server on a port of its own, killed with the value.
#[derive(Debug)]
pub struct Server {
    /// Where it is: `http://127.0.0.1:PORT`, or `https://…`, which only others can ask.
    pub url: String,
    /// None once it was waited for.
    child: Option<Child>,
    /// Kept open: a server may say more.
    _output: BufReader<ChildStdout>,
    agent: Agent,
    log: std::path::PathBuf,
    /// Sent with every request that has none of its own.
    bearer: Option<String>,
}

/// What a server has answered, body and all.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, decoded by nobody.
    pub body: Vec<u8>,
}

impl Server {
    /// Starts a server over the store of a sandbox.
    ///
    /// # Panics
    /// When it does not say where it listens.
    pub fn start(store: &Sandbox) -> Self {
        Self::start_at(store, "127.0.0.1:0")
    }

    /// The same at this address, such as that of one that is gone.
    ///
    /// # Panics
    /// When it does not say where it listens.
    pub fn start_at(store: &Sandbox, address: &str) -> Self {
        let log = store.root().join("server.log");
        let file = File::options().create(true).append(true).open(&log);
        let mut command = store.other(artifact_http());
        if !store.env().any(|(key, _)| key == LISTEN) {
            command.env(LISTEN, address);
        }
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(file.expect("a log can be written"))
            .spawn()
            .expect("the server can be started");
        let output = child.stdout.take().expect("its output is a pipe");
        let mut output = BufReader::new(output);
        let mut url = String::new();
        output.read_line(&mut url).expect("it says where it is");
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        assert!(url.starts_with("http"), "it did not start:\n{said}");
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(PATIENCE))
            .build();
        Self {
            url: url.trim().to_owned(),
            child: Some(child),
            _output: output,
            agent: agent.into(),
            log,
            bearer: None,
        }
    }

    /// The same, whose requests show this token.
    #[must_use]
    pub fn bearing(mut self, token: &str) -> Self {
        self.bearer = Some(format!("Bearer {}", token.trim()));
        self
    }

    /// Asks for something.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    /// Stores something.
    #[track_caller]
    pub fn put(&self, path: &str, body: &[u8]) -> Answer {
        self.send("PUT", path, &[], body)
    }

    /// Sends a request with these headers.
    ///
    /// # Panics
    /// When no answer comes.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let answer = self.try_send(method, path, headers, body);
        answer.unwrap_or_else(|why| panic!("{method} {path}: {why}\n{}", self.log()))
    }

    /// The same; an error where no whole answer comes.
    ///
    /// # Errors
    /// Why not.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, String> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let has_own = |(name, _): &(&str, &str)| name.eq_ignore_ascii_case("authorization");
        if let Some(bearer) = &self.bearer
            && !headers.iter().any(has_own)
        {
            request = request.header("authorization", bearer);
        }
        let config = |request| {
            self.agent
                .configure_request(request)
                .allow_non_standard_methods(true)
                .build()
        };
        let sent = if body.is_empty() && method != "PUT" && method != "PATCH" && method != "POST" {
            let request = request.body(()).map_err(|error| error.to_string())?;
            self.agent.run(config(request))
        } else {
            let request = request.body(body).map_err(|error| error.to_string())?;
            let request = self.agent.configure_request(request).build();
            self.agent.run(request)
        };
        Answer::of(sent.map_err(|error| error.to_string())?)
    }

    /// Sends a body that is read as it goes; of unknown length.
    #[track_caller]
    pub fn send_stream(&self, path: &str, mut body: impl Read) -> Answer {
        let url = format!("{}{path}", self.url);
        let mut request = self.agent.put(url);
        if let Some(bearer) = &self.bearer {
            request = request.header("authorization", bearer);
        }
        let sent = request.send(SendBody::from_reader(&mut body));
        let sent = sent.unwrap_or_else(|error| panic!("PUT {path}: {error}\n{}", self.log()));
        Answer::of(sent).unwrap_or_else(|why| panic!("PUT {path}: {why}"))
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The id of its process.
    ///
    /// # Panics
    /// When it has been waited for.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([format!("-{name}"), self.pid().to_string()])
            .status()
            .expect("`kill` can be run");
        assert!(status.success(), "the server could not be signalled");
    }

    /// Waits for its end, and gives its code; none where a signal ended it.
    #[track_caller]
    pub fn wait(mut self) -> Option<i32> {
        let mut child = self.child.take().expect("it is waited for once");
        let mut status = None;
        eventually("the end of the server", || {
            status = child.try_wait().expect("it can be waited for");
            status.is_some()
        });
        status.and_then(|status| status.code())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Answer {
    fn of(mut response: Response<Body>) -> Result<Self, String> {
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        let read = response.body_mut().as_reader().read_to_end(&mut body);
        read.map_err(|error| format!("the answer is cut off: {error}"))?;
        Ok(Self {
            status: StatusCode::as_u16(&status),
            headers,
            body,
        })
    }

    /// Asserts its status.
    #[allow(
        clippy::must_use_candidate,
        clippy::return_self_not_must_use,
        reason = "often that is all"
    )]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?}\n{}", self.headers, self.text());
        self
    }

    /// Its body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Its body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        let parsed = serde_json::from_slice(&self.body);
        parsed.unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// A header; nothing where it is not there.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// Asserts that it is a problem of this kind with this status, and gives it.
    #[track_caller]
    pub fn problem(&self, status: u16, kind: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["type"], format!("urn:artifact-store:error:{kind}"));
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].is_string() && problem["title"].is_string());
        problem
    }
}
