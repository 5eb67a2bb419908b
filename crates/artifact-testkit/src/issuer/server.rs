//! A server on the loopback interface that gives the keys of an issuer, or does not. One thread per
//! connection, one request each.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::key_set;

/// Where an issuer says what it is.
const CONFIGURATION: &str = "/.well-known/openid-configuration";

/// Where the keys are.
const KEYS: &str = "/keys";

/// What is answered.
#[derive(Debug, Clone, Default)]
struct Reply {
    status: u16,
    headers: String,
    body: Vec<u8>,
    delay: Duration,
}

/// An issuer on the loopback interface. Dropped, it answers no more.
#[derive(Debug)]
pub struct IssuerServer {
    url: String,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    replies: Mutex<BTreeMap<String, Reply>>,
    asked: Mutex<Vec<String>>,
    is_down: AtomicBool,
}

impl IssuerServer {
    /// One with these keys.
    pub fn start(keys: &[Value]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Self {
            url: url.clone(),
            shared: Arc::default(),
        };
        server.say(
            CONFIGURATION,
            200,
            "",
            &configuration(&url, &server.keys_url()),
        );
        server.set_keys(keys);
        let shared = Arc::downgrade(&server.shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(shared) = shared.upgrade() else {
                    return;
                };
                thread::spawn(move || shared.answer(stream));
            }
        });
        server
    }

    /// Its address, which is its name too.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where its keys are.
    pub fn keys_url(&self) -> String {
        format!("{}{KEYS}", self.url)
    }

    /// Gives these keys from now on.
    pub fn set_keys(&self, keys: &[Value]) {
        self.say(KEYS, 200, "", key_set(keys).as_bytes());
    }

    /// Says that its keys are elsewhere, or that it is another issuer.
    pub fn set_configuration(&self, issuer: &str, keys_url: &str) {
        self.say(CONFIGURATION, 200, "", &configuration(issuer, keys_url));
    }

    /// Answers requests for its keys like this; each line of `headers` ends in CR and LF.
    pub fn answer_for_keys(&self, status: u16, headers: &str, body: &[u8]) {
        self.say(KEYS, status, headers, body);
    }

    /// Answers requests for `path` like this.
    pub fn say(&self, path: &str, status: u16, headers: &str, body: &[u8]) {
        let reply = Reply {
            status,
            headers: headers.to_owned(),
            body: body.to_owned(),
            delay: Duration::ZERO,
        };
        lock(&self.shared.replies).insert(path.to_owned(), reply);
    }

    /// Answers requests for its keys so much later.
    pub fn delay_keys(&self, delay: Duration) {
        if let Some(reply) = lock(&self.shared.replies).get_mut(KEYS) {
            reply.delay = delay;
        }
    }

    /// Breaks off whatever is asked, or answers again.
    pub fn set_down(&self, is_down: bool) {
        self.shared.is_down.store(is_down, Ordering::SeqCst);
    }

    /// How often it was asked for its keys.
    pub fn fetches(&self) -> usize {
        let asked = lock(&self.shared.asked);
        asked.iter().filter(|path| *path == KEYS).count()
    }

    /// The paths that it was asked for.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.shared.asked).clone()
    }
}

impl Shared {
    fn answer(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
        let Some(first) = lines.next() else { return };
        while lines.next().is_some_and(|line| !line.is_empty()) {}
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        lock(&self.asked).push(path.clone());
        if self.is_down.load(Ordering::SeqCst) {
            return;
        }
        let reply = lock(&self.replies).get(&path).cloned();
        let reply = reply.unwrap_or(Reply {
            status: 404,
            ..Reply::default()
        });
        thread::sleep(reply.delay);
        let head = format!(
            "HTTP/1.1 {} X\r\nContent-Length: {}\r\nConnection: close\r\n{}\r\n",
            reply.status,
            reply.body.len(),
            reply.headers
        );
        // Whoever asked may have had enough.
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(&reply.body);
    }
}

fn configuration(issuer: &str, keys_url: &str) -> Vec<u8> {
    let said = json!({"issuer": issuer, "jwks_uri": keys_url});
    said.to_string().into_bytes()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
