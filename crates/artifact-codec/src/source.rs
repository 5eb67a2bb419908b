//! A reader with a small buffer that can be looked at before bytes are taken from it, and that
//! counts what was taken in. It must not know what the bytes mean.

use std::io::{self, Read};

const INPUT_BUFFER: usize = 32 * 1024;

/// A buffered reader. Its buffer is allocated at the first use.
#[derive(Debug)]
pub(crate) struct Source<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    size_bytes: u64,
}

impl<R: Read> Source<R> {
    pub(crate) const fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            size_bytes: 0,
        }
    }

    /// How many bytes the reader has given so far.
    pub(crate) const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The bytes at hand, perhaps none.
    pub(crate) fn buffered(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Marks bytes of [`Self::buffered`] as used.
    pub(crate) fn consume(&mut self, len: usize) {
        self.start += len;
    }

    /// Reads more where none is at hand; `false` at the end of the input.
    pub(crate) fn fill(&mut self) -> io::Result<bool> {
        if self.start < self.end {
            return Ok(true);
        }
        if self.buffer.is_empty() {
            self.buffer = vec![0; INPUT_BUFFER];
        }
        self.start = 0;
        self.end = 0;
        self.end = read_uninterrupted(&mut self.reader, &mut self.buffer)?;
        self.size_bytes += self.end as u64;
        Ok(self.end > 0)
    }

    /// Takes one byte; `None` at the end of the input.
    pub(crate) fn next_byte(&mut self) -> io::Result<Option<u8>> {
        let next = self.peek()?;
        self.start += usize::from(next.is_some());
        Ok(next)
    }

    /// Shows the next byte without taking it; `None` at the end of the input.
    pub(crate) fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(if self.fill()? {
            self.buffered().first().copied()
        } else {
            None
        })
    }

    /// Reads straight into the caller's buffer; only for a source that was never buffered.
    pub(crate) fn read_through(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = read_uninterrupted(&mut self.reader, buffer)?;
        self.size_bytes += len as u64;
        Ok(len)
    }
}

/// Reads, again after each interruption by a signal.
pub(crate) fn read_uninterrupted(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Fills the buffer as far as the reader goes, and says how far.
pub(crate) fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    match read_until_fault(reader, buffer) {
        (filled, None) => Ok(filled),
        (_, Some(fault)) => Err(fault),
    }
}

/// The same, and how far it went before it failed, if it did.
pub(crate) fn read_until_fault(
    reader: &mut impl Read,
    buffer: &mut [u8],
) -> (usize, Option<io::Error>) {
    let mut filled = 0;
    while filled < buffer.len() {
        match read_uninterrupted(reader, &mut buffer[filled..]) {
            Ok(0) => break,
            Ok(len) => filled += len,
            Err(fault) => return (filled, Some(fault)),
        }
    }
    (filled, None)
}
