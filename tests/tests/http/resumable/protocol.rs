//! The protocol: requests, answers, and what is refused.

use std::fs;
use std::io::Write;
use std::net::TcpStream;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::tree::noise;
use e2e::{Sandbox, Server, peak_kib};

use super::*;

#[cfg(target_os = "linux")]
#[test]
fn what_is_stored_as_it_is_is_written_once() {
    let (store, server) = served();
    let bytes = noise(1, 16_000_000);
    for (name, pieces) in [("at-once", 1), ("in-pieces", 4)] {
        let path = create(&server, name, bytes.len());
        let before = written_bytes(&server);
        let length = bytes.len() / pieces;
        for (piece, chunk) in bytes.chunks(length).enumerate() {
            patch(&server, &path, piece * length, chunk).expect(204);
        }
        let written = written_bytes(&server) - before;
        assert!(written < 17_000_000, "{written} bytes were written");
        assert!(server.get(&at(name)).body == bytes);
    }
    assert_eq!(spooled(&store), ["json", "json"]);
    let _ = store.run(&["verify"]).expect_code(0);
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
            ("GET", &path),
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
}

#[test]
fn who_has_uploaded_is_shown_what_it_became() {
    let (_store, server) = served();
    let path = create(&server, "a", 5);
    let show = || server.send("GET", &path, &[TUS], b"");
    show().problem(409, "conflict");
    let answer = patch(&server, &path, 0, b"abcde").expect(204);
    let shown = show().expect(200).json();
    assert_eq!(shown["id"], answer.header("x-artifact-id"));
    assert_eq!(shown["sha256"], sha256(b"abcde"));
    assert_eq!(shown["uri"], "artifact://demo/1/log/a");
    delete(&server, &path).expect(204);
    show().problem(404, "not-found");
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
    let coded = [("content-encoding", "gzip")];
    patch_with(&server, &path, 0, &coded, b"x").problem(415, "invalid-input");
    let created = [CHUNK, coded[0], about[0], ("upload-length", "5")];
    post(&server, &created, b"x").problem(415, "invalid-input");
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
    let peak = peak_kib(server.pid());
    assert!(peak.expect("it runs") < 48 << 10, "{peak:?} KiB");
    let record = server.get("/api/v1/artifacts").json();
    assert_eq!(record["items"][0]["size_bytes"], SIZE);
}

/// What Uppy sends by itself: the media type as `type`, and a path that is not asked for.
#[test]
fn what_a_client_says_of_its_own_accord_is_no_fault() {
    let (_store, server) = served();
    let pairs = [
        ("relativePath", "null"),
        ("name", "a.png"),
        ("type", "image/png"),
        ("filetype", "image/png"),
        ("filename", "a.png"),
    ];
    let about: Vec<_> = pairs
        .iter()
        .map(|(key, value)| format!("{key} {}", STANDARD.encode(value)))
        .collect();
    let about = about.join(",");
    let headers = [("upload-length", "3"), ("upload-metadata", &*about), CHUNK];
    let made = post(&server, &headers, b"abc").expect(201);
    let artifact = server.get(made.header("x-artifact-location")).json();
    assert_eq!(artifact["uri"], "artifact://default/local/image/a.png");
    assert_eq!(artifact["mime_type"], "image/png");

    let misspelt = format!("{about},taks {}", STANDARD.encode("1"));
    let headers = [("upload-length", "3"), ("upload-metadata", &*misspelt)];
    let refused = post(&server, &headers, b"").problem(400, "invalid-input");
    assert!(
        refused["hint"]
            .as_str()
            .unwrap()
            .starts_with("`task` may be meant"),
        "{refused}"
    );
}

/// A method that no upload has is refused as that, whatever version of tus is spoken.
#[test]
fn another_method_is_refused_as_that() {
    let (_store, server) = served();
    let path = create(&server, "a", 1);
    for (method, path) in [
        ("GET", UPLOADS),
        ("PUT", UPLOADS),
        ("PUT", &*path),
        ("POST", &*path),
    ] {
        server
            .send(method, path, &[], b"")
            .problem(405, "invalid-input");
    }
}
