//! Clients that read an answer in lines drop by drop: they hold up what they have asked for, and nobody
//! else.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use e2e::{Sandbox, Server};
use serde_json::Value;

use super::at;

/// How many clients drip, and how many artifacts each has moved.
const DRIPPING: usize = 3;
const EACH: usize = 500;

/// So that the lines of one client are more than any socket takes by itself.
const METADATA_BYTES: usize = 20_000;

/// A store with a task for each client that drips.
fn filled() -> Sandbox {
    let store = Sandbox::new();
    for number in 0..EACH {
        store.write(format!("many/{number}.log"), format!("{number}\n"));
    }
    let metadata = format!("big=\"{}\"", "x".repeat(METADATA_BYTES));
    for task in 0..DRIPPING {
        let task = format!("task-{task}");
        let place = ["--spec", "demo", "--task", &*task, "--type", "log"];
        let upload = ["upload", "many", "--no-progress", "--meta", &metadata];
        store.ok(&[&upload[..], &place].concat());
    }
    store
}

/// Has a task archived and reads of it a little now and then, until it is told to read the rest.
fn drip(server: &Server, task: usize, enough: &AtomicBool) -> Vec<u8> {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let body = r#"{"move":"archive"}"#;
    // HTTP/1.0, so that the answer comes as it is.
    let request = format!(
        "POST /api/v1/moves?task=task-{task} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut drop = [0; 500];
    while !enough.load(Ordering::Relaxed) {
        let read = stream.read(&mut drop).unwrap();
        assert!(read > 0, "the answer has ended: {}", answer.len());
        answer.extend_from_slice(&drop[..read]);
        std::thread::sleep(Duration::from_millis(20));
    }
    stream.read_to_end(&mut answer).unwrap();
    answer
}

/// How many artifacts lie in the cold tier.
fn archived(server: &Server) -> u64 {
    let usage = server.get("/api/v1/usage?by=tier").expect(200).json();
    let groups = usage["groups"].as_array().unwrap();
    let cold = groups.iter().find(|group| group["tier"] == "COLD");
    cold.map_or(0, |cold| cold["count"].as_u64().unwrap())
}

#[test]
fn who_reads_drop_by_drop_holds_up_nobody_else() {
    let store = filled();
    let server = Server::start(&store);
    let enough = AtomicBool::new(false);
    let answers = std::thread::scope(|scope| {
        let (server, enough) = (&server, &enough);
        let dripping: Vec<_> = (0..DRIPPING)
            .map(|task| scope.spawn(move || drip(server, task, enough)))
            .collect();
        // As far as it comes by itself.
        let mut before = u64::MAX;
        while before != archived(server) {
            before = archived(server);
            std::thread::sleep(Duration::from_secs(2));
        }
        let others: Vec<_> = (0..8)
            .map(|client| {
                scope.spawn(move || {
                    let mut longest = Duration::ZERO;
                    for round in 0..10 {
                        let begun = Instant::now();
                        let path = at(&format!("{client}-{round}.log"));
                        server.put(&path, b"text\n").expect(201);
                        assert_eq!(server.get(&path).expect(200).body, b"text\n");
                        longest = longest.max(begun.elapsed());
                    }
                    longest
                })
            })
            .collect();
        for other in others {
            let longest = other.join().unwrap();
            assert!(longest < Duration::from_secs(10), "{longest:?}");
        }
        let count = archived(server);
        let all = u64::try_from(DRIPPING * EACH).unwrap();
        assert!(count > 0 && count < all, "{count} of {all} are archived");
        enough.store(true, Ordering::Relaxed);
        let answers = dripping.into_iter().map(|one| one.join().unwrap());
        answers.collect::<Vec<_>>()
    });
    for answer in answers {
        let answer = String::from_utf8(answer).unwrap();
        let (head, lines) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 OK\r\n"), "{head}");
        let mut lines: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let last = lines.pop().unwrap();
        assert_eq!(last["sums"]["moved"], EACH, "{last}");
        assert_eq!(lines.len(), EACH);
        assert!(lines.iter().all(|line| line["item"]["moved"].is_object()));
    }
}
