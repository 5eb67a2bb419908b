//! Writes tar archives, by the crate `tar`: headers of GNU, which have room for long paths and large
//! files. It must not know how the archive is compressed.

use std::io::{self, Read, Write};

use tar::{Builder, EntryType, Header};

use crate::EntryInfo;

/// Writes a tar archive from its beginning to its end. What it writes depends on nothing but what it
/// is told: no owner, no time of its own.
pub struct TarWriter<W: Write>(Builder<W>);

impl<W: Write> TarWriter<W> {
    /// Begins an archive.
    pub fn new(output: W) -> Self {
        Self(Builder::new(output))
    }

    /// Adds a file of `size_bytes`, which are read from `data`.
    ///
    /// # Errors
    /// `InvalidData` if `data` has another number of bytes; those of `data`, as they are, and of the
    /// output. The archive is of no use then.
    pub fn add(
        &mut self,
        entry: &EntryInfo<'_>,
        size_bytes: u64,
        data: impl Read,
    ) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(entry.mode());
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(u64::try_from(entry.modified).unwrap_or(0));
        header.set_size(size_bytes);
        // One byte more than there should be is enough to know that there are too many.
        let mut data = Counted {
            data: data.take(size_bytes.saturating_add(1)),
            size_bytes: 0,
        };
        self.0.append_data(&mut header, entry.path, &mut data)?;
        if data.size_bytes == size_bytes {
            Ok(())
        } else {
            Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a file has another length than its header says",
            ))
        }
    }

    /// Ends the archive and gives back the output.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(self) -> io::Result<W> {
        self.0.into_inner()
    }
}

impl<W: Write> std::fmt::Debug for TarWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TarWriter").finish_non_exhaustive()
    }
}

struct Counted<R> {
    data: R,
    size_bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.data.read(buffer)?;
        self.size_bytes += count as u64;
        Ok(count)
    }
}
