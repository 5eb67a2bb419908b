//! Reads JSON as it comes and refuses what a parser would have to hold at once: endless texts and
//! numbers, and endless nesting. Must not know what the JSON means.

use std::io::{self, Read};

use crate::error::refuse;

/// The longest text, in bytes: a source file that was put into the report, say.
const MAX_TEXT_BYTES: usize = 4 << 20;
/// The longest number.
const MAX_NUMBER_BYTES: usize = 512;
/// The deepest nesting.
const MAX_DEPTH: usize = 120;

/// See the module.
#[derive(Debug)]
pub(super) struct Guard<R> {
    inner: R,
    is_text: bool,
    is_escaped: bool,
    /// The length of the text or number so far.
    bytes: usize,
    depth: usize,
}

impl<R> Guard<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            is_text: false,
            is_escaped: false,
            bytes: 0,
            depth: 0,
        }
    }

    fn see(&mut self, byte: u8) -> io::Result<()> {
        if self.is_text {
            self.bytes += 1;
            if self.bytes > MAX_TEXT_BYTES {
                return Err(refuse("a text has more than 4 MiB"));
            }
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.is_text = false,
                _ => {}
            }
            return Ok(());
        }
        match byte {
            b'"' => (self.is_text, self.bytes) = (true, 0),
            b'[' | b'{' => self.depth += 1,
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E' => {
                self.bytes += 1;
                if self.bytes > MAX_NUMBER_BYTES {
                    return Err(refuse("a number is too long"));
                }
                return Ok(());
            }
            _ => {}
        }
        if self.depth > MAX_DEPTH {
            return Err(refuse("it is nested too deeply"));
        }
        self.bytes = 0;
        Ok(())
    }
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        for byte in &buffer[..count] {
            self.see(*byte)?;
        }
        Ok(count)
    }
}
