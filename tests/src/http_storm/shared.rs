//! What the clients of a storm share: the server of the moment, what was acknowledged, what is to be
//! found. Knows no request.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::content::Content;
use super::report::Report;
use crate::{Ledger, Sandbox, Server};

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(10);

/// A version that was acknowledged.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) address: Address,
    pub(super) id: String,
    pub(super) sha256: String,
}

/// Where an artifact is: as a URI and as a path of the server.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) uri: String,
    pub(super) path: String,
}

impl Address {
    pub(super) fn new(task: &str, name: &str) -> Self {
        Self {
            uri: format!("artifact://storm/{task}/data/{name}"),
            path: format!("/api/v1/specs/storm/tasks/{task}/data/{name}"),
        }
    }
}

pub(super) struct Shared {
    /// The server, and how many there have been before.
    server: Mutex<(u64, Arc<Server>)>,
    pub(super) keeps_versions: bool,
    ledger: Mutex<Ledger>,
    report: Mutex<Report>,
    /// Every content that was ever to be uploaded, by its digest.
    contents: Mutex<HashMap<String, Content>>,
    /// What was stored and nobody has tried to delete.
    stored: Mutex<Vec<Stored>>,
    deleted: Mutex<Vec<Address>>,
    numbers: AtomicU64,
    is_over: AtomicBool,
}

/// Whoever panicked has said why.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(server: Server, keeps_versions: bool) -> Self {
        Self {
            server: Mutex::new((0, Arc::new(server))),
            keeps_versions,
            ledger: Mutex::default(),
            report: Mutex::default(),
            contents: Mutex::default(),
            stored: Mutex::default(),
            deleted: Mutex::default(),
            numbers: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        }
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        locked(&self.ledger)
    }

    pub(super) fn report(&self) -> MutexGuard<'_, Report> {
        locked(&self.report)
    }

    pub(super) fn contents(&self) -> MutexGuard<'_, HashMap<String, Content>> {
        locked(&self.contents)
    }

    pub(super) fn stored(&self) -> MutexGuard<'_, Vec<Stored>> {
        locked(&self.stored)
    }

    pub(super) fn deleted(&self) -> MutexGuard<'_, Vec<Address>> {
        locked(&self.deleted)
    }

    pub(super) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// The server of the moment, and its number.
    pub(super) fn server(&self) -> (u64, Arc<Server>) {
        locked(&self.server).clone()
    }

    /// Waits until there is another server than this one; false if there is none for a long time, so that
    /// this one was not killed.
    pub(super) fn is_replaced(&self, number: u64) -> bool {
        let begun = Instant::now();
        while self.server().0 == number {
            if begun.elapsed() > PATIENCE {
                return false;
            }
            thread::sleep(POLL);
        }
        true
    }

    pub(super) fn kill(&self) {
        self.server().1.signal("KILL");
        self.report().kills += 1;
    }

    /// Starts another server over the same store.
    pub(super) fn start(&self, store: &Sandbox) {
        let server = Arc::new(Server::start(store));
        let mut current = locked(&self.server);
        *current = (current.0 + 1, server);
    }

    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    /// The last server, what was acknowledged, and what was seen.
    pub(super) fn into_parts(self) -> (Server, Ledger, Report) {
        let inner = |mutex: Mutex<(u64, Arc<Server>)>| {
            let (_, server) = mutex.into_inner().unwrap_or_else(PoisonError::into_inner);
            Arc::into_inner(server).expect("no client is left")
        };
        (
            inner(self.server),
            self.ledger
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner),
            self.report
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}
