//! The proxy before a plain HTTP server, asked by curl. Signed requests through it are with the servers.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Command;
use std::time::{Duration, Instant};

use super::*;
use crate::Outcome;

/// A server that answers with the body that it was sent, in chunks where the path says so. It serves
/// until the process ends.
fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(&stream));
        }
    });
    endpoint
}

fn serve(mut stream: &TcpStream) -> Option<()> {
    let mut from = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            (from.read_until(b'\n', &mut head).ok()? > 0).then_some(())?;
        }
        let head = String::from_utf8(head).ok()?;
        let length = head
            .split_once("Content-Length: ")
            .map_or("0", |(_, rest)| {
                rest.split("\r\n").next().unwrap_or_default()
            });
        if head.contains("100-continue") {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
        }
        let mut body = vec![0; length.parse().ok()?];
        from.read_exact(&mut body).ok()?;
        let mut answer = Vec::new();
        if head.contains("/chunked") {
            answer.extend(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for chunk in body.chunks(7) {
                answer.extend(format!("{:x}\r\n", chunk.len()).bytes());
                answer.extend(chunk);
                answer.extend(b"\r\n");
            }
            answer.extend(b"0\r\n\r\n");
        } else {
            answer.extend(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").bytes());
            if !head.starts_with("HEAD") {
                answer.extend(&body);
            }
        }
        stream.write_all(&answer).ok()?;
    }
}

fn curl(args: &[&str]) -> Outcome {
    let output = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--max-time",
            "20",
            "--noproxy",
            "*",
        ])
        .args(args)
        .output()
        .expect("curl can be run");
    Outcome::from_output(args, output)
}

fn put(url: &str, body: &str) -> Outcome {
    curl(&["-X", "PUT", "--data-binary", body, url])
}

#[test]
fn what_passes_is_as_it_was_and_is_counted() {
    let proxy = Proxy::before(&echo());
    let url = |path: &str| format!("{}{path}", proxy.endpoint());
    let large = "0123456789".repeat(9_000);
    for path in ["/a?uploads=", "/chunked"] {
        assert_eq!(put(&url(path), &large).expect_code(0).text(), large);
    }
    // Several requests of one connection, one without a body in its answer, one that waits for 100.
    let (head, get) = (url("/b"), url("/c"));
    let _ = curl(&["--head", &head, "--next", "--silent", &get]).expect_code(0);
    let args = ["--header", "Expect: 100-continue", "--data", "x", &get];
    assert_eq!(curl(&args).expect_code(0).text(), "x");
    let seen = proxy.seen();
    let seen: Vec<String> = seen
        .iter()
        .map(|request| format!("{} {}", request.method, request.target))
        .collect();
    let all = [
        "PUT /a?uploads=",
        "PUT /chunked",
        "HEAD /b",
        "GET /c",
        "POST /c",
    ];
    assert_eq!(seen, all);
    let which = Which {
        method: "PUT",
        target: "uploads",
    };
    assert_eq!(proxy.count(which), 1);
    assert_eq!(proxy.count(Which::ALL), 5);
}

#[test]
fn so_many_requests_are_answered_in_place_of_the_server() {
    let proxy = Proxy::before(&echo());
    let url = format!("{}/a", proxy.endpoint());
    let puts = Which {
        method: "PUT",
        target: "",
    };
    proxy.inject(puts, 2, Fault::slow_down());
    proxy.inject(puts, 1, Fault::too_many_requests());
    let status = |outcome: &Outcome| outcome.text().lines().last().map(str::to_owned);
    let large = "x".repeat(100_000);
    let put = || {
        let args = [
            "-X",
            "PUT",
            "--data-binary",
            &large,
            "-w",
            "\n%{http_code}",
            &url,
        ];
        curl(&args).expect_code(0)
    };
    let get = curl(&["-w", "\n%{http_code}", &url]);
    assert_eq!(status(&get).as_deref(), Some("200"), "it is no PUT");
    for _ in 0..2 {
        let answer = put();
        assert_eq!(status(&answer).as_deref(), Some("503"));
        assert!(answer.text().contains("<Code>SlowDown</Code>"), "{answer}");
    }
    assert_eq!(proxy.faults_left(), 1);
    assert_eq!(status(&put()).as_deref(), Some("429"));
    assert_eq!(status(&put()).as_deref(), Some("200"));
    proxy.inject(Which::ALL, 1, Fault::unavailable());
    proxy.heal();
    assert_eq!(status(&put()).as_deref(), Some("200"));
}

#[test]
fn connections_are_cut_in_the_middle_of_a_body() {
    let proxy = Proxy::before(&echo());
    for path in ["/a", "/chunked"] {
        let url = format!("{}{path}", proxy.endpoint());
        proxy.inject(Which::ALL, 1, Fault::CutResponse(10));
        let cut = put(&url, "0123456789abcdef").expect_code(18); // a part only
        assert_eq!(cut.text(), "0123456789");
        proxy.inject(Which::ALL, 1, Fault::CutRequest(10));
        let cut = put(&url, "0123456789abcdef");
        assert!([52, 56].contains(&cut.code.unwrap_or_default()), "{cut}");
        assert_eq!(
            put(&url, "0123456789abcdef").expect_code(0).text(),
            "0123456789abcdef"
        );
    }
}

#[test]
fn one_byte_arrives_as_another() {
    let proxy = Proxy::before(&echo());
    for path in ["/a", "/chunked"] {
        let url = format!("{}{path}", proxy.endpoint());
        for fault in [Fault::FlipRequest(9), Fault::FlipResponse(9)] {
            proxy.inject(Which::ALL, 1, fault);
            assert_eq!(
                put(&url, "00000000000").expect_code(0).text(),
                "00000000010"
            );
        }
    }
}

#[test]
fn requests_and_responses_wait() {
    let proxy = Proxy::before(&echo());
    let url = format!("{}/a", proxy.endpoint());
    let time = Duration::from_secs(2);
    for fault in [Fault::Delay(time), Fault::StallResponse(1, time)] {
        proxy.inject(Which::ALL, 2, fault);
        let begun = Instant::now();
        let hasty = curl(&["--max-time", "1", "-X", "PUT", "--data", "xyz", &url]);
        let _ = hasty.expect_code(28); // it has waited too long
        let begun_again = Instant::now();
        assert!(begun_again - begun < time);
        assert_eq!(put(&url, "xyz").expect_code(0).text(), "xyz");
        assert!(begun_again.elapsed() >= time);
    }
}

#[test]
fn nothing_answers_once_it_is_gone() {
    let proxy = Proxy::before(&echo());
    let address = address_of(proxy.endpoint()).to_owned();
    let mut open = TcpStream::connect(&address).expect("it listens");
    // It has been let in.
    open.write_all(b"GET / HTTP/1.1\r\n\r\n")
        .expect("it is read");
    open.read_exact(&mut [0; 4]).expect("it is answered");
    drop(proxy);
    let mut rest = Vec::new();
    open.read_to_end(&mut rest).expect("it is cut");
    assert!(TcpStream::connect(&address).is_err());
}
