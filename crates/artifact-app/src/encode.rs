//! The way of an upload's bytes through the codec: a blocking reader in, a stream of stored bytes
//! out, with digest and sizes at its end. Knows nothing of artifacts.

use std::io::{self, Read};

use artifact_codec::{CodecError, EncodeOptions, Encoded};
use artifact_domain::policy::QuotaPolicy;
use artifact_domain::port::ByteStream;
use artifact_domain::{Error, ErrorKind, Result};
use artifact_guard::Finding;
use bytes::{Buf, Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, future, stream};
use tokio::sync::oneshot;

use crate::Body;
use crate::body::domain_error;
use crate::guard::Watch;
use crate::pipe::pipe;

/// Up to how many bytes are encoded where the caller stands: that takes some tens of microseconds,
/// about what two trips to the blocking pool would.
const INLINE_BYTES: usize = 8 * 1024;

/// Encoded bytes on their way to a blob.
pub(crate) struct Encoding {
    /// The form of the bytes, decided by their beginning.
    pub form: artifact_codec::Encoding,
    /// The stored bytes. It ends with an error if the source, the quota or the codec fails, so
    /// that whoever stores it stores nothing.
    pub stream: ByteStream,
    /// What has come of it, once the stream has ended well.
    pub result: oneshot::Receiver<Written>,
}

/// What is known of bytes once all have passed.
pub(crate) struct Written {
    /// Digest, sizes and seek table.
    pub encoded: Encoded,
    /// What looks like secrets.
    pub findings: Vec<Finding>,
}

/// Begins to encode `body`, under the eyes of `watch`, on the blocking pool, and returns when the form of the output is known:
/// the place where it goes is named for it. What is at hand and so small that the way to the pool
/// would cost more is encoded here.
pub(crate) async fn encode(
    body: Body,
    options: EncodeOptions,
    quota: QuotaPolicy,
    watch: Option<Watch>,
) -> Result<Encoding> {
    match at_hand(body).await? {
        Body::Bytes(bytes) if bytes.len() <= INLINE_BYTES => {
            encode_here(bytes, &options, quota, watch)
        }
        body => encode_on_pool(body, options, quota, watch).await,
    }
}

/// A stream that ends so early that it can be encoded here is taken in; other bodies stay as they are.
async fn at_hand(body: Body) -> Result<Body> {
    let Body::Stream(mut stream) = body else {
        return Ok(body);
    };
    let mut begin = BytesMut::new();
    while begin.len() <= INLINE_BYTES {
        match stream.try_next().await? {
            Some(chunk) if begin.is_empty() => begin = chunk.into(),
            Some(chunk) => begin.extend_from_slice(&chunk),
            None => return Ok(begin.freeze().into()),
        }
    }
    let begin = stream::iter([Ok(begin.freeze())]);
    Ok(Body::Stream(Box::pin(begin.chain(stream))))
}

fn encode_here(
    bytes: Bytes,
    options: &EncodeOptions,
    quota: QuotaPolicy,
    mut watch: Option<Watch>,
) -> Result<Encoding> {
    quota.admit_artifact(bytes.len() as u64)?;
    if let Some(watch) = &mut watch {
        watch.feed(&bytes)?;
        watch.feed(&[])?;
    }
    let (done, result) = oneshot::channel();
    let prepared = artifact_codec::prepare(bytes.reader(), options).map_err(failed)?;
    let form = prepared.encoding();
    let mut output = Vec::new();
    let encoded = prepared.write_to(&mut output).map_err(failed)?;
    // The receiver stands in this very function.
    let _ = done.send(Written {
        encoded,
        findings: watch.map(Watch::into_findings).unwrap_or_default(),
    });
    Ok(Encoding {
        form,
        stream: Box::pin(stream::once(future::ready(Ok(output.into())))),
        result,
    })
}

async fn encode_on_pool(
    body: Body,
    options: EncodeOptions,
    quota: QuotaPolicy,
    watch: Option<Watch>,
) -> Result<Encoding> {
    let (decided, form) = oneshot::channel();
    let (done, result) = oneshot::channel();
    let mut stream = pipe(move |output| {
        let mut input = Admitted {
            reader: body.into_reader(&output),
            size_bytes: 0,
            quota,
            watch,
        };
        let prepared = artifact_codec::prepare(&mut input, &options).map_err(failed)?;
        // Whoever waits for these may have gone; then nobody wants them.
        let _ = decided.send(prepared.encoding());
        let encoded = prepared.write_to(output).map_err(failed)?;
        let findings = input.watch.map(Watch::into_findings);
        let _ = done.send(Written {
            encoded,
            findings: findings.unwrap_or_default(),
        });
        Ok(())
    });
    match form.await {
        Ok(form) => Ok(Encoding {
            form,
            stream,
            result,
        }),
        Err(_) => Err(match stream.next().await {
            Some(Err(error)) => error,
            _ => Error::new(ErrorKind::Internal, "the encoder ended without a word"),
        }),
    }
}

fn failed(error: CodecError) -> Error {
    match error {
        CodecError::Io(error) => domain_error(error, "encoding"),
        other => domain_error(other.into(), "encoding"),
    }
}

/// The source, for as long as its size and what it holds are admitted. Its errors come out as they are.
struct Admitted {
    reader: Box<dyn Read + Send>,
    size_bytes: u64,
    quota: QuotaPolicy,
    watch: Option<Watch>,
}

impl Read for Admitted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            result => result
                .map_err(|error| io::Error::other(domain_error(error, "reading the source")))?,
        };
        self.size_bytes += count as u64;
        self.quota
            .admit_artifact(self.size_bytes)
            .map_err(io::Error::other)?;
        if let Some(watch) = &mut self.watch
            && !buffer.is_empty()
        {
            watch.feed(&buffer[..count]).map_err(io::Error::other)?;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(body: Body, max: Option<u64>) -> Result<(Vec<Bytes>, Encoded)> {
        let quota = QuotaPolicy {
            max_artifact_bytes: max,
            ..QuotaPolicy::default()
        };
        let encoding = encode(body, EncodeOptions::new(), quota, None).await?;
        let chunks = encoding.stream.try_collect().await?;
        Ok((chunks, encoding.result.await.unwrap().encoded))
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
            let (pooled, expected) = run(reader, None).await.unwrap();
            let pieces: Vec<_> = bytes.chunks(3_000).map(Bytes::copy_from_slice).collect();
            let stream = stream::iter(pieces.into_iter().map(Ok)).boxed();
            for body in [bytes.into(), Body::Stream(stream)] {
                let (inline, totals) = run(body, None).await.unwrap();
                assert_eq!(inline.concat(), pooled.concat(), "{len} bytes");
                assert_eq!(totals, expected);
            }
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
