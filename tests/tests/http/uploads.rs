//! `PUT`: what is stored, under which conditions, and what is refused.

use std::io::Read;

use e2e::peak_kib;
use e2e::tree::noise;

use super::{at, lines, served};

#[test]
fn what_is_put_is_found_by_every_surface() {
    let (store, server) = served();
    let path = at("build/a%20b.log?tag=os=linux&tag=ci&meta=passed=true&retention_days=3");
    let headers = [("content-type", "text/x-log")];
    let created = server.send("PUT", &path, &headers, b"hello\n").expect(201);
    let record = created.json();
    assert_eq!(record["uri"], "artifact://demo/1/log/build/a%20b.log");
    assert_eq!(record["tags"], serde_json::json!({"ci": "", "os": "linux"}));
    assert_eq!(record["metadata"]["passed"], true);
    assert_eq!(record["mime_type"], "text/x-log");
    let location = created.header("location").to_owned();
    assert_eq!(server.get(&location).expect(200).json(), record);
    drop(server);
    let shown = store.json(&["show", record["id"].as_str().unwrap()]);
    assert_eq!(shown[0], record);
    assert_eq!(
        store.ok(&["cat", record["id"].as_str().unwrap()]),
        "hello\n"
    );
}

#[test]
fn bytes_of_any_length_come_back_as_they_were() {
    let (_store, server) = served();
    for (number, size) in [0, 1, 4_096, 300_000, 5_000_000].into_iter().enumerate() {
        let bytes = noise(number as u64, size);
        let path = at(&format!("{size}.bin"));
        let record = server.put(&path, &bytes).expect(201).json();
        assert_eq!(record["size_bytes"], size);
        assert!(server.get(&path).expect(200).body == bytes, "{size}");
    }
}

#[test]
fn a_stream_of_unknown_length_is_stored_in_little_memory() {
    const SIZE: u64 = 300_000_000;
    let (_store, server) = served();
    let path = at("zeros.bin");
    let zeros = std::io::repeat(b'0').take(SIZE);
    let record = server.send_stream(&path, zeros).expect(201).json();
    assert_eq!(record["size_bytes"], SIZE);
    let peak = peak_kib(server.pid());
    assert!(peak.expect("it runs") < 48 << 10, "{peak:?} KiB");
}

#[test]
fn the_type_of_what_is_stored_is_told_by_its_name() {
    let (_store, server) = served();
    let type_of = |name: &str| {
        let record = server.put(&at(name), b"x").expect(201).json();
        record["mime_type"].as_str().unwrap().to_owned()
    };
    assert_eq!(type_of("a.html"), "text/html; charset=utf-8");
    assert_eq!(type_of("a.png"), "image/png");
    assert_eq!(type_of("noext"), "application/octet-stream");
}

#[test]
fn an_announced_digest_is_compared() {
    let (_store, server) = served();
    let hex = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let repr = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:";
    for right in [
        ("x-checksum-sha256", hex),
        ("repr-digest", repr),
        ("content-digest", repr),
    ] {
        server.send("PUT", &at("a"), &[right], b"hello").expect(201);
        let wrong = server.send("PUT", &at("b"), &[right], b"hellO");
        wrong.problem(422, "integrity");
        server.get(&at("b")).problem(404, "not-found");
    }
    let unreadable = [("repr-digest", "sha-256=:xyz:")];
    let refused = server.send("PUT", &at("b"), &unreadable, b"hello");
    refused.problem(400, "invalid-input");
}

#[test]
fn conditions_are_kept() {
    let (_store, server) = served();
    let put = |header: (&str, &str), body: &[u8]| server.send("PUT", &at("a"), &[header], body);
    put(("if-match", "*"), b"1").problem(412, "conflict");
    let first = put(("if-none-match", "*"), b"1").expect(201);
    put(("if-none-match", "*"), b"2").problem(412, "already-exists");
    let tag = first.header("etag").to_owned();
    put(("if-match", &tag), b"2").expect(201);
    put(("if-match", &tag), b"3").problem(412, "conflict");
    put(("if-match", "*"), b"4").expect(201);
    put(("if-match", "\"x\""), b"5").problem(400, "invalid-input");
    assert_eq!(server.get(&at("a")).text(), "4");
}

#[test]
fn of_many_that_create_one_succeeds() {
    let (_store, server) = served();
    let create = || {
        let answer = server.send("PUT", &at("a"), &[("if-none-match", "*")], b"x");
        answer.status
    };
    let mut statuses: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..16).map(|_| scope.spawn(create)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses[0], 201);
    assert!(
        statuses[1..].iter().all(|status| *status == 412),
        "{statuses:?}"
    );
}

#[test]
fn what_is_too_large_is_refused_before_its_bytes() {
    let store = e2e::Sandbox::new().with_env("ARTIFACT_QUOTA__MAX_ARTIFACT_SIZE", "1000");
    let server = e2e::Server::start(&store);
    server
        .put(&at("a"), &lines(1_000))
        .problem(413, "too-large");
    let chunked = server.send_stream(&at("a"), std::io::repeat(1).take(100_000));
    chunked.problem(413, "too-large");
    drop(server);
    store.assert_empty();
}

#[test]
fn an_upload_that_is_made_again_stores_nothing() {
    let store = e2e::Sandbox::new().with_env("ARTIFACT_VERSIONING__ENABLED", "true");
    let server = e2e::Server::start(&store);
    let put =
        |key: &str, body: &[u8]| server.send("PUT", &at("a"), &[("idempotency-key", key)], body);
    let first = put("job-1", b"one").expect(201).json();
    assert_eq!(put("job-1", b"one").expect(200).json(), first);
    assert_eq!(put("job-2", b"two").expect(201).json()["version"], 2);
    assert_eq!(put("job-1", b"one").expect(200).json()["version"], 1);
    let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let headers = [("idempotency-key", "job-1"), ("x-checksum-sha256", digest)];
    let other = server.send("PUT", &at("a"), &headers, b"hello");
    other.problem(422, "integrity");
    put(&"x".repeat(300), b"x").problem(400, "invalid-input");
    let mut statuses: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| put("job-3", b"x").status))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 201]);
}

#[test]
fn a_coded_body_is_refused() {
    let (_store, server) = served();
    let gzip = [("content-encoding", "gzip")];
    let refused = server.send("PUT", &at("a"), &gzip, b"x");
    refused.problem(415, "invalid-input");
}
