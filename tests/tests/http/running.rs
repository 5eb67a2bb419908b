//! The server as a process: how it starts, what it logs, how it ends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use e2e::servers::S3s;
use e2e::{Sandbox, Server};

use super::{at, lines, served};

#[test]
fn it_listens_to_this_machine_alone() {
    let store = Sandbox::new();
    let output = store
        .other(e2e::artifact_http())
        .args(["--listen", "0.0.0.0:0"])
        .output()
        .expect("it can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("can be reached from other machines"),
        "{said}"
    );
}

#[test]
fn it_says_whether_it_can_serve() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("bucket")).unwrap();
    let service = S3s::over(folder.path());
    let store = Sandbox::new().in_bucket(&service.owner, "bucket");
    let server = Server::start(&store);
    assert_eq!(server.get("/healthz").expect(200).text(), "ok\n");
    assert_eq!(server.get("/readyz").expect(200).text(), "ok\n");
    drop(service);
    // What was found is good for a moment.
    e2e::eventually("it to be seen", || server.get("/readyz").status == 503);
    server.get("/readyz").problem(503, "unavailable");
    assert_eq!(server.get("/healthz").expect(200).text(), "ok\n");
}

#[test]
fn every_request_is_logged_with_its_id() {
    let (_store, server) = served();
    let id = [("x-request-id", "mine-1")];
    let answer = server.send("GET", &at("none"), &id, b"");
    assert_eq!(answer.header("x-request-id"), "mine-1");
    assert_eq!(server.get("/healthz").header("x-request-id").len(), 36);
    e2e::eventually("the line", || server.log().contains("mine-1"));
    for forged in ["a http.status=200", "a\tb", "a=b", "a\"b"] {
        let id = [("x-request-id", forged)];
        let answer = server.send("GET", "/healthz", &id, b"");
        assert_eq!(answer.header("x-request-id").len(), 36, "{forged}");
    }
    let log = server.log();
    let line = log.lines().find(|line| line.contains("mine-1")).unwrap();
    assert!(
        line.contains("404") && line.contains("no artifact at"),
        "{line}"
    );
}

#[test]
fn what_was_begun_is_finished_first() {
    let (store, server) = served();
    let (sender, receiver) = std::sync::mpsc::channel::<Vec<u8>>();
    let answer = std::thread::scope(|scope| {
        let upload =
            scope.spawn(|| server.send_stream(&at("slow.log"), Slow(receiver, Vec::new())));
        sender.send(lines(1_000)).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        server.signal("TERM");
        std::thread::sleep(Duration::from_millis(300));
        sender.send(lines(1_000)).unwrap();
        drop(sender);
        upload.join().unwrap()
    });
    answer.expect(201);
    assert_eq!(server.wait(), Some(0));
    assert_eq!(
        store
            .bytes(&["cat", "artifact://demo/1/log/slow.log"])
            .len(),
        2 * lines(1_000).len()
    );
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (_store, server) = served();
    let mut upload = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    let head = format!(
        "PUT {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx",
        at("slow.log")
    );
    upload.write_all(head.as_bytes()).unwrap();
    e2e::eventually("the upload to begin", || {
        let told = server.get("/metrics").text();
        told.contains("artifact_uploads 1\n")
    });
    server.signal("TERM");
    e2e::eventually("it to be taken note of", || {
        server.log().contains("finishing what was begun")
    });
    std::thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    server.signal("TERM");
    // The upload could stand still for half a minute.
    assert_eq!(server.wait(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5));
    drop(upload);
}

/// A body that comes when the test says so.
struct Slow(std::sync::mpsc::Receiver<Vec<u8>>, Vec<u8>);

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.1.is_empty() {
            self.1 = self.0.recv().unwrap_or_default();
        }
        let count = buffer.len().min(self.1.len());
        buffer[..count].copy_from_slice(&self.1[..count]);
        self.1.drain(..count);
        Ok(count)
    }
}

#[test]
fn what_is_acknowledged_survives_a_kill() {
    let store = Sandbox::new();
    let mut expected = Vec::new();
    for round in 0..4 {
        let server = Server::start(&store);
        for number in 0..20 {
            let path = at(&format!("{round}-{number}.log"));
            let body = format!("{round} {number}\n");
            server.put(&path, body.as_bytes()).expect(201);
            expected.push((path, body));
        }
        server.signal("KILL");
        assert_eq!(server.wait(), None);
    }
    let server = Server::start(&store);
    for (path, body) in expected {
        assert_eq!(server.get(&path).expect(200).text(), body);
    }
}

#[test]
fn more_than_it_can_take_on_is_told_to_come_again() {
    let store = Sandbox::new().with_env("ARTIFACT_HTTP__MAX_REQUESTS", "1");
    let server = Server::start(&store);
    let (sender, receiver) = std::sync::mpsc::channel::<Vec<u8>>();
    std::thread::scope(|scope| {
        let upload =
            scope.spawn(|| server.send_stream(&at("slow.log"), Slow(receiver, Vec::new())));
        sender.send(e2e::tree::noise(1, 5_000_000)).unwrap();
        e2e::eventually("the place to be taken", || !store.blobs().is_empty());
        let refused = server.get("/api/v1/artifacts");
        refused.problem(503, "unavailable");
        assert_eq!(refused.header("retry-after"), "1");
        server.get("/healthz").expect(200);
        drop(sender);
        upload.join().unwrap().expect(201);
    });
    server.get("/api/v1/artifacts").expect(200);
}

#[test]
fn what_it_does_is_counted() {
    let (_store, server) = served();
    server.put(&at("a.log"), &lines(1_000)).expect(201);
    server.get(&at("a.log")).expect(200);
    server.get(&at("none")).expect(404);
    server.send("POST", "/api/v1/gc", &[], b"").expect(200);
    server.get("/no/such/path").expect(404);
    let found = |line: &str| {
        let text = server.get("/metrics").expect(200).text();
        assert!(text.ends_with("# EOF\n"));
        // Of what is done behind the answers too, only that it is counted can be told.
        let is_told = |one: &str| one == line || line.ends_with(' ') && one.starts_with(line);
        text.lines().any(is_told)
    };
    let route = "route=\"/api/v1/specs/{spec}/tasks/{task}/{type}/{*name}\"";
    for line in [
        format!("artifact_http_requests_total{{method=\"PUT\",{route},status=\"201\"}} 1"),
        format!("artifact_http_requests_total{{method=\"GET\",{route},status=\"404\"}} 1"),
        format!("artifact_http_request_duration_seconds_count{{method=\"GET\",{route}}} 2"),
        "artifact_http_requests_total{method=\"GET\",route=\"unknown\",status=\"404\"} 1"
            .to_owned(),
        "artifact_stored_versions 1".to_owned(),
        "artifact_http_requests_in_flight 1".to_owned(),
        "artifact_jobs_total{job=\"gc\",outcome=\"ok\"} 1".to_owned(),
        format!("artifact_http_received_bytes_total {}", lines(1_000).len()),
        "artifact_port_call_duration_seconds_count{port=\"index\",operation=\"commit\"} 1"
            .to_owned(),
        "artifact_port_call_duration_seconds_sum{port=\"blobs\",operation=\"get\"} ".to_owned(),
        "artifact_port_call_duration_seconds_count{port=\"locks\",operation=\"acquire\"} "
            .to_owned(),
        "artifact_job_failures_total{job=\"gc\"} 0".to_owned(),
    ] {
        e2e::eventually(&line, || found(&line));
    }
}

/// A blob that is gone is an error of the store of blobs, of its kind.
#[test]
fn what_fails_behind_it_is_counted() {
    let (store, server) = served();
    server.put(&at("a.log"), b"x").expect(201);
    let count = || {
        let told = server.get("/metrics").expect(200).text();
        let line =
            "artifact_port_errors_total{port=\"blobs\",operation=\"get\",kind=\"not-found\"} ";
        let found = told.lines().find_map(|one| one.strip_prefix(line));
        found.map_or(0, |count| count.parse::<u32>().unwrap())
    };
    let before = count();
    for blob in store.blobs() {
        std::fs::remove_file(blob).unwrap();
    }
    assert!(server.get(&at("a.log")).status >= 400);
    assert!(count() > before);
}

/// Of two servers over one store, one cleans up at the time that is set.
#[test]
fn it_cleans_up_when_it_is_time() {
    let store = Sandbox::new().with_env("ARTIFACT_RETENTION__SCHEDULE", "* * * * *");
    let servers = [Server::start(&store), Server::start(&store)];
    servers[0].put(&at("a.log"), b"x").expect(201);
    e2e::eventually("both to wait", || {
        let log = servers[0].log();
        log.matches("the next cleanup is at").count() >= 2
    });
    // They share a log.
    let count = |text: &str| servers[0].log().matches(text).count();
    let (begun, limit) = (Instant::now(), Duration::from_mins(2));
    while count("scheduled cleanup is done") == 0 || count("another server cleans up") == 0 {
        assert!(begun.elapsed() < limit, "{}", servers[0].log());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(
        count("scheduled cleanup is done"),
        1,
        "{}",
        servers[0].log()
    );
    e2e::eventually("gc", || count("scheduled gc is done") == 1);
}

#[test]
fn pages_of_the_origins_that_are_named_may_use_it() {
    let store = Sandbox::new().with_env("ARTIFACT_HTTP__CORS_ORIGINS", "https://ci.example");
    let server = Server::start(&store);
    let asked = [
        ("origin", "https://ci.example"),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "if-match"),
    ];
    let told = server.send("OPTIONS", &at("a"), &asked, b"").expect(200);
    assert_eq!(
        told.header("access-control-allow-origin"),
        "https://ci.example"
    );
    assert!(told.header("access-control-allow-methods").contains("PUT"));
    assert_eq!(told.header("access-control-allow-headers"), "if-match");
    let other = server.send("GET", "/healthz", &[("origin", "https://x.example")], b"");
    assert_eq!(other.header("access-control-allow-origin"), "");
    let (_store, silent) = served();
    let none = silent.send("GET", "/healthz", &asked[..1], b"");
    assert_eq!(none.header("access-control-allow-origin"), "");
}

#[test]
fn the_dashboard_shows_what_is_told() {
    let (store, server) = served();
    server.put(&at("a.log"), b"x").expect(201);
    server.send("POST", "/api/v1/gc", &[], b"").expect(200);
    store
        .blobs()
        .iter()
        .for_each(|blob| std::fs::remove_file(blob).unwrap());
    assert!(server.get(&at("a.log")).status >= 400);
    e2e::eventually("a request to be counted", || {
        server
            .get("/metrics")
            .text()
            .contains("artifact_http_requests_total{")
    });
    let told = server.get("/metrics").text();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/grafana.json");
    let dashboard: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let mut count = 0;
    for target in targets {
        let asked = target["expr"].as_str().unwrap();
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        for name in asked
            .split(|letter| !is_part(letter))
            .filter(|one| one.starts_with("artifact_"))
        {
            let is_told = told.lines().any(|line| {
                line.strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with(['{', ' ']))
            });
            assert!(is_told, "{name} is not told:\n{told}");
            count += 1;
        }
    }
    assert!(count > 10, "{count}");
}

/// Who goes away while he waits is no fault of the server.
#[test]
fn a_request_whose_client_has_gone_is_told_as_that() {
    let (_store, server) = served();
    let address = server.url.strip_prefix("http://").unwrap();
    let connect = || TcpStream::connect(address).unwrap();
    let head = |length: usize| {
        format!(
            "PUT {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n",
            at("a")
        )
    };
    // It holds the lock of the artifact, for which the other one waits.
    let mut first = connect();
    first.write_all(head(100).as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let mut second = connect();
    second.write_all(head(0).as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    drop(second);
    e2e::eventually("it to be told", || server.log().contains("http.status=499"));
    assert!(
        !server.log().contains("http.status=500"),
        "{}",
        server.log()
    );
}
