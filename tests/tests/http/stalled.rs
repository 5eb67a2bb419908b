//! Clients that speak HTTP/2 and leave an answer where it is: they answer every PING, so that no connection
//! looks dead, and give answers no room. None of them may keep anybody else out.

use std::time::{Duration, Instant};

use e2e::{Sandbox, Server, eventually};
use h2::client::{Builder, SendRequest};
use h2::{Reason, RecvStream};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use ureq::http::Request;

use super::at;

/// A client whose answers have room for so many bytes, each, until they are taken.
struct Client {
    runtime: Runtime,
    requests: SendRequest<bytes::Bytes>,
    url: String,
}

impl Client {
    fn connect(server: &Server, room_bytes: u32) -> Self {
        let runtime = Runtime::new().unwrap();
        let address = server.url.strip_prefix("http://").unwrap();
        let requests = runtime.block_on(async {
            let stream = TcpStream::connect(address).await.unwrap();
            let mut builder = Builder::new();
            builder.initial_window_size(room_bytes);
            builder.initial_connection_window_size(1 << 20);
            let (requests, connection) = builder.handshake(stream).await.unwrap();
            // It answers PINGs.
            tokio::spawn(connection);
            requests
        });
        let url = server.url.clone();
        Self {
            runtime,
            requests,
            url,
        }
    }

    /// Asks for something, and waits for the head of the answer.
    fn ask(&mut self, method: &str, path: &str, body: &'static str) -> (u16, RecvStream) {
        let (runtime, requests) = (&self.runtime, &mut self.requests);
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .body(())
            .unwrap();
        let (answer, mut sent) = requests.send_request(request, false).unwrap();
        sent.send_data(body.into(), true).unwrap();
        let answer = runtime.block_on(answer).unwrap();
        (answer.status().as_u16(), answer.into_body())
    }

    /// What comes of an answer until it ends or is reset, and why it was, where each byte takes so long.
    fn taken(&self, mut body: RecvStream, each_byte: Duration) -> (usize, Option<Reason>) {
        let mut bytes = 0;
        loop {
            match self.runtime.block_on(body.data()) {
                None => return (bytes, None),
                Some(Err(error)) => return (bytes, error.reason()),
                Some(Ok(chunk)) => {
                    bytes += chunk.len();
                    std::thread::sleep(each_byte * u32::try_from(chunk.len()).unwrap());
                    body.flow_control().release_capacity(chunk.len()).unwrap();
                }
            }
        }
    }
}

fn served(settings: &[(&str, &str)]) -> (Sandbox, Server) {
    let store = settings
        .iter()
        .fold(Sandbox::new(), |store, (name, value)| {
            store.with_env(name, value)
        });
    let server = Server::start(&store);
    (store, server)
}

/// What is made already holds no place, however long it is not taken.
#[test]
fn an_answer_that_is_only_to_be_sent_takes_no_place() {
    let (_store, server) = served(&[
        ("ARTIFACT_HTTP__MAX_REQUESTS", "2"),
        ("ARTIFACT_HTTP__IDLE_TIMEOUT_S", "600"),
    ]);
    let mut client = Client::connect(&server, 0);
    let asked = [
        ("/api/v1/artifacts", 200),
        ("/openapi.json", 200),
        ("/api/v1/artifacts?limit=none", 400),
        (&at("none"), 404),
    ];
    let mut held = Vec::new();
    for _ in 0..10 {
        for (path, status) in asked {
            let (answered, body) = client.ask("GET", path, "");
            assert_eq!(answered, status, "{path}");
            held.push(body);
        }
    }
    server.get("/api/v1/artifacts").expect(200);
}

#[test]
fn who_takes_nothing_is_let_go_and_who_takes_little_is_not() {
    let (_store, server) = served(&[
        ("ARTIFACT_HTTP__MAX_REQUESTS", "3"),
        ("ARTIFACT_HTTP__IDLE_TIMEOUT_S", "2"),
    ]);
    let size = 400_000;
    server
        .put(&at("a.bin"), &e2e::tree::noise(1, size))
        .expect(201);
    let mut client = Client::connect(&server, 40_000);
    let [slow, first, second] = [(); 3].map(|()| {
        let (status, body) = client.ask("GET", &at("a.bin"), "");
        assert_eq!(status, 200);
        body
    });
    server.get("/api/v1/artifacts").problem(503, "unavailable");
    let begun = Instant::now();
    // All of them share a connection.
    let (bytes, reason) = client.taken(slow, Duration::from_micros(16));
    assert_eq!((bytes, reason), (size, None));
    assert!(begun.elapsed() > Duration::from_secs(5));
    eventually("the others to be let go", || {
        server.log().matches("answered, cut off").count() == 2
    });
    for stalled in [first, second] {
        let (bytes, reason) = client.taken(stalled, Duration::ZERO);
        assert_eq!(reason, Some(Reason::CANCEL));
        assert!(bytes <= 40_000, "{bytes}");
    }
    server.get("/api/v1/artifacts").expect(200);
}

/// Work that tells of itself waits for who listens, and not for one that does not.
#[test]
fn work_goes_on_without_a_client_that_does_not_read() {
    const COUNT: usize = 100;
    let (store, server) = served(&[("ARTIFACT_HTTP__IDLE_TIMEOUT_S", "2")]);
    for number in 0..COUNT {
        store.write(format!("many/{number}.log"), format!("{number}\n"));
    }
    // More than waits on the way by itself.
    let metadata = format!("big=\"{}\"", "x".repeat(20_000));
    let place = ["--spec", "demo", "--task", "1", "--type", "log"];
    let upload = ["upload", "many", "--no-progress", "--meta", &metadata];
    store.ok(&[&upload[..], &place].concat());
    let archived = || {
        let usage = server.get("/api/v1/usage?by=tier").expect(200).json();
        let groups = usage["groups"].as_array().unwrap();
        let cold = groups.iter().find(|group| group["tier"] == "COLD");
        cold.map_or(0, |cold| cold["count"].as_u64().unwrap())
    };
    let mut client = Client::connect(&server, 0);
    let (status, body) = client.ask("POST", "/api/v1/moves?task=1", r#"{"move":"archive"}"#);
    assert_eq!(status, 200);
    eventually("the rest to be archived", || archived() == COUNT as u64);
    let (bytes, reason) = client.taken(body, Duration::ZERO);
    assert_eq!((bytes, reason), (0, Some(Reason::CANCEL)));
}
