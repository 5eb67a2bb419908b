//! Answers line by line, `application/x-ndjson`: each document as it happens, the sums last. Knows no use
//! case.

use std::future::Future;

use artifact_api::Line;
use artifact_domain::{Error, Result};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::gate::Work;
use crate::problem;
use crate::state::App;

/// The media type of such answers.
const LINES: &str = "application/x-ndjson";

/// How many lines may wait for whoever reads them.
const WAITING: usize = 256;

/// Whether the client wants an answer line by line.
pub(super) fn are_wanted(headers: &HeaderMap) -> bool {
    let said = headers.get_all(ACCEPT).iter();
    let mut said = said.filter_map(|value| value.to_str().ok());
    said.any(|value| value.split(',').any(|one| is_lines(one.trim())))
}

/// Whether an answer is such a one.
pub(crate) fn are_lines(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|said| said == LINES)
}

fn is_lines(accepted: &str) -> bool {
    let mut parts = accepted.split(';').map(str::trim);
    let is_named = parts
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case(LINES));
    is_named && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
}

/// Who tells the client what happens. Where the client is gone, nothing is told any more.
#[derive(Debug, Clone)]
pub(super) struct Teller(mpsc::Sender<Bytes>);

impl Teller {
    /// Tells of something; false if nobody listens.
    pub(super) async fn item(&self, item: &impl Serialize) -> bool {
        self.line(&Line::<_, Value>::Item(item)).await
    }

    /// Tells of something that could not be done; false if nobody listens.
    pub(super) async fn failed(&self, error: &Error) -> bool {
        self.line(&Line::<Value, Value>::Failed(error.into())).await
    }

    async fn line<I: Serialize, S: Serialize>(&self, line: &Line<I, S>) -> bool {
        self.0.send(written(line)).await.is_ok()
    }

    /// The same from within work that can't wait: it stands still until there is room.
    pub(super) fn item_now(&self, item: &impl Serialize) {
        self.now(written(&Line::<_, Value>::Item(item)));
    }

    /// The same of something that could not be done.
    pub(super) fn failed_now(&self, error: &Error) {
        self.now(written(&Line::<Value, Value>::Failed(error.into())));
    }

    fn now(&self, line: Bytes) {
        if let Err(mpsc::error::TrySendError::Full(line)) = self.0.try_send(line) {
            let send = self.0.send(line);
            let _ = tokio::task::block_in_place(|| Handle::current().block_on(send));
        }
    }
}

fn written<I: Serialize, S: Serialize>(line: &Line<I, S>) -> Bytes {
    // What the surfaces show has text keys alone and always a JSON form.
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    text.into()
}

/// Runs `work` to its end, be the client there or not, and answers with what it tells; what it gives are
/// the sums.
pub(super) fn answer<S, F>(app: &App, work: impl FnOnce(Teller) -> F + Send + 'static) -> Response
where
    S: Serialize + Send + Sync + 'static,
    F: Future<Output = Result<S>> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(WAITING);
    let teller = Teller(sender);
    let (begun, tracked) = (Work::begin(), app.clone());
    let told = app.go_on(async move {
        let work = work(teller.clone());
        let (last, fault) = match tracked.finish(work).await {
            Ok(sums) => {
                begun.sums(counts(&sums));
                (Line::<Value, S>::Sums(sums), None)
            }
            Err(error) => {
                tracing::error!(kind = %error.kind(), "an answer in lines ended early: {error}");
                let fault = problem::status(error.kind());
                (Line::Error((&error).into()), Some(fault))
            }
        };
        begun.end(fault).await;
        teller.line(&last).await;
    });
    drop(told);
    let lines = stream::unfold(receiver, |mut receiver| async move {
        let mut line = receiver.recv().await?.to_vec();
        while let Ok(more) = receiver.try_recv() {
            line.extend_from_slice(&more);
        }
        Some((Ok::<_, Error>(Bytes::from(line)), receiver))
    });
    let mut response = (StatusCode::OK, Body::from_stream(lines)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(LINES));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// The numbers of sums in words.
fn counts(sums: &impl Serialize) -> String {
    let sums = serde_json::to_value(sums).unwrap_or_default();
    let counts = sums.as_object().into_iter().flatten();
    let counts = counts.filter_map(|(name, count)| Some(format!("{name} {}", count.as_u64()?)));
    counts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(accept: &'static str) -> bool {
        are_wanted(&HeaderMap::from_iter([(
            ACCEPT,
            HeaderValue::from_static(accept),
        )]))
    }

    #[test]
    fn lines_come_only_where_they_are_asked_for() {
        assert!(wanted("application/x-ndjson"));
        assert!(wanted("application/json, Application/X-NDJSON;q=0.5"));
        for other in ["*/*", "application/json", "application/x-ndjson;q=0", ""] {
            assert!(!wanted(other), "{other}");
        }
    }
}
