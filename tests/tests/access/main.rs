//! Who may do what over HTTP, from outside: the real server, tokens that the real program has made.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod attacks;
mod audit;
mod desk;
mod identities;
mod life;
mod model;
mod narrow;
mod open;
mod signed;

use e2e::Answer;
use e2e::{Sandbox, Server};

/// Somebody with a token.
struct Bearer<'a> {
    server: &'a Server,
    header: String,
}

impl<'a> Bearer<'a> {
    fn new(server: &'a Server, token: &str) -> Self {
        Self {
            server,
            header: format!("Bearer {}", token.trim()),
        }
    }

    #[track_caller]
    fn send(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let headers = [("authorization", &*self.header)];
        self.server.send(method, path, &headers, body)
    }

    #[track_caller]
    fn get(&self, path: &str) -> Answer {
        self.send("GET", path, b"")
    }

    #[track_caller]
    fn put(&self, path: &str, body: &[u8]) -> Answer {
        self.send("PUT", path, body)
    }
}

/// Makes a token that may do this.
#[track_caller]
fn token(store: &Sandbox, name: &str, args: &[&str]) -> String {
    let create = ["token", "create", name, "--allow"];
    store.ok(&[&create, args].concat())
}

/// A tar of one file.
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    let length = format!("{:011o}", content.len());
    for (at, text) in [
        (0, name),
        (100, "0000644"),
        (124, &*length),
        (136, "00000000000"),
        (148, "        "),
        (156, "0"),
        (257, "ustar"),
        (263, "00"),
    ] {
        header[at..at + text.len()].copy_from_slice(text.as_bytes());
    }
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut archive = header.to_vec();
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}

/// The address of an artifact's content.
fn at(spec: &str, task: &str, name: &str) -> String {
    format!("/api/v1/specs/{spec}/tasks/{task}/log/{name}")
}
