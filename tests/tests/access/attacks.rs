//! The known attacks on stores of this kind, each against the real programs, and each refused: by the
//! spelling of paths and scopes, on the wire, by names and contents, with credentials, by archives, and
//! by what the server is asked to fetch.

mod archives;
mod credentials;
mod fetches;
mod markup;
mod paths;
mod wire;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use e2e::{Sandbox, Server};

use super::token;

/// A store where `team` may be read and written by a token, and `secret` has what it must not get.
fn guarded() -> (Sandbox, Server, String) {
    let store = Sandbox::new();
    for (spec, text) in [
        ("team", "ours\n"),
        ("team-b", "theirs\n"),
        ("secret", "theirs\n"),
    ] {
        store.write("a.log", text);
        store.ok(&[
            "upload", "a.log", "--spec", spec, "--task", "1", "--type", "log",
        ]);
    }
    let secret = token(&store, "team", &["read,write,delete", "--spec", "team"]);
    let server = Server::start(&store);
    (store, server, secret)
}

/// Sends bytes as they are and gives what comes back until the server has no more to say.
fn raw(server: &Server, request: &[u8]) -> String {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    // It may refuse before it has read all.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of a request for this target, sent as it is written.
fn status_of(server: &Server, method: &str, target: &str, secret: &str) -> (u16, String) {
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 0\r\n\
         Connection: close\r\n\r\n",
        secret.trim()
    );
    let answer = raw(server, request.as_bytes());
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (status.unwrap_or(0), answer)
}

/// A text with every byte percent-encoded.
fn coded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut coded, byte| {
        let _ = write!(coded, "%{byte:02X}");
        coded
    })
}
