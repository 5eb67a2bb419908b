//! What puts that are under way, or were cut off, keep aside until a sweep takes it away.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use artifact_domain::Timestamp;
use artifact_domain::port::Swept;
use bytes::{Bytes, BytesMut};

#[derive(Debug)]
struct Body {
    bytes: BytesMut,
    touched: Timestamp,
    running: bool,
}

#[derive(Debug, Default)]
struct Aside {
    next: u64,
    bodies: BTreeMap<u64, Body>,
}

impl Body {
    fn is_leftover(&self, older_than: Timestamp) -> bool {
        !self.running && self.touched < older_than
    }
}

impl Aside {
    fn leftovers(&self, older_than: Timestamp) -> Swept {
        let bodies = self.bodies.values();
        let gone = bodies.filter(|body| body.is_leftover(older_than));
        gone.fold(Swept::default(), |sum, body| Swept {
            count: sum.count + 1,
            size_bytes: sum.size_bytes + body.bytes.len() as u64,
        })
    }
}

/// All that is kept aside.
#[derive(Debug, Clone, Default)]
pub(super) struct Temporaries(Arc<Mutex<Aside>>);

impl Temporaries {
    fn locked<T>(&self, act: impl FnOnce(&mut Aside) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Begins the body of a put. No sweep takes it away while it is running.
    pub(super) fn begin(&self, now: Timestamp) -> RunningPut {
        let number = self.locked(|aside| {
            aside.next += 1;
            let body = Body {
                bytes: BytesMut::new(),
                touched: now,
                running: true,
            };
            aside.bodies.insert(aside.next, body);
            aside.next
        });
        RunningPut {
            temporaries: self.clone(),
            number,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.locked(|aside| aside.bodies.len())
    }

    pub(super) fn leftovers(&self, older_than: Timestamp) -> Swept {
        self.locked(|aside| aside.leftovers(older_than))
    }

    pub(super) fn sweep(&self, older_than: Timestamp) -> Swept {
        self.locked(|aside| {
            let swept = aside.leftovers(older_than);
            aside.bodies.retain(|_, body| !body.is_leftover(older_than));
            swept
        })
    }
}

/// The body of a put that is under way. Dropped before it is taken, it was cut off, and stays until
/// a sweep.
#[derive(Debug)]
pub(super) struct RunningPut {
    temporaries: Temporaries,
    number: u64,
}

impl RunningPut {
    /// Adds a chunk.
    pub(super) fn append(&self, chunk: &[u8], now: Timestamp) {
        self.temporaries.locked(|aside| {
            if let Some(body) = aside.bodies.get_mut(&self.number) {
                body.touched = now;
                body.bytes.extend_from_slice(chunk);
            }
        });
    }

    /// Takes the body out; nothing is left aside.
    pub(super) fn take(self) -> Bytes {
        let taken = self
            .temporaries
            .locked(|aside| aside.bodies.remove(&self.number));
        taken.map_or_else(Bytes::new, |body| body.bytes.freeze())
    }
}

impl Drop for RunningPut {
    fn drop(&mut self) {
        self.temporaries.locked(|aside| {
            if let Some(body) = aside.bodies.get_mut(&self.number) {
                body.running = false;
            }
        });
    }
}
