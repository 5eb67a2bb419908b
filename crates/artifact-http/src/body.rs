//! Bodies: those of requests as the store reads them, and those of answers as a client does. Neither is
//! ever whole in memory.

use std::fmt;
use std::time::Duration;

use artifact_domain::port::ByteStream;
use artifact_domain::{Error, ErrorKind, Result};
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use crate::problem::{Problem, with_causes};
use crate::state::App;

/// The length that a request announces.
pub(crate) fn announced_length(headers: &HeaderMap) -> Result<Option<u64>> {
    let Some(value) = headers.get(CONTENT_LENGTH) else {
        return Ok(None);
    };
    let parsed = value.to_str().ok().and_then(|text| text.parse().ok());
    parsed
        .map(Some)
        .ok_or_else(|| Error::invalid_input("the header Content-Length is no number"))
}

/// The document that a request's body is.
///
/// # Errors
/// `InvalidInput` for anything but an object with its keys: a list of their values would do otherwise.
pub(crate) fn document<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    let wrong = |cause: String| Error::invalid_input(format!("the request can't be read: {cause}"));
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(wrong("it is no JSON object".to_owned()));
    }
    serde_json::from_slice(body).map_err(|cause| wrong(cause.to_string()))
}

/// A request's body as the store reads it. It fails when nothing comes for `patience`, by which every body
/// is watched.
pub(crate) fn incoming(body: Body, patience: Duration) -> ByteStream {
    let stream = body.into_data_stream();
    Box::pin(stream.map_err(move |cause| {
        if is_stalled(&cause) {
            stalled(patience)
        } else {
            cut_off(cause)
        }
    }))
}

/// A request's body that is read whole before it is looked at: a document, and no more of it than a
/// document may have.
#[derive(Debug)]
pub(crate) struct Document(pub(crate) Bytes);

impl FromRequest<App> for Document {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let read = Bytes::from_request(request, app).await;
        read.map(Self).map_err(|rejection| {
            if is_stalled(&rejection) {
                return stalled(app.patience).into();
            }
            let status = rejection.status();
            let error = match status {
                StatusCode::PAYLOAD_TOO_LARGE => {
                    Error::new(ErrorKind::TooLarge, "the document is too long")
                }
                _ => Error::invalid_input("the body was cut off"),
            };
            Problem::new(status, error.with_source(rejection))
        })
    }
}

/// Whether a body failed since nothing came.
fn is_stalled(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .any(<dyn std::error::Error>::is::<Stalled>)
}

fn stalled(patience: Duration) -> Error {
    let message = format!("nothing came for {} seconds", patience.as_secs());
    Error::new(ErrorKind::Unavailable, message)
        .lasting()
        .with_source(Stalled)
}

/// The source of an error that says: whoever sends a body has stopped.
#[derive(Debug)]
pub(crate) struct Stalled;

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body stands still")
    }
}

impl std::error::Error for Stalled {}

fn cut_off(cause: axum::Error) -> Error {
    Error::invalid_input("the body was cut off").with_source(cause)
}

/// An answer's body. What fails in the middle cuts it short of its announced length, so that nobody
/// takes it for whole: the last bytes go out only once all were found sound.
pub(crate) fn outgoing(stream: ByteStream, what: String) -> Body {
    outgoing_now(hold_back(stream), what)
}

fn outgoing_now(stream: impl Stream<Item = Result<Bytes>> + Send + 'static, what: String) -> Body {
    let flushed = stream.or_else(|error| async {
        // What came before goes out only while somebody waits, and is lost with the connection otherwise: then
        // whoever asks again from there would never come further.
        tokio::task::yield_now().await;
        Err(error)
    });
    Body::from_stream(flushed.inspect_err(move |error| {
        tracing::error!(
            kind = %error.kind(),
            "the answer with {what} was cut short: {}",
            with_causes(error)
        );
    }))
}

/// The same, once its first bytes are there: what can't be read at all is a problem, and no answer that
/// is cut short.
pub(crate) async fn begun(stream: ByteStream, what: String) -> Result<Body> {
    let mut held_back = Box::pin(hold_back(stream));
    let first = held_back.try_next().await?;
    let whole = stream::iter(first.map(Ok)).chain(held_back);
    Ok(outgoing_now(whole, what))
}

/// The same stream, each chunk given once the next one is there or the end is.
fn hold_back(stream: ByteStream) -> impl Stream<Item = Result<Bytes>> + Send {
    let begun = (Some(stream), None::<Bytes>);
    stream::try_unfold(begun, |(mut source, mut held)| async move {
        while let Some(stream) = &mut source {
            match stream.try_next().await? {
                None => source = None,
                Some(next) => {
                    if let Some(chunk) = held.replace(next) {
                        return Ok(Some((chunk, (source, held))));
                    }
                }
            }
        }
        Ok(held.map(|last| (last, (None, None))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn collected(chunks: Vec<Result<Bytes>>) -> (Vec<u8>, bool) {
        let mut given = Vec::new();
        let mut stream = std::pin::pin!(hold_back(Box::pin(stream::iter(chunks))));
        while let Some(chunk) = stream.next().await {
            match chunk {
                Ok(chunk) => given.extend_from_slice(&chunk),
                Err(_) => return (given, false),
            }
        }
        (given, true)
    }

    #[test]
    fn a_document_is_an_object() {
        #[derive(serde::Deserialize)]
        #[serde(default)]
        #[derive(Default)]
        struct One {
            a: u8,
        }
        assert_eq!(document::<One>(b" {\"a\": 1}").unwrap().a, 1);
        for other in [&b"[]"[..], b"[1]", b"", b"1", b"null", b"{"] {
            assert!(document::<One>(other).is_err(), "{other:?}");
        }
    }

    #[tokio::test]
    async fn the_last_bytes_wait_for_a_good_end() {
        let chunk = |text: &'static str| Ok(Bytes::from_static(text.as_bytes()));
        let fault = || Err(Error::new(ErrorKind::Integrity, "damaged"));
        assert_eq!(collected(vec![]).await, (vec![], true));
        assert_eq!(
            collected(vec![chunk("a"), chunk("b")]).await,
            (b"ab".to_vec(), true)
        );
        assert_eq!(
            collected(vec![chunk("a"), chunk("b"), fault()]).await,
            (b"a".to_vec(), false)
        );
        assert_eq!(collected(vec![fault()]).await, (vec![], false));
    }
}
