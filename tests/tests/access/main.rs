//! Who may do what over HTTP, from outside: the real server, tokens that the real program has made.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod attacks;
mod audit;
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

/// The address of an artifact's content.
fn at(spec: &str, task: &str, name: &str) -> String {
    format!("/api/v1/specs/{spec}/tasks/{task}/log/{name}")
}
