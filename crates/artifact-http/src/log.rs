//! What the server logs, where it goes, and which spans are sent away as traces. Knows no request.

use std::io;

use artifact_bootstrap::settings::{Http, LogFormat};
use artifact_domain::{Error, Result};
use tokio::runtime::Handle;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::traces::{self, Traces};

/// Begins to log to stderr, in colours or not, and to send traces if there is a collector.
///
/// # Errors
/// `InvalidInput` for a filter or an address that is none.
pub(crate) fn begin(http: &Http, colours: bool, runtime: &Handle) -> Result<Option<Traces>> {
    let filter = filter(http)?;
    let Some(endpoint) = &http.otlp_endpoint else {
        // One filter for all: what is not logged is not even made.
        tracing_subscriber::registry()
            .with(lines(http.log_format, colours))
            .with(filter)
            .init();
        return Ok(None);
    };
    let traces = Traces::to(endpoint, runtime)?;
    let lines = lines(http.log_format, colours).with_filter(filter.and(filter_fn(is_for_people)));
    let spans = traces.layer().with_filter(traces::filter());
    tracing_subscriber::registry()
        .with(lines)
        .with(spans)
        .init();
    Ok(Some(traces))
}

fn filter(http: &Http) -> Result<EnvFilter> {
    // As for the command line, the environment has the last word.
    match EnvFilter::try_from_env("ARTIFACT_LOG") {
        Ok(filter) => Ok(filter),
        Err(_) => EnvFilter::try_new(&http.log).map_err(|cause| {
            Error::invalid_input(format!("http.log `{}` is no filter", http.log)).with_source(cause)
        }),
    }
}

/// The lines of the log.
fn lines<S>(format: LogFormat, colours: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(colours)
        .with_target(false);
    match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    }
}

/// Spans of traces would stand before every line, and each failure to send some is said by
/// [`traces`] once.
fn is_for_people(of: &Metadata<'_>) -> bool {
    let is_of_the_sender = of.target().starts_with("opentelemetry");
    !traces::is_trace(of) && (!is_of_the_sender || *of.level() == Level::WARN)
}
