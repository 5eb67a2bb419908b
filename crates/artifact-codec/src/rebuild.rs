//! Finding a lost seek table again in the stored stream. It must not trust what it finds: a table
//! comes out only for a stream that was decoded and found sound.

use std::io::Read;

use crate::crc::{Crc, crc32};
use crate::deflate::{END_OF_STREAM, Inflater};
use crate::member_format::{DEFLATE, HEADER_LEN, LONG_TAIL_LEN, MAGIC, trailer};
use crate::seek_table::{BlockEntry, SeekTable, most_stored};
use crate::source::read_full;
use crate::{BlockSizes, CodecError, Decoded, Encoding, Hasher};

/// The last bytes of every flushed block: an empty stored block's length and its complement
/// (RFC 1951, section 3.2.4).
const FLUSH_MARK: [u8; 4] = [0, 0, 0xff, 0xff];

/// How much is read at a time.
const READ_BYTES: usize = 256 * 1024;

impl SeekTable {
    /// Reads a whole stored stream and finds out its table, digest and lengths. That takes about as
    /// long as `gunzip` and memory for one block.
    ///
    /// A gzip stream has a table only if this crate wrote it, of more than one block, with these
    /// sizes (or smaller ones that divide them, since several blocks can be taken for one). The blocks are found by the marks between them: where the plain bytes up to a mark
    /// make exactly one block, it ends there.
    ///
    /// # Errors
    /// [`CodecError::NotSeekable`] for a gzip stream that is none of ours, or damaged: decode it
    /// without a table to learn more. [`CodecError::Io`] from the input.
    pub fn rebuild(
        input: impl Read,
        encoding: Encoding,
        sizes: BlockSizes,
    ) -> Result<(Self, Decoded), CodecError> {
        let mut scan = Scan {
            input,
            sizes,
            hasher: Hasher::new(),
            crc: Crc::new(),
            size_bytes: 0,
            blocks: Vec::new(),
        };
        let stored_size_bytes = match encoding {
            Encoding::Identity => scan.identity()?,
            Encoding::Gzip => scan.gzip()?,
        };
        let table = Self::assemble(encoding, sizes, scan.size_bytes, scan.blocks)
            .filter(|table| table.stored_size_bytes() == stored_size_bytes)
            .filter(|table| encoding == Encoding::Identity || table.block_count() > 1)
            .ok_or(CodecError::NotSeekable)?;
        let decoded = Decoded {
            digest: Some(scan.hasher.finish()),
            size_bytes: scan.size_bytes,
            stored_size_bytes,
        };
        Ok((table, decoded))
    }
}

struct Scan<R> {
    input: R,
    sizes: BlockSizes,
    hasher: Hasher,
    crc: Crc,
    size_bytes: u64,
    blocks: Vec<BlockEntry>,
}

impl<R: Read> Scan<R> {
    fn block_size(&self) -> usize {
        self.sizes.size_of(self.blocks.len() as u64)
    }

    fn accept(&mut self, plain: &[u8], stored_len: usize) -> Result<(), CodecError> {
        let crc = crc32(plain);
        self.hasher.update(plain);
        self.crc.append(crc, plain.len() as u64);
        self.size_bytes += plain.len() as u64;
        self.blocks.push(BlockEntry {
            stored_len: u32::try_from(stored_len).map_err(|_| CodecError::NotSeekable)?,
            crc,
        });
        Ok(())
    }

    fn identity(&mut self) -> Result<u64, CodecError> {
        let mut block = vec![0; self.sizes.large()];
        loop {
            let wanted = self.block_size();
            let len = read_full(&mut self.input, &mut block[..wanted])?;
            if len == 0 {
                return Ok(self.size_bytes);
            }
            self.accept(&block[..len], len)?;
        }
    }

    fn gzip(&mut self) -> Result<u64, CodecError> {
        let mut header = [0; HEADER_LEN];
        read_full(&mut self.input, &mut header)?;
        if header[..4] != [MAGIC[0], MAGIC[1], DEFLATE, 0] {
            return Err(CodecError::NotSeekable);
        }
        let mut stored = Stored::default();
        let mut inflater = Inflater::new();
        // One byte more than a block can have, to see one that is too long.
        let mut plain = vec![0; self.sizes.large() + 1];
        loop {
            // Only a tail is left after the last block.
            stored.fill(&mut self.input, LONG_TAIL_LEN + 1)?;
            if stored.rest().len() == LONG_TAIL_LEN {
                return self.end(&stored);
            }
            let (stored_len, plain_len) =
                self.find_block(&mut stored, &mut inflater, &mut plain)?;
            self.accept(&plain[..plain_len], stored_len)?;
            stored.consume(stored_len);
        }
    }

    /// Decompresses the block that begins here from mark to mark, until it has its size or only the
    /// tail is left after it. Gives its stored and its plain length.
    fn find_block(
        &mut self,
        stored: &mut Stored,
        inflater: &mut Inflater,
        plain: &mut [u8],
    ) -> Result<(usize, usize), CodecError> {
        let size = self.block_size();
        inflater.reset();
        let (mut decoded, mut produced) = (0, 0);
        loop {
            let mark_end = stored.mark_after(&mut self.input, decoded, most_stored(size))?;
            // Marks alone can go on for ever without a byte of content.
            if mark_end > most_stored(size) {
                return Err(CodecError::NotSeekable);
            }
            while decoded < mark_end {
                let bytes = &stored.rest()[decoded..mark_end];
                let step = inflater
                    .step(bytes, &mut plain[produced..=size])
                    .map_err(|_| CodecError::NotSeekable)?;
                decoded += step.consumed;
                produced += step.produced;
                if step.ended || step.is_idle() {
                    return Err(CodecError::NotSeekable);
                }
            }
            if produced > size {
                return Err(CodecError::NotSeekable);
            }
            let with_tail = mark_end + LONG_TAIL_LEN;
            stored.fill(&mut self.input, with_tail + 1)?;
            let is_last = stored.rest().len() == with_tail;
            if produced == size || (is_last && produced > 0) {
                return Ok((mark_end, produced));
            }
        }
    }

    /// Checks what follows the last block. Gives the number of all stored bytes.
    fn end(&self, stored: &Stored) -> Result<u64, CodecError> {
        let trailer = trailer(self.crc.sum(), self.size_bytes);
        if *stored.rest() == *[&END_OF_STREAM[..], &trailer].concat() {
            Ok(stored.taken + (HEADER_LEN + LONG_TAIL_LEN) as u64)
        } else {
            Err(CodecError::NotSeekable)
        }
    }
}

/// The stored bytes at hand.
#[derive(Debug, Default)]
struct Stored {
    bytes: Vec<u8>,
    start: usize,
    /// How many were consumed so far.
    taken: u64,
}

impl Stored {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    fn consume(&mut self, len: usize) {
        self.start += len;
        self.taken += len as u64;
    }

    /// Reads until at least `len` bytes are at hand, or all that there are.
    fn fill(&mut self, input: &mut impl Read, len: usize) -> Result<(), CodecError> {
        if self.rest().len() >= len {
            return Ok(());
        }
        self.bytes.drain(..self.start);
        self.start = 0;
        while self.bytes.len() < len {
            let had = self.bytes.len();
            self.bytes.resize(had + READ_BYTES, 0);
            let got = read_full(input, &mut self.bytes[had..])?;
            self.bytes.truncate(had + got);
            if got == 0 {
                break;
            }
        }
        Ok(())
    }

    /// The end of the first flush mark at or after `from`, within `limit` bytes.
    fn mark_after(
        &mut self,
        input: &mut impl Read,
        from: usize,
        limit: usize,
    ) -> Result<usize, CodecError> {
        let mut searched = from;
        loop {
            let found = self.rest()[searched..]
                .windows(FLUSH_MARK.len())
                .position(|bytes| bytes == FLUSH_MARK);
            if let Some(at) = found {
                return Ok(searched + at + FLUSH_MARK.len());
            }
            let had = self.rest().len();
            // A mark may lie across the end of what is at hand.
            searched = from.max(had.saturating_sub(FLUSH_MARK.len() - 1));
            self.fill(input, had + 1)?;
            if self.rest().len() == had || had > limit {
                return Err(CodecError::NotSeekable);
            }
        }
    }
}
