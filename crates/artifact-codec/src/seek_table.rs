//! What is known of a stream's blocks, so that any of them can be read alone. It must not know how
//! blocks are made or read.

use std::ops::Range;

use crate::member_format::{HEADER_LEN, LONG_TAIL_LEN};
use crate::{BlockSizes, CodecError, Encoding};

/// One block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockEntry {
    /// How many stored bytes it takes.
    pub(crate) stored_len: u32,
    /// The CRC-32 of its plain bytes.
    pub(crate) crc: u32,
}

/// Where each block of an encoded stream lies, and its CRC-32: with it a stream is decoded in
/// parallel, and a range of it without the rest. About 7 bytes a block: 7 KiB for a gibibyte.
///
/// It comes with [`Encoded`](crate::Encoded) for every stream of more than one block; its bytes
/// ([`SeekTable::to_bytes`]) are kept beside the stored stream. Lost ones are found again by
/// [`SeekTable::rebuild`](crate::SeekTable::rebuild).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeekTable {
    encoding: Encoding,
    sizes: BlockSizes,
    size_bytes: u64,
    stored_size_bytes: u64,
    blocks: Vec<BlockEntry>,
}

impl SeekTable {
    /// Puts together what is known of the blocks; `None` if that cannot be: a wrong number of
    /// blocks, or one that is longer than compression can make it.
    pub(crate) fn assemble(
        encoding: Encoding,
        sizes: BlockSizes,
        size_bytes: u64,
        blocks: Vec<BlockEntry>,
    ) -> Option<Self> {
        if blocks.len() as u64 != sizes.count(size_bytes) {
            return None;
        }
        let mut stored_size_bytes = match encoding {
            Encoding::Identity => 0,
            Encoding::Gzip => (HEADER_LEN + LONG_TAIL_LEN) as u64,
        };
        for (number, block) in (0_u64..).zip(&blocks) {
            let plain_len = block_len(sizes, size_bytes, number);
            let possible = match encoding {
                Encoding::Identity => plain_len..=plain_len,
                Encoding::Gzip => 1..=most_stored(plain_len),
            };
            if !possible.contains(&(block.stored_len as usize)) {
                return None;
            }
            stored_size_bytes += u64::from(block.stored_len);
        }
        Some(Self {
            encoding,
            sizes,
            size_bytes,
            stored_size_bytes,
            blocks,
        })
    }

    /// The form of the stored stream.
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// How many plain bytes the stream has.
    pub const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// How many stored bytes the stream has.
    pub const fn stored_size_bytes(&self) -> u64 {
        self.stored_size_bytes
    }

    /// Into which sizes the stream was cut.
    pub const fn block_sizes(&self) -> BlockSizes {
        self.sizes
    }

    /// How many blocks there are.
    pub fn block_count(&self) -> usize {
        self.blocks.len()
    }

    /// The plain bytes of the block in which `offset` lies; of the last one for an offset at or
    /// beyond the end. To read a stream backwards, ask for the block before the start of the last.
    pub fn block_around(&self, offset: u64) -> Range<u64> {
        let last = self.size_bytes.saturating_sub(1);
        let block = self.sizes.block_at(offset.min(last));
        let start = self.sizes.start_of(block);
        start..start + self.plain_len(block) as u64
    }

    pub(crate) fn plain_len(&self, block: u64) -> usize {
        block_len(self.sizes, self.size_bytes, block)
    }

    pub(crate) fn crc_of(&self, block: usize) -> Option<u32> {
        self.blocks.get(block).map(|entry| entry.crc)
    }

    /// The blocks of a range of numbers, with the offset of the first of them in the stored bytes.
    pub(crate) fn blocks(&self, numbers: Range<usize>) -> (u64, &[BlockEntry]) {
        let header = match self.encoding {
            Encoding::Identity => 0,
            Encoding::Gzip => HEADER_LEN as u64,
        };
        let (before, rest) = self.blocks.split_at(numbers.start);
        let stored: u64 = before.iter().map(|b| u64::from(b.stored_len)).sum();
        (header + stored, &rest[..numbers.len()])
    }
}

fn block_len(sizes: BlockSizes, size_bytes: u64, block: u64) -> usize {
    let rest = size_bytes - sizes.start_of(block);
    usize::try_from(rest).map_or(sizes.size_of(block), |rest| rest.min(sizes.size_of(block)))
}

/// The most bytes into which a block can be compressed: deflate at worst writes a byte in nine
/// bits, and the flush adds a few.
pub(crate) const fn most_stored(plain_len: usize) -> usize {
    plain_len + plain_len / 8 + 64
}

/// The bytes of a table, version 1:
///
/// | bytes | content |
/// | --- | --- |
/// | 4 | `AST` and the version, 1 |
/// | 1 | encoding: 0 identity, 1 gzip |
/// | 2 | base-2 logarithms of the small and of the large block size |
/// | 1–10 | length of the plain stream, LEB128 |
/// | per block | gzip only: stored length, LEB128, 1–3 bytes; then the CRC-32, 4 bytes |
/// | 4 | CRC-32 of all that comes before |
///
/// Whole numbers of fixed length are little-endian. The number of blocks follows from the lengths.
impl SeekTable {
    /// The table as bytes to keep.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(24 + 7 * self.blocks.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.push(VERSION);
        bytes.push(match self.encoding {
            Encoding::Identity => 0,
            Encoding::Gzip => 1,
        });
        bytes.extend_from_slice(&self.sizes.log2());
        put_number(&mut bytes, self.size_bytes);
        for block in &self.blocks {
            if self.encoding == Encoding::Gzip {
                put_number(&mut bytes, u64::from(block.stored_len));
            }
            bytes.extend_from_slice(&block.crc.to_le_bytes());
        }
        let crc = crate::crc::crc32(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a table from its bytes. Never takes more memory than a small multiple of their number,
    /// whatever they say.
    ///
    /// # Errors
    /// [`CodecError::SeekTable`] for anything but what [`Self::to_bytes`] gave, a later version of
    /// the format included. The stream can then still be decoded, without a table.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        let not_ours = CodecError::SeekTable("it does not begin as one");
        let Some((&[m0, m1, m2, version], _)) = bytes.split_first_chunk() else {
            return Err(not_ours);
        };
        if [m0, m1, m2] != MAGIC {
            return Err(not_ours);
        }
        if version != VERSION {
            return Err(CodecError::SeekTable(
                "it has a version that is not known here",
            ));
        }
        Self::checked(bytes).ok_or(CodecError::SeekTable("it is damaged"))
    }

    fn checked(bytes: &[u8]) -> Option<Self> {
        let (content, crc) = bytes.split_last_chunk()?;
        if crate::crc::crc32(content) != u32::from_le_bytes(*crc) {
            return None;
        }
        let (&[encoding, small, large], mut rest) = content.get(4..)?.split_first_chunk()?;
        let encoding = match encoding {
            0 => Encoding::Identity,
            1 => Encoding::Gzip,
            _ => return None,
        };
        let sizes = BlockSizes::from_log2([small, large])?;
        let size_bytes = take_number(&mut rest)?;
        // Every block takes four bytes at least: a lie about the length cannot make us allocate.
        let count = usize::try_from(sizes.count(size_bytes)).ok()?;
        if count > rest.len() / 4 {
            return None;
        }
        let mut blocks = Vec::with_capacity(count);
        for number in 0..count as u64 {
            let stored_len = match encoding {
                Encoding::Identity => block_len(sizes, size_bytes, number) as u64,
                Encoding::Gzip => take_number(&mut rest)?,
            };
            let (crc, tail) = rest.split_first_chunk()?;
            rest = tail;
            blocks.push(BlockEntry {
                stored_len: u32::try_from(stored_len).ok()?,
                crc: u32::from_le_bytes(*crc),
            });
        }
        if !rest.is_empty() {
            return None;
        }
        Self::assemble(encoding, sizes, size_bytes, blocks)
    }
}

const MAGIC: [u8; 3] = *b"AST";
const VERSION: u8 = 1;

/// Unsigned LEB128: seven bits a byte, lowest first, the highest bit set on all but the last.
fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

/// Takes a number in its one shortest form.
fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        if part << shift >> shift != part {
            return None;
        }
        number |= part << shift;
        if byte & 0x80 == 0 {
            return (byte != 0 || shift == 0).then_some(number);
        }
    }
    None
}
