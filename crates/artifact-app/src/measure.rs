//! What the bytes of a blob really are: their digest, their number and the first of them, found by
//! reading them all. Knows nothing of records.

use std::io::Read;

use artifact_codec::{BlockSizes, Decoder, SeekTable};
use artifact_domain::port::ByteStream;
use artifact_domain::{Digest, Encoding, Error, ErrorKind, Result};
use bytes::Bytes;
use futures::TryStreamExt;
use tokio::sync::oneshot;

use crate::decode::{codec_encoding, decode_error};
use crate::pipe::pipe;

/// How much is read at a time.
const CHUNK_BYTES: usize = 16 * 1024;

/// What has no more bytes is read where the caller stands: every thread of the blocking pool keeps
/// memory of its own.
const INLINE_BYTES: u64 = 64 * 1024;

/// How many of the first bytes are kept: enough to tell what they are.
const HEAD_BYTES: usize = 8 * 1024;

/// What reading a blob has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Measured {
    /// The SHA-256 of the original bytes.
    pub(crate) digest: Digest,
    /// How many original bytes there are.
    pub(crate) size_bytes: u64,
    /// The first of them.
    pub(crate) head: Bytes,
}

/// Decodes a blob to its end. More than `limit_bytes` are damage: a blob that unfolds without end
/// must not keep a reader for ever.
///
/// Errors: those of the stream; `Integrity` for bytes that cannot be decoded.
pub(crate) async fn measure(
    blob: ByteStream,
    encoding: Encoding,
    limit_bytes: u64,
) -> Result<Measured> {
    if limit_bytes <= INLINE_BYTES {
        let chunks: Vec<Bytes> = blob.try_collect().await?;
        return read_all(chunks.concat().as_slice(), encoding, limit_bytes);
    }
    let (found, measured) = oneshot::channel();
    let mut work = pipe(move |output| {
        let all = read_all(output.reader(blob), encoding, limit_bytes)?;
        // The receiver stands in this very function.
        let _ = found.send(all);
        Ok(())
    });
    while work.try_next().await?.is_some() {}
    measured.await.map_err(|_| no_digest())
}

fn read_all(blob: impl Read, encoding: Encoding, limit_bytes: u64) -> Result<Measured> {
    let mut decoder = Decoder::new(blob, codec_encoding(encoding));
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut head = Vec::new();
    let mut read_bytes = 0_u64;
    loop {
        let count = decoder.read(&mut buffer).map_err(decode_error)?;
        if count == 0 {
            break;
        }
        let missing = HEAD_BYTES - head.len();
        head.extend_from_slice(&buffer[..count.min(missing)]);
        read_bytes += count as u64;
        if read_bytes > limit_bytes {
            let message = "stored bytes are damaged: there are more than there should be";
            return Err(Error::new(ErrorKind::Integrity, message));
        }
    }
    let all = decoder
        .finish()
        .map_err(|error| decode_error(error.into()))?;
    let digest = all.digest.ok_or_else(no_digest)?;
    Ok(Measured {
        digest: Digest::new(*digest.as_bytes()),
        size_bytes: all.size_bytes,
        head: head.into(),
    })
}

/// Finds the seek table of a blob again that holds what was measured; none for one that has none,
/// or cannot be read.
pub(crate) async fn rebuild_seek_table(
    blob: ByteStream,
    encoding: Encoding,
    measured: &Measured,
) -> Option<Bytes> {
    let expected = measured.digest;
    let (found, rebuilt) = oneshot::channel();
    let mut work = pipe(move |output| {
        let input = output.reader(blob);
        let sizes = BlockSizes::default();
        if let Ok((table, decoded)) = SeekTable::rebuild(input, codec_encoding(encoding), sizes)
            && decoded.digest.map(|digest| *digest.as_bytes()) == Some(*expected.as_bytes())
        {
            let _ = found.send(Bytes::from(table.to_bytes()));
        }
        Ok(())
    });
    while let Ok(Some(_)) = work.try_next().await {}
    rebuilt.await.ok()
}

fn no_digest() -> Error {
    Error::new(ErrorKind::Internal, "the decoder gave no digest")
}
