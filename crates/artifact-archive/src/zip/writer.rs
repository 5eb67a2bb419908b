//! Writes ZIP archives to what can't seek. It must not know what the bytes are.

use std::io::{self, Read, Seek, Write};

use super::headers;
use crate::EntryInfo;

/// What must be known of the bytes of a file before the first of them is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZipData {
    /// The CRC-32 of the plain bytes.
    pub crc32: u32,
    /// How many plain bytes there are.
    pub size_bytes: u64,
    /// How many bytes their deflate stream (RFC 1951) has; none where the bytes are stored as they
    /// are.
    pub deflated_size_bytes: Option<u64>,
}

impl ZipData {
    pub(super) fn stored_size_bytes(&self) -> u64 {
        self.deflated_size_bytes.unwrap_or(self.size_bytes)
    }

    /// The compression method, APPNOTE section 4.4.5.
    pub(super) fn method(&self) -> u16 {
        match self.deflated_size_bytes {
            None => 0,
            Some(_) => 8,
        }
    }
}

/// Writes a ZIP archive from its beginning to its end.
///
/// Every header is complete when it is written: there are no data descriptors, so a reader that can't
/// seek reads it too. Zip64 appears only where a number does not fit without it. What it writes depends
/// on nothing but what it is told.
///
/// The central directory, some 140 bytes for each file, is kept in `directory` until the end, so that
/// memory does not grow with the number of files if that is a file.
#[derive(Debug)]
pub struct ZipWriter<W, D> {
    output: W,
    directory: D,
    /// Where the next byte of the archive goes.
    offset: u64,
    entries: u64,
    /// How many bytes of the file that was begun last are still to come.
    missing_bytes: u64,
}

impl<W: Write, D: Read + Write + Seek> ZipWriter<W, D> {
    /// Begins an archive. `directory` must be empty.
    pub fn new(output: W, directory: D) -> Self {
        Self {
            output,
            directory,
            offset: 0,
            entries: 0,
            missing_bytes: 0,
        }
    }

    /// Begins a file. Its bytes are to be written next, by [`Write`]: the deflate stream, or the bytes
    /// as they are, exactly as many as `data` says.
    ///
    /// # Errors
    /// `InvalidInput` for an empty path or one of more than 65,535 bytes; `InvalidData` if the file
    /// before is not complete; those of output and directory. The archive is of no use then.
    pub fn begin(&mut self, entry: &EntryInfo<'_>, data: &ZipData) -> io::Result<()> {
        if !headers::is_path(entry.path) {
            let message = "a path in a ZIP archive has 1 to 65,535 bytes";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        self.check_complete()?;
        self.directory
            .write_all(&headers::central(entry, data, self.offset))?;
        self.put(&headers::local(entry, data))?;
        self.entries += 1;
        self.missing_bytes = data.stored_size_bytes();
        Ok(())
    }

    /// Ends the archive and gives back the output, flushed.
    ///
    /// # Errors
    /// `InvalidData` if the last file is not complete; those of output and directory.
    pub fn finish(mut self) -> io::Result<W> {
        self.check_complete()?;
        let begin = self.offset;
        self.directory.rewind()?;
        let size_bytes = io::copy(&mut self.directory, &mut self.output)?;
        self.put(&headers::end(self.entries, size_bytes, begin))?;
        self.output.flush()?;
        Ok(self.output)
    }

    fn check_complete(&self) -> io::Result<()> {
        if self.missing_bytes == 0 {
            return Ok(());
        }
        let message = "a file in a ZIP archive has fewer bytes than its header says";
        Err(io::Error::new(io::ErrorKind::InvalidData, message))
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.output.write_all(bytes)?;
        self.offset += bytes.len() as u64;
        Ok(())
    }
}

/// The bytes of the file that was begun last.
impl<W: Write, D> Write for ZipWriter<W, D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.missing_bytes {
            let message = "a file in a ZIP archive has more bytes than its header says";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let count = self.output.write(bytes)?;
        self.missing_bytes -= count as u64;
        self.offset += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}
