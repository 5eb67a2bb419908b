//! A proxy on loopback before a server, which hands on every byte as it came unless it was told what
//! is to go wrong. The server sees the name of the proxy as its host, which is what clients sign, so
//! signatures stay right. Knows no server.

mod connection;
mod fault;
mod http;

use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::thread::{self, JoinHandle};

pub use fault::{Fault, Request, Which};

use super::process::address_of;
use connection::Connection;

/// A proxy, gone with the value, and its connections with it.
#[derive(Debug)]
pub struct Proxy {
    endpoint: String,
    plan: Arc<Plan>,
    acceptor: Option<JoinHandle<()>>,
}

/// What has passed, and what is to go wrong.
#[derive(Debug, Default)]
struct Plan {
    state: Mutex<State>,
    is_over: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    seen: Vec<Request>,
    rules: Vec<Rule>,
    /// Both ends of the connections, to be cut in the end.
    streams: Vec<Weak<TcpStream>>,
}

#[derive(Debug)]
struct Rule {
    method: String,
    target: String,
    /// How many requests it still waits for.
    left: usize,
    fault: Fault,
}

impl Plan {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread has panicked with it")
    }

    /// Notes a request, and says what is to happen to it.
    fn note(&self, request: Request) -> Option<Fault> {
        let mut state = self.state();
        let rule = state.rules.iter_mut().find(|rule| {
            let which = Which {
                method: &rule.method,
                target: &rule.target,
            };
            rule.left > 0 && which.is(&request)
        });
        let fault = rule.map(|rule| {
            rule.left -= 1;
            rule.fault.clone()
        });
        state.seen.push(request);
        fault
    }

    /// Notes a stream that is to be cut in the end, if it is still there.
    fn keep(&self, stream: TcpStream) -> Arc<TcpStream> {
        let stream = Arc::new(stream);
        let mut state = self.state();
        state.streams.retain(|stream| stream.strong_count() > 0);
        state.streams.push(Arc::downgrade(&stream));
        stream
    }
}

impl Proxy {
    /// A proxy before the server at this endpoint.
    pub fn before(endpoint: &str) -> Self {
        let server = address_of(endpoint).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let plan = Arc::new(Plan::default());
        let acceptor = thread::spawn({
            let plan = Arc::clone(&plan);
            move || accept(&listener, &server, &plan)
        });
        Self {
            endpoint: format!("http://{address}"),
            plan,
            acceptor: Some(acceptor),
        }
    }

    /// Where it is.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Lets a fault happen to the next `times` of these requests. Of two rules for one request the
    /// older goes first.
    pub fn inject(&self, which: Which<'_>, times: usize, fault: Fault) {
        self.plan.state().rules.push(Rule {
            method: which.method.to_owned(),
            target: which.target.to_owned(),
            left: times,
            fault,
        });
    }

    /// Lets nothing more go wrong.
    pub fn heal(&self) {
        self.plan.state().rules.clear();
    }

    /// How many injected faults have not happened yet.
    pub fn faults_left(&self) -> usize {
        self.plan.state().rules.iter().map(|rule| rule.left).sum()
    }

    /// The requests that have come, in order.
    pub fn seen(&self) -> Vec<Request> {
        self.plan.state().seen.clone()
    }

    /// How many of these requests have come.
    pub fn count(&self, which: Which<'_>) -> usize {
        let state = self.plan.state();
        state.seen.iter().filter(|seen| which.is(seen)).count()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.plan.is_over.store(true, Ordering::SeqCst);
        // It wakes up by a connection.
        let _ = TcpStream::connect(address_of(&self.endpoint));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        for stream in self.plan.state().streams.iter().filter_map(Weak::upgrade) {
            // The other end may have cut it already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn accept(listener: &TcpListener, server: &str, plan: &Arc<Plan>) {
    for client in listener.incoming() {
        if plan.is_over.load(Ordering::SeqCst) {
            return;
        }
        let Ok(client) = client else {
            continue; // whoever came has gone already
        };
        let Ok(server) = TcpStream::connect(server) else {
            continue; // dropped, the connection is cut: so the client learns of it
        };
        Connection::start(plan.keep(client), plan.keep(server), Arc::clone(plan));
    }
}

#[cfg(test)]
mod tests;
