//! A stream of bytes as lines, of bounded length. Knows nothing of what is in them.

use artifact_domain::port::ByteStream;
use artifact_domain::{Error, ErrorKind, Result};
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;

/// The longest line: a record with all the metadata and tags that it may have, and a seek table of
/// some terabytes.
pub(super) const MAX_LINE_BYTES: usize = 16 << 20;

/// The lines of a stream.
pub(super) struct Lines {
    stream: ByteStream,
    buffer: BytesMut,
    /// How far the buffer is known to hold no end of a line.
    searched: usize,
    is_over: bool,
}

impl Lines {
    pub(super) fn new(stream: ByteStream) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
            searched: 0,
            is_over: false,
        }
    }

    /// The next line without its end; what follows the last end is a line if it is not empty.
    ///
    /// Errors: those of the stream; `Integrity` for a line that is too long.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let rest = &self.buffer[self.searched..];
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let mut line = self.buffer.split_to(self.searched + end + 1);
                line.truncate(line.len() - 1);
                self.searched = 0;
                return Ok(Some(line.freeze()));
            }
            self.searched = self.buffer.len();
            if self.searched > MAX_LINE_BYTES {
                return Err(Error::new(ErrorKind::Integrity, "a line has no end"));
            }
            if self.is_over {
                self.searched = 0;
                let rest = self.buffer.split().freeze();
                return Ok((!rest.is_empty()).then_some(rest));
            }
            match self.stream.try_next().await? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => self.is_over = true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use artifact_testkit::body;
    use futures::{StreamExt, stream};

    use super::*;

    async fn all(mut lines: Lines) -> Vec<Bytes> {
        let mut all = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            all.push(line);
        }
        all
    }

    #[tokio::test]
    async fn lines_are_found_whatever_the_chunks() {
        for chunk_bytes in [1, 2, 3, 100] {
            let text = b"one\n\nthree\nrest";
            let chunks = text.chunks(chunk_bytes).map(Bytes::copy_from_slice).map(Ok);
            let chunks: Vec<_> = chunks.collect();
            let lines = Lines::new(stream::iter(chunks).boxed());
            assert_eq!(all(lines).await, ["one", "", "three", "rest"]);
        }
        assert!(all(Lines::new(body(""))).await.is_empty());
        assert_eq!(all(Lines::new(body("a\n"))).await, ["a"]);
    }

    #[tokio::test]
    async fn a_line_without_end_is_an_error_and_takes_no_more_memory() {
        let endless = stream::repeat_with(|| Ok(Bytes::from(vec![b'x'; 1 << 20])));
        let error = Lines::new(endless.boxed()).next().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity);
    }
}
