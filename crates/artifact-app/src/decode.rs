//! The way of a blob's bytes back through the codec: a stream of stored bytes in, a stream of
//! original bytes out. Knows nothing of artifacts.

use std::io::{self, Read};
use std::ops::Range;

use artifact_codec::{CodecError, DecodeOptions, Decoder, Part, SeekTable};
use artifact_domain::port::ByteStream;
use artifact_domain::{ByteRange, Content, Digest, Encoding, Error, ErrorKind, Result};
use bytes::Bytes;

use crate::Verification;
use crate::body::domain_error;
use crate::pipe::{PipeWriter, StreamReader, pipe};

/// How many decoded bytes are handed on at a time.
const CHUNK_BYTES: u64 = 128 * 1024;

/// The original bytes of a whole blob, decoded in parallel by its seek table, which must be of these
/// lengths, and checked against what was recorded at upload.
pub(crate) fn decode_by_table(
    blob: ByteStream,
    digest: Digest,
    table: SeekTable,
    verification: Verification,
) -> ByteStream {
    pipe(move |output| {
        let encoding = table.encoding();
        let options = decode_options(verification).with_seek_table(Some(table));
        let input = output.reader(blob);
        let found = artifact_codec::decode(input, output, encoding, &options)
            .map_err(|error| decode_error(error.into()))?;
        check_digest(found.digest, digest)
    })
}

/// The stored bytes of a whole blob without the header and trailer of gzip, decoded and checked beside it
/// as by [`decode_by_table`].
pub(crate) fn content_by_table(
    blob: ByteStream,
    digest: Digest,
    table: SeekTable,
    verification: Verification,
) -> ByteStream {
    pipe(move |output| {
        let encoding = table.encoding();
        let input = Tee {
            input: output.reader(blob),
            at: 0,
            range: table.content_range(),
            output,
        };
        let options = decode_options(verification).with_seek_table(Some(table));
        let found = artifact_codec::decode(input, io::sink(), encoding, &options)
            .map_err(|error| decode_error(error.into()))?;
        check_digest(found.digest, digest)
    })
}

/// A reader that sends on what lies in a range of what it reads.
struct Tee {
    input: StreamReader,
    at: u64,
    range: Range<u64>,
    output: PipeWriter,
}

impl Read for Tee {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        let begin = self.at;
        self.at += count as u64;
        let inside = begin.max(self.range.start)..self.at.min(self.range.end);
        if !inside.is_empty() {
            let index = |at: u64| usize::try_from(at - begin).map_err(io::Error::other);
            let inside = index(inside.start)?..index(inside.end)?;
            self.output.send(Bytes::copy_from_slice(&buffer[inside]))?;
        }
        Ok(count)
    }
}

/// A part of the original bytes, from the stored bytes that it asks for.
pub(crate) fn decode_part(stored: ByteStream, part: Part) -> ByteStream {
    pipe(move |output| {
        let input = output.reader(stored);
        part.decode(input, output, &DecodeOptions::new())
            .map_err(|error| decode_error(error.into()))
    })
}

/// The original bytes of a whole blob, checked against what was recorded at upload.
pub(crate) fn decode_whole(
    blob: ByteStream,
    content: &Content,
    verification: Verification,
) -> ByteStream {
    let Content {
        digest,
        size_bytes,
        encoding,
        ..
    } = *content;
    pipe(move |output| {
        let options = decode_options(verification);
        let encoding = codec_encoding(encoding);
        let mut decoder = Decoder::with_options(output.reader(blob), encoding, &options);
        let mut sent_bytes = 0_u64;
        loop {
            let chunk = read_chunk(&mut decoder, size_bytes - sent_bytes)?;
            if chunk.is_empty() {
                break;
            }
            sent_bytes += chunk.len() as u64;
            output.send(chunk).map_err(decode_error)?;
        }
        // One byte more than expected is enough to know that there are too many.
        if !read_chunk(&mut decoder, 1)?.is_empty() {
            return Err(damaged("it has more bytes than were uploaded"));
        }
        let found = decoder
            .finish()
            .map_err(|error| decode_error(error.into()))?;
        if found.size_bytes != size_bytes {
            return Err(damaged("it has fewer bytes than were uploaded"));
        }
        check_digest(found.digest, digest)
    })
}

pub(crate) fn decode_options(verification: Verification) -> DecodeOptions {
    match verification {
        Verification::Digest => DecodeOptions::new(),
        Verification::Skip => DecodeOptions::new().without_digest(),
    }
}

pub(crate) fn check_digest(found: Option<artifact_codec::Digest>, uploaded: Digest) -> Result<()> {
    match found {
        Some(found) if found.as_bytes() != uploaded.as_bytes() => Err(damaged(&format!(
            "its SHA-256 is {found}, uploaded was {uploaded}"
        ))),
        _ => Ok(()),
    }
}

/// A range of the original bytes of an encoded blob. What comes before it is decoded and dropped.
pub(crate) fn decode_range(blob: ByteStream, encoding: Encoding, range: ByteRange) -> ByteStream {
    pipe(move |output| {
        let options = DecodeOptions::new().without_digest();
        let encoding = codec_encoding(encoding);
        let decoder = Decoder::with_options(output.reader(blob), encoding, &options);
        let mut decoder = decoder.take(range.end());
        let skipped = io::copy(&mut (&mut decoder).take(range.offset()), &mut io::sink())
            .map_err(decode_error)?;
        let mut missing_bytes = range.end() - skipped;
        loop {
            let chunk = read_chunk(&mut decoder, missing_bytes)?;
            if chunk.is_empty() {
                break;
            }
            missing_bytes -= chunk.len() as u64;
            output.send(chunk).map_err(decode_error)?;
        }
        if missing_bytes > 0 {
            return Err(damaged("it has fewer bytes than were uploaded"));
        }
        Ok(())
    })
}

/// Fills a chunk of at most `wanted_bytes` as far as the reader goes; an empty one is the end.
fn read_chunk(reader: &mut impl Read, wanted_bytes: u64) -> Result<Bytes> {
    let limit = wanted_bytes.min(CHUNK_BYTES);
    let mut chunk = Vec::with_capacity(usize::try_from(limit).unwrap_or(0));
    reader
        .take(limit)
        .read_to_end(&mut chunk)
        .map_err(decode_error)?;
    Ok(chunk.into())
}

pub(crate) fn codec_encoding(encoding: Encoding) -> artifact_codec::Encoding {
    match encoding {
        Encoding::Identity => artifact_codec::Encoding::Identity,
        Encoding::Gzip => artifact_codec::Encoding::Gzip,
    }
}

pub(crate) fn damaged(why: &str) -> Error {
    Error::new(
        ErrorKind::Integrity,
        format!("stored bytes are damaged: {why}"),
    )
}

/// What the codec says of the blob is damage; everything else comes from the blob store.
pub(crate) fn decode_error(error: io::Error) -> Error {
    match CodecError::from_io(error) {
        CodecError::Io(error) => domain_error(error, "reading the blob"),
        codec => damaged(&codec.to_string()).with_source(codec),
    }
}
