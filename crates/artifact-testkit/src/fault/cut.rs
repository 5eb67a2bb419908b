//! Streams that are cut or falsified on their way.

use artifact_domain::Error;
use artifact_domain::port::ByteStream;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};

/// The first `bytes` of a stream, and then `end`, or nothing.
pub(super) fn cut(body: ByteStream, bytes: u64, end: Option<Error>) -> ByteStream {
    let state = Some((body, bytes, end));
    stream::unfold(state, |state| async move {
        let (mut body, left, mut end) = state?;
        if left == 0 {
            return end.take().map(|error| (Err(error), None));
        }
        match body.next().await? {
            Ok(mut chunk) => {
                let keep = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
                chunk.truncate(keep);
                Some((Ok(chunk), Some((body, left - keep as u64, end))))
            }
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

/// The stream with every bit of the byte at `position` turned round.
pub(super) fn flip(body: ByteStream, position: u64) -> ByteStream {
    let mut begin = 0;
    body.map(move |chunk| {
        let chunk = chunk?;
        let offset = position.checked_sub(begin);
        begin += chunk.len() as u64;
        let offset = offset.and_then(|offset| usize::try_from(offset).ok());
        Ok(match offset.filter(|offset| *offset < chunk.len()) {
            Some(offset) => flipped(&chunk, offset),
            None => chunk,
        })
    })
    .boxed()
}

fn flipped(chunk: &Bytes, offset: usize) -> Bytes {
    let mut bytes = BytesMut::from(&chunk[..]);
    bytes[offset] ^= 0xff;
    bytes.freeze()
}
