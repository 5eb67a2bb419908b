//! Requests that two readers could read in two ways, and headers that speak for somebody else.

use super::super::{Bearer, at, token};
use super::{guarded, raw};
use e2e::{Sandbox, Server};

/// A request of somebody else's, hidden in the body of another.
const SMUGGLED: &str = "GET /api/v1/specs/secret/tasks/1/log/a.log HTTP/1.1\r\nHost: x\r\n\r\n";

/// Asserts that each of these ends of an upload's head, with what follows it, is refused at once: no
/// second request is read behind it, and nothing is stored.
fn refused(shapes: &[String]) {
    let (store, server, secret) = guarded();
    let before = store.blobs();
    for shape in shapes {
        let request = format!(
            "PUT {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n{shape}",
            at("team", "1", "s.log"),
            secret.trim()
        );
        let answer = raw(&server, request.as_bytes());
        assert!(!answer.contains("theirs"), "{shape:?}\n{answer}");
        assert!(
            answer.matches("HTTP/1.1 ").count() <= 1,
            "a second request was read: {shape:?}\n{answer}"
        );
        let is_refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(is_refused, "{shape:?}\n{answer}");
    }
    assert_eq!(store.blobs(), before, "something was stored");
}

// RFC 9112, 6.3: the chunks count, and nothing is read behind them.
#[test]
fn a_length_beside_chunks_hides_no_request() {
    let length = SMUGGLED.len();
    let (store, server, secret) = guarded();
    for shape in [
        format!(
            "Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}"
        ),
        format!("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n{SMUGGLED}"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n{SMUGGLED}"),
        format!("content-length: 5\r\ntransfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n{SMUGGLED}"),
    ] {
        let path = at("team", "1", "s.log");
        let secret = secret.trim();
        let head = format!("PUT {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\n");
        let answer = raw(&server, format!("{head}{shape}").as_bytes());
        assert_eq!(
            answer.matches("HTTP/1.1 ").count(),
            1,
            "{shape:?}\n{answer}"
        );
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        assert!(!answer.contains("theirs"), "{shape:?}\n{answer}");
    }
    let uri = "artifact://team/1/log/s.log";
    assert_eq!(store.bytes(&["download", uri, "-o", "-"]), b"");
}

#[test]
fn two_lengths_are_refused() {
    let length = SMUGGLED.len();
    refused(&[
        format!("Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{SMUGGLED}"),
        format!("Content-Length: {length}\r\nContent-Length: 0\r\n\r\n{SMUGGLED}"),
        format!("Content-Length: {length}, {length}1\r\n\r\n{SMUGGLED}"),
        format!("Content-Length: 0, 0\r\n\r\n{SMUGGLED}"),
    ]);
}

#[test]
fn a_length_that_is_no_plain_number_is_refused() {
    let length = SMUGGLED.len();
    refused(&[
        format!("Content-Length: +{length}\r\n\r\n{SMUGGLED}"),
        format!("Content-Length: -1\r\n\r\n{SMUGGLED}"),
        format!("Content-Length: 0x0\r\n\r\n{SMUGGLED}"),
        format!("Content-Length: \r\n\r\n{SMUGGLED}"),
        format!("Content-Length: 99999999999999999999999\r\n\r\n{SMUGGLED}"),
        format!("Content-Length : 0\r\n\r\n{SMUGGLED}"),
    ]);
}

#[test]
fn an_obscured_transfer_encoding_is_refused() {
    refused(
        &[
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: gzip, chunked, gzip\r\n",
            "Transfer-Encoding : chunked\r\n",
            "Transfer-Encoding\u{b}: chunked\r\n",
            "Transfer-Encoding: \u{b}chunked\r\n",
            "Transfer-Encoding: \"chunked\"\r\n",
            "Transfer-Encoding:\r\n chunked\r\n",
            "X: a\r\n Transfer-Encoding: chunked\r\n",
            "Transfer-Encoding: x\r\nTransfer-Encoding: chunked, x\r\n",
        ]
        .map(|head| format!("{head}Content-Length: 5\r\n\r\n0\r\n\r\n{SMUGGLED}")),
    );
    refused(
        &[
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: chunked;q=0\r\n",
        ]
        .map(|head| format!("{head}\r\n0\r\n\r\n{SMUGGLED}")),
    );
}

#[test]
fn a_chunk_with_an_odd_size_is_refused() {
    refused(
        &[
            "0x5\r\nhello\r\n0\r\n\r\n",
            "+5\r\nhello\r\n0\r\n\r\n",
            "-1\r\nhello\r\n0\r\n\r\n",
            " 5\r\nhello\r\n0\r\n\r\n",
            "5 5\r\nhello\r\n0\r\n\r\n",
            "\r\nhello\r\n0\r\n\r\n",
            "g\r\nhello\r\n0\r\n\r\n",
            "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
            "10000000000000005\r\nhello\r\n0\r\n\r\n",
            "5\nhello\r\n0\r\n\r\n",
            "5\r\nhelloo\r\n0\r\n\r\n",
            "5\r\nhello0\r\n\r\n",
            "5;a\nb\r\nhello\r\n0\r\n\r\n",
            "0\r\nX: a\nb\r\n \r\n\r\n",
        ]
        .map(|body| format!("Transfer-Encoding: chunked\r\n\r\n{body}{SMUGGLED}")),
    );
}

#[test]
fn a_line_that_ends_oddly_is_refused() {
    refused(&[
        format!("X: a\rTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n{SMUGGLED}"),
        format!("X: a\0b\r\nContent-Length: 0\r\n\r\n{SMUGGLED}"),
        format!(": a\r\nContent-Length: 0\r\n\r\n{SMUGGLED}"),
        format!("X Y: a\r\nContent-Length: 0\r\n\r\n{SMUGGLED}"),
    ]);
}

#[test]
fn a_second_request_needs_a_token_of_its_own() {
    let (_store, server, secret) = guarded();
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n{}",
        at("team", "1", "a.log"),
        secret.trim(),
        SMUGGLED.replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)
    );
    let answer = raw(&server, request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 401").count(), 1, "{answer}");
    assert!(!answer.contains("theirs"), "{answer}");
}

#[test]
fn no_header_speaks_for_somebody_else() {
    let (_store, server, secret) = guarded();
    for (name, value) in [
        ("x-forwarded-for", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1;host=localhost"),
        ("x-real-ip", "127.0.0.1"),
        ("x-forwarded-user", "admin"),
        ("x-remote-user", "admin"),
        ("x-original-url", "/healthz"),
        ("x-rewrite-url", "/healthz"),
        ("x-http-method-override", "GET"),
        ("x-method-override", "DELETE"),
        ("cookie", "token=admin"),
        ("host", "localhost"),
        ("proxy-authorization", "Basic YWRtaW46YWRtaW4="),
    ] {
        let answer = server.send("GET", "/api/v1/artifacts", &[(name, value)], b"");
        assert_eq!(answer.status, 401, "{name}");
        let header = format!("Bearer {}", secret.trim());
        let both = [(name, value), ("authorization", &*header)];
        let answer = server.send("GET", "/api/v1/usage", &both, b"");
        assert_eq!(answer.status, 403, "{name}");
    }
}

#[test]
fn forwarded_headers_of_strangers_change_no_address() {
    let store = Sandbox::new().with_env("ARTIFACT_HTTP__RATE_LIMIT", "1");
    let store = store.with_env("ARTIFACT_HTTP__RATE_BURST", "3");
    let secret = token(&store, "me", &["read"]);
    let server = Server::start(&store);
    let mut statuses = Vec::new();
    for number in 0..12 {
        let claimed = format!("10.0.0.{number}");
        let headers = [
            ("x-forwarded-for", &*claimed),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "https"),
            ("forwarded", "for=10.1.1.1;proto=https;host=evil.example"),
        ];
        let path = "/api/v1/artifacts";
        statuses.push(server.send("GET", path, &headers, b"").status);
    }
    // They count as one client, whoever they say they are.
    assert!(statuses.contains(&429), "{statuses:?}");
    std::thread::sleep(std::time::Duration::from_secs(2));
    Bearer::new(&server, &secret)
        .get("/api/v1/artifacts")
        .expect(200);
    for entry in store.json(&["audit"]) {
        assert_eq!(entry["from"], "127.0.0.1", "{entry}");
    }
    assert!(!server.log().contains("10.0.0."), "{}", server.log());
}
