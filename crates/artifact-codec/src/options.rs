//! What a caller can choose. Options grow by new `with_…` methods whose defaults keep today's
//! behaviour; they must not hold state of a running stream.

use crate::{CodecError, Encoding};

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

/// How to encode: gzip at level 6 unless told otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodeOptions {
    compression: Option<Level>,
}

impl EncodeOptions {
    /// Gzip at level 6.
    pub fn new() -> Self {
        Self {
            compression: Some(Level::default()),
        }
    }

    /// Gzip at this level, or with `None` no compression: the bytes are only counted and hashed.
    #[must_use]
    pub const fn with_compression(mut self, compression: Option<Level>) -> Self {
        self.compression = compression;
        self
    }

    /// The level, `None` when bytes are stored as they are.
    pub const fn compression(&self) -> Option<Level> {
        self.compression
    }

    /// The encoding that an encoder with these options writes; known before it exists, so that
    /// the place where its output goes can be named for it.
    pub const fn encoding(&self) -> Encoding {
        match self.compression {
            Some(_) => Encoding::Gzip,
            None => Encoding::Identity,
        }
    }
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// How to decode: with a digest of the plain bytes unless told otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeOptions {
    digest: bool,
}

impl DecodeOptions {
    /// Digest and all checks.
    pub const fn new() -> Self {
        Self { digest: true }
    }

    /// Leaves SHA-256 out, the slowest part of decoding. Gzip's own CRC-32 and length are still
    /// checked; an identity stream is then not checked at all.
    #[must_use]
    pub const fn without_digest(mut self) -> Self {
        self.digest = false;
        self
    }

    /// Whether the digest is computed.
    pub const fn has_digest(&self) -> bool {
        self.digest
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
        assert_eq!(options.encoding(), Encoding::Gzip);
        assert_eq!(
            options.with_compression(None).encoding(),
            Encoding::Identity
        );
        assert!(DecodeOptions::default().has_digest());
    }
}
