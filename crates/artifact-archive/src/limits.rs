//! How much an archive may be: what keeps a small file from becoming endless work. It must not know
//! formats.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ArchiveError;

/// How much an archive may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many files and folders. Reading a ZIP archive takes some 30 bytes of memory for each.
    pub max_entries: u64,
    /// How many bytes all files may have, decompressed.
    pub max_bytes: u64,
    /// How many times as long as the archive its files may be together. It does not count up to
    /// [`Limits::FREE_BYTES`].
    pub max_ratio: u64,
}

impl Limits {
    /// Up to so many bytes the ratio does not matter: a small archive of zeros harms nobody.
    pub const FREE_BYTES: u64 = 64 << 20;

    /// Checks the sum of all files of an archive of `archive_bytes`, or of what was read of it.
    pub(crate) fn check_bytes(&self, bytes: u64, archive_bytes: u64) -> Result<(), ArchiveError> {
        if bytes > self.max_bytes {
            return Err(ArchiveError::OverLimit(format!(
                "the archive unfolds to more than {} bytes",
                self.max_bytes
            )));
        }
        let most = archive_bytes.saturating_mul(self.max_ratio);
        if bytes > most.max(Self::FREE_BYTES) {
            return Err(ArchiveError::OverLimit(format!(
                "the archive unfolds to more than {} times its size",
                self.max_ratio
            )));
        }
        Ok(())
    }

    pub(crate) fn check_entries(&self, entries: u64) -> Result<(), ArchiveError> {
        if entries > self.max_entries {
            return Err(ArchiveError::OverLimit(format!(
                "the archive has more than {} files",
                self.max_entries
            )));
        }
        Ok(())
    }
}

impl Default for Limits {
    /// A million files, 100 GiB, 250 times the size of the archive.
    fn default() -> Self {
        Self {
            max_entries: 1_000_000,
            max_bytes: 100 << 30,
            max_ratio: 250,
        }
    }
}

/// Counts what is read, for [`Unfolded`].
#[derive(Debug)]
pub struct Folded<R> {
    input: R,
    count: Arc<AtomicU64>,
}

impl<R> Folded<R> {
    /// Counts from here on.
    pub fn new(input: R) -> Self {
        Self {
            input,
            count: Arc::default(),
        }
    }

    /// The count, which goes on.
    pub fn count(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.count)
    }
}

impl<R: Read> Read for Folded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// What a decompressor gives of a [`Folded`] stream, as long as the limits allow it.
#[derive(Debug)]
pub struct Unfolded<R> {
    input: R,
    folded: Arc<AtomicU64>,
    limits: Limits,
    bytes: u64,
}

impl<R> Unfolded<R> {
    /// Looks at what `input` gives for the bytes that `folded` has counted.
    pub fn new(input: R, folded: Arc<AtomicU64>, limits: Limits) -> Self {
        Self {
            input,
            folded,
            limits,
            bytes: 0,
        }
    }
}

impl<R: Read> Read for Unfolded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.bytes += count as u64;
        let folded = self.folded.load(Ordering::Relaxed);
        self.limits.check_bytes(self.bytes, folded)?;
        Ok(count)
    }
}
