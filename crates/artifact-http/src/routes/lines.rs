//! Answers line by line, `application/x-ndjson`: each document as it happens, the sums last. Knows no use
//! case.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use artifact_api::Line;
use artifact_domain::{Error, Result};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::gate::Work;
use crate::problem;
use crate::state::App;

/// The media type of such answers.
const LINES: &str = "application/x-ndjson";

/// How many bytes may wait to be handed over before whoever tells more gives way.
const FULL: usize = 64 << 10;

/// How often they may be handed over before the client has taken any.
const WAITING: usize = 4;

/// How long nothing is told before an empty line says that work goes on: less than any proxy waits.
const SILENCE: Duration = Duration::from_secs(15);

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
pub(super) struct Teller {
    /// Lines that are not handed over yet.
    told: Arc<Mutex<Vec<u8>>>,
    client: mpsc::Sender<Bytes>,
}

impl Teller {
    fn new() -> (Self, mpsc::Receiver<Bytes>) {
        let (client, receiver) = mpsc::channel(WAITING);
        let told = Arc::default();
        (Self { told, client }, receiver)
    }

    /// Tells of something; false if nobody listens.
    pub(super) async fn item(&self, item: &impl Serialize) -> bool {
        self.item_now(item);
        self.is_heard().await
    }

    /// Tells of something that could not be done; false if nobody listens.
    pub(super) async fn failed(&self, error: &Error) -> bool {
        self.failed_now(error);
        self.is_heard().await
    }

    /// The same from within work that can't wait. It goes on only when there is room again.
    pub(super) fn item_now(&self, item: &impl Serialize) {
        self.line(&Line::<_, Value>::Item(item));
    }

    /// The same of something that could not be done.
    pub(super) fn failed_now(&self, error: &Error) {
        self.line(&Line::<Value, Value>::Failed(error.into()));
    }

    fn line<I: Serialize, S: Serialize>(&self, line: &Line<I, S>) {
        if !self.client.is_closed() {
            let line = written(line);
            self.lock().extend_from_slice(&line);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anybody listens. Where much waits, it is handed over first.
    async fn is_heard(&self) -> bool {
        if self.lock().len() >= FULL {
            tokio::task::yield_now().await;
        }
        !self.client.is_closed()
    }

    /// Hands over what was told, as soon as the client has room for it.
    async fn hand_over(&self) {
        let told = std::mem::take(&mut *self.lock());
        if !told.is_empty() {
            let _ = self.client.send(told.into()).await;
        }
    }

    /// Does `work`, which tells by this teller: whenever it pauses, what it has told is handed over, and it
    /// goes on after that. So a slow client holds up its own work, and no thread.
    async fn with<T>(self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            let done = poll_fn(|context| match work.as_mut().poll(context) {
                Poll::Ready(done) => Poll::Ready(Some(done)),
                Poll::Pending if self.lock().is_empty() => Poll::Pending,
                Poll::Pending => Poll::Ready(None),
            });
            let done = done.await;
            self.hand_over().await;
            if let Some(done) = done {
                return done;
            }
        }
    }
}

fn written<I: Serialize, S: Serialize>(line: &Line<I, S>) -> Vec<u8> {
    // What the surfaces show has text keys alone and always a JSON form.
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    text
}

/// Runs `work` to its end, be the client there or not, and answers with what it tells; what it gives are
/// the sums.
pub(super) fn answer<S, F>(app: &App, work: impl FnOnce(Teller) -> F + Send + 'static) -> Response
where
    S: Serialize + Send + Sync + 'static,
    F: Future<Output = Result<S>> + Send + 'static,
{
    let (teller, receiver) = Teller::new();
    let (begun, tracked) = (Work::begin(), app.clone());
    let told = app.go_on(async move {
        let work = teller.clone().with(work(teller.clone()));
        let fault = match tracked.finish(work).await {
            Ok(sums) => {
                begun.sums(counts(&sums));
                teller.line(&Line::<Value, S>::Sums(sums));
                None
            }
            Err(error) => {
                tracing::error!(kind = %error.kind(), "an answer in lines ended early: {error}");
                teller.line(&Line::<Value, S>::Error((&error).into()));
                Some(problem::status(error.kind()))
            }
        };
        begun.end(fault).await;
        teller.hand_over().await;
    });
    drop(told);
    let body = Body::from_stream(told_of(receiver).map(Ok::<_, Error>));
    let mut response = (StatusCode::OK, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(LINES));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// What is told, and an empty line whenever nothing was for a while.
fn told_of(receiver: mpsc::Receiver<Bytes>) -> impl Stream<Item = Bytes> {
    stream::unfold(receiver, |mut receiver| async move {
        match timeout(SILENCE, receiver.recv()).await {
            Ok(lines) => Some((lines?, receiver)),
            Err(_) => Some((Bytes::from_static(b"\n"), receiver)),
        }
    })
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
    use std::sync::atomic::{AtomicU32, Ordering};

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

    /// Lines that together are far more than may wait.
    const MANY: u32 = 10_000;

    /// Tells of numbers, each as long as a short document.
    async fn count(teller: Teller, at: Arc<AtomicU32>, can_wait: bool) {
        for number in 0..MANY {
            let item = format!("{number:0>100}");
            if can_wait {
                assert!(teller.item(&item).await);
            } else {
                teller.item_now(&item);
                tokio::task::yield_now().await;
            }
            at.store(number, Ordering::Relaxed);
        }
    }

    // The runtime has one thread: were it held, nothing else would go on.
    #[tokio::test]
    async fn a_client_that_does_not_read_holds_up_its_own_work_alone() {
        for can_wait in [false, true] {
            let (teller, mut receiver) = Teller::new();
            let at = Arc::new(AtomicU32::new(0));
            let work = count(teller.clone(), Arc::clone(&at), can_wait);
            let work = tokio::spawn(teller.with(work));
            let mut before = u32::MAX;
            while at.load(Ordering::Relaxed) != before {
                before = at.load(Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert!(before < MANY / 2, "{before} lines wait for nobody");
            let mut lines = Vec::new();
            while let Some(told) = receiver.recv().await {
                lines.extend_from_slice(&told);
            }
            work.await.unwrap();
            let lines = String::from_utf8(lines).unwrap();
            assert!(lines.ends_with('\n'));
            let told = lines.lines().enumerate().map(|(number, line)| {
                assert_eq!(line, format!(r#"{{"item":"{number:0>100}"}}"#));
            });
            assert_eq!(told.count(), usize::try_from(MANY).unwrap());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_silent_work_hears_that_it_goes_on() {
        let (teller, receiver) = Teller::new();
        let speaking = teller.clone();
        let work = tokio::spawn(teller.with(async move {
            for pause in [Duration::from_secs(10), 7 * SILENCE / 2] {
                tokio::time::sleep(pause).await;
                assert!(speaking.item(&1).await);
            }
        }));
        let told: Vec<_> = told_of(receiver).collect().await;
        work.await.unwrap();
        let told = String::from_utf8(told.concat()).unwrap();
        assert_eq!(told, "{\"item\":1}\n\n\n\n{\"item\":1}\n");
    }

    #[tokio::test]
    async fn work_goes_on_when_its_client_is_gone() {
        let (teller, receiver) = Teller::new();
        let at = Arc::new(AtomicU32::new(0));
        let work = count(teller.clone(), Arc::clone(&at), false);
        let told = teller.clone();
        let work = tokio::spawn(teller.with(work));
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!work.is_finished());
        drop(receiver);
        work.await.unwrap();
        assert_eq!(at.load(Ordering::Relaxed), MANY - 1);
        assert!(!told.item(&1).await && told.lock().is_empty());
    }
}
