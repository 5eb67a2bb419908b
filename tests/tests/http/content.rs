//! `GET` and `HEAD` of content: whole, in stretches, its form, and what keeps a browser safe.

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{at, lines, served};

/// What was compressed by the store.
fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut child = std::process::Command::new("gunzip")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("`gunzip` can be run");
    let mut input = child.stdin.take().unwrap();
    let mut text = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(move || std::io::Write::write_all(&mut input, bytes));
        child.stdout.take().unwrap().read_to_end(&mut text).unwrap();
    });
    assert!(child.wait().unwrap().success());
    text
}

#[test]
fn stored_gzip_goes_out_untouched_to_who_takes_it() {
    let (_store, server) = served();
    let text = lines(50_000);
    let record = server.put(&at("a.log"), &text).expect(201).json();
    let gzip = [("accept-encoding", "br, gzip")];
    let coded = server.send("GET", &at("a.log"), &gzip, b"").expect(200);
    assert_eq!(coded.header("content-encoding"), "gzip");
    assert_eq!(coded.body.len() as u64, record["stored_size_bytes"]);
    assert_eq!(gunzip(&coded.body), text);
    let plain = server.get(&at("a.log")).expect(200);
    assert!(plain.body == text && plain.header("content-encoding").is_empty());
    assert_eq!(plain.header("content-length"), text.len().to_string());
    for answer in [&coded, &plain] {
        assert_eq!(answer.header("vary"), "Accept-Encoding");
        assert_eq!(answer.header("x-checksum-sha256"), record["sha256"]);
    }
    assert_ne!(coded.header("etag"), plain.header("etag"));
}

#[test]
fn ranges_are_those_of_the_original_bytes() {
    let (_store, server) = served();
    let text = lines(100_000);
    server.put(&at("a.log"), &text).expect(201);
    let get = |range: &str| {
        let headers = [("range", range), ("accept-encoding", "gzip")];
        server.send("GET", &at("a.log"), &headers, b"")
    };
    let size = text.len();
    for (range, expected) in [
        ("bytes=0-9", 0..10),
        ("bytes=1000000-1999999", 1_000_000..2_000_000),
        ("bytes=-7", size - 7..size),
        ("bytes=2000000-", 2_000_000..size),
    ] {
        let answer = get(range).expect(206);
        let place = format!("bytes {}-{}/{size}", expected.start, expected.end - 1);
        assert_eq!(answer.header("content-range"), place);
        assert!(answer.body == text[expected], "{range}");
    }
    let beyond = get("bytes=99999999-");
    beyond.problem(416, "invalid-input");
    assert_eq!(beyond.header("content-range"), format!("bytes */{size}"));
    assert!(
        get("lines=1-2")
            .expect(200)
            .header("content-range")
            .is_empty()
    );
}

#[test]
fn several_ranges_come_in_parts() {
    let (_store, server) = served();
    server.put(&at("a.log"), b"0123456789").expect(201);
    let headers = [("range", "bytes=0-1,-2")];
    let answer = server.send("GET", &at("a.log"), &headers, b"").expect(206);
    let form = answer.header("content-type");
    let line = form
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap();
    let part = |place: &str, bytes: &str| {
        format!(
            "\r\n--{line}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes {place}/10\r\n\r\n{bytes}"
        )
    };
    let expected = part("0-1", "01") + &part("8-9", "89") + &format!("\r\n--{line}--\r\n");
    assert_eq!(answer.text(), expected);
    assert_eq!(answer.header("content-length"), expected.len().to_string());
    let head = server.send("HEAD", &at("a.log"), &headers, b"").expect(206);
    assert_eq!(head.header("content-length"), expected.len().to_string());
}

#[test]
fn a_range_of_other_content_is_answered_with_everything() {
    let (_store, server) = served();
    let old = server.put(&at("a"), b"first bytes").expect(201);
    let tag = old.header("etag").to_owned();
    let get = || {
        let headers = [("range", "bytes=0-4"), ("if-range", &*tag)];
        server.send("GET", &at("a"), &headers, b"")
    };
    assert_eq!(get().expect(206).text(), "first");
    server.put(&at("a"), b"other bytes").expect(201);
    assert_eq!(get().expect(200).text(), "other bytes");
}

#[test]
fn what_a_client_has_is_not_sent_again() {
    let (_store, server) = served();
    server.put(&at("a.log"), &lines(10_000)).expect(201);
    for coding in ["gzip", "identity"] {
        let coding = ("accept-encoding", coding);
        let first = server.send("GET", &at("a.log"), &[coding], b"").expect(200);
        let tag = first.header("etag").to_owned();
        let headers = [coding, ("if-none-match", &*tag)];
        let again = server.send("GET", &at("a.log"), &headers, b"").expect(304);
        assert!(again.body.is_empty());
        assert_eq!(again.header("etag"), tag);
    }
    let other = [("if-match", "\"x\"")];
    let refused = server.send("GET", &at("a.log"), &other, b"");
    refused.problem(412, "conflict");
}

#[test]
fn the_head_says_what_the_body_would_be() {
    let (_store, server) = served();
    server.put(&at("a.log"), &lines(10_000)).expect(201);
    for headers in [
        &[("accept-encoding", "gzip")][..],
        &[("range", "bytes=5-9")],
        &[],
    ] {
        let get = server.send("GET", &at("a.log"), headers, b"");
        let head = server.send("HEAD", &at("a.log"), headers, b"");
        assert_eq!(get.status, head.status);
        assert!(head.body.is_empty());
        for name in [
            "content-length",
            "etag",
            "content-type",
            "content-range",
            "content-encoding",
        ] {
            assert_eq!(get.header(name), head.header(name), "{name}");
        }
    }
}

#[test]
fn any_version_is_read() {
    let store = e2e::Sandbox::new().with_env("ARTIFACT_VERSIONING__ENABLED", "true");
    let server = e2e::Server::start(&store);
    let first = server.put(&at("a"), b"one").expect(201).json();
    server.put(&at("a"), b"two").expect(201);
    assert_eq!(server.get(&at("a")).text(), "two");
    assert_eq!(server.get(&at("a?version=1")).text(), "one");
    let id = first["id"].as_str().unwrap();
    assert_eq!(
        server
            .get(&format!("/api/v1/artifacts/{id}/content"))
            .text(),
        "one"
    );
    server.get(&at("a?version=3")).problem(404, "not-found");
    let versions = server
        .get(&format!("/api/v1/artifacts/{id}/versions"))
        .json();
    let numbers: Vec<_> = versions["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["version"])
        .collect();
    assert_eq!(numbers, [2, 1]);
}

#[test]
fn lines_are_found_by_the_server() {
    let (_store, server) = served();
    server.put(&at("a.log"), &lines(100_000)).expect(201);
    let last = server.get(&at("a.log?tail=2")).expect(200);
    assert_eq!(
        last.text(),
        "line 99998 of the log\nline 99999 of the log\n"
    );
    let found = server
        .get(&at("a.log?grep=LINE%20777..%20&ignore_case=true"))
        .expect(200);
    assert_eq!(found.text().lines().count(), 100);
    let fixed = server.get(&at("a.log?grep=777..&fixed=true")).expect(200);
    assert_eq!(fixed.text(), "");
    server
        .get(&at("a.log?grep=%28"))
        .problem(400, "invalid-input");
}

#[test]
fn nothing_that_is_shown_can_run() {
    let (_store, server) = served();
    for name in ["page.html", "image.svg", "a.txt"] {
        server.put(&at(name), b"<script>1</script>").expect(201);
        let answer = server.get(&at(name)).expect(200);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(
            answer
                .header("content-security-policy")
                .starts_with("sandbox; default-src 'none'")
        );
        let is_saved = answer
            .header("content-disposition")
            .starts_with("attachment");
        assert_eq!(is_saved, name != "a.txt", "{name}");
    }
    let wished = server.get(&at("a.txt?download=true"));
    assert_eq!(
        wished.header("content-disposition"),
        "attachment; filename=\"a.txt\""
    );
}

#[test]
fn damaged_bytes_are_never_taken_for_whole() {
    let (store, server) = served();
    let bytes = e2e::tree::noise(1, 200_000);
    server.put(&at("a.bin"), &bytes).expect(201);
    let blob = store.blobs().remove(0);
    let mut stored = std::fs::read(&blob).unwrap();
    let last = stored.len() - 1;
    stored[last] ^= 1;
    std::fs::write(&blob, stored).unwrap();
    let cut = server.try_send("GET", &at("a.bin"), &[], b"");
    assert!(cut.is_err() || cut.is_ok_and(|answer| answer.status == 500));
    assert!(server.log().contains("integrity"), "{}", server.log());
}

/// Says that it is over, whatever ends it.
struct Until<'a>(&'a AtomicBool);

impl Drop for Until<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Without versions the newest is taken away as soon as there is another one.
#[test]
fn what_is_replaced_all_the_while_is_always_there() {
    let (_store, server) = served();
    let path = at("busy.log");
    server.put(&path, b"content 0").expect(201);
    let is_over = AtomicBool::new(false);
    let read = |query: &str, headers: &[(&str, &str)], status: u16| {
        let path = format!("{path}{query}");
        let mut count = 0;
        while !is_over.load(Ordering::Relaxed) {
            let answer = server.send("GET", &path, headers, b"").expect(status);
            assert!(answer.body.starts_with(b"content"), "{:?}", answer.body);
            count += 1;
        }
        count
    };
    let read_stretches = || {
        let mut count = 0;
        while !is_over.load(Ordering::Relaxed) {
            let headers = [("range", "bytes=0-1,3-4")];
            // The second stretch may be gone once the first is sent: then the answer is cut short.
            if let Ok(answer) = server.try_send("GET", &path, &headers, b"") {
                answer.expect(206);
                count += 1;
            }
        }
        count
    };
    std::thread::scope(|scope| {
        let until = Until(&is_over);
        let readers = [
            scope.spawn(|| read("", &[], 200)),
            scope.spawn(|| read("", &[("range", "bytes=0-7")], 206)),
            scope.spawn(|| read("?grep=content", &[], 200)),
            scope.spawn(|| read("?grep=content", &[], 200)),
            scope.spawn(|| read("?tail=1", &[], 200)),
            scope.spawn(read_stretches),
        ];
        for number in 1..400 {
            let content = format!("content {number}");
            server.put(&path, content.as_bytes()).expect(201);
        }
        drop(until);
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
    });
}
