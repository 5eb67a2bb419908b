//! Raw deflate (RFC 1951): whole blocks in one call, and streams one step at a time. The only file
//! that names the compression crate; it must not know of gzip's headers.

use std::io;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::seek_table::most_stored;
use crate::{CodecError, Level};

/// An empty last block with fixed codes (RFC 1951, section 3.2.6): it ends a stream whose blocks
/// were all flushed.
pub(crate) const END_OF_STREAM: [u8; 2] = [0x03, 0x00];

/// What follows a block of the deflate stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockEnd {
    /// An empty stored block, `00 00 FF FF` after it is aligned to a byte: the next block starts on
    /// a byte of its own and refers back to nothing.
    Flush,
    /// The deflate stream ends with this block.
    Finish,
}

/// Compresses blocks, each as if it were the first one.
///
/// Its state is some 370 KiB, so it is used over and over. That gives the bytes that a new one
/// would, on two conditions that [`Self::compress`] keeps: a block is compressed in one call, and
/// into an output that holds the worst case. (A compressor of level 1 that ran out of output keeps
/// a block open over a reset; and how the input is cut into calls shows in the output.)
#[derive(Debug)]
pub(crate) struct BlockDeflater(Compress);

impl BlockDeflater {
    pub(crate) fn new(level: Level) -> Self {
        Self(Compress::new(Compression::new(level.get()), false))
    }

    /// Appends a block to `output`. After an error this must not be used again.
    pub(crate) fn compress(
        &mut self,
        plain: &[u8],
        end: BlockEnd,
        output: &mut Vec<u8>,
    ) -> io::Result<()> {
        self.0.reset();
        output.reserve(most_stored(plain.len()));
        let (flush, done) = match end {
            BlockEnd::Flush => (FlushCompress::Full, Status::Ok),
            BlockEnd::Finish => (FlushCompress::Finish, Status::StreamEnd),
        };
        let status = self.0.compress_vec(plain, output, flush);
        let room_left = output.len() < output.capacity();
        if status.ok() == Some(done) && self.0.total_in() == plain.len() as u64 && room_left {
            Ok(())
        } else {
            Err(io::Error::other("deflate compressor did not end its block"))
        }
    }
}

/// Decompresses blocks, each by itself.
#[derive(Debug)]
pub(crate) struct BlockInflater(Decompress);

impl BlockInflater {
    pub(crate) fn new() -> Self {
        Self(Decompress::new(false))
    }

    /// Decompresses one block, with [`END_OF_STREAM`] after it, to exactly `plain`.
    pub(crate) fn decompress(
        &mut self,
        ended_block: &[u8],
        plain: &mut [u8],
    ) -> Result<(), CodecError> {
        self.0.reset(false);
        // `Finish` promises that all output fits, which spares the decompressor its window.
        let status = self
            .0
            .decompress(ended_block, plain, FlushDecompress::Finish);
        let whole = matches!(status, Ok(Status::StreamEnd))
            && self.0.total_out() == plain.len() as u64
            && self.0.total_in() == ended_block.len() as u64;
        if whole {
            Ok(())
        } else {
            Err(CodecError::Corrupt("a block is not valid deflate"))
        }
    }
}

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
    /// Nothing moved: a call with the same buffers would do nothing either.
    pub(crate) const fn is_idle(&self) -> bool {
        self.consumed == 0 && self.produced == 0
    }
}

/// How far a 64-bit counter moved during one call over one buffer.
fn moved(before: u64, after: u64) -> usize {
    usize::try_from(after - before).expect("one call moves no further than its buffer is long")
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
        Ok(Step {
            consumed: moved(total_in, self.0.total_in()),
            produced: moved(total_out, self.0.total_out()),
            ended: status == Status::StreamEnd,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backend_is_zlib_rs() {
        // Another crate in the build can switch flate2 to C zlib by a feature, which this shows.
        for shown in [
            format!("{:?}", BlockDeflater::new(Level::default())),
            format!("{:?}", Inflater::new()),
        ] {
            assert!(
                shown.contains("zlib_rs"),
                "flate2 runs on another backend: {shown}"
            );
        }
    }

    /// Noise, runs and text, the same on every run.
    fn inputs() -> Vec<Vec<u8>> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let noise: Vec<u8> = (0..20_000).flat_map(|_| next().to_le_bytes()).collect();
        let text: Vec<u8> = (0..9_000_u64)
            .flat_map(|n| format!("{n:06} step took {} ms\n", n * 7919 % 971).into_bytes())
            .collect();
        let mix = [&noise[..30_000], &text, &vec![7; 50_000], &noise[..90]].concat();
        let short = text[..70].to_vec();
        vec![short, noise, vec![0; 262_144], text, vec![1], mix]
    }

    #[test]
    fn a_used_compressor_writes_what_a_new_one_does() {
        for level in (1..=9).map(|level| Level::new(level).unwrap()) {
            let mut used = BlockDeflater::new(level);
            for end in [BlockEnd::Flush, BlockEnd::Finish, BlockEnd::Flush] {
                for input in inputs() {
                    let (mut first, mut second) = (Vec::new(), Vec::new());
                    used.compress(&input, end, &mut first).unwrap();
                    let mut new = BlockDeflater::new(level);
                    new.compress(&input, end, &mut second).unwrap();
                    assert!(first == second, "{level:?} {end:?} {}", input.len());
                    if end == BlockEnd::Flush {
                        assert!(first.ends_with(&[0, 0, 0xff, 0xff]));
                    }
                }
            }
        }
    }

    /// Bytes that fixed codes write in nine bits (RFC 1951, section 3.2.6), in no order that repeats,
    /// are what deflate makes longest.
    #[test]
    fn the_worst_case_has_room() {
        for len in [1, 2, 63, 5_000, 262_144] {
            let mut state = 0x9e37_79b9_7f4a_7c15_u64;
            let worst: Vec<u8> = (0..len)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    144 + state.to_le_bytes()[4] % 112
                })
                .collect();
            for level in (1..=9).map(|level| Level::new(level).unwrap()) {
                for end in [BlockEnd::Flush, BlockEnd::Finish] {
                    let mut output = Vec::new();
                    let mut deflater = BlockDeflater::new(level);
                    deflater.compress(&worst, end, &mut output).unwrap();
                    assert!(output.len() <= most_stored(len), "{level:?}, {len} bytes");
                }
            }
        }
    }

    #[test]
    fn a_block_is_read_alone_and_only_whole() {
        let mut inflater = BlockInflater::new();
        for input in inputs() {
            let mut block = Vec::new();
            let mut deflater = BlockDeflater::new(Level::default());
            deflater
                .compress(&input, BlockEnd::Flush, &mut block)
                .unwrap();
            block.extend_from_slice(&END_OF_STREAM);
            let mut plain = vec![0; input.len()];
            inflater.decompress(&block, &mut plain).unwrap();
            assert!(plain == input);
            for wrong_len in [input.len() - 1, input.len() + 1] {
                let mut plain = vec![0; wrong_len];
                assert!(inflater.decompress(&block, &mut plain).is_err());
            }
            let cut = &block[..block.len() - 3];
            assert!(inflater.decompress(cut, &mut plain).is_err());
            block.push(0);
            assert!(inflater.decompress(&block, &mut plain).is_err());
        }
    }
}
