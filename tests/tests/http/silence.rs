//! Who connects and says nothing, or not enough: neither a connection nor a request is his for ever.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use e2e::{Sandbox, Server};

use super::at;

/// A server that has a second of patience.
fn served(settings: &[(&str, &str)]) -> (Sandbox, Server) {
    let store = Sandbox::new().with_env("ARTIFACT_HTTP__IDLE_TIMEOUT_S", "1");
    let store = settings
        .iter()
        .fold(store, |store, (name, value)| store.with_env(name, value));
    let server = Server::start(&store);
    (store, server)
}

fn connected(server: &Server, sent: &[u8]) -> TcpStream {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).unwrap();
    stream.write_all(sent).unwrap();
    stream
}

/// What comes until the connection ends, and how long that takes.
fn ended(mut stream: TcpStream) -> (String, Duration) {
    let begun = Instant::now();
    let mut answer = Vec::new();
    // It ends or is reset: either way it is over.
    let _ = stream.read_to_end(&mut answer);
    (
        String::from_utf8_lossy(&answer).into_owned(),
        begun.elapsed(),
    )
}

#[test]
fn a_connection_on_which_nothing_is_asked_ends() {
    let (_store, server) = served(&[]);
    let asked = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for sent in [
        &b""[..],
        b"P",
        b"PRI * HT",
        b"G",
        b"GET / HTTP/1.1\r\nHost: lo",
        asked,
        preface,
    ] {
        let (_, took) = ended(connected(&server, sent));
        assert!(
            took > Duration::from_millis(800) && took < Duration::from_secs(10),
            "{took:?} after {:?}",
            String::from_utf8_lossy(sent)
        );
    }
}

#[test]
fn silent_connections_keep_others_waiting_only_for_a_while() {
    let (_store, server) = served(&[("ARTIFACT_HTTP__MAX_CONNECTIONS", "20")]);
    let silent: Vec<_> = (0..30).map(|_| connected(&server, b"")).collect();
    let begun = Instant::now();
    server.get("/healthz").expect(200);
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    drop(silent);
}

/// Whoever announces a document and does not send it has no place among those that are worked on.
#[test]
fn a_document_that_stands_still_is_cut_off() {
    let (_store, server) = served(&[("ARTIFACT_HTTP__MAX_REQUESTS", "1")]);
    for request in [
        "POST /api/v1/changes?name=a",
        "POST /api/v1/moves?name=a",
        "POST /api/v1/prune?name=a",
        "POST /api/v1/grep",
        "POST /api/v1/export",
        "PATCH /api/v1/artifacts/01900000-0000-7000-8000-000000000000",
        "PUT /api/v1/specs/demo/tasks/1/log/a.log",
    ] {
        let head =
            format!("{request} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{{");
        let (answer, took) = ended(connected(&server, head.as_bytes()));
        assert!(answer.starts_with("HTTP/1.1 408 "), "{request}: {answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
        assert!(took < Duration::from_secs(10), "{request}: {took:?}");
        server.get("/api/v1/artifacts").expect(200);
    }
    let long = format!("{{\"pattern\":\"{}\"}}", "a".repeat(3_000_000));
    let refused = server.send("POST", "/api/v1/grep", &[], long.as_bytes());
    refused.problem(413, "too-large");
}

/// It is the client that may not stand still: whoever waits for a long answer waits.
#[test]
fn work_that_takes_longer_is_not_cut_off() {
    let (_store, server) = served(&[("ARTIFACT_LOCKING__TIMEOUT_S", "3")]);
    // It holds the lock of the artifact, for which the other one waits, and sends a little now and then.
    let head = format!(
        "PUT {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n",
        at("a")
    );
    let mut slow = connected(&server, head.as_bytes());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(500));
            let begun = Instant::now();
            (server.put(&at("a"), b"x").status, begun.elapsed())
        });
        for _ in 0..10 {
            slow.write_all(b"x").unwrap();
            std::thread::sleep(Duration::from_millis(400));
        }
        let (status, took) = waiting.join().unwrap();
        assert_eq!(status, 423);
        assert!(took > Duration::from_millis(2_500), "{took:?}");
    });
}
