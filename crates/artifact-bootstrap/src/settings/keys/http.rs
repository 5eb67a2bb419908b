//! The keys of the server. Knows no key of the store.

use super::super::kind::Kind;
use super::super::schema::{Default, Key};
use super::{COUNT, key};

/// Every key of the sections `http` and `access`.
pub(super) const KEYS: &[Key] = &[
    key(
        "http.listen",
        Kind::Text,
        Default::Text("127.0.0.1:8080"),
        "address and port of the server; beyond the loopback interface only where there are tokens",
    ),
    key(
        "http.tls_cert",
        Kind::Path,
        Default::Null,
        "PEM file of the certificate that TLS is spoken with, and of those between it and its authority; \
         null: plain HTTP",
    ),
    key(
        "http.tls_key",
        Kind::Path,
        Default::Null,
        "PEM file of the key of the certificate",
    ),
    key(
        "http.trusted_proxies",
        Kind::Text,
        Default::Null,
        "addresses and networks, with commas between, of the proxies that are believed whom they ask for; \
         null: none",
    ),
    key(
        "http.proxy_header",
        Kind::Choice(&["x-forwarded-for", "forwarded"]),
        Default::Text("x-forwarded-for"),
        "header in which they say it, of which they let none through; any other one is not read",
    ),
    key(
        "http.rate_limit",
        Kind::Whole { min: 1, max: COUNT },
        Default::Null,
        "how many requests of one client are answered in a second; null: no limit",
    ),
    key(
        "http.rate_burst",
        Kind::Whole { min: 1, max: COUNT },
        Default::Null,
        "how many of them may come at once; null: as many as in a second",
    ),
    key(
        "http.max_connections",
        Kind::Whole { min: 1, max: COUNT },
        Default::Whole(4096),
        "how many connections are open at once; more wait",
    ),
    key(
        "http.max_requests",
        Kind::Whole { min: 1, max: COUNT },
        Default::Whole(256),
        "how many requests are worked on at once; more are told to come again",
    ),
    key(
        "http.idle_timeout_s",
        Kind::Whole {
            min: 1,
            max: 86_400,
        },
        Default::Whole(30),
        "seconds for which a client may neither send nor take anything",
    ),
    key(
        "http.public_url",
        Kind::HttpUrl,
        Default::Null,
        "URL under which others reach the server, in URLs that it signs; null: as the request says",
    ),
    key(
        "http.cors_origins",
        Kind::Text,
        Default::Null,
        "origins whose pages a browser lets use the server: * or several, with commas between; null: none",
    ),
    key(
        "http.otlp_endpoint",
        Kind::HttpUrl,
        Default::Null,
        "URL of a collector of OpenTelemetry that gets a trace of each request; null: none",
    ),
    key(
        "http.log",
        Kind::Text,
        Default::Text("info"),
        "what is logged: off, error, warn, info, debug or trace, or a filter by module",
    ),
    key(
        "http.log_format",
        Kind::Choice(&["text", "json"]),
        Default::Text("text"),
        "whether a line of the log is text or a JSON object",
    ),
    key(
        "access.token_file",
        Kind::Path,
        Default::Null,
        "file of the tokens that the server takes; null: access/tokens.json below base_path",
    ),
    key(
        "access.signing_keys_file",
        Kind::Path,
        Default::Null,
        "file of the keys that URLs are signed with; null: access/signing-keys.json below base_path",
    ),
    key(
        "access.audit",
        Kind::Choice(&["all", "changes", "off"]),
        Default::Text("all"),
        "what is written down of who did what, once tokens are asked for: every attempt, or those that change \
         something or were refused",
    ),
    key(
        "access.audit_file",
        Kind::Path,
        Default::Null,
        "file that it is written into; null: access/audit.jsonl below base_path",
    ),
    key(
        "access.audit_max_size",
        Kind::Size,
        Default::Text("64MB"),
        "size from which on that file is put aside",
    ),
    key(
        "access.audit_keep",
        Kind::Whole {
            min: 0,
            max: 10_000,
        },
        Default::Whole(10),
        "how many of those that were put aside are kept",
    ),
];
