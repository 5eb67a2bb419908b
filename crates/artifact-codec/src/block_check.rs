//! Bytes that are stored as they are, compared with their blocks' checksums while they pass. It must not know
//! where they come from, nor keep any.

use crate::crc::Crc;
use crate::{CodecError, SeekTable};

/// Says of the plain bytes of a stream, in their order, which are sound.
#[derive(Debug)]
pub struct BlockCheck {
    table: SeekTable,
    /// The number of the block that the next byte is of.
    block: usize,
    /// How many bytes of it are missing.
    missing: usize,
    crc: Crc,
}

impl SeekTable {
    /// What compares the plain bytes with this table.
    pub fn check(self) -> BlockCheck {
        let mut check = BlockCheck {
            table: self,
            block: 0,
            missing: 0,
            crc: Crc::new(),
        };
        check.begin();
        check
    }
}

impl BlockCheck {
    fn begin(&mut self) {
        if self.block < self.table.block_count() {
            self.missing = self.table.plain_len(self.block as u64);
            self.crc = Crc::new();
        }
    }

    /// Takes the next bytes, up to the end of a block at most. Gives how many those were, and whether the block
    /// has ended with them: then all of it is sound.
    ///
    /// # Errors
    /// [`CodecError::Corrupt`] if it has ended and is not sound, and for bytes behind the last block.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(usize, bool), CodecError> {
        let Some(expected) = self.table.crc_of(self.block) else {
            return match bytes {
                [] => Ok((0, false)),
                _ => Err(CodecError::Corrupt("other data follows the last block")),
            };
        };
        let count = bytes.len().min(self.missing);
        self.crc.update(&bytes[..count]);
        self.missing -= count;
        if self.missing > 0 {
            return Ok((count, false));
        }
        if self.crc.sum() != expected {
            return Err(CodecError::Corrupt("a block's CRC-32 does not match"));
        }
        self.block += 1;
        self.begin();
        Ok((count, true))
    }
}
