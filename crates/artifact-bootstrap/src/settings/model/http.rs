//! What can be set of the server. Knows nothing of the store.

use std::path::PathBuf;
use std::time::Duration;

use super::super::ByteSize;
use serde::{Deserialize, Serialize};

/// How the server listens, and how much it takes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Address and port.
    pub listen: String,
    /// The certificate that TLS is spoken with, and those that lead to its authority.
    pub tls_cert: Option<PathBuf>,
    /// The key of the certificate.
    pub tls_key: Option<PathBuf>,
    /// The proxies that are believed whom they ask for, by address or network.
    pub trusted_proxies: Option<String>,
    /// The header in which they say it; any other one is not read.
    pub proxy_header: ProxyHeader,
    /// How many requests of one client are answered in a second.
    pub rate_limit: Option<u32>,
    /// How many of them may come at once.
    pub rate_burst: Option<u32>,
    /// How many connections are open at once.
    pub max_connections: u32,
    /// How many requests are worked on at once.
    pub max_requests: u32,
    /// Seconds for which a client may neither send nor take anything.
    pub idle_timeout_s: u32,
    /// Where the server is for those who get signed URLs.
    pub public_url: Option<String>,
    /// Origins whose pages may use the server.
    pub cors_origins: Option<String>,
    /// The collector that traces are sent to.
    pub otlp_endpoint: Option<String>,
    /// What is logged.
    pub log: String,
    /// In which form.
    pub log_format: LogFormat,
}

/// The form of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line of text.
    Text,
    /// A JSON object on a line.
    Json,
}

/// The header in which a proxy says whom it asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyHeader {
    /// `X-Forwarded-For`, with `-Proto` and `-Host` beside it.
    #[default]
    XForwardedFor,
    /// That of RFC 7239.
    Forwarded,
}

impl Http {
    /// For how long a client may neither send nor take anything.
    pub fn idle_timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.idle_timeout_s))
    }
}

/// Who is let in to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// Absolute path of the file of tokens; one below `base_path` when absent.
    pub token_file: Option<PathBuf>,
    /// Absolute path of the file of issuers whose tokens are taken; none when absent.
    pub issuers_file: Option<PathBuf>,
    /// Absolute path of the file of keys that URLs are signed with; one below `base_path` when absent.
    pub signing_keys_file: Option<PathBuf>,
    /// What is written down of who did what.
    pub audit: AuditScope,
    /// Absolute path of the file that it is written into; one below `base_path` when absent.
    pub audit_file: Option<PathBuf>,
    /// From which size on that file is put aside.
    pub audit_max_size: ByteSize,
    /// How many of those that were put aside are kept.
    pub audit_keep: u32,
}

/// What is written down of who did what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuditScope {
    /// Every attempt.
    All,
    /// What changes something, and what was refused.
    Changes,
    /// Nothing.
    Off,
}
