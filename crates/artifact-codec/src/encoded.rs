//! What an encoding has come to, and the counting of what it wrote. It must not know how bytes are
//! encoded.

use std::io::{self, Write};

use crate::{Digest, Encoding, SeekTable};

/// What encoding a stream has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Encoded {
    /// The form of the bytes written.
    pub encoding: Encoding,
    /// SHA-256 of the plain bytes.
    pub digest: Digest,
    /// How many plain bytes came in.
    pub size_bytes: u64,
    /// How many bytes were written out.
    pub stored_size_bytes: u64,
    /// Where the blocks lie; `None` for a stream of one block or less, which is decoded whole.
    pub seek_table: Option<SeekTable>,
}

/// Counts what reaches the output.
#[derive(Debug)]
pub(crate) struct Counted<W> {
    writer: W,
    size_bytes: u64,
}

impl<W> Counted<W> {
    pub(crate) const fn new(writer: W) -> Self {
        Self {
            writer,
            size_bytes: 0,
        }
    }

    pub(crate) const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.writer.write(bytes)?;
        self.size_bytes += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
