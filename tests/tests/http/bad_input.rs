//! What no honest client sends: each is refused by name, and nothing is kept.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{at, served};

#[test]
fn paths_that_name_nothing_are_refused() {
    let (store, server) = served();
    let long = "x".repeat(10_000);
    for path in [
        "/api/v1/specs/demo/tasks/1/log/..%2F..%2Fetc%2Fpasswd".to_owned(),
        "/api/v1/specs/demo/tasks/1/log/a%00b".to_owned(),
        "/api/v1/specs/demo/tasks/1/log/%FF".to_owned(),
        "/api/v1/specs/%2e%2e/tasks/1/log/a".to_owned(),
        "/api/v1/specs/demo/tasks/1/no-type/a".to_owned(),
        "/api/v1/specs/demo/tasks/%20/log/a".to_owned(),
        "/api/v1/specs/demo/tasks/1/log/a//b".to_owned(),
        format!("/api/v1/specs/demo/tasks/1/log/{long}"),
    ] {
        server.put(&path, b"x").problem(400, "invalid-input");
        server.get(&path).problem(400, "invalid-input");
    }
    for path in [
        "/",
        "/api/v1",
        "/api/v1/specs/demo",
        "/api/v2/artifacts",
        "/api/v1/artifacts/",
    ] {
        server.get(path).problem(404, "not-found");
    }
    server
        .get("/api/v1/artifacts/nonsense")
        .problem(400, "invalid-input");
    server
        .send("PUT", "/api/v1/artifacts", &[], b"{}")
        .problem(405, "invalid-input");
    drop(server);
    store.assert_empty();
}

#[test]
fn parameters_that_mean_nothing_are_refused() {
    let (_store, server) = served();
    server.put(&at("a"), b"x").expect(201);
    for query in [
        "limit=0",
        "limit=-1",
        "limit=1001",
        "limit=99999999999999999999",
        "limit=x",
        "sort=size2",
        "cursor=x",
        "type=nope",
        "min_size=-1",
        "after=yesterday",
        "after=2026-01-01T00:00:00Z&days=1",
        "days=999999999",
        "state=x",
        "no_such=1",
        "tag=",
        "spec=%5B",
        "limit=1&limit=2",
    ] {
        let refused = server.get(&format!("/api/v1/artifacts?{query}"));
        assert_eq!(refused.status, 400, "{query}: {}", refused.text());
        refused.problem(400, "invalid-input");
    }
    for query in [
        "version=0",
        "version=-1",
        "version=x",
        "tail=-1",
        "nope=1",
        "grep=%28",
        "download=maybe",
    ] {
        server
            .get(&at(&format!("a?{query}")))
            .problem(400, "invalid-input");
    }
    for query in [
        "tag=%00",
        "meta=x",
        "meta=x=y",
        "retention_days=-1",
        "retention_days=1.5",
        "compress=2",
    ] {
        let refused = server.put(&at(&format!("b?{query}")), b"x");
        assert_eq!(refused.status, 400, "{query}: {}", refused.text());
        server.get(&at("b")).problem(404, "not-found");
    }
}

#[test]
fn where_there_are_no_pages_none_is_asked_for() {
    let (_store, server) = served();
    server.put(&at("a"), b"x").expect(201);
    let everywhere = [
        ("GET", "holds", ""),
        ("POST", "changes", r#"{"change":{"keep_days":3}}"#),
        ("POST", "grep", r#"{"pattern":"x"}"#),
        ("POST", "moves", r#"{"move":"archive","dry_run":true}"#),
        ("POST", "prune", r#"{"keep":1,"dry_run":true}"#),
        ("POST", "export", "{}"),
    ];
    for (method, route, body) in everywhere {
        let ask = |query: &str| {
            let path = format!("/api/v1/{route}?{query}");
            server.send(method, &path, &[], body.as_bytes())
        };
        ask("type=log").expect(200);
        for query in ["limit=1", "sort=name", "cursor=x", "%6Cimit=1"] {
            let refused = ask(&format!("type=log&{query}"));
            let key = query.replace("%6C", "l");
            let key = key.split('=').next().unwrap();
            refused.problem(400, "invalid-input");
            let named = format!("unknown field `{key}`");
            assert!(
                refused.text().contains(&named),
                "{route} {query}: {}",
                refused.text()
            );
        }
    }
}

/// What the server answers to these bytes.
fn raw(server: &e2e::Server, bytes: &[u8]) -> String {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    // It may have heard enough before the end.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn what_is_no_http_does_no_harm() {
    let (_store, server) = served();
    let head = |line: &str| format!("{line}\r\nHost: localhost\r\nConnection: close\r\n");
    let long = format!(
        "{}X: {}\r\n\r\n",
        head("GET /healthz HTTP/1.1"),
        "x".repeat(200_000)
    );
    let twice = format!(
        "{}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        head(&format!("PUT {} HTTP/1.1", at("a")))
    );
    let negative = format!(
        "{}Content-Length: -1\r\n\r\n",
        head(&format!("PUT {} HTTP/1.1", at("a")))
    );
    for bytes in [
        b"\0\0\0\0\r\n\r\n".to_vec(),
        long.into_bytes(),
        twice.into_bytes(),
        negative.into_bytes(),
    ] {
        let answer = raw(&server, &bytes);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{answer}"
        );
    }
    let bad_chunk = format!(
        "{}Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
        head(&format!("PUT {} HTTP/1.1", at("a")))
    );
    raw(&server, bad_chunk.as_bytes());
    assert_eq!(server.get("/healthz").expect(200).text(), "ok\n");
    server.get(&at("a")).problem(404, "not-found");
}

#[test]
fn who_could_not_tell_an_end_gets_no_answer_without_a_length() {
    let (_store, server) = served();
    server.put(&at("a"), b"x").expect(201);
    let old = |path: &str| raw(&server, format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes());
    let refused = old("/api/v1/specs/demo/export");
    assert!(refused.starts_with("HTTP/1.0 505"), "{refused}");
    assert!(refused.contains("urn:artifact-store:error:unsupported"));
    let content = old(&at("a"));
    assert!(content.starts_with("HTTP/1.0 200"), "{content}");
    assert!(content.ends_with("\r\n\r\nx"), "{content}");
}

#[test]
fn an_upload_that_is_cut_off_leaves_nothing() {
    let (store, server) = served();
    let address = server.url.strip_prefix("http://").unwrap();
    for head in ["Content-Length: 5000000", "Transfer-Encoding: chunked"] {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!(
            "PUT {} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n",
            at("a")
        );
        stream.write_all(head.as_bytes()).unwrap();
        let chunk = if head.contains("chunked") {
            "186a0\r\n"
        } else {
            ""
        };
        stream.write_all(chunk.as_bytes()).unwrap();
        stream.write_all(&vec![b'x'; 100_000]).unwrap();
        drop(stream);
    }
    e2e::eventually("both to be taken back", || {
        server.log().matches("cut off").count() >= 2
    });
    server.get(&at("a")).problem(404, "not-found");
    drop(server);
    store.assert_empty();
}

#[test]
fn who_waits_to_be_asked_is_refused_before_the_body() {
    let (_store, server) = served();
    server.put(&at("a"), b"x").expect(201);
    let head = format!(
        "PUT {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\n\
         If-None-Match: *\r\nContent-Length: 1000\r\n\r\n",
        at("a")
    );
    let answer = raw(&server, head.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 412"), "{answer}");
}

#[test]
fn a_body_that_stands_still_is_given_up() {
    let store = e2e::Sandbox::new().with_env("ARTIFACT_HTTP__IDLE_TIMEOUT_S", "1");
    let server = e2e::Server::start(&store);
    let head = format!(
        "PUT {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc",
        at("a")
    );
    let answer = raw(&server, head.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    let answer = raw(&server, b"GET / HTTP/1.1\r\nHost");
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
    drop(server);
    store.assert_empty();
}

/// A client whose body comes after the refusal goes on with the same connection.
#[test]
fn a_connection_outlives_a_refusal_before_the_body() {
    let (_store, server) = served();
    let mut connection = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    connection
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let head = format!(
        "PUT {}?retention_days=x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n",
        at("a")
    );
    connection.write_all(head.as_bytes()).unwrap();
    let mut buffer = vec![0; 65_536];
    let count = connection.read(&mut buffer).unwrap();
    let answer = String::from_utf8_lossy(&buffer[..count]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(!answer.to_lowercase().contains("connection: close"));

    connection.write_all(&vec![0; 100_000]).unwrap();
    let next = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    connection.write_all(next.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("HTTP/1.1 200"), "{answer}");
}
