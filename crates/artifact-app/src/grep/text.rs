//! Bytes as lines of text that fit in memory: transcodes UTF-16 that says so, ends where the text
//! turns out to be binary, and cuts lines that are too long. Knows no pattern and no artifact.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, Read};

use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};

/// How many cuts are remembered. Lines are asked about soon after they were read, and between the
/// two are at most the few megabytes that a search holds.
const REMEMBERED: usize = 4_096;

/// How text is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextOptions {
    /// How many bytes a line may have; what follows is left out.
    pub(super) max_line_bytes: usize,
    /// Whether bytes that no text has are nothing special.
    pub(super) binary_as_text: bool,
}

/// What was seen while text was read.
#[derive(Debug, Default)]
pub(super) struct Seen {
    given_bytes: Cell<u64>,
    binary_at: Cell<Option<u64>>,
    cut_lines: Cell<u64>,
    /// Where lines that were cut end, in what was given.
    cut_ends: RefCell<VecDeque<u64>>,
}

impl Seen {
    /// Where the first byte stands that no text has, if the text was ended there.
    pub(super) fn binary_at(&self) -> Option<u64> {
        self.binary_at.get()
    }

    /// How many lines were cut.
    pub(super) fn cut_lines(&self) -> u64 {
        self.cut_lines.get()
    }

    /// Whether the line was cut that ends at this offset of what was given.
    pub(super) fn is_cut(&self, end: u64) -> bool {
        self.cut_ends.borrow().binary_search(&end).is_ok()
    }

    fn cut(&self, end: u64) {
        self.cut_lines.set(self.cut_lines.get() + 1);
        let mut ends = self.cut_ends.borrow_mut();
        if ends.len() == REMEMBERED {
            ends.pop_front();
        }
        ends.push_back(end);
    }
}

/// See the module. What it leaves out it notes in [`Seen`].
pub(super) struct TextReader<'a, R> {
    input: DecodeReaderBytes<R, Vec<u8>>,
    options: TextOptions,
    seen: &'a Seen,
    /// How many bytes of the current line were given.
    line_bytes: usize,
    /// Whether the rest of the current line is left out.
    is_cutting: bool,
    has_ended: bool,
}

impl<'a, R: Read> TextReader<'a, R> {
    pub(super) fn new(input: R, options: TextOptions, seen: &'a Seen) -> Self {
        let input = DecodeReaderBytesBuilder::new()
            .utf8_passthru(true)
            .strip_bom(true)
            .bom_override(true)
            .build(input);
        Self {
            input,
            options,
            seen,
            line_bytes: 0,
            is_cutting: false,
            has_ended: false,
        }
    }

    /// Leaves out of `buffer` what is too long; gives how many bytes are left in front.
    fn cut(&mut self, buffer: &mut [u8]) -> usize {
        let max = self.options.max_line_bytes;
        let length = buffer.len();
        let first = memchr::memchr(b'\n', buffer).unwrap_or(length);
        if !self.is_cutting && self.line_bytes + first <= max && length <= max {
            self.line_bytes = match memchr::memrchr(b'\n', buffer) {
                Some(last) => length - last - 1,
                None => self.line_bytes + length,
            };
            return length;
        }
        let (mut from, mut to) = (0, 0);
        while from < length {
            let newline = memchr::memchr(b'\n', &buffer[from..]);
            let line = newline.unwrap_or(length - from);
            let kept = if self.is_cutting {
                0
            } else {
                line.min(max - self.line_bytes)
            };
            buffer.copy_within(from..from + kept, to);
            (from, to) = (from + line, to + kept);
            self.line_bytes += kept;
            if kept < line && !self.is_cutting {
                self.is_cutting = true;
                self.seen.cut(self.seen.given_bytes.get() + to as u64);
            }
            if newline.is_some() {
                buffer[to] = b'\n';
                (from, to) = (from + 1, to + 1);
                (self.line_bytes, self.is_cutting) = (0, false);
            }
        }
        to
    }
}

impl<R: Read> Read for TextReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.has_ended && !buffer.is_empty() {
            let mut count = self.input.read(buffer)?;
            self.has_ended = count == 0;
            if !self.options.binary_as_text
                && let Some(at) = memchr::memchr(0, &buffer[..count])
            {
                let given = self.seen.given_bytes.get();
                self.seen.binary_at.set(Some(given + at as u64));
                self.has_ended = true;
                count = at;
            }
            let kept = self.cut(&mut buffer[..count]);
            self.seen
                .given_bytes
                .set(self.seen.given_bytes.get() + kept as u64);
            if kept > 0 {
                return Ok(kept);
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives so many bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(buffer.len());
            self.0.read(&mut buffer[..count])
        }
    }

    fn read(bytes: &[u8], chunk: usize, max_line_bytes: usize, seen: &Seen) -> Vec<u8> {
        let options = TextOptions {
            max_line_bytes,
            binary_as_text: false,
        };
        let mut all = Vec::new();
        TextReader::new(Slow(bytes, chunk), options, seen)
            .read_to_end(&mut all)
            .unwrap();
        all
    }

    #[test]
    fn what_is_too_long_is_cut_and_remembered() {
        let seen = Seen::default();
        assert_eq!(
            read(b"1234\n12345\n\n123456789\n1", 100, 4, &seen),
            b"1234\n1234\n\n1234\n1"
        );
        assert_eq!(seen.cut_lines(), 2);
        let cut: Vec<_> = (0..20).filter(|end| seen.is_cut(*end)).collect();
        assert_eq!(cut, [9, 15]);
        assert_eq!(seen.binary_at(), None);
    }

    #[test]
    fn text_ends_where_it_is_binary() {
        let seen = Seen::default();
        assert_eq!(read(b"one\ntw\0o\nthree\0", 3, 80, &seen), b"one\ntw");
        assert_eq!(seen.binary_at(), Some(6));
        let seen = Seen::default();
        let options = TextOptions {
            max_line_bytes: 80,
            binary_as_text: true,
        };
        let mut all = Vec::new();
        let mut reader = TextReader::new(&b"a\0b"[..], options, &seen);
        reader.read_to_end(&mut all).unwrap();
        assert_eq!((all.as_slice(), seen.binary_at()), (&b"a\0b"[..], None));
    }

    #[test]
    fn byte_order_marks_are_heeded() {
        for bytes in [
            &b"\xef\xbb\xbf\xc3\xa9\n"[..],
            b"\xff\xfe\xe9\0\n\0",
            b"\xfe\xff\0\xe9\0\n",
        ] {
            for chunk in [1, 100] {
                let seen = Seen::default();
                assert_eq!(read(bytes, chunk, 80, &seen), "é\n".as_bytes());
                assert_eq!(seen.binary_at(), None);
            }
        }
    }

    proptest! {
        #[test]
        fn it_is_the_same_however_it_comes(
            text in "[ab\n\u{0}é]{0,200}",
            chunk in 1_usize..50,
            max in 1_usize..20,
        ) {
            let bytes = text.as_bytes();
            let upto = bytes.iter().position(|byte| *byte == 0);
            let lines: Vec<_> = bytes[..upto.unwrap_or(bytes.len())].split(|byte| *byte == b'\n').collect();
            let cut: Vec<_> = lines.iter().map(|line| &line[..line.len().min(max)]).collect();
            let seen = Seen::default();
            prop_assert_eq!(read(bytes, chunk, max, &seen), cut.join(&b'\n'));
            let too_long = lines.iter().filter(|line| line.len() > max).count();
            prop_assert_eq!(seen.cut_lines(), too_long as u64);
            prop_assert_eq!(seen.binary_at().is_some(), upto.is_some());
        }
    }
}
