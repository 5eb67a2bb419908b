//! Byte streams for tests: made from chunks, and collected again. Knows no store.

use artifact_domain::Result;
use artifact_domain::port::ByteStream;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};

/// A stream of `chunks`, in order.
pub fn bytes_stream(chunks: Vec<Bytes>) -> ByteStream {
    stream::iter(chunks.into_iter().map(Ok)).boxed()
}

/// A stream of one chunk.
pub fn body(bytes: impl Into<Bytes>) -> ByteStream {
    bytes_stream(vec![bytes.into()])
}

/// Every byte of a stream, or its first error.
pub async fn collect(stream: ByteStream) -> Result<Bytes> {
    stream
        .try_fold(BytesMut::new(), |mut all, chunk| async move {
            all.extend_from_slice(&chunk);
            Ok(all)
        })
        .await
        .map(BytesMut::freeze)
}
