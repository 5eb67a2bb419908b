//! Bytes in, stored bytes out, with the digest of what came in. It must not know what the bytes
//! are nor where they go.

use std::io::{self, Write};
use std::mem;

use crate::member_writer::MemberWriter;
use crate::{CodecError, Digest, EncodeOptions, Encoding, Hasher, Level};

/// The plain bytes are cut into blocks of this size, whatever the sizes they were written in: it
/// is what makes the output independent of those sizes.
const INPUT_BLOCK: usize = 64 * 1024;

/// What an [`Encoder`] has done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Encoded {
    /// The form of the bytes written.
    pub encoding: Encoding,
    /// SHA-256 of the plain bytes.
    pub digest: Digest,
    /// How many plain bytes came in.
    pub size_bytes: u64,
    /// How many bytes were written out.
    pub stored_size_bytes: u64,
}

/// Takes plain bytes by [`Write`] and writes them encoded to `W`, hashing them on the way.
///
/// - The output is complete only after [`Encoder::finish`]; dropping an encoder leaves `W` with
///   part of it.
/// - Equal bytes and options give equal output, however the bytes were cut into writes.
/// - `W` gets writes of 64 KiB, only the last one may be smaller.
/// - Memory: up to 128 KiB of buffers, and about 370 KiB of compressor state for gzip. An input
///   below 64 KiB takes buffers of about its own size.
/// - [`Write::flush`] flushes `W` but does not force out bytes that wait here for a full block.
/// - After an error it is of no more use: every further call gives [`CodecError::Stopped`].
#[derive(Debug)]
#[must_use = "the output is complete only after `finish`"]
pub struct Encoder<W> {
    output: Counted<W>,
    body: Body,
    hasher: Hasher,
    size_bytes: u64,
    pending: Vec<u8>,
    stopped: bool,
}

/// How blocks reach the output.
#[derive(Debug)]
enum Body {
    Identity,
    /// The member is begun with the first block, when it is known whether the input is small.
    Gzip {
        level: Level,
        member: Option<Box<MemberWriter>>,
    },
}

impl<W: Write> Encoder<W> {
    /// Begins a stream. Nothing is written yet.
    pub fn new(output: W, options: &EncodeOptions) -> Self {
        let body = match options.compression() {
            None => Body::Identity,
            Some(level) => Body::Gzip {
                level,
                member: None,
            },
        };
        Self {
            output: Counted {
                writer: output,
                size_bytes: 0,
            },
            body,
            hasher: Hasher::new(),
            size_bytes: 0,
            pending: Vec::new(),
            stopped: false,
        }
    }

    /// The form of the output; it never changes during a stream.
    pub const fn encoding(&self) -> Encoding {
        match self.body {
            Body::Identity => Encoding::Identity,
            Body::Gzip { .. } => Encoding::Gzip,
        }
    }

    /// Writes what is left, flushes the output, and gives it back with the totals.
    ///
    /// # Errors
    /// [`CodecError::Io`] if the output fails, [`CodecError::Stopped`] if an earlier write did.
    pub fn finish(mut self) -> Result<(W, Encoded), CodecError> {
        if self.stopped {
            return Err(CodecError::Stopped);
        }
        let encoding = self.encoding();
        let last = mem::take(&mut self.pending);
        self.hash(&last);
        match self.body {
            Body::Identity => self.output.write_all(&last)?,
            Body::Gzip { level, member } => member
                .map_or_else(
                    || MemberWriter::for_last_block(level, last.len()),
                    |member| *member,
                )
                .finish(&last, &mut self.output)?,
        }
        self.output.flush()?;
        let encoded = Encoded {
            encoding,
            digest: self.hasher.finish(),
            size_bytes: self.size_bytes,
            stored_size_bytes: self.output.size_bytes,
        };
        Ok((self.output.writer, encoded))
    }

    /// Cuts the bytes into blocks; a rest waits for more. Whole blocks are not copied.
    fn accept(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if !self.pending.is_empty() {
            let missing = INPUT_BLOCK - self.pending.len();
            let (head, tail) = bytes.split_at(missing.min(bytes.len()));
            self.pending.extend_from_slice(head);
            bytes = tail;
            if self.pending.len() == INPUT_BLOCK {
                let mut block = mem::take(&mut self.pending);
                self.encode_block(&block)?;
                block.clear();
                self.pending = block;
            }
        }
        let (blocks, rest) = bytes.as_chunks::<INPUT_BLOCK>();
        for block in blocks {
            self.encode_block(block)?;
        }
        self.pending.extend_from_slice(rest);
        Ok(())
    }

    fn encode_block(&mut self, block: &[u8]) -> io::Result<()> {
        self.hash(block);
        match &mut self.body {
            Body::Identity => self.output.write_all(block),
            Body::Gzip { level, member } => member
                .get_or_insert_with(|| Box::new(MemberWriter::new(*level)))
                .write(block, &mut self.output),
        }
    }

    fn hash(&mut self, block: &[u8]) {
        self.hasher.update(block);
        self.size_bytes += block.len() as u64;
    }

    /// Runs a step unless an earlier one failed, and remembers whether this one did.
    fn guard<T>(&mut self, step: impl FnOnce(&mut Self) -> io::Result<T>) -> io::Result<T> {
        if self.stopped {
            return Err(CodecError::Stopped.into());
        }
        let result = step(self);
        self.stopped = result.is_err();
        result
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.guard(|encoder| encoder.accept(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.guard(|encoder| encoder.output.flush())
    }
}

/// Counts what reaches the output.
#[derive(Debug)]
struct Counted<W> {
    writer: W,
    size_bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.writer.write(bytes)?;
        self.size_bytes += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
