//! What every request goes through, whatever its route: its id, its place among those that are worked
//! on at once, and a line in the log once its answer is out or was given up.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use artifact_domain::{Error, ErrorKind};
use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{Instrument, Level, Span};

use crate::body::announced_length;
use crate::client::{Client, ClientAddress, TrustedProxies};
use crate::metrics::Metrics;
use crate::pace::{Pace, Pieces};
use crate::problem::{Failed, Problem};
use crate::received::Received;
use crate::traces;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Routes that are answered whatever else is worked on.
const ALWAYS: [&str; 3] = ["/healthz", "/metrics", "/openapi.json"];

/// Routes that are asked again and again by those who watch the server.
pub(crate) const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// The longest id of a request that is taken from the client.
const LONGEST_ID: usize = 128;

/// What names a request in the log; rides on it.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) Arc<str>);

/// A place among those that are worked on, until the last who has it is done; rides on the request.
#[derive(Debug, Clone)]
pub(crate) struct Place(
    #[expect(dead_code, reason = "it is held, and no more")] Arc<OwnedSemaphorePermit>,
);

/// How many requests are worked on at once.
#[derive(Debug, Clone)]
pub(crate) struct Observer {
    places: Arc<Semaphore>,
    metrics: Metrics,
    /// Whether requests are parts of traces.
    is_traced: bool,
    proxies: Arc<TrustedProxies>,
    /// How long a body may stand still.
    patience: Duration,
}

impl Observer {
    pub(crate) fn new(
        most: u32,
        metrics: Metrics,
        is_traced: bool,
        proxies: TrustedProxies,
        patience: Duration,
    ) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Self {
            places: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            metrics,
            is_traced,
            proxies: Arc::new(proxies),
            patience,
        }
    }

    /// The span of a request. Those who ask all the time whether the server is well are left out.
    fn span(&self, request: &Request, route: &str, id: &str, client: &Client) -> Span {
        if self.is_traced && !PROBES.contains(&route) {
            let path = request.uri().path();
            let span = traces::of_request(request.method(), route, path, id, request.headers());
            traces::asked_by(&span, client);
            span
        } else {
            Span::none()
        }
    }
}

/// Runs a request.
pub(crate) async fn observe(
    State(observer): State<Observer>,
    mut request: Request,
    next: Next,
) -> Response {
    let client = observer
        .proxies
        .client(request.extensions(), request.headers(), request.uri());
    request.extensions_mut().insert(client.address);
    request.extensions_mut().insert(client.clone());
    let id = request_id(&request);
    request.extensions_mut().insert(RequestId(Arc::from(&*id)));
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(|| Arc::from("unknown"), |route| Arc::from(route.as_str()));
    let span = observer.span(&request, &route, &id, &client);
    observer.metrics.begun();
    let mut line = Line {
        id: id.clone(),
        client: client.address,
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        begun: Instant::now(),
        status: given_up(),
        failed: None,
        sent_bytes: 0,
        all_bytes: None,
        is_whole: false,
        place: None,
        route: Arc::clone(&route),
        metrics: observer.metrics.clone(),
        span: span.clone(),
    };
    // Whether it is alive has to be told at any time.
    let (head, body) = request.into_parts();
    let metrics = observer.metrics.clone();
    let body = Received::new(body, &head.headers, metrics, observer.patience);
    let mut request = Request::from_parts(head, Body::new(body));
    let mut response = if ALWAYS.contains(&&*route) {
        next.run(request).instrument(span).await
    } else {
        match Arc::clone(&observer.places).try_acquire_owned() {
            Ok(place) => {
                let place = Place(Arc::new(place));
                request.extensions_mut().insert(place.clone());
                line.place = Some(place);
                next.run(request).instrument(span).await
            }
            Err(_) => overloaded().into_response(),
        }
    };
    line.status = response.status();
    line.all_bytes = if line.method == Method::HEAD {
        Some(0)
    } else {
        announced_length(response.headers()).ok().flatten()
    };
    line.is_whole = line.all_bytes == Some(0);
    line.failed = response.extensions_mut().remove();
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response.map(|body| {
        let body = Pieces::new(body, Pace::of_this_task());
        Body::new(Observed { body, line })
    })
}

/// What stands in the log for a request whose client went away before it was answered; nobody is told.
pub(crate) fn given_up() -> StatusCode {
    // The number that nginx has made usual for it is in range.
    StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST)
}

fn overloaded() -> Problem {
    let message = "the server works on as many requests as it can";
    let error = Error::new(ErrorKind::Unavailable, message);
    error.with_hint("try it again in a moment").into()
}

/// That of the client, if it can be shown, or one of our own.
fn request_id(request: &Request) -> String {
    let given = request.headers().get(REQUEST_ID);
    let given = given.and_then(|id| id.to_str().ok());
    // It stands in lines of the log, beside what the server says itself.
    let is_plain = |id: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(is_plain)
    };
    let given = given.filter(|id| is_plain(id));
    given.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned)
}

/// What the log says of a request.
#[derive(Debug)]
struct Line {
    id: String,
    client: ClientAddress,
    method: Method,
    path: String,
    begun: Instant,
    status: StatusCode,
    failed: Option<Failed>,
    sent_bytes: u64,
    /// How many bytes there will be, where that is known.
    all_bytes: Option<u64>,
    /// Whether the answer went out to its end.
    is_whole: bool,
    /// Held until nothing has to be made any more and little to be sent, which is neither work nor memory.
    place: Option<Place>,
    route: Arc<str>,
    metrics: Metrics,
    span: Span,
}

impl Drop for Line {
    fn drop(&mut self) {
        let took = self.begun.elapsed();
        let duration_ms = millis(took);
        let method = known(&self.method);
        self.metrics
            .ended(method, &self.route, self.status.as_u16(), took);
        let (status, sent_bytes) = (self.status.as_u16(), self.sent_bytes);
        let kind = self.failed.as_ref().map(|failed| failed.kind.as_str());
        let kind = kind.or((!self.is_whole).then_some("cut-off"));
        traces::ended(&self.span, status, sent_bytes, kind);
        let (method, path, id) = (&self.method, &self.path, &self.id);
        let end = if self.is_whole { "" } else { ", cut off" };
        macro_rules! log {
            ($level:expr, $($more:tt)*) => {
                tracing::event!(
                    $level, http.method = %method, http.path = %path, http.status = status,
                    sent_bytes, duration_ms, request.id = %id,
                    client.address = %self.client, $($more)*
                )
            };
        }
        match &self.failed {
            // It passes, and there may be many of them at once.
            Some(failed) if self.status == StatusCode::SERVICE_UNAVAILABLE => {
                log!(Level::WARN, kind = %failed.kind, "{}{end}", failed.message);
            }
            Some(failed) if self.status.is_server_error() => {
                log!(Level::ERROR, kind = %failed.kind, "{}{end}", failed.message);
            }
            Some(failed) => log!(Level::INFO, kind = %failed.kind, "{}{end}", failed.message),
            None => log!(Level::INFO, "answered{end}"),
        }
    }
}

/// The name of a method; one for all that nobody knows.
fn known(method: &Method) -> &str {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::PUT
        | Method::POST
        | Method::PATCH
        | Method::DELETE => method.as_str(),
        _ => "other",
    }
}

fn millis(span: Duration) -> f64 {
    (span.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

/// A body that knows how much of it went out.
#[derive(Debug)]
struct Observed {
    body: Pieces,
    line: Line,
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = {
            let span = self.line.span.clone();
            // What is read for it only now is a part of the request too.
            let _entered = span.enter();
            ready!(Pin::new(&mut self.body).poll_frame(context))
        };
        match &frame {
            Some(Ok(frame)) => {
                let sent = frame.data_ref().map_or(0, Bytes::len);
                self.line.sent_bytes += sent as u64;
                self.line.metrics.sent(sent as u64);
                let is_all = self.line.all_bytes == Some(self.line.sent_bytes);
                self.line.is_whole = is_all || self.body.is_end_stream();
                if self.line.is_whole || self.body.is_as_good_as_sent() {
                    self.line.place = None;
                }
            }
            Some(Err(_)) => self.line.is_whole = false,
            None => self.line.is_whole = true,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
