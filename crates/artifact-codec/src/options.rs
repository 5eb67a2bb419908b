//! What a caller can choose. Options grow by new `with_…` methods whose defaults keep today's
//! behaviour; they must not hold state of a running stream.

use crate::{BlockSizes, CodecError, SeekTable, Workers};

/// A deflate compression level: 1 (fastest) to 9 (smallest); 6 unless chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Level(u32);

impl Level {
    /// Takes a level from 1 to 9.
    ///
    /// # Errors
    /// [`CodecError::InvalidLevel`] for any other number. For no compression at all leave the
    /// level out: [`EncodeOptions::with_compression`].
    pub const fn new(level: u32) -> Result<Self, CodecError> {
        match level {
            1..=9 => Ok(Self(level)),
            _ => Err(CodecError::InvalidLevel(level)),
        }
    }

    /// The number, 1 to 9.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for Level {
    fn default() -> Self {
        Self(6)
    }
}

impl TryFrom<u32> for Level {
    type Error = CodecError;

    fn try_from(level: u32) -> Result<Self, CodecError> {
        Self::new(level)
    }
}

/// What becomes of a stream that gzip makes hardly smaller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Incompressible {
    /// It is stored as it is where the first mebibyte saves less than a thirty-second: reading it
    /// back then costs nothing, and any range of it is a range of the stored bytes.
    #[default]
    AsItIs,
    /// It becomes gzip nevertheless, for whoever must have gzip.
    Gzip,
}

/// How to encode: gzip at level 6 where it pays, unless told otherwise.
///
/// Equal input and equal options give equal output, whatever the workers, the reads and whatever
/// was encoded before.
#[derive(Debug, Clone)]
pub struct EncodeOptions {
    compression: Option<Level>,
    incompressible: Incompressible,
    block_sizes: BlockSizes,
    workers: Option<Workers>,
    size_hint_bytes: Option<u64>,
}

impl EncodeOptions {
    /// Gzip at level 6 where it pays.
    pub fn new() -> Self {
        Self {
            compression: Some(Level::default()),
            incompressible: Incompressible::default(),
            block_sizes: BlockSizes::default(),
            workers: None,
            size_hint_bytes: None,
        }
    }

    /// Gzip at this level, or with `None` no compression: the bytes are only counted and hashed.
    #[must_use]
    pub fn with_compression(mut self, compression: Option<Level>) -> Self {
        self.compression = compression;
        self
    }

    /// What becomes of a stream that does not shrink.
    #[must_use]
    pub fn with_incompressible(mut self, incompressible: Incompressible) -> Self {
        self.incompressible = incompressible;
        self
    }

    /// Into which blocks to cut the stream.
    #[must_use]
    pub fn with_block_sizes(mut self, block_sizes: BlockSizes) -> Self {
        self.block_sizes = block_sizes;
        self
    }

    /// Whose threads and memory to use; those of [`Workers::shared`] unless chosen.
    #[must_use]
    pub fn with_workers(mut self, workers: Workers) -> Self {
        self.workers = Some(workers);
        self
    }

    /// How many bytes will come, if known. It changes nothing but the first allocation.
    #[must_use]
    pub fn with_size_hint(mut self, size_hint_bytes: Option<u64>) -> Self {
        self.size_hint_bytes = size_hint_bytes;
        self
    }

    /// The level, `None` when bytes are stored as they are.
    pub fn compression(&self) -> Option<Level> {
        self.compression
    }

    pub(crate) fn incompressible(&self) -> Incompressible {
        self.incompressible
    }

    pub(crate) fn block_sizes(&self) -> BlockSizes {
        self.block_sizes
    }

    pub(crate) fn workers(&self) -> &Workers {
        self.workers.as_ref().unwrap_or_else(|| Workers::shared())
    }

    pub(crate) fn size_hint_bytes(&self) -> Option<u64> {
        self.size_hint_bytes
    }
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// How to decode: with a digest of the plain bytes unless told otherwise.
#[derive(Debug, Clone)]
pub struct DecodeOptions {
    digest: bool,
    seek_table: Option<SeekTable>,
    workers: Option<Workers>,
}

impl DecodeOptions {
    /// Digest and all checks, on the calling thread.
    pub fn new() -> Self {
        Self {
            digest: true,
            seek_table: None,
            workers: None,
        }
    }

    /// Leaves SHA-256 out, the slowest part of decoding. Gzip's own CRC-32 and length are still
    /// checked, with a seek table the CRC-32 of each block; an identity stream without one is not
    /// checked at all.
    #[must_use]
    pub fn without_digest(mut self) -> Self {
        self.digest = false;
        self
    }

    /// Decodes in parallel by this table, which must be the stream's own.
    #[must_use]
    pub fn with_seek_table(mut self, seek_table: Option<SeekTable>) -> Self {
        self.seek_table = seek_table;
        self
    }

    /// Whose threads and memory to use; those of [`Workers::shared`] unless chosen.
    #[must_use]
    pub fn with_workers(mut self, workers: Workers) -> Self {
        self.workers = Some(workers);
        self
    }

    pub(crate) fn has_digest(&self) -> bool {
        self.digest
    }

    pub(crate) fn seek_table(&self) -> Option<&SeekTable> {
        self.seek_table.as_ref()
    }

    pub(crate) fn workers(&self) -> &Workers {
        self.workers.as_ref().unwrap_or_else(|| Workers::shared())
    }
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_outside_1_to_9_are_refused_by_number() {
        for level in 1..=9 {
            assert_eq!(Level::new(level).unwrap().get(), level);
        }
        for level in [0, 10, u32::MAX] {
            let error = Level::new(level).unwrap_err();
            assert!(matches!(error, CodecError::InvalidLevel(l) if l == level));
            assert!(error.to_string().contains(&level.to_string()));
        }
    }

    #[test]
    fn the_default_is_gzip_6_with_digest() {
        let options = EncodeOptions::default();
        assert_eq!(options.compression().map(Level::get), Some(6));
        assert_eq!(options.with_compression(None).compression(), None);
        assert!(DecodeOptions::default().has_digest());
    }
}
