//! Inputs, and readers and writers that cut a stream in awkward places. They must not know what
//! is tested with them.

use std::io::{self, Read, Write};
use std::ops::Range;

use artifact_codec::{
    BlockSizes, CodecError, DecodeOptions, Decoded, Decoder, EncodeOptions, Encoded, Encoding,
    Incompressible, Level, SeekTable, decode, encode,
};

/// Bytes that do not compress, the same on every run (xorshift64, Marsaglia 2003).
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Text like a log, that compresses well.
pub(crate) fn log(len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 64);
    for line in 0_u64.. {
        if bytes.len() >= len {
            break;
        }
        let time = line * 7919 % 86_400;
        writeln!(
            bytes,
            "{time:05} INFO step {line} of the build took {} ms",
            time % 971
        )
        .unwrap();
    }
    bytes.truncate(len);
    bytes
}

/// Gzip even where it does not pay, in blocks of 4 and 16 KiB, so that small inputs have many.
pub(crate) fn gzip(level: u32) -> EncodeOptions {
    EncodeOptions::default()
        .with_compression(Some(Level::new(level).unwrap()))
        .with_incompressible(Incompressible::Gzip)
        .with_block_sizes(BlockSizes::new(SMALL, LARGE).unwrap())
}

pub(crate) const SMALL: usize = 4 * 1024;
pub(crate) const LARGE: usize = 16 * 1024;

pub(crate) fn identity() -> EncodeOptions {
    gzip(6).with_compression(None)
}

pub(crate) fn stored(plain: &[u8], options: &EncodeOptions) -> (Vec<u8>, Encoded) {
    stored_in_pieces(plain, options, &[usize::MAX])
}

/// Encodes from reads of these sizes, taken in turn.
pub(crate) fn stored_in_pieces(
    plain: &[u8],
    options: &EncodeOptions,
    sizes: &[usize],
) -> (Vec<u8>, Encoded) {
    let mut stored = Vec::new();
    let encoded = encode(Pieces::new(plain, sizes), &mut stored, options).unwrap();
    (stored, encoded)
}

/// Decodes by a seek table.
pub(crate) fn plain_by_table(
    stored: &[u8],
    table: &SeekTable,
) -> Result<(Vec<u8>, Decoded), CodecError> {
    let mut plain = Vec::new();
    let options = DecodeOptions::default().with_seek_table(Some(table.clone()));
    let decoded = decode(stored, &mut plain, table.encoding(), &options)?;
    Ok((plain, decoded))
}

/// Decodes a range by a seek table, from the bytes that it asks for and no others.
pub(crate) fn part_by_table(
    stored: &[u8],
    table: &SeekTable,
    range: Range<u64>,
) -> Result<Vec<u8>, CodecError> {
    let part = table.part(range)?;
    let wanted = part.stored_range();
    let wanted = usize::try_from(wanted.start).unwrap()..usize::try_from(wanted.end).unwrap();
    let mut plain = Vec::new();
    let stored = stored.get(wanted).ok_or(CodecError::Truncated)?;
    part.decode(stored, &mut plain, &DecodeOptions::default())?;
    assert_eq!(plain.len() as u64, part.size_bytes());
    Ok(plain)
}

/// Decodes to the end and finishes.
pub(crate) fn plain(stored: &[u8], encoding: Encoding) -> io::Result<(Vec<u8>, Decoded)> {
    let mut plain = Vec::new();
    let mut decoder = Decoder::new(stored, encoding);
    decoder.read_to_end(&mut plain)?;
    Ok((plain, decoder.finish()?))
}

pub(crate) fn gunzipped(stored: &[u8]) -> io::Result<Vec<u8>> {
    plain(stored, Encoding::Gzip).map(|(plain, _)| plain)
}

/// Gives its bytes in reads of these sizes, taken in turn, each after an interruption.
pub(crate) struct Pieces<'a> {
    rest: &'a [u8],
    sizes: Vec<usize>,
    reads: usize,
}

impl<'a> Pieces<'a> {
    pub(crate) fn new(bytes: &'a [u8], sizes: &[usize]) -> Self {
        Self {
            rest: bytes,
            sizes: sizes.to_vec(),
            reads: 0,
        }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        if self.reads % 2 == 1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let size = self.sizes[self.reads / 2 % self.sizes.len()].min(buffer.len());
        self.rest.read(&mut buffer[..size])
    }
}

/// Notes the size of each write, and fails once it has got `room` bytes.
pub(crate) struct Recorder {
    pub(crate) writes: Vec<usize>,
    pub(crate) room: usize,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self {
            writes: Vec::new(),
            room: usize::MAX,
        }
    }
}

impl Write for Recorder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.room -= bytes.len();
        self.writes.push(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
