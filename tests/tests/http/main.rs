//! The server from outside, over a store on disk.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod bad_input;
mod changes;
mod clients;
mod content;
mod dripping;
mod guard;
mod lists;
mod proxies;
mod rate;
mod resumable;
mod running;
mod silence;
mod stalled;
mod storm;
mod tls;
mod traces;
mod tus_clients;
mod upkeep;
mod uploads;

use e2e::{Sandbox, Server};

/// The address of a file of the task `1` of the spec `demo`.
fn at(name: &str) -> String {
    format!("/api/v1/specs/demo/tasks/1/log/{name}")
}

/// An empty store and a server over it.
fn served() -> (Sandbox, Server) {
    let store = Sandbox::new();
    let server = Server::start(&store);
    (store, server)
}

/// Lines that compress.
fn lines(count: usize) -> Vec<u8> {
    let lines = (0..count).map(|number| format!("line {number} of the log\n"));
    lines.collect::<String>().into_bytes()
}
