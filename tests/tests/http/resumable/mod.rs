//! Resumable uploads by tus 1.0: what the tests of them share.

mod breaks;
mod compressed;
mod protocol;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
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

/// So many bytes were written by the process of the server, to files and elsewhere.
#[cfg(target_os = "linux")]
fn written_bytes(server: &Server) -> u64 {
    let counters = fs::read_to_string(format!("/proc/{}/io", server.pid())).unwrap();
    let count = counters
        .lines()
        .find_map(|line| line.strip_prefix("wchar: "));
    count.unwrap().parse().unwrap()
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
