//! The digest of a long stream, on a thread of its own: SHA-256 is the one part of the work that
//! cannot be split, so nothing else may stand in its way. It must not know where blocks come from.

use std::io;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use crate::{CodecError, Digest, Hasher};

/// Computes the digest of blocks in the order in which they are given. How many wait here is bounded
/// by the permits that they carry.
#[derive(Debug)]
pub(crate) struct DigestThread<B> {
    sender: Option<Sender<B>>,
    thread: Option<JoinHandle<Digest>>,
}

impl<B: AsRef<[u8]> + Send + 'static> DigestThread<B> {
    pub(crate) fn start() -> io::Result<Self> {
        let (sender, receiver) = channel::<B>();
        let thread = thread::Builder::new()
            .name("codec-digest".to_owned())
            .spawn(move || {
                let mut hasher = Hasher::new();
                for block in receiver {
                    hasher.update(block.as_ref());
                }
                hasher.finish()
            })?;
        Ok(Self {
            sender: Some(sender),
            thread: Some(thread),
        })
    }

    pub(crate) fn update(&self, block: B) {
        if let Some(sender) = &self.sender {
            // It fails only if the thread has died, which `finish` reports.
            let _ = sender.send(block);
        }
    }

    pub(crate) fn finish(mut self) -> Result<Digest, CodecError> {
        self.sender = None;
        let thread = self
            .thread
            .take()
            .expect("it is taken once, here or in drop");
        thread.join().map_err(|_| {
            CodecError::Io(io::Error::other("the thread that computes the digest died"))
        })
    }
}

impl<B> Drop for DigestThread<B> {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // The digest of a stream that was given up.
            drop(thread.join());
        }
    }
}
