//! A long answer, one document per line. Knows not what the documents say.

use std::sync::Arc;

use artifact_api::Line;
use artifact_domain::Result;
use artifact_domain::port::ByteStream;
use bytes::BytesMut;
use futures::{Stream, StreamExt};
use reqwest::Response;
use serde::de::DeserializeOwned;

use crate::address::Address;
use crate::ahead::read_ahead;
use crate::client::Client;
use crate::faults;

/// The longest line that is taken into memory.
const MOST_LINE_BYTES: usize = 64 << 20;

/// The lines of an answer.
pub struct Lines {
    server: Arc<Address>,
    body: ByteStream,
    held: BytesMut,
    /// How much of what is held is known to have no end of a line.
    searched: usize,
    is_over: bool,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines")
            .field("held_bytes", &self.held.len())
            .field("is_over", &self.is_over)
            .finish_non_exhaustive()
    }
}

impl Lines {
    /// Those of an answer.
    pub(crate) fn of(client: &Client, response: Response) -> Result<Self> {
        Ok(Self {
            server: Arc::clone(&client.connection.server),
            body: read_ahead(client.rest_of(response)?.body),
            held: BytesMut::new(),
            searched: 0,
            is_over: false,
        })
    }

    /// The next line. None behind the last, which has the sums or says why there is no more.
    ///
    /// # Errors
    /// `Unavailable` where the answer was cut off: nobody knows what came of the rest.
    pub async fn next<I: DeserializeOwned, S: DeserializeOwned>(
        &mut self,
    ) -> Result<Option<Line<I, S>>> {
        if self.is_over {
            return Ok(None);
        }
        let line = loop {
            let unseen = &self.held[self.searched..];
            if let Some(found) = unseen.iter().position(|byte| *byte == b'\n') {
                let line = self.held.split_to(self.searched + found + 1);
                self.searched = 0;
                // By an empty one the server says that work goes on.
                if line.trim_ascii().is_empty() {
                    continue;
                }
                break line;
            }
            self.searched = self.held.len();
            if self.searched > MOST_LINE_BYTES {
                return Err(faults::nonsense(&self.server, "a line has no end"));
            }
            match self.body.next().await {
                Some(chunk) => self.held.extend_from_slice(&chunk?),
                None => {
                    return Err(faults::cut_off(&self.server)
                        .with_hint("what was begun goes on there, or can be begun once more"));
                }
            }
        };
        let line =
            serde_json::from_slice(&line).map_err(|cause| faults::nonsense(&self.server, cause))?;
        self.is_over = matches!(line, Line::Sums(_) | Line::Error(_));
        Ok(Some(line))
    }

    /// Expects nothing more.
    pub fn end(&mut self) {
        self.is_over = true;
    }
}

/// The items of an answer whose sums nobody wants, each as `take` reads it. What could not be done is an
/// error among them; what ends the answer is the last one.
pub fn decode<I, T>(
    lines: Lines,
    take: impl Fn(I) -> Result<T> + Send + 'static,
) -> impl Stream<Item = Result<T>> + Send
where
    I: DeserializeOwned + Send,
    T: Send,
{
    futures::stream::unfold((Some(lines), take), |(lines, take)| async move {
        let mut lines = lines?;
        match lines.next::<I, serde::de::IgnoredAny>().await {
            Ok(Some(Line::Item(item))) => Some((take(item), (Some(lines), take))),
            Ok(Some(Line::Failed(fault))) => Some((Err(fault.into_error()), (Some(lines), take))),
            Ok(Some(Line::Error(fault))) => Some((Err(fault.into_error()), (None, take))),
            Ok(Some(Line::Sums(_)) | None) => None,
            Err(error) => Some((Err(error), (None, take))),
        }
    })
}

#[cfg(test)]
mod tests {
    use artifact_domain::ErrorKind;
    use bytes::Bytes;

    use super::*;

    fn lines(text: &'static str, chunk_bytes: usize) -> Lines {
        let chunks = text.as_bytes().chunks(chunk_bytes).map(Bytes::from_static);
        Lines {
            server: Arc::new(Address::parse("http://a.example").unwrap()),
            body: Box::pin(futures::stream::iter(chunks.map(Ok))),
            held: BytesMut::new(),
            searched: 0,
            is_over: false,
        }
    }

    const WHOLE: &str = "\n{\"item\":1}\n\n\n\r\n{\"item\":2}\n\n{\"sums\":3}\n";

    #[tokio::test]
    async fn empty_lines_are_skipped_however_they_come() {
        for size in 1..=WHOLE.len() {
            let mut lines = lines(WHOLE, size);
            let mut all = Vec::new();
            while let Some(line) = lines.next::<u8, u8>().await.unwrap() {
                all.push(line);
            }
            assert_eq!(all, [Line::Item(1), Line::Item(2), Line::Sums(3)], "{size}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_ends_with_an_empty_line_is_cut_off() {
        let mut lines = lines("{\"item\":1}\n\n", 4);
        assert_eq!(lines.next::<u8, u8>().await.unwrap(), Some(Line::Item(1)));
        let error = lines.next::<u8, u8>().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
}
