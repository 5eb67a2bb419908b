//! Traces of requests, sent to a collector in the process of the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use e2e::{Sandbox, Server};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;

use super::at;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// Takes what is sent to it.
struct Collector {
    url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

#[derive(Clone)]
struct Received {
    head: String,
    sent: ExportTraceServiceRequest,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::default();
        let into = Arc::clone(&received);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let into = Arc::clone(&into);
                std::thread::spawn(move || serve(&stream, &into));
            }
        });
        Self { url, received }
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    fn spans(&self) -> Vec<Span> {
        let all = self.received().into_iter();
        all.flat_map(|one| one.sent.resource_spans)
            .flat_map(|of_resource| of_resource.scope_spans)
            .flat_map(|of_scope| of_scope.spans)
            .collect()
    }
}

/// Answers one request after another, as HTTP/1.1 has them.
fn serve(stream: &TcpStream, into: &Mutex<Vec<Received>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let head = head.to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.unwrap().parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        let sent = ExportTraceServiceRequest::decode(&*body).unwrap();
        into.lock().unwrap().push(Received { head, sent });
        let answer =
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        let mut stream = stream;
        stream.write_all(answer.as_bytes()).unwrap();
    }
}

fn attribute(of: &[KeyValue], name: &str) -> Option<String> {
    let found = of.iter().find(|pair| pair.key == name)?;
    Some(match found.value.clone()?.value? {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

fn sending_to(url: &str) -> (Sandbox, Server) {
    let store = Sandbox::new()
        .with_env("ARTIFACT_HTTP__OTLP_ENDPOINT", url)
        .with_env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x");
    let server = Server::start(&store);
    (store, server)
}

#[test]
fn a_request_goes_on_the_trace_that_it_came_with() {
    let collector = Collector::start();
    let (_store, server) = sending_to(&collector.url);
    let parent = format!("00-{TRACE}-{PARENT}-01");
    let head = [("traceparent", &*parent), ("x-request-id", "mine-1")];
    server.send("PUT", &at("a.log"), &head, b"abc").expect(201);
    server.send("GET", &at("none"), &head, b"").expect(404);
    server.get("/api/v1/usage").expect(200);
    server.get("/healthz").expect(200);
    let unsampled = format!("00-{TRACE}-{PARENT}-00");
    let head = [("traceparent", &*unsampled)];
    server
        .send("GET", "/api/v1/trend?type=log", &head, b"")
        .expect(200);
    let log = server.log();
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));

    let (spans, calls): (Vec<_>, Vec<_>) = collector
        .spans()
        .into_iter()
        .partition(|span| span.kind() == SpanKind::Server);
    let names: Vec<_> = spans.iter().map(|span| span.name.clone()).collect();
    let route = "/api/v1/specs/{spec}/tasks/{task}/{type}/{*name}";
    let expected = [
        format!("PUT {route}"),
        format!("GET {route}"),
        "GET /api/v1/usage".to_owned(),
    ];
    assert_eq!(names, expected, "{log}");
    let put = &spans[0];
    let client = attribute(&put.attributes, "client.address");
    assert_eq!(client.as_deref(), Some("127.0.0.1"));
    assert_eq!(
        (hex(&put.trace_id), hex(&put.parent_span_id)),
        (TRACE.to_owned(), PARENT.to_owned())
    );
    assert!(put.end_time_unix_nano > put.start_time_unix_nano);
    for (name, value) in [
        ("http.request.method", "PUT"),
        ("http.route", route),
        ("url.path", &at("a.log")),
        ("http.response.status_code", "201"),
        ("request.id", "mine-1"),
    ] {
        assert_eq!(
            attribute(&put.attributes, name).as_deref(),
            Some(value),
            "{put:?}"
        );
    }
    let missing = &spans[1];
    assert_eq!(
        attribute(&missing.attributes, "error.type").as_deref(),
        Some("not-found")
    );
    // Who brings no trace begins one.
    let usage = &spans[2];
    assert!(
        usage.parent_span_id.is_empty() && hex(&usage.trace_id) != TRACE,
        "{usage:?}"
    );

    // What was called for a request stands below it, and nothing else is there.
    for call in &calls {
        let below = |span: &&Span| span.span_id == call.parent_span_id;
        let request = spans
            .iter()
            .find(below)
            .unwrap_or_else(|| panic!("{call:?}"));
        assert_eq!(call.trace_id, request.trace_id);
        assert!(call.start_time_unix_nano >= request.start_time_unix_nano);
    }
    let called = |request: &Span| {
        let below = calls.iter();
        let below = below.filter(|call| call.parent_span_id == request.span_id);
        below.map(|call| call.name.clone()).collect::<Vec<_>>()
    };
    let of_put = called(put);
    for name in [
        "locks.acquire",
        "index.begin",
        "blobs.put",
        "index.commit",
        "locks.release",
    ] {
        assert!(of_put.iter().any(|call| call == name), "{name}: {of_put:?}");
    }
    assert_eq!(called(usage), ["index.usage"]);

    let first = &collector.received()[0];
    assert!(
        first.head.starts_with("post /v1/traces http/1.1"),
        "{}",
        first.head
    );
    assert!(first.head.contains("content-type: application/x-protobuf"));
    assert!(
        first.head.contains("authorization: bearer x"),
        "{}",
        first.head
    );
    let resource = first.sent.resource_spans[0].resource.as_ref().unwrap();
    let name = attribute(&resource.attributes, "service.name");
    assert_eq!(name.as_deref(), Some("artifact-http"));
    // Spans are for the collector, not for the log.
    assert!(!log.contains("otel.") && log.contains("mine-1"), "{log}");
}

#[test]
fn a_call_that_fails_says_how() {
    let collector = Collector::start();
    let (store, server) = sending_to(&collector.url);
    server.put(&at("a.log"), b"abc").expect(201);
    for blob in store.blobs() {
        std::fs::remove_file(blob).unwrap();
    }
    assert_ne!(server.get(&at("a.log")).status, 200);
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    let spans = collector.spans();
    let failed = spans.iter().find(|span| span.name == "blobs.get").unwrap();
    let kind = attribute(&failed.attributes, "error.type");
    assert_eq!(kind.as_deref(), Some("not-found"));
}

#[test]
fn without_a_collector_it_serves_and_ends_and_says_it_once() {
    let away = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (_store, server) = sending_to(&format!("http://{away}/"));
    // More than one batch, with what is called for each, and less than the queue has room for.
    for _ in 0..400 {
        server.get(&at("none")).expect(404);
    }
    e2e::eventually("it to be said", || {
        server.log().contains("traces can't be sent")
    });
    server.put(&at("a.log"), b"abc").expect(201);
    let log = server.log();
    let begun = Instant::now();
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(log.matches("traces can't be sent").count(), 1, "{log}");
    assert!(!log.contains("BatchSpanProcessor"), "{log}");
}

#[test]
fn a_collector_that_never_answers_holds_up_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_store, server) = sending_to(&format!("http://{}", silent.local_addr().unwrap()));
    let begun = Instant::now();
    // More than the queue has room for.
    for _ in 0..4_000 {
        server.get(&at("none")).expect(404);
    }
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
    let begun = Instant::now();
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn an_address_that_is_none_is_refused() {
    let store = Sandbox::new();
    for wrong in ["collector:4317", "ftp://collector", "http://collector/?x=1"] {
        let output = store
            .other(e2e::artifact_http())
            .env("ARTIFACT_HTTP__OTLP_ENDPOINT", wrong)
            .args(["--listen", "127.0.0.1:0"])
            .output()
            .expect("it can be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{wrong}: {said}");
        assert!(said.contains("otlp_endpoint"), "{said}");
    }
}

#[test]
fn who_has_asked_a_proxy_is_in_the_trace() {
    let collector = Collector::start();
    let store = Sandbox::new()
        .with_env("ARTIFACT_HTTP__OTLP_ENDPOINT", &collector.url)
        .with_env("ARTIFACT_HTTP__TRUSTED_PROXIES", "127.0.0.0/8")
        .with_env("ARTIFACT_HTTP__PROXY_HEADER", "forwarded");
    let token = store.ok(&["token", "create", "me", "--allow", "admin"]);
    let server = Server::start(&store).bearing(&token);
    let head = [("forwarded", "for=1.1.1.1;proto=https;host=store.example")];
    server.send("GET", &at("none"), &head, b"").expect(404);
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    let mut spans = collector.spans();
    spans.retain(|span| span.kind() == SpanKind::Server);
    assert_eq!(spans.len(), 1);
    let of = |name: &str| attribute(&spans[0].attributes, name).unwrap_or_default();
    assert_eq!(of("client.address"), "1.1.1.1");
    assert_eq!(of("url.scheme"), "https");
    assert_eq!(of("server.address"), "store.example");
}
