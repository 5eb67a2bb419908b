//! As much of HTTP/1.1 as a proxy needs that hands on every byte as it came: heads, and where a body
//! ends. Knows no faults.

use std::io::{self, BufRead, ErrorKind, Read};

/// Longer heads are refused.
const MAX_HEAD_BYTES: u64 = 64 << 10;
const PIECE_BYTES: u64 = 16 << 10;

/// The head of a request or a response, as it came.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) bytes: Vec<u8>,
}

impl Head {
    /// Reads to the empty line; none where the stream has ended before.
    pub(super) fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        let mut from = from.take(MAX_HEAD_BYTES);
        loop {
            let begun = bytes.len();
            if from.read_until(b'\n', &mut bytes)? == 0 {
                return if bytes.is_empty() {
                    Ok(None)
                } else {
                    Err(ErrorKind::UnexpectedEof.into())
                };
            }
            if bytes[begun..] == *b"\r\n" {
                return Ok(Some(Self { bytes }));
            }
        }
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        let text = std::str::from_utf8(&self.bytes).unwrap_or_default();
        text.split("\r\n")
    }

    /// A word of the first line.
    pub(super) fn word(&self, index: usize) -> &str {
        let mut words = self.lines().next().unwrap_or_default().split(' ');
        words.nth(index).unwrap_or_default()
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.lines().skip(1);
        let pairs = lines.filter_map(|line| line.split_once(':'));
        pairs.map(|(name, value)| (name, value.trim()))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut pairs = self.pairs();
        let found = pairs.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    /// Names and values, in order.
    pub(super) fn headers(&self) -> Vec<(String, String)> {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        self.pairs().map(owned).collect()
    }

    fn framing(&self) -> Option<Framing> {
        let chunked = self.header("transfer-encoding");
        if chunked.is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            return Some(Framing::Chunked);
        }
        let length = self.header("content-length")?.parse().ok()?;
        Some(Framing::Length(length))
    }

    /// Where the body of a request with this head ends.
    pub(super) fn request_framing(&self) -> Framing {
        self.framing().unwrap_or(Framing::Length(0))
    }

    /// Where the body of a response with this head ends, to a request of this method.
    pub(super) fn response_framing(&self, method: &str) -> Framing {
        if method == "HEAD" || ["204", "304"].contains(&self.word(1)) {
            return Framing::Length(0);
        }
        self.framing().unwrap_or(Framing::ToTheEnd)
    }

    /// Whether it is a response that another one follows, such as `100 Continue`.
    pub(super) fn is_interim(&self) -> bool {
        self.word(1).starts_with('1')
    }
}

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    ToTheEnd,
}

/// A piece of a body.
pub(super) enum Piece<'a> {
    /// Bytes of what is sent.
    Content(&'a mut [u8]),
    /// Lines that say how long a chunk is, or that follow the last.
    Around(&'a [u8]),
}

/// Reads a body to its end, piece by piece.
pub(super) fn read_body(
    from: &mut impl BufRead,
    framing: Framing,
    take: &mut impl FnMut(Piece<'_>) -> io::Result<()>,
) -> io::Result<()> {
    match framing {
        Framing::Length(length) => read_content(from, length, take),
        Framing::ToTheEnd => read_to_the_end(from, take),
        Framing::Chunked => read_chunks(from, take),
    }
}

fn read_content(
    from: &mut impl BufRead,
    mut left: u64,
    take: &mut impl FnMut(Piece<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; usize::try_from(left.min(PIECE_BYTES)).unwrap_or_default()];
    while left > 0 {
        let most = usize::try_from(left.min(PIECE_BYTES)).unwrap_or_default();
        let count = from.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        take(Piece::Content(&mut buffer[..count]))?;
        left -= count as u64;
    }
    Ok(())
}

fn read_to_the_end(
    from: &mut impl BufRead,
    take: &mut impl FnMut(Piece<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; usize::try_from(PIECE_BYTES).unwrap_or_default()];
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        take(Piece::Content(&mut buffer[..count]))?;
    }
}

fn read_chunks(
    from: &mut impl BufRead,
    take: &mut impl FnMut(Piece<'_>) -> io::Result<()>,
) -> io::Result<()> {
    loop {
        let mut line = read_line(from)?;
        let text = String::from_utf8_lossy(&line).into_owned();
        let size = text.split([';', '\r']).next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16)
            .map_err(|_| io::Error::new(ErrorKind::InvalidData, "no length of a chunk"))?;
        take(Piece::Around(&line))?;
        if size == 0 {
            while line != b"\r\n" {
                line = read_line(from)?;
                take(Piece::Around(&line))?;
            }
            return Ok(());
        }
        read_content(from, size, take)?;
        take(Piece::Around(&read_line(from)?))?;
    }
}

fn read_line(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    from.take(MAX_HEAD_BYTES).read_until(b'\n', &mut line)?;
    if line.ends_with(b"\n") {
        Ok(line)
    } else {
        Err(ErrorKind::UnexpectedEof.into())
    }
}
