//! Stored bytes in, plain bytes out, with their digest. It must not know what the digest ought to
//! be: the caller compares.

use std::io::{self, Read};

use crate::member_reader::MemberReader;
use crate::source::Source;
use crate::{CodecError, DecodeOptions, Digest, Encoding, Hasher};

/// What a [`Decoder`] has found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decoded {
    /// SHA-256 of the plain bytes; `None` if it was left out by [`DecodeOptions::without_digest`].
    pub digest: Option<Digest>,
    /// How many plain bytes came out.
    pub size_bytes: u64,
    /// How many stored bytes were read.
    pub stored_size_bytes: u64,
}

/// Gives by [`Read`] the plain bytes of the encoded stream `R`, hashing them on the way.
///
/// Gzip is read as `gunzip` does: from any encoder, with any header fields, several members as the
/// concatenation of what they hold, and zero bytes after the last member (the padding of tapes and
/// block devices) up to the end of the input. Anything else after it is [`CodecError::Corrupt`].
///
/// - Bytes are given before the checksum behind them is seen: trust them only when `read` has
///   given 0 or [`Decoder::finish`] has succeeded.
/// - An error comes as an [`io::Error`] around a [`CodecError`]; see [`CodecError::from_io`].
///   After one, every further call gives [`CodecError::Stopped`], never an end of file.
/// - Memory: about 80 KiB for gzip, nothing for identity.
/// - `R` must block: an error of the kind `WouldBlock` ends the decoder like any other.
#[derive(Debug)]
pub struct Decoder<R> {
    source: Source<R>,
    body: Body,
    hasher: Option<Hasher>,
    size_bytes: u64,
    progress: Progress,
}

#[derive(Debug)]
enum Body {
    Identity,
    Gzip(Box<MemberReader>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Reading,
    Ended,
    Stopped,
}

impl<R: Read> Decoder<R> {
    /// Begins to decode, with a digest. Nothing is read yet.
    pub fn new(input: R, encoding: Encoding) -> Self {
        Self::with_options(input, encoding, &DecodeOptions::new())
    }

    /// Begins to decode as the options say. Nothing is read yet.
    pub fn with_options(input: R, encoding: Encoding, options: &DecodeOptions) -> Self {
        Self {
            source: Source::new(input),
            body: match encoding {
                Encoding::Identity => Body::Identity,
                Encoding::Gzip => Body::Gzip(Box::new(MemberReader::new())),
            },
            hasher: options.has_digest().then(Hasher::new),
            size_bytes: 0,
            progress: Progress::Reading,
        }
    }

    /// Gives the totals, once all plain bytes were read. Checks the end of the input first, for a
    /// caller that knew the length and so never read up to the end of file.
    ///
    /// # Errors
    /// [`CodecError::Unread`] if there are more bytes, [`CodecError::Stopped`] if a read failed
    /// earlier, otherwise what a read gives.
    pub fn finish(mut self) -> Result<Decoded, CodecError> {
        if self.advance(&mut [0])? != 0 {
            return Err(CodecError::Unread);
        }
        Ok(Decoded {
            digest: self.hasher.map(Hasher::finish),
            size_bytes: self.size_bytes,
            stored_size_bytes: self.source.size_bytes(),
        })
    }

    fn advance(&mut self, plain: &mut [u8]) -> Result<usize, CodecError> {
        match self.progress {
            Progress::Stopped => return Err(CodecError::Stopped),
            Progress::Ended => return Ok(0),
            Progress::Reading if plain.is_empty() => return Ok(0),
            Progress::Reading => {}
        }
        let result = match &mut self.body {
            Body::Identity => self.source.read_through(plain).map_err(CodecError::from),
            Body::Gzip(members) => members.read(&mut self.source, plain),
        };
        match &result {
            Ok(0) => self.progress = Progress::Ended,
            Ok(len) => {
                self.size_bytes += *len as u64;
                if let Some(hasher) = &mut self.hasher {
                    hasher.update(&plain[..*len]);
                }
            }
            Err(_) => self.progress = Progress::Stopped,
        }
        result
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, plain: &mut [u8]) -> io::Result<usize> {
        Ok(self.advance(plain)?)
    }
}
