//! A stored stream seen from outside: which of its bytes are the deflate stream itself, for whoever
//! puts that into another container (ZIP has the same deflate). It must not know any container.

use std::ops::Range;

use crate::crc::Crc;
use crate::deflate::Inflater;
use crate::member_format::{DEFLATE, HEADER_LEN, MAGIC, TRAILER_LEN, trailer};
use crate::{CodecError, DecodeOptions, Digest, Encoding, Hasher, SeekTable};

/// How much is decoded at a time.
const PLAIN_BYTES: usize = 64 * 1024;

/// A gzip stream that is a single member with nothing optional in its header, as this crate writes
/// them: between ten bytes of header and eight of trailer it is one deflate stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// Where the deflate stream lies in the stored bytes.
    pub deflate: Range<u64>,
    /// The CRC-32 of the plain bytes.
    pub crc32: u32,
    /// How many plain bytes there are.
    pub size_bytes: u64,
    /// SHA-256 of the plain bytes; `None` if it was left out by [`DecodeOptions::without_digest`].
    pub digest: Option<Digest>,
}

impl Member {
    /// Decodes the whole of `stored` and says where its deflate stream lies. `None` for sound or
    /// damaged gzip of any other form: decode it to learn which. Takes 64 KiB of memory; a seek table
    /// in the options plays no role.
    ///
    /// # Errors
    /// [`CodecError::Corrupt`] if it has that form and its deflate stream or checksum is damaged.
    pub fn check(stored: &[u8], options: &DecodeOptions) -> Result<Option<Self>, CodecError> {
        let header = [MAGIC[0], MAGIC[1], DEFLATE, 0];
        if stored.len() < HEADER_LEN + TRAILER_LEN || stored[..4] != header {
            return Ok(None);
        }
        let (mut rest, found) =
            stored[HEADER_LEN..].split_at(stored.len() - HEADER_LEN - TRAILER_LEN);
        let mut inflater = Inflater::new();
        let mut hasher = options.has_digest().then(Hasher::new);
        let (mut crc, mut size_bytes) = (Crc::new(), 0);
        let mut plain = vec![0; PLAIN_BYTES];
        loop {
            let step = inflater.step(rest, &mut plain)?;
            let piece = &plain[..step.produced];
            crc.update(piece);
            if let Some(hasher) = &mut hasher {
                hasher.update(piece);
            }
            size_bytes += piece.len() as u64;
            rest = &rest[step.consumed..];
            if step.ended {
                break;
            }
            if step.is_idle() {
                // It ends before its end, or in the trailer of the member.
                return Ok(None);
            }
        }
        if !rest.is_empty() {
            // Another member follows.
            return Ok(None);
        }
        if found[..] != trailer(crc.sum(), size_bytes) {
            return Err(CodecError::Corrupt("the trailer does not match"));
        }
        Ok(Some(Self {
            deflate: deflate_of(stored.len() as u64),
            crc32: crc.sum(),
            size_bytes,
            digest: hasher.map(Hasher::finish),
        }))
    }
}

fn deflate_of(stored_size_bytes: u64) -> Range<u64> {
    HEADER_LEN as u64..stored_size_bytes.saturating_sub(TRAILER_LEN as u64)
}

impl SeekTable {
    /// The CRC-32 of all plain bytes, put together from those of the blocks.
    pub fn crc32(&self) -> u32 {
        let mut crc = Crc::new();
        let (_, blocks) = self.blocks(0..self.block_count());
        for (number, block) in (0_u64..).zip(blocks) {
            crc.append(block.crc, self.plain_len(number) as u64);
        }
        crc.sum()
    }

    /// Which of the stored bytes are the content without the header and trailer of gzip: one deflate
    /// stream, or all bytes where they are stored as they are.
    pub fn content_range(&self) -> Range<u64> {
        match self.encoding() {
            Encoding::Identity => 0..self.stored_size_bytes(),
            Encoding::Gzip => deflate_of(self.stored_size_bytes()),
        }
    }
}
