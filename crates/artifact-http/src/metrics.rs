//! Numbers for those who watch the server, in the text format of OpenMetrics. Knows no route.

mod ports;

use std::sync::Arc;
use std::time::Duration;

use artifact_app::{CleanupReport, GcReport, Usage};
use artifact_domain::{Error, ErrorKind, Result, Timestamp};
use artifact_meter::Meter;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The media type of the text.
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The upper ends of the classes of durations, in seconds.
const SECONDS: [f64; 14] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0,
];

/// What requests are told apart by. Each has few values, whatever clients send.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    method: String,
    route: Arc<str>,
}

/// The same, with how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    method: String,
    route: Arc<str>,
    status: u32,
}

/// A job that runs now and then.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Job {
    job: &'static str,
    outcome: &'static str,
}

/// The same, whatever came of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    job: &'static str,
}

/// All numbers. Cloning it is cheap and gives the same ones.
#[derive(Debug, Clone)]
pub(crate) struct Metrics(Arc<Numbers>);

#[derive(Debug)]
struct Numbers {
    registry: Registry,
    requests: Family<Ended, Counter>,
    durations: Family<Of, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    received_bytes: Counter,
    sent_bytes: Counter,
    jobs: Family<Job, Counter>,
    job_ended: Family<Named, Gauge>,
    job_failures: Family<Named, Counter>,
    expired: Counter,
    cleared: Counter,
    cleared_bytes: Counter,
    versions: Gauge,
    held_bytes: Gauge,
    limit_bytes: Gauge,
    uploads: Gauge,
}

fn durations() -> Histogram {
    Histogram::new(SECONDS)
}

impl Metrics {
    /// No numbers yet but those of `meter`, which go on counting.
    pub(crate) fn new(meter: &Meter) -> Self {
        let mut registry = Registry::with_prefix("artifact");
        let (requests, jobs) = (Family::default(), Family::default());
        let (job_ended, job_failures) = (Family::default(), Family::default());
        let durations = Family::new_with_constructor(durations as fn() -> Histogram);
        let counter = || Counter::default();
        let (received, sent, expired, cleared) = (counter(), counter(), counter(), counter());
        let (cleared_bytes, gauge) = (counter(), || Gauge::default());
        let (in_flight, versions, held, limit, uploads) =
            (gauge(), gauge(), gauge(), gauge(), gauge());
        registry.register(
            "http_requests",
            "Requests that were answered",
            requests.clone(),
        );
        registry.register_with_unit(
            "http_request_duration",
            "From the head of a request to the last byte of its answer",
            Unit::Seconds,
            durations.clone(),
        );
        registry.register(
            "http_requests_in_flight",
            "Requests that are worked on",
            in_flight.clone(),
        );
        registry.register(
            "http_received_bytes",
            "Bytes of bodies of requests",
            received.clone(),
        );
        registry.register(
            "http_sent_bytes",
            "Bytes of bodies of answers",
            sent.clone(),
        );
        registry.register(
            "jobs",
            "Runs of cleanup and gc, by this server",
            jobs.clone(),
        );
        registry.register_with_unit(
            "job_ended_timestamp",
            "When cleanup and gc ended last, well or not",
            Unit::Seconds,
            job_ended.clone(),
        );
        registry.register(
            "job_failures",
            "What cleanup and gc could not clear",
            job_failures.clone(),
        );
        registry.register(
            "expired_versions",
            "Versions that cleanup has taken away",
            expired.clone(),
        );
        registry.register("gc_items", "Items that gc has cleared", cleared.clone());
        registry.register("gc_bytes", "Bytes that gc has freed", cleared_bytes.clone());
        registry.register(
            "stored_versions",
            "Versions that are stored",
            versions.clone(),
        );
        registry.register(
            "held_bytes",
            "Bytes that count against the quota",
            held.clone(),
        );
        registry.register("limit_bytes", "The quota; 0 for none", limit.clone());
        registry.register(
            "uploads",
            "Uploads on their way, of all writers",
            uploads.clone(),
        );
        registry.register_collector(Box::new(ports::PortCalls(meter.clone())));
        Self(Arc::new(Numbers {
            registry,
            requests,
            durations,
            in_flight,
            received_bytes: received,
            sent_bytes: sent,
            jobs,
            job_ended,
            job_failures,
            expired,
            cleared,
            cleared_bytes,
            versions,
            held_bytes: held,
            limit_bytes: limit,
            uploads,
        }))
    }

    /// A request is worked on.
    pub(crate) fn begun(&self) {
        self.0.in_flight.inc();
    }

    /// A request is answered, or was given up.
    pub(crate) fn ended(&self, method: &str, route: &Arc<str>, status: u16, took: Duration) {
        self.0.in_flight.dec();
        let (method, route) = (method.to_owned(), Arc::clone(route));
        let of = Of {
            method: method.clone(),
            route: Arc::clone(&route),
        };
        self.0
            .durations
            .get_or_create(&of)
            .observe(took.as_secs_f64());
        let ended = Ended {
            method,
            route,
            status: status.into(),
        };
        self.0.requests.get_or_create(&ended).inc();
    }

    pub(crate) fn received(&self, bytes: u64) {
        self.0.received_bytes.inc_by(bytes);
    }

    pub(crate) fn sent(&self, bytes: u64) {
        self.0.sent_bytes.inc_by(bytes);
    }

    /// A cleanup ended at `now`.
    pub(crate) fn cleaned_up(&self, ran: &Result<CleanupReport>, now: Timestamp) {
        let failures = ran.as_ref().map_or(1, |report| report.failed);
        self.job("cleanup", failures, now);
        if let Ok(report) = ran {
            self.0.expired.inc_by(report.expired);
        }
    }

    /// Garbage was collected until `now`.
    pub(crate) fn collected(&self, ran: &Result<GcReport>, now: Timestamp) {
        let failures = ran
            .as_ref()
            .map_or(1, |report| report.failures.len() as u64);
        self.job("gc", failures, now);
        if let Ok(report) = ran {
            self.0.cleared.inc_by(report.items);
            self.0.cleared_bytes.inc_by(report.size_bytes);
        }
    }

    fn job(&self, job: &'static str, failures: u64, now: Timestamp) {
        let outcome = if failures == 0 { "ok" } else { "failed" };
        self.0.jobs.get_or_create(&Job { job, outcome }).inc();
        let named = Named { job };
        let seconds = now.as_micros() / 1_000_000;
        self.0.job_ended.get_or_create(&named).set(seconds);
        self.0.job_failures.get_or_create(&named).inc_by(failures);
    }

    /// All of them as text, with what is stored by now.
    pub(crate) fn text(&self, usage: &Usage) -> Result<String> {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let total = usage.total();
        self.0.versions.set(signed(total.count));
        self.0.held_bytes.set(signed(total.held_bytes()));
        self.0
            .limit_bytes
            .set(signed(usage.limit_bytes().unwrap_or(0)));
        self.0.uploads.set(signed(total.uploads));
        let mut text = String::new();
        encode(&mut text, &self.0.registry).map_err(|cause| {
            Error::new(ErrorKind::Internal, "the metrics can't be written").with_source(cause)
        })?;
        Ok(text)
    }
}
