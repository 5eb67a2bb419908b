//! The search of one text, from a thread that may block. Knows no artifact and no store.

use std::cell::RefCell;
use std::io::{self, Read};

use artifact_domain::Result;
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkContext, SinkMatch};

use super::lines::{GrepKind, GrepLine, GrepLines};
use super::text::{Seen, TextOptions, TextReader};
use super::{GrepOutput, Pattern};
use crate::body::domain_error;
use crate::pipe::PipeWriter;

/// How long a line may be, in bytes, where little context is kept before it.
const MAX_LINE_BYTES: usize = 128 * 1024;

/// How much of a text is held to be searched, about, in bytes.
const HELD_BYTES: usize = 2 * 1024 * 1024;

/// What has a byte that no text has among so many of its first is not searched.
const HEAD_BYTES: usize = 8 * 1024;

/// How much is found before it is handed on, in bytes.
const BATCH_BYTES: usize = 64 * 1024;

/// How many bytes are read between two signs of life.
const SIGN_BYTES: u64 = 4 * 1024 * 1024;

/// How a text is searched.
#[derive(Debug, Clone)]
pub(super) struct SearchOptions {
    pub(super) pattern: Pattern,
    pub(super) output: GrepOutput,
    pub(super) invert: bool,
    pub(super) binary_as_text: bool,
    pub(super) max_count: Option<u64>,
}

impl SearchOptions {
    /// How many bytes of a line are looked at.
    pub(super) fn max_line_bytes(&self) -> usize {
        match self.output {
            GrepOutput::Lines { before, .. } => {
                (HELD_BYTES / (usize::from(before) + 1)).min(MAX_LINE_BYTES)
            }
            _ => MAX_LINE_BYTES,
        }
    }

    /// How many lines are looked for.
    fn most(&self) -> Option<u64> {
        match self.output {
            // One is enough to know.
            GrepOutput::Artifacts => Some(1),
            _ => self.max_count,
        }
    }
}

/// What the search of a text gives, in its order; the end comes last.
#[derive(Debug)]
pub(super) enum Found {
    Lines(GrepLines),
    /// So many bytes more were read.
    Read(u64),
    End(TextEnd),
}

/// How the search of a text ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TextEnd {
    pub(super) matches: u64,
    pub(super) binary_at: Option<u64>,
    pub(super) cut_lines: u64,
}

/// Searches what `input` gives, and hands on what it finds.
pub(super) fn search(
    input: impl Read,
    options: &SearchOptions,
    output: &PipeWriter<Found>,
) -> Result<()> {
    let seen = Seen::default();
    let outbox = Outbox {
        output,
        batch: RefCell::default(),
    };
    let text_options = TextOptions {
        max_line_bytes: options.max_line_bytes(),
        binary_as_text: options.binary_as_text,
    };
    let input = Counted {
        input,
        outbox: &outbox,
        unsaid_bytes: 0,
    };
    let mut text = TextReader::new(input, text_options, &seen);
    let mut collector = Collector {
        options,
        seen: &seen,
        outbox: &outbox,
        submatches: Vec::new(),
        matches: 0,
        after_gap: false,
    };
    let run = || {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        (&mut text).take(HEAD_BYTES as u64).read_to_end(&mut head)?;
        if seen.binary_at().is_none() {
            searcher(options).search_reader(
                options.pattern.matcher(),
                head.chain(text),
                &mut collector,
            )?;
        }
        collector.end()
    };
    run().map_err(|error| domain_error(error, "searching"))
}

fn searcher(options: &SearchOptions) -> Searcher {
    let (before, after) = match options.output {
        GrepOutput::Lines { before, after, .. } => (before, after),
        _ => (0, 0),
    };
    SearcherBuilder::new()
        .invert_match(options.invert)
        .line_number(matches!(options.output, GrepOutput::Lines { .. }))
        .before_context(before.into())
        .after_context(after.into())
        .max_matches(options.most())
        // Both are the text reader's: here it would depend on how the bytes come.
        .binary_detection(BinaryDetection::none())
        .bom_sniffing(false)
        .build()
}

/// Hands on what is found, in batches.
struct Outbox<'a> {
    output: &'a PipeWriter<Found>,
    batch: RefCell<GrepLines>,
}

impl Outbox<'_> {
    fn add(&self, line: GrepLine<'_>) -> io::Result<()> {
        let mut batch = self.batch.borrow_mut();
        batch.push(line);
        if batch.held_bytes() < BATCH_BYTES {
            return Ok(());
        }
        drop(batch);
        self.hand_on()
    }

    fn hand_on(&self) -> io::Result<()> {
        let batch = self.batch.take();
        if batch.is_empty() {
            return Ok(());
        }
        self.output.send(Found::Lines(batch))
    }

    /// What was found so far goes first.
    fn send(&self, found: Found) -> io::Result<()> {
        self.hand_on()?;
        self.output.send(found)
    }
}

/// Takes what the searcher finds.
struct Collector<'a> {
    options: &'a SearchOptions,
    seen: &'a Seen,
    outbox: &'a Outbox<'a>,
    /// Those of one line.
    submatches: Vec<(u32, u32)>,
    matches: u64,
    after_gap: bool,
}

impl Collector<'_> {
    fn push(&mut self, kind: GrepKind, number: u64, start: u64, line: &[u8]) -> io::Result<()> {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let is_cut = self.seen.is_cut(start + text.len() as u64);
        let text = if is_cut { whole_characters(text) } else { text };
        self.submatches.clear();
        let wanted =
            matches!(self.options.output, GrepOutput::Lines { submatches, .. } if submatches);
        if wanted && kind == GrepKind::Match && !self.options.invert {
            let found = &mut self.submatches;
            let add = |start, end| found.push((start, end));
            self.options.pattern.find_all(text, add);
        }
        self.outbox.add(GrepLine {
            kind,
            number,
            text,
            submatches: &self.submatches,
            is_cut,
            after_gap: std::mem::take(&mut self.after_gap),
        })
    }

    fn end(&self) -> io::Result<()> {
        self.outbox.send(Found::End(TextEnd {
            matches: self.matches,
            binary_at: self.seen.binary_at(),
            cut_lines: self.seen.cut_lines(),
        }))
    }
}

/// A text without the character at its end that was cut in two.
fn whole_characters(text: &[u8]) -> &[u8] {
    match std::str::from_utf8(text) {
        Err(error) if error.error_len().is_none() => &text[..error.valid_up_to()],
        _ => text,
    }
}

impl Sink for &mut Collector<'_> {
    type Error = io::Error;

    fn matched(&mut self, _: &Searcher, found: &SinkMatch<'_>) -> io::Result<bool> {
        // The searcher may go on after it was told to stop, where it looks for what does not match.
        let most = self.options.most();
        if most.is_some_and(|most| self.matches >= most) {
            return Ok(false);
        }
        self.matches += 1;
        match self.options.output {
            GrepOutput::Counts | GrepOutput::Artifacts => Ok(true),
            GrepOutput::Lines { .. } => {
                let number = found.line_number().unwrap_or_default();
                let start = found.absolute_byte_offset();
                self.push(GrepKind::Match, number, start, found.bytes())?;
                Ok(true)
            }
        }
    }

    fn context(&mut self, _: &Searcher, found: &SinkContext<'_>) -> io::Result<bool> {
        let number = found.line_number().unwrap_or_default();
        let start = found.absolute_byte_offset();
        self.push(GrepKind::Context, number, start, found.bytes())?;
        Ok(true)
    }

    fn context_break(&mut self, _: &Searcher) -> io::Result<bool> {
        self.after_gap = true;
        Ok(true)
    }
}

/// A reader that now and then says how much was read, and so learns that nobody listens any more.
struct Counted<'a, R> {
    input: R,
    outbox: &'a Outbox<'a>,
    unsaid_bytes: u64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.unsaid_bytes += count as u64;
        if self.unsaid_bytes >= SIGN_BYTES || (count == 0 && self.unsaid_bytes > 0) {
            let read_bytes = std::mem::take(&mut self.unsaid_bytes);
            self.outbox.send(Found::Read(read_bytes))?;
        }
        Ok(count)
    }
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
