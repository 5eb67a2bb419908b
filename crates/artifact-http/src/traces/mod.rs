//! Traces of requests for OpenTelemetry: one span for each, which goes on the trace of whoever asked, and below it
//! one for each call of a port. They are sent behind the answers from a queue that drops what does not fit, so that no request waits for
//! them or fails of them.

mod send;

use std::time::Duration;

use artifact_domain::Result;
use http::{HeaderMap, Method};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry::{Key, KeyValue};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::field::Empty;
use tracing::subscriber::Interest;
use tracing::{Metadata, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::{Context as LayerContext, Filter};
use tracing_subscriber::registry::{ExtensionsMut, LookupSpan};

use crate::client::Client;

/// What spans of traces are told by among all others.
const TARGET: &str = "artifact_http::trace";

/// How long sending may take: of one batch, and of the rest at the end.
const PATIENCE: Duration = Duration::from_secs(3);

/// How many calls of ports a request shows: one that goes through all artifacts makes hundreds of thousands,
/// which would leave no room for other requests, nor for itself.
const MOST_CALLS: u32 = 64;

/// Sends traces to a collector.
#[derive(Debug)]
pub(crate) struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Traces for the collector at `endpoint`, sent by `runtime`.
    ///
    /// # Errors
    /// `InvalidInput` for an address that can't be sent to.
    pub(crate) fn to(endpoint: &str, runtime: &Handle) -> Result<Self> {
        let exporter = send::exporter(endpoint, runtime)?;
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).build())
            .with_resource(resource())
            .build();
        Ok(Self { provider })
    }

    /// What makes spans into traces.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let tracer = self.provider.tracer(env!("CARGO_PKG_NAME"));
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
    }

    /// Sends what is still there, for a few seconds at most.
    pub(crate) async fn end(self) {
        let ended = tokio::task::spawn_blocking(move || {
            if let Err(fault) = self.provider.shutdown_with_timeout(PATIENCE) {
                tracing::debug!("the last traces were not sent: {fault}");
            }
        });
        // A panic has told of itself.
        let _ = ended.await;
    }
}

/// What the server calls itself, unless a variable of OpenTelemetry gives it another name.
fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let given = Resource::builder().with_attribute(version);
    let name = Resource::builder().build().get(&Key::new("service.name"));
    let is_named = name.is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    if is_named {
        given.build()
    } else {
        given.with_service_name(env!("CARGO_PKG_NAME")).build()
    }
}

/// Whether a span is made for traces.
pub(crate) fn is_trace(of: &Metadata<'_>) -> bool {
    [TARGET, artifact_meter::SPANS].contains(&of.target())
}

/// Lets through what traces are made of: requests, and the first calls that are made for one of them.
pub(crate) fn filter<S>() -> impl Filter<S> + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let filter = dynamic_filter_fn(|of, context: &LayerContext<'_, S>| match of.target() {
        TARGET => true,
        artifact_meter::SPANS => {
            let request = context.lookup_current();
            request.is_some_and(|request| has_room(&mut request.extensions_mut()))
        }
        _ => false,
    });
    filter.with_callsite_filter(|of| {
        if is_trace(of) {
            Interest::sometimes()
        } else {
            Interest::never()
        }
    })
}

/// How many spans a request has below it.
struct Calls(u32);

/// Counts one more, unless there are too many already.
fn has_room(request: &mut ExtensionsMut<'_>) -> bool {
    let before = request.remove::<Calls>().map_or(0, |calls| calls.0);
    request.insert(Calls(before.saturating_add(1)));
    before < MOST_CALLS
}

/// The span of a request, which is a part of the trace that its head names.
pub(crate) fn of_request(
    method: &Method,
    route: &str,
    path: &str,
    id: &str,
    head: &HeaderMap,
) -> Span {
    let span = tracing::info_span!(
        target: TARGET,
        "request",
        otel.name = %format_args!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = %method,
        http.route = route,
        http.response.status_code = Empty,
        http.response.body.size = Empty,
        url.path = path,
        request.id = id,
        client.address = Empty,
        url.scheme = Empty,
        server.address = Empty,
        error.type = Empty,
    );
    let parent = TraceContextPropagator::new().extract(&HeaderExtractor(head));
    // It fails where no layer makes traces, or the span is one of no trace: then there is nothing to set.
    let _ = span.set_parent(parent);
    span
}

/// Says who asks, and how.
pub(crate) fn asked_by(span: &Span, client: &Client) {
    span.record("client.address", tracing::field::display(client.address));
    span.record("url.scheme", client.scheme);
    if let Some(host) = &client.host {
        span.record("server.address", host.as_str());
    }
}

/// Says how a request ended.
pub(crate) fn ended(span: &Span, status: u16, sent_bytes: u64, error: Option<&str>) {
    span.record("http.response.status_code", i64::from(status));
    span.record(
        "http.response.body.size",
        i64::try_from(sent_bytes).unwrap_or(i64::MAX),
    );
    if let Some(kind) = error {
        span.record("error.type", kind);
    }
    if status >= 500 {
        span.record("otel.status_code", "error");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tracing::span::{Attributes, Id};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    struct Count(Arc<AtomicU32>);

    impl<S: Subscriber> Layer<S> for Count {
        fn on_new_span(&self, _: &Attributes<'_>, _: &Id, _: LayerContext<'_, S>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_request_shows_its_first_calls_and_others_show_none() {
        let count = Arc::new(AtomicU32::new(0));
        let layer = Count(Arc::clone(&count)).with_filter(filter());
        let call = || drop(tracing::trace_span!(target: artifact_meter::SPANS, "call"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            call();
            tracing::info_span!("other").in_scope(call);
            assert_eq!(count.load(Ordering::Relaxed), 0);
            for requests in 1..=2 {
                let request = tracing::info_span!(target: TARGET, "request");
                for _ in 0..2 * MOST_CALLS {
                    request.in_scope(|| tracing::info_span!("other").in_scope(call));
                }
                let expected = requests * (1 + MOST_CALLS);
                assert_eq!(count.load(Ordering::Relaxed), expected);
            }
        });
    }
}
