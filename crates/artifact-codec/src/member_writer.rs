//! Writes one gzip member (RFC 1952) around a raw deflate stream (RFC 1951). It must not know
//! where the bytes come from nor hash them with anything but the member's own CRC-32.

use std::io::{self, Write};

use crate::Level;
use crate::deflate::{Crc, Deflater};
use crate::member_format::{HEADER_LEN, TRAILER_LEN, header, trailer};

/// How many bytes are gathered before they are handed on: every write but the last has this size.
pub(crate) const OUTPUT_BLOCK: usize = 64 * 1024;

/// One gzip member under way. Its bytes depend on the level and on how the plain bytes were cut
/// into blocks, and on nothing else.
#[derive(Debug)]
pub(crate) struct MemberWriter {
    deflate: Deflater,
    crc: Crc,
    size_bytes: u64,
    buffer: Vec<u8>,
    filled: usize,
}

impl MemberWriter {
    /// Starts a member of unknown length.
    pub(crate) fn new(level: Level) -> Self {
        Self::with_buffer(level, OUTPUT_BLOCK)
    }

    /// Starts a member that will have only one, small, last block: its output buffer is no larger
    /// than that block can need.
    pub(crate) fn for_last_block(level: Level, block_len: usize) -> Self {
        // Deflate at worst stores bytes as they are, or with fixed codes of nine bits a byte.
        let most = block_len + block_len / 8 + HEADER_LEN + TRAILER_LEN + 32;
        Self::with_buffer(level, most.min(OUTPUT_BLOCK))
    }

    fn with_buffer(level: Level, buffer_len: usize) -> Self {
        let mut buffer = vec![0; buffer_len];
        buffer[..HEADER_LEN].copy_from_slice(&header(level));
        Self {
            deflate: Deflater::new(level),
            crc: Crc::new(),
            size_bytes: 0,
            buffer,
            filled: HEADER_LEN,
        }
    }

    /// Compresses a block that is not the last one.
    pub(crate) fn write(&mut self, block: &[u8], output: &mut impl Write) -> io::Result<()> {
        self.compress(block, false, output)
    }

    /// Compresses the last block, which may be empty, and closes the member.
    pub(crate) fn finish(mut self, block: &[u8], output: &mut impl Write) -> io::Result<()> {
        self.compress(block, true, output)?;
        for byte in trailer(&self.crc, self.size_bytes) {
            self.hand_on_when_full(output)?;
            self.buffer[self.filled] = byte;
            self.filled += 1;
        }
        output.write_all(&self.buffer[..self.filled])
    }

    fn compress(
        &mut self,
        mut block: &[u8],
        last: bool,
        output: &mut impl Write,
    ) -> io::Result<()> {
        self.crc.update(block);
        self.size_bytes += block.len() as u64;
        loop {
            self.hand_on_when_full(output)?;
            let step = self
                .deflate
                .step(block, &mut self.buffer[self.filled..], last)?;
            block = &block[step.consumed..];
            self.filled += step.produced;
            if step.ended || (!last && block.is_empty()) {
                return Ok(());
            }
            if step.is_idle() {
                return Err(io::Error::other("deflate compressor makes no progress"));
            }
        }
    }

    fn hand_on_when_full(&mut self, output: &mut impl Write) -> io::Result<()> {
        if self.filled == self.buffer.len() {
            output.write_all(&self.buffer)?;
            self.filled = 0;
        }
        Ok(())
    }
}
