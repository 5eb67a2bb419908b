//! The way of a blob's bytes back through the codec: a stream of stored bytes in, a stream of
//! original bytes out. Knows nothing of artifacts.

use std::io::{self, Read};
use std::ops::Range;

use artifact_codec::{CodecError, DecodeOptions, Decoder, Part, SeekTable};
use artifact_domain::port::ByteStream;
use artifact_domain::{ByteRange, Content, Digest, Encoding, Error, ErrorKind, Result};
use bytes::{Buf, Bytes, BytesMut};
use futures::{TryStreamExt, future, stream};

use crate::Verification;
use crate::body::domain_error;
use crate::pipe::{PipeWriter, StreamReader, pipe};

/// How many decoded bytes are handed on at a time.
const CHUNK_BYTES: u64 = 128 * 1024;

/// What is no longer than this, stored and decoded, is decoded where it is asked for: within a tenth of
/// a millisecond. It must be one chunk.
const AT_ONCE_BYTES: u64 = 32 * 1024;

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
    let content = content.clone();
    if content.size_bytes.max(content.stored_size_bytes) <= AT_ONCE_BYTES {
        return decode_at_once(blob, content, verification);
    }
    pipe(move |output| {
        let input = output.reader(blob);
        decode_from(input, &content, verification, |chunk| {
            output.send(chunk).map_err(decode_error)
        })
    })
}

/// The same of what is so short that a thread of its own takes longer to wake than to decode it.
fn decode_at_once(blob: ByteStream, content: Content, verification: Verification) -> ByteStream {
    let whole = async move {
        let stored = collect_at_once(blob).await?;
        // Who reads one after the other from memory would else keep the thread from all others.
        tokio::task::consume_budget().await;
        let mut whole = Bytes::new();
        decode_from(stored.reader(), &content, verification, |chunk| {
            whole = chunk;
            Ok(())
        })?;
        Ok(whole)
    };
    let has_bytes = |chunk: &Bytes| future::ready(!chunk.is_empty());
    Box::pin(stream::once(whole).try_filter(has_bytes))
}

/// All bytes, or more than [`AT_ONCE_BYTES`] where there are more.
async fn collect_at_once(mut blob: ByteStream) -> Result<Bytes> {
    let first = blob.try_next().await?.unwrap_or_default();
    let Some(second) = blob.try_next().await? else {
        return Ok(first);
    };
    let mut all = BytesMut::from(first);
    all.extend_from_slice(&second);
    while all.len() as u64 <= AT_ONCE_BYTES {
        match blob.try_next().await? {
            Some(next) => all.extend_from_slice(&next),
            None => break,
        }
    }
    Ok(all.freeze())
}

fn decode_from(
    input: impl Read,
    content: &Content,
    verification: Verification,
    mut send: impl FnMut(Bytes) -> Result<()>,
) -> Result<()> {
    let options = decode_options(verification);
    let mut decoder = Decoder::with_options(input, codec_encoding(content.encoding), &options);
    let mut missing_bytes = content.size_bytes;
    loop {
        let chunk = read_chunk(&mut decoder, missing_bytes)?;
        if chunk.is_empty() {
            break;
        }
        missing_bytes -= chunk.len() as u64;
        send(chunk)?;
    }
    // One byte more than expected is enough to know that there are too many.
    if !read_chunk(&mut decoder, 1)?.is_empty() {
        return Err(damaged("it has more bytes than were uploaded"));
    }
    let found = decoder
        .finish()
        .map_err(|error| decode_error(error.into()))?;
    if found.size_bytes != content.size_bytes {
        return Err(damaged("it has fewer bytes than were uploaded"));
    }
    check_digest(found.digest, content.digest)
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

#[cfg(test)]
mod tests {
    use artifact_codec::EncodeOptions;

    use super::*;

    /// Bytes that follow no pattern, of so many values.
    fn noise(len: u64, values: u8) -> Vec<u8> {
        let mut state = 1_u64;
        let next = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0] % values
        };
        (0..len).map(next).collect()
    }

    fn stored(plain: &[u8]) -> (Vec<u8>, Content) {
        let prepared = artifact_codec::prepare(plain, &EncodeOptions::new()).unwrap();
        let encoding = match prepared.encoding() {
            artifact_codec::Encoding::Gzip => Encoding::Gzip,
            artifact_codec::Encoding::Identity => Encoding::Identity,
        };
        let mut bytes = Vec::new();
        let encoded = prepared.write_to(&mut bytes).unwrap();
        let content = Content {
            digest: Digest::new(*encoded.digest.as_bytes()),
            size_bytes: encoded.size_bytes,
            stored_size_bytes: encoded.stored_size_bytes,
            encoding,
        };
        (bytes, content)
    }

    async fn decoded(blob: &[u8], content: &Content) -> Result<Vec<u8>> {
        let chunks: Vec<_> = blob.chunks(10_000).map(Bytes::copy_from_slice).collect();
        let blob = Box::pin(stream::iter(chunks.into_iter().map(Ok)));
        let decoded = decode_whole(blob, content, Verification::Digest);
        let chunks: Vec<Bytes> = decoded.try_collect().await?;
        assert!(chunks.iter().all(|chunk| !chunk.is_empty()));
        Ok(chunks.concat())
    }

    #[tokio::test]
    async fn the_short_are_decoded_and_checked_as_the_long_are() {
        for (values, encoding) in [(255, Encoding::Identity), (16, Encoding::Gzip)] {
            for len in [0, 1, 20_000, AT_ONCE_BYTES, AT_ONCE_BYTES + 1, 200_000] {
                let plain = noise(len, values);
                let (blob, content) = stored(&plain);
                assert!(content.encoding == encoding || len < 2);
                assert!(decoded(&blob, &content).await.unwrap() == plain);

                let flipped = |at: usize| {
                    let mut blob = blob.clone();
                    blob[at] ^= 1;
                    blob
                };
                let longer = [&blob[..], &noise(300_000, 255)].concat();
                let mut damages = vec![longer, [&blob[..], b"x"].concat()];
                if !blob.is_empty() {
                    damages.push(blob[..blob.len() - 1].to_vec());
                    damages.push(flipped(blob.len() / 2));
                    damages.push(flipped(blob.len() - 1));
                }
                for (number, damage) in damages.iter().enumerate() {
                    let error = decoded(damage, &content).await.unwrap_err();
                    let what = format!("damage {number} of {len} bytes of {encoding:?}");
                    assert_eq!(error.kind(), ErrorKind::Integrity, "{what}: {error}");
                }
            }
        }
    }

    #[tokio::test]
    async fn a_failing_source_ends_the_short_with_its_own_error() {
        let (_, content) = stored(b"hello");
        let chunks = [
            Ok(Bytes::from_static(b"hel")),
            Err(Error::new(ErrorKind::Unavailable, "cut")),
        ];
        let blob = Box::pin(stream::iter(chunks));
        let decoded = decode_whole(blob, &content, Verification::Digest);
        let error = decoded.try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
}
