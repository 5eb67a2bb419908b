//! Raw deflate (RFC 1951) and CRC-32, one step at a time. The only file that names the compression
//! crate; it must not know of gzip's headers.

use std::io;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

pub(crate) use flate2::Crc;

use crate::{CodecError, Level};

/// What one call did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// Bytes used from the front of the input.
    pub(crate) consumed: usize,
    /// Bytes written to the front of the output.
    pub(crate) produced: usize,
    /// The deflate stream is complete.
    pub(crate) ended: bool,
}

impl Step {
    fn new(input: (u64, u64), output: (u64, u64), status: Status) -> Self {
        Self {
            consumed: moved(input),
            produced: moved(output),
            ended: status == Status::StreamEnd,
        }
    }

    /// Nothing moved: a call with the same buffers would do nothing either.
    pub(crate) const fn is_idle(&self) -> bool {
        self.consumed == 0 && self.produced == 0
    }
}

/// How far a 64-bit counter moved during one call over one buffer.
fn moved((before, after): (u64, u64)) -> usize {
    usize::try_from(after - before).expect("one call moves no further than its buffer is long")
}

/// A raw deflate stream being written.
#[derive(Debug)]
pub(crate) struct Deflater(Compress);

impl Deflater {
    pub(crate) fn new(level: Level) -> Self {
        Self(Compress::new(Compression::new(level.get()), false))
    }

    /// Compresses until the input is used up or the output is full. Once `last` is set it must
    /// stay set, until the stream has ended.
    pub(crate) fn step(&mut self, plain: &[u8], output: &mut [u8], last: bool) -> io::Result<Step> {
        let flush = if last {
            FlushCompress::Finish
        } else {
            FlushCompress::None
        };
        let (total_in, total_out) = (self.0.total_in(), self.0.total_out());
        let status = self
            .0
            .compress(plain, output, flush)
            .map_err(io::Error::other)?;
        Ok(Step::new(
            (total_in, self.0.total_in()),
            (total_out, self.0.total_out()),
            status,
        ))
    }
}

/// A raw deflate stream being read.
#[derive(Debug)]
pub(crate) struct Inflater(Decompress);

impl Inflater {
    pub(crate) fn new() -> Self {
        Self(Decompress::new(false))
    }

    /// Makes ready for another stream.
    pub(crate) fn reset(&mut self) {
        self.0.reset(false);
    }

    /// Decompresses until the input is used up, the output is full or the stream has ended.
    pub(crate) fn step(&mut self, input: &[u8], plain: &mut [u8]) -> Result<Step, CodecError> {
        let (total_in, total_out) = (self.0.total_in(), self.0.total_out());
        let status = self
            .0
            .decompress(input, plain, FlushDecompress::None)
            .map_err(|_| CodecError::Corrupt("the deflate stream is not valid"))?;
        Ok(Step::new(
            (total_in, self.0.total_in()),
            (total_out, self.0.total_out()),
            status,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backend_is_zlib_rs() {
        // Another crate in the build can switch flate2 to C zlib by a feature, which this shows.
        for shown in [
            format!("{:?}", Deflater::new(Level::default())),
            format!("{:?}", Inflater::new()),
        ] {
            assert!(
                shown.contains("zlib_rs"),
                "flate2 runs on another backend: {shown}"
            );
        }
    }
}
