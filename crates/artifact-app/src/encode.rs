//! The way of an upload's bytes through the codec: a blocking reader in, a stream of stored bytes
//! out, with digest and sizes at its end. Knows nothing of artifacts.

use std::io::{self, Read, Write};

use artifact_codec::{CodecError, EncodeOptions, Encoded, Encoder};
use artifact_domain::Result;
use artifact_domain::policy::QuotaPolicy;
use artifact_domain::port::ByteStream;
use bytes::Bytes;
use futures::{future, stream};
use tokio::sync::oneshot;

use crate::Body;
use crate::body::domain_error;
use crate::pipe::{PipeWriter, pipe};

/// How much is read at a time, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// Up to how many bytes are encoded where the caller stands: that takes some tens of microseconds,
/// about what two trips to the blocking pool would.
const INLINE_BYTES: usize = 8 * 1024;

/// Encoded bytes on their way to a blob.
pub(crate) struct Encoding {
    /// The stored bytes. It ends with an error if the source, the quota or the codec fails, so
    /// that whoever stores it stores nothing.
    pub stream: ByteStream,
    /// Digest and sizes, once the stream has ended well.
    pub result: oneshot::Receiver<Encoded>,
}

/// Encodes `body` on the blocking pool, with memory for a few chunks; or here, if it is at hand and
/// so small that the way to the pool would cost more.
pub(crate) fn encode(body: Body, options: EncodeOptions, quota: QuotaPolicy) -> Encoding {
    let (done, result) = oneshot::channel();
    let body = match body {
        Body::Bytes(bytes) if bytes.len() <= INLINE_BYTES => {
            let chunk = encode_inline(&bytes, &options, quota).map(|(chunk, totals)| {
                // The receiver stands in this very function.
                let _ = done.send(totals);
                chunk
            });
            let stream = Box::pin(stream::once(future::ready(chunk)));
            return Encoding { stream, result };
        }
        other => other,
    };
    let stream = pipe(move |output| {
        let encoded = pump(body, output, &options, quota)?;
        // Whoever waits for it may have gone; then nobody wants it.
        let _ = done.send(encoded);
        Ok(())
    });
    Encoding { stream, result }
}

fn encode_inline(
    bytes: &[u8],
    options: &EncodeOptions,
    quota: QuotaPolicy,
) -> Result<(Bytes, Encoded)> {
    let failed = |error: CodecError| domain_error(error.into(), "encoding");
    quota.admit_artifact(bytes.len() as u64)?;
    let mut encoder = Encoder::new(Vec::new(), options);
    encoder
        .write_all(bytes)
        .map_err(|error| failed(error.into()))?;
    let (output, totals) = encoder.finish().map_err(failed)?;
    Ok((output.into(), totals))
}

fn pump(
    body: Body,
    output: PipeWriter,
    options: &EncodeOptions,
    quota: QuotaPolicy,
) -> Result<Encoded> {
    let failed = |error: CodecError| domain_error(error.into(), "encoding");
    let mut reader = body.into_reader(&output);
    let mut encoder = Encoder::new(output, options);
    let mut buffer = vec![0; READ_BYTES];
    let mut size_bytes = 0_u64;
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(domain_error(error, "reading the source")),
        };
        size_bytes += count as u64;
        quota.admit_artifact(size_bytes)?;
        encoder
            .write_all(&buffer[..count])
            .map_err(|error| failed(error.into()))?;
    }
    encoder.finish().map(|(_, encoded)| encoded).map_err(failed)
}

#[cfg(test)]
mod tests {
    use artifact_domain::{Error, ErrorKind};
    use bytes::Bytes;
    use futures::{TryStreamExt, stream};

    use super::*;

    async fn run(body: Body, max: Option<u64>) -> Result<(Vec<Bytes>, Encoded)> {
        let quota = QuotaPolicy {
            max_artifact_bytes: max,
            ..QuotaPolicy::default()
        };
        let encoding = encode(body, EncodeOptions::new(), quota);
        let chunks = encoding.stream.try_collect().await?;
        Ok((chunks, encoding.result.await.unwrap()))
    }

    #[tokio::test]
    async fn totals_come_with_the_end_of_the_stream() {
        let (chunks, encoded) = run(Bytes::from_static(b"hello").into(), None)
            .await
            .unwrap();
        assert_eq!(encoded.size_bytes, 5);
        assert_eq!(
            encoded.stored_size_bytes,
            chunks.iter().map(|c| c.len() as u64).sum::<u64>()
        );
    }

    #[tokio::test]
    async fn where_it_is_encoded_makes_no_difference() {
        for len in [0, 1, INLINE_BYTES, INLINE_BYTES + 1] {
            let bytes: Bytes = b"some text, ".iter().copied().cycle().take(len).collect();
            let reader = Body::reader(io::Cursor::new(bytes.clone()));
            let (inline, totals) = run(bytes.into(), None).await.unwrap();
            let (pooled, expected) = run(reader, None).await.unwrap();
            assert_eq!(inline.concat(), pooled.concat(), "{len} bytes");
            assert_eq!(totals, expected);
        }
    }

    #[tokio::test]
    async fn a_failing_source_ends_the_stream_with_its_own_error() {
        let source = stream::iter([
            Ok(Bytes::from_static(b"some")),
            Err(Error::new(ErrorKind::Unavailable, "cut")),
        ]);
        let error = run(Body::Stream(Box::pin(source)), None).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (ErrorKind::Unavailable, "cut")
        );
    }

    #[tokio::test]
    async fn the_size_is_limited_while_it_streams() {
        let body = || Body::reader(io::repeat(7).take(1_000_000));
        assert!(run(body(), Some(1_000_000)).await.is_ok());
        assert_eq!(
            run(body(), Some(999_999)).await.unwrap_err().kind(),
            ErrorKind::TooLarge
        );
        let error = run(Bytes::from_static(b"hello").into(), Some(4)).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::TooLarge);
    }
}
