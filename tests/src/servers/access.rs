//! What a client of S3 needs to know, and what tests ask of a server beside the store: by curl, and
//! by whatever reads the variables of AWS. Knows no server.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::process::Command;

use serde_json::{Value, json};

use crate::Outcome;

/// Where a server is, and who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// `http://HOST:PORT`, for paths that begin with the bucket.
    pub endpoint: String,
    /// What signatures name.
    pub region: String,
    /// Who.
    pub access_key: String,
    /// Proves it.
    pub secret_key: String,
}

impl Access {
    /// Somebody at a server on loopback.
    pub(crate) fn new(port: u16, access_key: &str, secret_key: &str) -> Self {
        Self {
            endpoint: format!("http://127.0.0.1:{port}"),
            region: "us-east-1".to_owned(),
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
        }
    }

    /// The same server for somebody else.
    pub(crate) fn of(&self, access_key: &str, secret_key: &str) -> Self {
        Self {
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
            ..self.clone()
        }
    }

    /// The same by another way, such as a [`Proxy`](super::Proxy).
    #[must_use]
    pub fn at(&self, endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            ..self.clone()
        }
    }

    /// The same with a secret that is wrong.
    #[must_use]
    pub fn with_wrong_secret(&self) -> Self {
        self.of(&self.access_key, "wrong")
    }

    /// The variables that AWS's own clients read, boto3 and awscli among them.
    pub fn environment(&self) -> [(&'static str, &str); 5] {
        [
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_REGION", &self.region),
            ("AWS_DEFAULT_REGION", &self.region),
            ("AWS_ACCESS_KEY_ID", &self.access_key),
            ("AWS_SECRET_ACCESS_KEY", &self.secret_key),
        ]
    }

    /// One signed request by curl: what was answered, and its status. Parameters of the query stand
    /// in order and each has its `=`, as in `/bucket?lifecycle=`. The signature does not cover the
    /// body.
    pub fn curl(&self, args: &[&str], path: &str) -> (u16, String) {
        let unsigned = ["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"];
        self.curl_service("s3", &[&unsigned, args].concat(), path)
    }

    pub(crate) fn curl_service(&self, service: &str, args: &[&str], path: &str) -> (u16, String) {
        let mut command = Command::new("curl");
        command
            .arg("--aws-sigv4")
            .arg(format!("aws:amz:{}:{service}", self.region))
            .args([
                "--user",
                &format!("{}:{}", self.access_key, self.secret_key),
            ])
            .args(args);
        curl(&mut command, &format!("{}{path}", self.endpoint))
    }

    /// Makes a bucket of the test's own and gives its name.
    ///
    /// # Panics
    /// When the server refuses.
    #[track_caller]
    pub fn make_bucket(&self) -> String {
        let name = unique_bucket();
        let (status, answer) = self.curl(&["--request", "PUT"], &format!("/{name}"));
        assert_eq!(status, 200, "no bucket {name}: {answer}");
        name
    }

    pub(crate) fn to_json(&self) -> Value {
        json!([self.endpoint, self.region, self.access_key, self.secret_key])
    }

    pub(crate) fn from_json(value: &Value) -> Self {
        let text = |index: usize| value[index].as_str().expect("four texts").to_owned();
        Self {
            endpoint: text(0),
            region: text(1),
            access_key: text(2),
            secret_key: text(3),
        }
    }
}

/// A name that no other test has.
pub(crate) fn unique_bucket() -> String {
    format!("e2e-{:016x}", RandomState::new().build_hasher().finish())
}

/// Runs curl, and parts what was answered from its status.
pub(crate) fn curl(command: &mut Command, url: &str) -> (u16, String) {
    let output = command
        .args(["--silent", "--show-error", "--max-time", "60"])
        .args(["--write-out", "\n%{http_code}", url])
        .output()
        .expect("curl can be run: tests/servers/install installs it");
    let outcome = Outcome::from_output(&["curl", url], output).expect_code(0);
    let (answer, status) = outcome.text().rsplit_once('\n').expect("it ends so");
    (status.parse().expect("it is a number"), answer.to_owned())
}
