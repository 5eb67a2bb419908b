//! How a stream is cut into blocks, and where each block lies. Pure arithmetic: it must not know
//! what is done with a block.

use crate::CodecError;

/// How many blocks of the small size a stream begins with.
const SMALL_BLOCKS: u64 = 16;

/// The sizes into which the plain bytes are cut: the first sixteen blocks are small, so that a
/// stream of a megabyte or two already keeps several cores busy; all others are large, since each
/// block starts with nothing to refer back to, which costs compression.
///
/// Both sizes are powers of two from [`BlockSizes::MIN`] to [`BlockSizes::MAX`]; 256 KiB and 1 MiB
/// unless chosen. They are part of what determines the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlockSizes {
    small_log2: u8,
    large_log2: u8,
}

impl BlockSizes {
    /// The least size, in bytes.
    pub const MIN: usize = 1 << MIN_LOG2;
    /// The greatest size, in bytes. It bounds the memory of whoever decodes a block.
    pub const MAX: usize = 1 << MAX_LOG2;

    /// Takes the size of the first sixteen blocks and that of all others.
    ///
    /// # Errors
    /// [`CodecError::InvalidBlockSize`] for one that is not a power of two from [`Self::MIN`] to
    /// [`Self::MAX`], and for a large size below the small one.
    pub const fn new(small: usize, large: usize) -> Result<Self, CodecError> {
        if !is_size(small) {
            return Err(CodecError::InvalidBlockSize(small));
        }
        if !is_size(large) || large < small {
            return Err(CodecError::InvalidBlockSize(large));
        }
        Ok(Self {
            small_log2: log2(small),
            large_log2: log2(large),
        })
    }

    /// The size of the first sixteen blocks, in bytes.
    pub const fn small(self) -> usize {
        1 << self.small_log2
    }

    /// The size of all further blocks, in bytes.
    pub const fn large(self) -> usize {
        1 << self.large_log2
    }

    /// The size of the block of this number, counted from 0, where the stream is long enough.
    pub(crate) const fn size_of(self, block: u64) -> usize {
        if block < SMALL_BLOCKS {
            self.small()
        } else {
            self.large()
        }
    }

    /// Where a block begins in the plain bytes.
    pub(crate) const fn start_of(self, block: u64) -> u64 {
        if block <= SMALL_BLOCKS {
            block << self.small_log2
        } else {
            (SMALL_BLOCKS << self.small_log2) + ((block - SMALL_BLOCKS) << self.large_log2)
        }
    }

    /// The block in which a plain byte lies.
    pub(crate) const fn block_at(self, offset: u64) -> u64 {
        let small_end = SMALL_BLOCKS << self.small_log2;
        if offset < small_end {
            offset >> self.small_log2
        } else {
            SMALL_BLOCKS + ((offset - small_end) >> self.large_log2)
        }
    }

    /// How many blocks a stream of this many bytes has; none when it is empty.
    pub(crate) const fn count(self, size_bytes: u64) -> u64 {
        match size_bytes.checked_sub(1) {
            None => 0,
            Some(last) => self.block_at(last) + 1,
        }
    }

    pub(crate) const fn log2(self) -> [u8; 2] {
        [self.small_log2, self.large_log2]
    }

    pub(crate) const fn from_log2([small_log2, large_log2]: [u8; 2]) -> Option<Self> {
        if MIN_LOG2 <= small_log2 && small_log2 <= large_log2 && large_log2 <= MAX_LOG2 {
            Some(Self {
                small_log2,
                large_log2,
            })
        } else {
            None
        }
    }
}

const MIN_LOG2: u8 = 10;
const MAX_LOG2: u8 = 20;

const fn is_size(size: usize) -> bool {
    size.is_power_of_two() && BlockSizes::MIN <= size && size <= BlockSizes::MAX
}

const fn log2(size: usize) -> u8 {
    size.trailing_zeros().to_le_bytes()[0]
}

impl Default for BlockSizes {
    fn default() -> Self {
        Self {
            small_log2: 18,
            large_log2: 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_powers_of_two_in_order_are_sizes() {
        let default = BlockSizes::new(256 * 1024, 1024 * 1024).unwrap();
        assert_eq!(default, BlockSizes::default());
        for (small, large, refused) in [
            (512, 1024, 512),
            (3000, 4096, 3000),
            (4096, 2048, 2048),
            (4096, 2 << 20, 2 << 20),
        ] {
            let error = BlockSizes::new(small, large).unwrap_err();
            assert!(matches!(error, CodecError::InvalidBlockSize(size) if size == refused));
        }
        assert_eq!(
            BlockSizes::from_log2(default.log2()),
            Some(BlockSizes::default())
        );
        for log2 in [[9, 20], [20, 19], [18, 21], [255, 255]] {
            assert_eq!(BlockSizes::from_log2(log2), None);
        }
    }

    #[test]
    fn a_gibibyte_has_about_a_thousand_blocks() {
        let sizes = BlockSizes::default();
        assert_eq!(sizes.count(1 << 30), 16 + 1020);
        assert_eq!(
            [0, 1, 262_144, 262_145].map(|n| sizes.count(n)),
            [0, 1, 1, 2]
        );
    }

    proptest! {
        #[test]
        fn every_byte_lies_in_the_block_that_says_so(offset in 0..1_u64 << 50, small in 10..=20_u8, more in 0..=10_u8) {
            let sizes = BlockSizes::from_log2([small, (small + more).min(20)]).unwrap();
            let block = sizes.block_at(offset);
            prop_assert!(sizes.start_of(block) <= offset);
            prop_assert_eq!(sizes.start_of(block) + sizes.size_of(block) as u64, sizes.start_of(block + 1));
            prop_assert!(offset < sizes.start_of(block + 1));
            prop_assert_eq!(sizes.count(offset + 1), block + 1);
        }
    }
}
