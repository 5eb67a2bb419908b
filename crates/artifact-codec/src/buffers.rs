//! Buffers for blocks that are used again while any stream runs, since giving a mebibyte back to
//! the system and taking it again for every block costs time, and in some allocators memory. It
//! must not know what is in them.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};

use crate::workers::lock;

/// The buffers of all streams. How many there are is bounded by the permits of those who use them.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Mutex<Idle>);

#[derive(Debug, Default)]
struct Idle {
    streams: usize,
    /// Their contents are old blocks: the length is how far they were ever used.
    blocks: Vec<Vec<u8>>,
    /// Empty, with room for what was compressed.
    outputs: Vec<Vec<u8>>,
}

/// A running stream: while there is one, buffers that become free are kept.
#[derive(Debug)]
pub(crate) struct BufferUser(Arc<Buffers>);

impl BufferUser {
    pub(crate) fn new(buffers: &Arc<Buffers>) -> Self {
        lock(&buffers.0).streams += 1;
        Self(Arc::clone(buffers))
    }
}

impl Drop for BufferUser {
    fn drop(&mut self) {
        let mut idle = lock(&self.0.0);
        idle.streams -= 1;
        if idle.streams == 0 {
            idle.blocks = Vec::new();
            idle.outputs = Vec::new();
        }
    }
}

/// A buffer of a length of its own choice; it derefs to that many bytes.
#[derive(Debug)]
pub(crate) struct Block {
    bytes: Vec<u8>,
    len: usize,
    home: Arc<Buffers>,
}

impl Block {
    /// A block of this length, whose bytes are whatever was there before.
    pub(crate) fn new(home: &Arc<Buffers>, len: usize) -> Self {
        let mut bytes = lock(&home.0).blocks.pop().unwrap_or_default();
        if bytes.len() < len {
            bytes.resize(len, 0);
        }
        Self {
            bytes,
            len,
            home: Arc::clone(home),
        }
    }

    /// A block of these bytes.
    pub(crate) fn filled(home: &Arc<Buffers>, bytes: Vec<u8>) -> Self {
        Self {
            len: bytes.len(),
            bytes,
            home: Arc::clone(home),
        }
    }

    /// Keeps the first `len` bytes.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}

impl Deref for Block {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl DerefMut for Block {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let mut idle = lock(&self.home.0);
        if idle.streams > 0 {
            idle.blocks.push(std::mem::take(&mut self.bytes));
        }
    }
}

/// A buffer that grows by what is appended; it derefs to its vector.
#[derive(Debug)]
pub(crate) struct Output {
    bytes: Vec<u8>,
    home: Arc<Buffers>,
}

impl Output {
    pub(crate) fn new(home: &Arc<Buffers>) -> Self {
        Self {
            bytes: lock(&home.0).outputs.pop().unwrap_or_default(),
            home: Arc::clone(home),
        }
    }
}

impl Deref for Output {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.bytes
    }
}

impl DerefMut for Output {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let mut idle = lock(&self.home.0);
        if idle.streams > 0 {
            self.bytes.clear();
            idle.outputs.push(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_kept_while_a_stream_runs_and_no_longer() {
        let buffers = Arc::new(Buffers::default());
        drop(Block::new(&buffers, 1_000));
        assert!(lock(&buffers.0).blocks.is_empty());

        let user = BufferUser::new(&buffers);
        let mut block = Block::new(&buffers, 1_000);
        block.fill(7);
        block.truncate(10);
        assert_eq!(*block, [7; 10]);
        drop(block);
        assert_eq!(lock(&buffers.0).blocks.len(), 1);
        assert_eq!(Block::new(&buffers, 2_000).len(), 2_000);

        let mut output = Output::new(&buffers);
        output.extend_from_slice(b"old");
        drop(output);
        let output = Output::new(&buffers);
        assert!(output.is_empty() && output.capacity() >= 3);

        drop(user);
        assert!(lock(&buffers.0).blocks.is_empty());
        drop(output);
        assert!(lock(&buffers.0).outputs.is_empty());
    }
}
