//! Decoding by the seek table: any part of a stream from the stored bytes of its blocks alone, the
//! blocks in parallel. It must not know where the stored bytes come from.

use std::io::{Read, Write};
use std::ops::Range;
use std::sync::Arc;

use crate::buffers::Block;
use crate::crc::crc32;
use crate::deflate::END_OF_STREAM;
use crate::seek_table::{BlockEntry, SeekTable};
use crate::source::read_full;
use crate::window::{Plain, SharedPlain, Window};
use crate::workers::{Shared, Workers};
use crate::{CodecError, DecodeOptions, Encoding};

/// A range of the plain bytes of a stream: which stored bytes it takes, and how to get it out of
/// them. Made by [`SeekTable::part`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    encoding: Encoding,
    stored: Range<u64>,
    blocks: Vec<PartBlock>,
    /// How many plain bytes of the first block come before the range.
    skip: usize,
    len: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PartBlock {
    entry: BlockEntry,
    plain_len: usize,
}

impl SeekTable {
    /// The part of the stream that has the plain bytes of this range.
    ///
    /// # Errors
    /// [`CodecError::InvalidRange`] if it goes beyond the end, or ends before it starts.
    pub fn part(&self, range: Range<u64>) -> Result<Part, CodecError> {
        if range.start > range.end || range.end > self.size_bytes() {
            return Err(CodecError::InvalidRange {
                start: range.start,
                end: range.end,
                size_bytes: self.size_bytes(),
            });
        }
        let sizes = self.block_sizes();
        let first = sizes.block_at(range.start);
        let end = if range.is_empty() {
            first
        } else {
            sizes.block_at(range.end - 1) + 1
        };
        let index = |block: u64| usize::try_from(block).map_or(usize::MAX, |n| n);
        let skip = range.start - sizes.start_of(first);
        let numbers = if range.is_empty() {
            0..0
        } else {
            index(first)..index(end)
        };
        let (start, entries) = self.blocks(numbers);
        let stored: u64 = entries.iter().map(|e| u64::from(e.stored_len)).sum();
        let blocks = (first..end)
            .zip(entries)
            .map(|(number, entry)| PartBlock {
                entry: *entry,
                plain_len: self.plain_len(number),
            })
            .collect();
        Ok(Part {
            encoding: self.encoding(),
            stored: start..start + stored,
            blocks,
            skip: usize::try_from(skip).expect("an offset within a block"),
            len: range.end - range.start,
        })
    }

    /// The part that has the last `len` plain bytes; all of them where there are fewer.
    pub fn last(&self, len: u64) -> Part {
        let size = self.size_bytes();
        self.part(size.saturating_sub(len)..size)
            .expect("the range ends at the end of the stream")
    }
}

impl Part {
    /// The range of the stored bytes that [`Self::decode`] wants to read.
    pub fn stored_range(&self) -> Range<u64> {
        self.stored.clone()
    }

    /// How many plain bytes it has.
    pub const fn size_bytes(&self) -> u64 {
        self.len
    }

    /// Decodes the part: `input` gives the bytes of [`Self::stored_range`], `output` gets the plain
    /// bytes of the range and is flushed. Each block is checked by its CRC-32 before any byte of it
    /// is written. What `input` has beyond the range is not read. A part of one block is decoded on
    /// the calling thread. The options' digest and seek table play no role.
    ///
    /// # Errors
    /// [`CodecError::Corrupt`] and [`CodecError::Truncated`] for the stored bytes,
    /// [`CodecError::Io`] from either side.
    pub fn decode(
        &self,
        input: impl Read,
        mut output: impl Write,
        options: &DecodeOptions,
    ) -> Result<(), CodecError> {
        let mut skip = self.skip;
        let mut left = self.len;
        self.for_each_block(input, options.workers(), |plain, _| {
            let bytes = &plain.as_ref()[skip..];
            let wanted = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
            output.write_all(&bytes[..wanted])?;
            skip = 0;
            left -= wanted as u64;
            Ok(())
        })?;
        output.flush()?;
        Ok(())
    }

    /// Gives all blocks in order, whole and checked, each with its CRC-32.
    pub(crate) fn for_each_block(
        &self,
        mut input: impl Read,
        workers: &Workers,
        mut take: impl FnMut(SharedPlain, u32) -> Result<(), CodecError>,
    ) -> Result<(), CodecError> {
        let mut window = Window::<(SharedPlain, u32)>::new(workers);
        let mut take = |(plain, crc)| take(plain, crc);
        let is_single = self.blocks.len() == 1;
        for block in &self.blocks {
            let block = *block;
            let permit = window.permit(&mut take)?;
            let encoding = self.encoding;
            let stored = read_block(&mut input, encoding, block, &window)?;
            let work = move |shared: &Shared| {
                let block_bytes = match encoding {
                    Encoding::Identity => stored,
                    Encoding::Gzip => {
                        let mut plain = Block::new(&shared.buffers, block.plain_len);
                        shared.engines.inflate(&stored, &mut plain)?;
                        plain
                    }
                };
                if crc32(&block_bytes) != block.entry.crc {
                    return Err(CodecError::Corrupt("a block's CRC-32 does not match"));
                }
                let plain = Plain {
                    block: block_bytes,
                    permit: Some(permit),
                };
                Ok((SharedPlain(Arc::new(plain)), block.entry.crc))
            };
            if is_single {
                take(work(workers.state())?)?;
            } else {
                window.push(work);
                window.take_finished(&mut take)?;
            }
        }
        window.take_all(&mut take)
    }
}

/// Reads the stored bytes of a block, ended if they are deflate.
fn read_block(
    input: &mut impl Read,
    encoding: Encoding,
    block: PartBlock,
    window: &Window<(SharedPlain, u32)>,
) -> Result<Block, CodecError> {
    let end: &[u8] = match encoding {
        Encoding::Identity => &[],
        Encoding::Gzip => &END_OF_STREAM,
    };
    let stored_len = block.entry.stored_len as usize;
    let mut stored = Block::new(window.buffers(), stored_len + end.len());
    if read_full(input, &mut stored[..stored_len])? < stored_len {
        return Err(CodecError::Truncated);
    }
    stored[stored_len..].copy_from_slice(end);
    Ok(stored)
}
