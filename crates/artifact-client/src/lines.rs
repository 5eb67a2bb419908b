//! A long answer, one document per line. Knows not what the documents say.

use artifact_api::Line;
use artifact_domain::Result;
use artifact_domain::port::ByteStream;
use bytes::BytesMut;
use futures::{Stream, StreamExt};
use reqwest::Response;
use serde::de::DeserializeOwned;

use crate::ahead::read_ahead;
use crate::client::Client;
use crate::faults;

/// The longest line that is taken into memory.
const MOST_LINE_BYTES: usize = 64 << 20;

/// The lines of an answer.
pub struct Lines {
    client: Client,
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
            client: client.clone(),
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
                break line;
            }
            self.searched = self.held.len();
            if self.searched > MOST_LINE_BYTES {
                return Err(faults::nonsense(self.server(), "a line has no end"));
            }
            match self.body.next().await {
                Some(chunk) => self.held.extend_from_slice(&chunk?),
                None => {
                    return Err(faults::cut_off(self.server())
                        .with_hint("what was begun goes on there, or can be begun once more"));
                }
            }
        };
        let line = serde_json::from_slice(&line)
            .map_err(|cause| faults::nonsense(self.server(), cause))?;
        self.is_over = matches!(line, Line::Sums(_) | Line::Error(_));
        Ok(Some(line))
    }

    /// Expects nothing more.
    pub fn end(&mut self) {
        self.is_over = true;
    }

    fn server(&self) -> &crate::address::Address {
        &self.client.connection.server
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
