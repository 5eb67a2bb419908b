//! Many requests one after the other by one curl, of whole objects between a server and files. Knows
//! no server.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Access;

/// How many requests one curl makes.
const AT_ONCE: usize = 500;
/// Options of every request: what is asked of its answer is a line of three words.
const ALWAYS: &str = r#"write-out = "%{http_code}\t%{content_type}\t%header{content-encoding}\n"
silent
show-error
globoff
max-time = 60
retry = 3
"#;

/// One request.
#[derive(Debug)]
pub(crate) struct Transfer {
    pub(crate) url: String,
    pub(crate) what: What,
}

/// What a request is for.
#[derive(Debug)]
pub(crate) enum What {
    /// Its body into this file.
    Get(PathBuf),
    /// This file, with these headers.
    Put(PathBuf, Vec<String>),
    /// The same by `POST`.
    Post(PathBuf, Vec<String>),
    Delete,
}

/// What came of one.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    content_type: String,
    content_encoding: String,
}

/// What comes with the bytes of an object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Headers {
    pub(crate) content_type: String,
    pub(crate) content_encoding: String,
}

impl Answer {
    /// What came with the object of this key; none where there is none.
    #[track_caller]
    pub(crate) fn headers(self, key: &str) -> Option<Headers> {
        if self.status == 404 {
            return None;
        }
        assert_eq!(self.status, 200, "{key} can't be fetched");
        Some(Headers {
            content_type: self.content_type,
            content_encoding: self.content_encoding,
        })
    }
}

/// Makes all of these requests, signed by `access` if there is one.
///
/// # Panics
/// When the server can't be reached.
#[track_caller]
pub(crate) fn transfer(access: Option<&Access>, transfers: &[Transfer]) -> Vec<Answer> {
    let chunks = transfers.chunks(AT_ONCE);
    chunks
        .flat_map(|chunk| {
            let configs: Vec<_> = chunk.iter().map(|one| config(access, one)).collect();
            let answers = run(&configs.join("next\n"));
            assert_eq!(answers.len(), chunk.len(), "one answer for each");
            answers
        })
        .collect()
}

/// The options of one request, as a file for curl has them.
fn config(access: Option<&Access>, transfer: &Transfer) -> String {
    let mut config = String::new();
    let mut add = |option: &str, value: &str| {
        let value = value.replace('\\', r"\\").replace('"', "\\\"");
        writeln!(config, "{option} = \"{value}\"").expect("a String takes any text");
    };
    add("url", &transfer.url);
    if let Some(access) = access {
        add("aws-sigv4", &format!("aws:amz:{}:s3", access.region));
        let user = format!("{}:{}", access.access_key, access.secret_key);
        add("user", &user);
        add("header", "x-amz-content-sha256: UNSIGNED-PAYLOAD");
    }
    let mut output = Path::new("/dev/null");
    match &transfer.what {
        What::Get(to) => {
            output = to;
            // As it is stored.
            add("header", "Accept-Encoding: gzip");
        }
        What::Put(from, headers) | What::Post(from, headers) => {
            add("upload-file", &text(from));
            for header in headers {
                add("header", header);
            }
            // Some servers never say that it may go on, and a header against it would be signed.
            add("expect100-timeout", "0.01");
        }
        What::Delete => {}
    }
    match &transfer.what {
        What::Post(..) => add("request", "POST"),
        What::Delete => add("request", "DELETE"),
        What::Get(_) | What::Put(..) => {}
    }
    add("output", &text(output));
    config.push_str(ALWAYS);
    config
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn run(config: &str) -> Vec<Answer> {
    let mut curl = Command::new("curl")
        .args(["--config", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl can be run: tests/servers/install installs it");
    let mut stdin = curl.stdin.take().expect("its input is a pipe");
    stdin.write_all(config.as_bytes()).expect("curl reads all");
    drop(stdin);
    let output = curl.wait_with_output().expect("curl ends");
    assert!(output.status.success(), "curl fails: {}", output.status);
    let answers = String::from_utf8_lossy(&output.stdout);
    let answer = |line: &str| {
        let mut words = line.split('\t');
        let mut word = || words.next().unwrap_or_default().to_owned();
        Answer {
            status: word().parse().expect("it is a number"),
            content_type: word(),
            content_encoding: word(),
        }
    };
    answers.lines().map(answer).collect()
}

/// A key as the path of a URL has it, and as signatures want it.
pub(crate) fn encoded(key: &str, kept: &str) -> String {
    let mut encoded = String::with_capacity(key.len());
    for byte in key.bytes() {
        let sign = char::from(byte);
        if sign.is_ascii_alphanumeric() || "-_.~".contains(sign) || kept.contains(sign) {
            encoded.push(sign);
        } else {
            write!(encoded, "%{byte:02X}").expect("a String takes any text");
        }
    }
    encoded
}
