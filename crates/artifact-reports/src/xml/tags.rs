//! Lets only the tags of XML through: text, CDATA, comments, instructions and the document type are
//! dropped byte by byte. Must not know what the tags mean.

use std::io::{self, BufRead, Read};

use crate::error::refuse;

/// The longest tag, in bytes: what the parser behind has to hold at once.
const MAX_TAG_BYTES: usize = 1 << 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Tags<R> {
    inner: R,
    state: State,
    tag_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between tags.
    Text,
    /// After `<`.
    Opened,
    /// In a tag, perhaps in a value that ends with this quote.
    Tag(Option<u8>),
    /// After `<!` and so many more bytes of what it may be.
    Declaration(u8),
    /// In a document type, perhaps in a text that ends with this quote.
    DocumentType(Option<u8>),
    /// In what ends with these three bytes, of which so many were just seen.
    Until([u8; 3], u8),
    /// In an instruction, after `?` or not.
    Instruction(bool),
}

impl<R: BufRead> Tags<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            state: State::Text,
            tag_bytes: 0,
        }
    }

    /// Takes a byte, and says which bytes of the tags it completes.
    fn step(&mut self, byte: u8) -> io::Result<&'static [u8]> {
        let mut out: &'static [u8] = b"";
        self.state = match (self.state, byte) {
            (State::Text, b'<') => State::Opened,
            (State::Text, _) | (State::DocumentType(None) | State::Instruction(true), b'>') => {
                State::Text
            }
            (State::Opened, b'!') => State::Declaration(0),
            (State::Opened, b'?') => State::Instruction(false),
            (State::Opened, _) => {
                out = b"<";
                self.tag_bytes = 0;
                tag(None, byte)
            }
            (State::Tag(quote), _) => tag(quote, byte),
            (State::Declaration(0), b'-') => State::Declaration(1),
            (State::Declaration(1), b'-') => State::Until(*b"-->", 0),
            (State::Declaration(0), b'[') => State::Until(*b"]]>", 0),
            (State::Declaration(0), _) => State::DocumentType(None),
            (State::Declaration(_), _) => return Err(refuse("its XML is malformed")),
            (State::DocumentType(None), b'[') => {
                return Err(refuse("its document type declares entities of its own"));
            }
            (State::DocumentType(None), b'"' | b'\'') => State::DocumentType(Some(byte)),
            (State::DocumentType(Some(quote)), _) if byte == quote => State::DocumentType(None),
            (state @ State::DocumentType(_), _) => state,
            (State::Until(end, seen), _) => until(end, seen, byte),
            (State::Instruction(_), _) => State::Instruction(byte == b'?'),
        };
        Ok(out)
    }
}

fn tag(quote: Option<u8>, byte: u8) -> State {
    match (quote, byte) {
        (None, b'>') => State::Text,
        (None, b'"' | b'\'') => State::Tag(Some(byte)),
        (Some(quote), _) if byte == quote => State::Tag(None),
        _ => State::Tag(quote),
    }
}

fn until(end: [u8; 3], seen: u8, byte: u8) -> State {
    match seen {
        2 if byte == end[2] => State::Text,
        // Of `]]]>` the last two count.
        2 if byte == end[0] => State::Until(end, 2),
        0 | 1 if byte == end[usize::from(seen)] => State::Until(end, seen + 1),
        _ => State::Until(end, u8::from(byte == end[0])),
    }
}

impl<R: BufRead> Read for Tags<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut written = 0;
        // One byte completes at most two.
        while written + 2 <= buffer.len() {
            let available = self.inner.fill_buf()?;
            if available.is_empty() {
                if self.state != State::Text {
                    return Err(refuse("it is cut off"));
                }
                break;
            }
            if self.state == State::Text {
                let text = available.iter().position(|byte| *byte == b'<');
                let text = text.unwrap_or(available.len());
                if text > 0 {
                    self.inner.consume(text);
                    continue;
                }
            }
            let room = (buffer.len() - written) / 2;
            let chunk: Vec<u8> = available[..available.len().min(room)].to_vec();
            self.inner.consume(chunk.len());
            for byte in chunk {
                let was_tag = matches!(self.state, State::Tag(_));
                let out = self.step(byte)?;
                if let Some(first) = out.first() {
                    buffer[written] = *first;
                    written += 1;
                }
                if was_tag || !out.is_empty() {
                    buffer[written] = byte;
                    written += 1;
                    self.tag_bytes += 1;
                    if self.tag_bytes > MAX_TAG_BYTES {
                        return Err(refuse("a tag has more than 1 MiB"));
                    }
                }
            }
        }
        Ok(written)
    }
}
