//! Resumable uploads by tus 1.0: the protocol, what breaks off and goes on, and what is left behind.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::tree::noise;
use e2e::{Answer, Sandbox, Server, eventually};
use sha2::Digest as _;

use super::{at, served};

/// What every request of tus says.
const TUS: (&str, &str) = ("tus-resumable", "1.0.0");

const CHUNK: (&str, &str) = ("content-type", "application/offset+octet-stream");

const UPLOADS: &str = "/api/v1/uploads";

/// `Upload-Metadata` of the log `name` of the task `1` of `demo`, and more.
fn metadata(name: &str, more: &[(&str, &str)]) -> String {
    let about = [
        ("spec", "demo"),
        ("task", "1"),
        ("type", "log"),
        ("name", name),
    ];
    let all = about.iter().chain(more);
    let all = all.map(|(key, value)| format!("{key} {}", STANDARD.encode(value)));
    all.collect::<Vec<_>>().join(",")
}

fn post(server: &Server, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let headers: Vec<_> = headers.iter().copied().chain([TUS]).collect();
    server.send("POST", UPLOADS, &headers, body)
}

/// Begins an upload of so many bytes and gives its address.
fn create(server: &Server, name: &str, length: usize) -> String {
    let (length, about) = (length.to_string(), metadata(name, &[]));
    let headers = [("upload-length", &*length), ("upload-metadata", &*about)];
    let created = post(server, &headers, b"").expect(201);
    let location = created.header("location").to_owned();
    assert!(location.starts_with("/api/v1/uploads/"), "{location}");
    location
}

fn patch(server: &Server, path: &str, offset: usize, body: &[u8]) -> Answer {
    patch_with(server, path, offset, &[], body)
}

fn patch_with(
    server: &Server,
    path: &str,
    offset: usize,
    more: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let offset = offset.to_string();
    let mut headers = vec![TUS, CHUNK, ("upload-offset", &offset)];
    headers.extend(more);
    server.send("PATCH", path, &headers, body)
}

fn head(server: &Server, path: &str) -> Answer {
    server.send("HEAD", path, &[TUS], b"")
}

fn offset(server: &Server, path: &str) -> usize {
    let answer = head(server, path).expect(200);
    answer.header("upload-offset").parse().unwrap()
}

fn delete(server: &Server, path: &str) -> Answer {
    server.send("DELETE", path, &[TUS], b"")
}

fn sha256(bytes: &[u8]) -> String {
    artifact_domain::Digest::new(sha2::Sha256::digest(bytes).into()).to_string()
}

/// The names in the spool, without the ids.
fn spooled(store: &Sandbox) -> Vec<String> {
    let Ok(entries) = fs::read_dir(store.store("uploads")) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name.split_once('.').unwrap().1.to_owned())
        .collect();
    names.sort();
    names
}

/// The file of an upload.
fn file(store: &Sandbox, path: &str, extension: &str) -> std::path::PathBuf {
    let id = path.rsplit('/').next().unwrap();
    store.store(format!("uploads/{id}.{extension}"))
}

fn versions(store: &Sandbox, name: &str) -> usize {
    let found = store.json(&["search", "--all-versions", "--name", name]);
    found.len()
}

/// A `PATCH` whose body has begun and does not end.
struct Open {
    stream: TcpStream,
}

impl Open {
    fn patch(server: &Server, path: &str, offset: usize, length: usize, more: &str) -> Self {
        let address = server.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!(
            "PATCH {path} HTTP/1.1\r\nHost: {address}\r\nTus-Resumable: 1.0.0\r\n\
             Content-Type: application/offset+octet-stream\r\nUpload-Offset: {offset}\r\n\
             Content-Length: {length}\r\n{more}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        Self { stream }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The head of the answer.
    fn answer(mut self) -> String {
        let mut text = Vec::new();
        let timeout = Some(Duration::from_secs(20));
        self.stream.set_read_timeout(timeout).unwrap();
        let mut byte = [0];
        while !text.ends_with(b"\r\n\r\n") && self.stream.read(&mut byte).unwrap_or(0) == 1 {
            text.push(byte[0]);
        }
        String::from_utf8(text).unwrap()
    }
}

/// Waits until so many bytes of an upload are in its file.
fn wait_for_bytes(store: &Sandbox, path: &str, bytes: usize) {
    let part = file(store, path, "part");
    eventually("the bytes", || {
        fs::metadata(&part).is_ok_and(|part| part.len() == bytes as u64)
    });
}

#[test]
fn what_the_server_can_is_declared() {
    let store = Sandbox::new().with_env("ARTIFACT_QUOTA__MAX_ARTIFACT_SIZE", "12345");
    let server = Server::start(&store);
    for path in [UPLOADS.to_owned(), create(&server, "a", 1)] {
        // Without a version: whoever asks does not know which.
        let answer = server.send("OPTIONS", &path, &[], b"").expect(204);
        assert_eq!(answer.header("tus-resumable"), "1.0.0");
        assert_eq!(answer.header("tus-version"), "1.0.0");
        assert_eq!(
            answer.header("tus-extension"),
            "creation,creation-with-upload,creation-defer-length,termination,checksum,expiration"
        );
        assert_eq!(answer.header("tus-checksum-algorithm"), "sha1,sha256");
        assert_eq!(answer.header("tus-max-size"), "12345");
    }
}

#[test]
fn an_upload_in_pieces_becomes_the_artifact() {
    let (store, server) = served();
    let bytes = noise(1, 3_000_000);
    let hex = sha256(&bytes);
    let about = metadata(
        "build/a b.log",
        &[
            ("mime_type", "text/x-log"),
            ("tag.os", "linux"),
            ("tag.ci", ""),
            ("retention_days", "3"),
            ("sha256", &hex),
        ],
    );
    let headers = [("upload-length", "3000000"), ("upload-metadata", &*about)];
    let created = post(&server, &headers, b"").expect(201);
    assert_eq!(created.header("tus-resumable"), "1.0.0");
    assert!(created.header("upload-expires").ends_with("GMT"));
    assert_eq!(created.header("x-artifact-id"), "");
    let path = created.header("location").to_owned();
    let shown = head(&server, &path).expect(200);
    assert_eq!(shown.header("upload-offset"), "0");
    assert_eq!(shown.header("upload-length"), "3000000");
    assert_eq!(shown.header("upload-metadata"), about);
    assert_eq!(shown.header("cache-control"), "no-store");
    for (number, chunk) in bytes.chunks(1_100_000).enumerate() {
        let begin = number * 1_100_000;
        let answer = patch(&server, &path, begin, chunk).expect(204);
        let end = begin + chunk.len();
        assert_eq!(answer.header("upload-offset"), end.to_string());
        assert_eq!(answer.header("tus-resumable"), "1.0.0");
        assert!(answer.header("upload-expires").ends_with("GMT"));
        let is_last = end == bytes.len();
        assert_eq!(!answer.header("x-artifact-id").is_empty(), is_last);
        if is_last {
            let location = answer.header("x-artifact-location");
            let record = server.get(location).expect(200).json();
            assert_eq!(record["id"], answer.header("x-artifact-id"));
            assert_eq!(record["uri"], "artifact://demo/1/log/build/a%20b.log");
            assert_eq!(record["mime_type"], "text/x-log");
            assert_eq!(record["tags"], serde_json::json!({"ci": "", "os": "linux"}));
            assert_eq!(record["sha256"], hex);
            assert!(record["expires_at"].is_string());
        }
    }
    assert!(server.get(&at("build/a%20b.log")).expect(200).body == bytes);
    // The bytes are gone, what became of them is still told to whoever has missed it.
    assert_eq!(spooled(&store), ["json"]);
    let done = head(&server, &path).expect(200);
    assert_eq!(done.header("upload-offset"), "3000000");
    assert_eq!(done.header("x-artifact-id").len(), 36);
    let again = patch(&server, &path, 3_000_000, b"").expect(204);
    assert_eq!(again.header("x-artifact-id"), done.header("x-artifact-id"));
    patch(&server, &path, 3_000_000, b"x").problem(413, "too-large");
    patch(&server, &path, 0, b"x").problem(409, "conflict");
    assert_eq!(versions(&store, "build/*"), 1);
    delete(&server, &path).expect(204);
    assert_eq!(spooled(&store), [""; 0]);
    server.get(&at("build/a%20b.log")).expect(200);
}

#[test]
fn the_first_bytes_may_come_with_the_beginning() {
    let (store, server) = served();
    let about = metadata("a", &[]);
    let headers = |length| {
        [
            ("upload-length", length),
            ("upload-metadata", &*about),
            CHUNK,
        ]
    };
    let some = post(&server, &headers("5"), b"hel").expect(201);
    assert_eq!(some.header("upload-offset"), "3");
    let path = some.header("location").to_owned();
    patch(&server, &path, 3, b"lo").expect(204);
    assert_eq!(server.get(&at("a")).text(), "hello");
    let all = post(&server, &headers("5"), b"HELLO").expect(201);
    assert_eq!(all.header("upload-offset"), "5");
    assert_eq!(all.header("x-artifact-id").len(), 36);
    assert_eq!(server.get(&at("a")).text(), "HELLO");
    // Nobody learns where an upload is whose beginning is refused, so nothing is left of it.
    let before = spooled(&store);
    post(&server, &headers("3"), b"hello").problem(413, "too-large");
    let other = [
        ("content-type", "text/plain"),
        headers("5")[0],
        headers("5")[1],
    ];
    post(&server, &other, b"hello").problem(415, "invalid-input");
    let mut wrong = headers("5").to_vec();
    wrong.push(("upload-checksum", "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA="));
    post(&server, &wrong, b"hello").problem(460, "integrity");
    assert_eq!(spooled(&store), before);
}

#[test]
fn an_empty_upload_is_an_artifact_at_once() {
    let (_store, server) = served();
    let about = metadata("empty", &[]);
    let headers = [("upload-length", "0"), ("upload-metadata", &*about)];
    let created = post(&server, &headers, b"").expect(201);
    assert_eq!(created.header("x-artifact-id").len(), 36);
    assert_eq!(server.get(&at("empty")).expect(200).body, b"");
    let path = created.header("location").to_owned();
    assert_eq!(offset(&server, &path), 0);
}

#[test]
fn a_length_can_be_said_later() {
    let (_store, server) = served();
    let about = metadata("a", &[]);
    let headers = [("upload-defer-length", "1"), ("upload-metadata", &*about)];
    let path = post(&server, &headers, b"").expect(201);
    let path = path.header("location").to_owned();
    let shown = patch(&server, &path, 0, b"hel").expect(204);
    assert_eq!(shown.header("x-artifact-id"), "");
    let shown = head(&server, &path).expect(200);
    assert_eq!(shown.header("upload-defer-length"), "1");
    assert_eq!(shown.header("upload-length"), "");
    let said = |length| [("upload-length", length)];
    patch_with(&server, &path, 3, &said("2"), b"").problem(400, "invalid-input");
    patch_with(&server, &path, 3, &said("5"), b"l").expect(204);
    assert_eq!(head(&server, &path).header("upload-length"), "5");
    patch_with(&server, &path, 4, &said("6"), b"o").problem(400, "invalid-input");
    patch(&server, &path, 4, b"o").expect(204);
    assert_eq!(server.get(&at("a")).text(), "hello");
}

#[test]
fn another_version_of_the_protocol_is_refused() {
    let (store, server) = served();
    let path = create(&server, "a", 5);
    let other = [("tus-resumable", "0.2.2")];
    for headers in [&other[..], &[]] {
        for (method, path) in [
            ("POST", UPLOADS),
            ("HEAD", &path),
            ("PATCH", &path),
            ("DELETE", &path),
        ] {
            let answer = server.send(method, path, headers, b"").expect(412);
            assert_eq!(answer.header("tus-version"), "1.0.0", "{method}");
            assert_eq!(answer.header("tus-resumable"), "1.0.0", "{method}");
        }
    }
    assert_eq!(spooled(&store), ["json", "part"]);
    server
        .send("GET", &path, &[TUS], b"")
        .problem(405, "invalid-input");
}

#[test]
fn headers_that_make_no_sense_are_refused() {
    let store = Sandbox::new().with_env("ARTIFACT_QUOTA__MAX_ARTIFACT_SIZE", "1000");
    let server = Server::start(&store);
    let good = metadata("a", &[]);
    for length in [
        "-1",
        "+1",
        "1.5",
        "1e9",
        "abc",
        "0x10",
        "99999999999999999999",
        "9223372036854775808",
        "1 2",
    ] {
        let headers = [("upload-length", length), ("upload-metadata", &*good)];
        post(&server, &headers, b"").problem(400, "invalid-input");
    }
    for length in ["1001", "9223372036854775807"] {
        let headers = [("upload-length", length), ("upload-metadata", &*good)];
        post(&server, &headers, b"").problem(413, "too-large");
    }
    let about = [("upload-metadata", &*good)];
    post(&server, &about, b"").problem(400, "invalid-input");
    let both = [
        about[0],
        ("upload-length", "1"),
        ("upload-defer-length", "1"),
    ];
    post(&server, &both, b"").problem(400, "invalid-input");
    let deferred = [about[0], ("upload-defer-length", "2")];
    post(&server, &deferred, b"").problem(400, "invalid-input");
    for metadata in [
        "",
        "name",
        "name !!",
        "name /w==",
        "name YQ==,name YQ==",
        "other YQ==",
        "name YQ==,typo YQ==",
        "name Li4vYQ==",
        "name YQ==,retention_days LTE=",
        "name YQ==,sha256 YQ==",
        &format!("name YQ==,tag.x {}", "A".repeat(20_000)),
    ] {
        let headers = [("upload-length", "1"), ("upload-metadata", metadata)];
        post(&server, &headers, b"").problem(400, "invalid-input");
    }
    assert_eq!(spooled(&store), [""; 0]);

    let path = create(&server, "a", 5);
    for offset in ["-1", "a", "", "99999999999999999999", "1.0"] {
        let headers = [TUS, CHUNK, ("upload-offset", offset)];
        let refused = server.send("PATCH", &path, &headers, b"x");
        refused.problem(400, "invalid-input");
    }
    let refused = server.send("PATCH", &path, &[TUS, CHUNK], b"x");
    refused.problem(400, "invalid-input");
    for kind in ["text/plain", "application/octet-stream"] {
        let headers = [TUS, ("content-type", kind), ("upload-offset", "0")];
        let refused = server.send("PATCH", &path, &headers, b"x");
        refused.problem(415, "invalid-input");
    }
    let refused = server.send("PATCH", &path, &[TUS, ("upload-offset", "0")], b"x");
    refused.problem(415, "invalid-input");
    patch(&server, &path, 0, b"123456").problem(413, "too-large");
    for sum in ["md5 AAAA", "sha1", "sha1 AAAA", "sha256 %%%"] {
        let sum = [("upload-checksum", sum)];
        patch_with(&server, &path, 0, &sum, b"x").problem(400, "invalid-input");
    }
    assert_eq!(offset(&server, &path), 0);
    patch(&server, &path, 0, b"12345").expect(204);
}

#[test]
fn bytes_that_belong_elsewhere_are_refused() {
    let (_store, server) = served();
    let path = create(&server, "a", 5);
    patch(&server, &path, 0, b"he").expect(204);
    for wrong in [0, 1, 3, 5, 6, usize::MAX >> 1] {
        let refused = patch(&server, &path, wrong, b"x");
        refused.problem(409, "conflict");
        assert_eq!(refused.header("upload-offset"), "2");
    }
    patch(&server, &path, 2, b"llo").expect(204);
    assert_eq!(server.get(&at("a")).text(), "hello");
}

#[test]
fn ids_name_uploads_alone() {
    let (store, server) = served();
    let path = create(&server, "a", 5);
    let id = path.rsplit('/').next().unwrap();
    fs::write(store.store("uploads/secret.json"), "{}").unwrap();
    for bad in [
        "x",
        "..",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e%2fartifacts",
        "..%5c..",
        "secret",
        "%00",
        "6fa459ea-ee8a-4ca4-894e-db77e160355e",
        &id.to_uppercase(),
        &id.replace('-', ""),
        &format!("{id}.json"),
        &format!("{id}%00"),
        &format!("%2e%2f{id}"),
    ] {
        let path = format!("{UPLOADS}/{bad}");
        head(&server, &path).expect(404);
        patch(&server, &path, 0, b"x").problem(404, "not-found");
        delete(&server, &path).problem(404, "not-found");
    }
    let unreadable = patch(&server, &format!("{UPLOADS}/%ff"), 0, b"x");
    unreadable.problem(400, "invalid-input");
    assert!(store.store("uploads/secret.json").exists());
    assert_eq!(offset(&server, &path), 0);
}

#[test]
fn bytes_with_another_checksum_are_thrown_away() {
    let (store, server) = served();
    let path = create(&server, "a", 10);
    let sha1 = "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=";
    let sum = |value| [("upload-checksum", value)];
    patch_with(&server, &path, 0, &sum(sha1), b"hello").expect(204);
    for body in ["hellO", "hell", ""] {
        let refused = patch_with(&server, &path, 5, &sum(sha1), body.as_bytes());
        let problem = refused.problem(460, "integrity");
        assert_eq!(problem["title"], "Checksum Mismatch");
        assert_eq!(offset(&server, &path), 5);
    }
    let sha256 = format!("sha256 {}", STANDARD.encode(sha2::Sha256::digest(b"world")));
    patch_with(&server, &path, 5, &sum(&sha256), b"World").problem(460, "integrity");
    patch_with(&server, &path, 5, &sum(&sha256), b"world").expect(204);
    assert_eq!(server.get(&at("a")).text(), "helloworld");
    assert_eq!(spooled(&store), ["json"]);
}

#[test]
fn bytes_that_no_checksum_was_compared_with_do_not_survive_a_kill() {
    let (store, server) = served();
    let path = create(&server, "a", 1_000_000);
    patch(&server, &path, 0, &noise(1, 1_000)).expect(204);
    let more = "Upload-Checksum: sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=\r\n";
    let mut open = Open::patch(&server, &path, 1_000, 900_000, more);
    open.send(&noise(2, 300_000));
    wait_for_bytes(&store, &path, 301_000);
    server.signal("KILL");
    server.wait();
    let server = Server::start(&store);
    assert_eq!(offset(&server, &path), 1_000);
    assert_eq!(
        fs::metadata(file(&store, &path, "part")).unwrap().len(),
        1_000
    );
}

#[test]
fn what_came_before_a_break_is_kept() {
    let (store, server) = served();
    let bytes = noise(1, 2_000_000);
    let path = create(&server, "a", bytes.len());
    let mut open = Open::patch(&server, &path, 0, bytes.len(), "");
    open.send(&bytes[..700_000]);
    wait_for_bytes(&store, &path, 700_000);
    open.stream.shutdown(Shutdown::Both).unwrap();
    drop(open);
    assert_eq!(offset(&server, &path), 700_000);
    patch(&server, &path, 700_000, &bytes[700_000..]).expect(204);
    assert!(server.get(&at("a")).body == bytes);
    assert_eq!(spooled(&store), ["json"]);
}

#[test]
fn an_upload_goes_on_after_the_server_was_killed() {
    let store = Sandbox::new();
    let bytes = noise(1, 4_000_000);
    let mut server = Server::start(&store);
    let path = create(&server, "a", bytes.len());
    let mut acknowledged = 0;
    for round in 0..4 {
        let end = acknowledged + 300_000;
        patch(&server, &path, acknowledged, &bytes[acknowledged..end]).expect(204);
        let mut open = Open::patch(&server, &path, end, bytes.len() - end, "");
        open.send(&bytes[end..end + 200_000 + round]);
        wait_for_bytes(&store, &path, end + 200_000 + round);
        server.signal("KILL");
        server.wait();
        server = Server::start(&store);
        let now = offset(&server, &path);
        assert!(now >= end, "{end} bytes were acknowledged, {now} are there");
        acknowledged = now;
    }
    patch(&server, &path, acknowledged, &bytes[acknowledged..]).expect(204);
    assert!(server.get(&at("a")).body == bytes);
    assert_eq!(
        (spooled(&store), versions(&store, "a")),
        (vec!["json".to_owned()], 1)
    );
}

#[test]
fn one_request_at_a_time_adds_bytes() {
    let (store, server) = served();
    let bytes = noise(1, 100_000);
    let path = create(&server, "a", bytes.len());
    let mut open = Open::patch(&server, &path, 0, bytes.len(), "");
    open.send(&bytes[..50_000]);
    wait_for_bytes(&store, &path, 50_000);
    let refused = patch(&server, &path, 50_000, &bytes[50_000..]);
    refused.problem(423, "locked");
    assert_eq!(refused.header("retry-after"), "1");
    // Another server over the same folder sees it too.
    let other = Server::start(&store);
    patch(&other, &path, 50_000, &bytes[50_000..]).problem(423, "locked");
    open.send(&bytes[50_000..]);
    assert!(open.answer().starts_with("HTTP/1.1 204"));
    assert!(other.get(&at("a")).body == bytes);
    assert_eq!(versions(&store, "a"), 1);
}

#[test]
fn of_many_that_add_the_same_bytes_one_succeeds() {
    let store = Sandbox::new().with_env("ARTIFACT_VERSIONING__ENABLED", "true");
    let server = Server::start(&store);
    let path = create(&server, "a", 5);
    let add = || patch(&server, &path, 0, b"hello").status;
    let mut statuses: Vec<_> = thread::scope(|scope| {
        let all: Vec<_> = (0..12).map(|_| scope.spawn(add)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses[0], 204);
    let others = &statuses[1..];
    assert!(
        others.iter().all(|status| matches!(status, 409 | 423)),
        "{statuses:?}"
    );
    assert_eq!(server.get(&at("a")).text(), "hello");
    assert_eq!(versions(&store, "a"), 1);
}

#[test]
fn who_comes_back_takes_the_upload_over_from_a_connection_that_stands_still() {
    let (store, server) = served();
    let path = create(&server, "a", 10);
    let mut open = Open::patch(&server, &path, 0, 10, "");
    open.send(b"hello");
    wait_for_bytes(&store, &path, 5);
    assert_eq!(offset(&server, &path), 5);
    assert!(open.answer().starts_with("HTTP/1.1 423"));
    patch(&server, &path, 5, b"world").expect(204);
    assert_eq!(server.get(&at("a")).text(), "helloworld");
}

#[test]
fn who_stands_still_for_too_long_is_given_up() {
    let store = Sandbox::new().with_env("ARTIFACT_HTTP__IDLE_TIMEOUT_S", "1");
    let server = Server::start(&store);
    let path = create(&server, "a", 10);
    let mut open = Open::patch(&server, &path, 0, 10, "");
    open.send(b"hello");
    assert!(open.answer().starts_with("HTTP/1.1 408"));
    patch(&server, &path, 5, b"world").expect(204);
}

#[test]
fn more_bytes_than_announced_are_not_taken() {
    let (store, server) = served();
    let path = create(&server, "a", 10);
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    let request = format!(
        "PATCH {path} HTTP/1.1\r\nHost: {address}\r\nTus-Resumable: 1.0.0\r\n\
         Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\n\
         Transfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let answer = Open { stream }.answer();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_eq!(offset(&server, &path), 0);
    assert_eq!(spooled(&store), ["json", "part"]);
}

#[test]
fn a_terminated_upload_leaves_nothing() {
    let (store, server) = served();
    let path = create(&server, "a", 10);
    patch(&server, &path, 0, b"hello").expect(204);
    assert_eq!(
        delete(&server, &path).expect(204).header("tus-resumable"),
        "1.0.0"
    );
    assert_eq!(spooled(&store), [""; 0]);
    head(&server, &path).expect(404);
    patch(&server, &path, 5, b"world").problem(404, "not-found");
    delete(&server, &path).problem(404, "not-found");
    // In the middle of a request too.
    let path = create(&server, "a", 10);
    let mut open = Open::patch(&server, &path, 0, 10, "");
    open.send(b"hello");
    wait_for_bytes(&store, &path, 5);
    delete(&server, &path).expect(204);
    assert!(open.answer().starts_with("HTTP/1.1 423"));
    assert_eq!(spooled(&store), [""; 0]);
    drop(server);
    store.assert_empty();
}

#[test]
fn what_stands_still_expires() {
    let store = Sandbox::new().with_env("ARTIFACT_UPLOAD__RESUMABLE_EXPIRY_H", "1");
    let server = Server::start(&store);
    let (old, young, touched) = (
        create(&server, "a", 10),
        create(&server, "b", 10),
        create(&server, "c", 10),
    );
    patch(&server, &old, 0, b"hello").expect(204);
    let done = create(&server, "d", 1);
    patch(&server, &done, 0, b"x").expect(204);
    let age = |path: &str, extension: &str, minutes: u64| {
        let file = fs::File::options()
            .append(true)
            .open(file(&store, path, extension))
            .unwrap();
        let time = SystemTime::now() - Duration::from_mins(minutes);
        file.set_modified(time).unwrap();
    };
    for (path, minutes) in [(&old, 61), (&young, 58), (&touched, 61)] {
        age(path, "part", minutes);
        age(path, "json", minutes);
    }
    age(&touched, "part", 10);
    age(&done, "json", 61);
    head(&server, &old).expect(410);
    patch(&server, &old, 5, b"world").problem(410, "expired");
    delete(&server, &old).problem(410, "expired");
    head(&server, &done).expect(410);
    assert_eq!(offset(&server, &young), 0);
    let expires = head(&server, &touched).header("upload-expires").to_owned();
    let left = httpdate::parse_http_date(&expires).unwrap();
    let left = left.duration_since(SystemTime::now()).unwrap();
    assert!(left > Duration::from_mins(45) && left < Duration::from_mins(55));
    drop(server);
    let server = Server::start(&store);
    eventually("the sweep", || spooled(&store).len() == 4);
    head(&server, &old).expect(404);
    head(&server, &done).expect(404);
    patch(&server, &young, 0, b"helloworld").expect(204);
    patch(&server, &touched, 0, b"helloworld").expect(204);
    server.get(&at("d")).expect(200);
}

#[test]
fn bytes_that_are_not_the_announced_ones_become_no_artifact() {
    let (store, server) = served();
    let hex = sha256(b"hello");
    let about = metadata("a", &[("sha256", &hex)]);
    let headers = [("upload-length", "5"), ("upload-metadata", &*about)];
    let path = post(&server, &headers, b"").expect(201);
    let path = path.header("location").to_owned();
    patch(&server, &path, 0, b"hellO").problem(422, "integrity");
    // They would be refused for ever.
    head(&server, &path).expect(404);
    assert_eq!(spooled(&store), [""; 0]);
    server.get(&at("a")).problem(404, "not-found");
}

#[test]
fn a_full_store_takes_no_new_upload() {
    let store = Sandbox::new().with_env("ARTIFACT_QUOTA__MAX_STORAGE_GB", "0.001");
    let server = Server::start(&store);
    let path = create(&server, "late", 500_000);
    server.put(&at("a"), &noise(1, 999_990)).expect(201);
    // What is 10 bytes short of the limit leaves room for nothing that counts.
    let fill = noise(3, 10);
    server.put(&at("fill"), &fill).expect(201);
    let about = metadata("b", &[]);
    let headers = [("upload-length", "1"), ("upload-metadata", &*about)];
    post(&server, &headers, b"").problem(507, "quota-exceeded");
    // What was begun before waits until there is room.
    patch(&server, &path, 0, &noise(2, 500_000)).problem(507, "quota-exceeded");
    head(&server, &path).expect(507);
    server.send("DELETE", &at("a"), &[], b"").expect(204);
    let done = head(&server, &path).expect(200);
    assert_eq!(done.header("x-artifact-id").len(), 36);
    assert!(server.get(&at("late")).body == noise(2, 500_000));
    assert_eq!(spooled(&store), ["json"]);
}

#[test]
fn an_upload_that_was_stored_before_a_kill_is_not_stored_again() {
    let store = Sandbox::new().with_env("ARTIFACT_VERSIONING__ENABLED", "true");
    let server = Server::start(&store);
    let path = create(&server, "a", 5);
    patch(&server, &path, 0, b"hel").expect(204);
    let (part, json) = (file(&store, &path, "part"), file(&store, &path, "json"));
    // A second name keeps the bytes, so that they can be put back.
    let kept = store.work("kept");
    fs::hard_link(&part, &kept).unwrap();
    let done = patch(&server, &path, 3, b"lo").expect(204);
    let id = done.header("x-artifact-id").to_owned();
    server.signal("KILL");
    server.wait();
    // As it is between the store's commit and what is written down of it.
    fs::rename(&kept, &part).unwrap();
    let text = fs::read_to_string(&json).unwrap();
    let before = text.replace(&format!("\"artifact\":\"{id}\""), "\"artifact\":null");
    assert_ne!(before, text);
    assert!(
        before.contains(&format!("\"attempt\":\"{id}\"")),
        "{before}"
    );
    for ask in ["HEAD", "PATCH"] {
        let server = Server::start(&store);
        if !part.exists() {
            fs::write(&part, b"hello").unwrap();
        }
        fs::write(&json, &before).unwrap();
        let answer = match ask {
            "HEAD" => head(&server, &path).expect(200),
            _ => patch(&server, &path, 5, b"").expect(204),
        };
        assert_eq!(answer.header("x-artifact-id"), id);
        assert_eq!(answer.header("upload-offset"), "5");
        assert_eq!(versions(&store, "a"), 1);
        assert_eq!(spooled(&store), ["json"]);
    }
}

#[test]
fn whenever_the_server_is_killed_the_upload_becomes_one_artifact() {
    let store = Sandbox::new()
        .with_env("ARTIFACT_VERSIONING__ENABLED", "true")
        .with_env("ARTIFACT_UPLOAD__LEASE_S", "1");
    let bytes = noise(1, 400_000);
    for round in 0..12_u64 {
        let name = format!("{round}");
        let server = Server::start(&store);
        let path = create(&server, &name, bytes.len());
        let mut open = Open::patch(&server, &path, 0, bytes.len(), "");
        open.send(&bytes);
        if round % 2 == 0 {
            thread::sleep(Duration::from_millis(5 * round));
        } else {
            // As soon as it is seen, so mostly before it is written down.
            eventually("the artifact", || server.get(&at(&name)).status == 200);
        }
        server.signal("KILL");
        server.wait();
        drop(open);
        let server = Server::start(&store);
        let now = offset(&server, &path);
        if now < bytes.len() {
            patch(&server, &path, now, &bytes[now..]).expect(204);
        }
        let done = head(&server, &path).expect(200);
        server.get(done.header("x-artifact-location")).expect(200);
        assert!(server.get(&at(&name)).body == bytes, "round {round}");
        assert_eq!(versions(&store, &name), 1, "round {round}");
    }
    assert!(spooled(&store).iter().all(|name| name == "json"));
}

#[test]
fn a_stream_of_much_is_received_in_little_memory() {
    const SIZE: usize = 200_000_000;
    let (_store, server) = served();
    let path = create(&server, "zeros", SIZE);
    let mut open = Open::patch(&server, &path, 0, SIZE, "");
    let chunk = vec![b'0'; 1_000_000];
    for _ in 0..SIZE / chunk.len() {
        open.send(&chunk);
    }
    let answer = open.answer();
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid()));
    let peak = status.expect("it runs").lines().find_map(|line| {
        let kib = line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?;
        kib.parse::<u64>().ok()
    });
    assert!(peak.expect("the system tells") < 64 << 10, "{peak:?} KiB");
    let record = server.get("/api/v1/artifacts").json();
    assert_eq!(record["items"][0]["size_bytes"], SIZE);
}
