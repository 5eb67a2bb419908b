//! The numbers: a histogram of durations and a count of errors for every operation, in atomics alone.
//! Knows no port.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use artifact_domain::{ErrorKind, Result};

use tracing::Instrument;
use tracing::field::Empty;

use crate::Operation;

/// The target of the spans of calls, of the level `TRACE`: one for each call, named after port and method.
pub const SPANS: &str = "artifact_meter::call";

/// The upper ends of the classes of durations. One class more has what took longer.
pub const UPPER_ENDS: [Duration; 16] = [
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(10),
    Duration::from_mins(1),
];

const CLASSES: usize = UPPER_ENDS.len() + 1;
const OPERATIONS: usize = Operation::ALL.len();
const KINDS: usize = ErrorKind::ALL.len();

/// What calls took and how they failed. Cloning it is cheap and gives the same one; counting takes no
/// lock.
#[derive(Debug, Clone)]
pub struct Meter(Arc<[Calls; OPERATIONS]>);

#[derive(Debug)]
struct Calls {
    classes: [AtomicU64; CLASSES],
    nanos: AtomicU64,
    errors: [AtomicU64; KINDS],
}

/// What was counted of one operation. Calls that end while it is read may be in one number and not yet in
/// another.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Which.
    pub operation: Operation,
    /// How many calls took at most as long as the upper end of their class and longer than that of the
    /// class before; the last ones took longer than all.
    pub classes: [u64; CLASSES],
    /// How long all of them took together.
    pub took: Duration,
    /// How many errors there were of each kind that there was.
    pub errors: Vec<(ErrorKind, u64)>,
}

impl Reading {
    /// How many calls have ended.
    pub fn count(&self) -> u64 {
        self.classes.iter().sum()
    }
}

impl Default for Meter {
    fn default() -> Self {
        let zeros = || Calls {
            classes: std::array::from_fn(|_| AtomicU64::new(0)),
            nanos: AtomicU64::new(0),
            errors: std::array::from_fn(|_| AtomicU64::new(0)),
        };
        Self(Arc::new(std::array::from_fn(|_| zeros())))
    }
}

impl Meter {
    /// A meter that has counted nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was counted of every operation that was called.
    pub fn readings(&self) -> impl Iterator<Item = Reading> + '_ {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let all = Operation::ALL.into_iter().zip(self.0.iter());
        let readings = all.map(move |(operation, calls)| Reading {
            operation,
            classes: std::array::from_fn(|class| read(&calls.classes[class])),
            took: Duration::from_nanos(read(&calls.nanos)),
            errors: ErrorKind::ALL
                .into_iter()
                .zip(calls.errors.iter().map(read))
                .filter(|(_, count)| *count > 0)
                .collect(),
        });
        readings.filter(|reading| reading.count() > 0)
    }

    /// Runs a call in a span of its own and counts it.
    pub(crate) async fn time<T>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let span = tracing::trace_span!(
            target: SPANS,
            "call",
            otel.name = %format_args!("{}.{}", operation.port().name(), operation.method()),
            error.type = Empty,
        );
        let begun = Instant::now();
        let result = call.instrument(span.clone()).await;
        self.ended(operation, begun.elapsed());
        if let Err(error) = &result {
            span.record("error.type", error.kind().as_str());
            self.failed(operation, error.kind());
        }
        result
    }

    fn ended(&self, operation: Operation, took: Duration) {
        let calls = &self.0[operation as usize];
        let class = UPPER_ENDS.partition_point(|end| *end < took);
        calls.classes[class].fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        calls.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// An operation has met an error.
    pub(crate) fn failed(&self, operation: Operation, kind: ErrorKind) {
        self.0[operation as usize].errors[kind as usize].fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(meter: &Meter) -> Reading {
        let readings: Vec<_> = meter.readings().collect();
        assert_eq!(readings.len(), 1, "{readings:?}");
        readings[0].clone()
    }

    #[test]
    fn a_call_is_in_the_class_that_it_just_fits_in() {
        assert!(UPPER_ENDS.is_sorted());
        for (class, end) in UPPER_ENDS.into_iter().enumerate() {
            let meter = Meter::new();
            let just_over = end + Duration::from_nanos(1);
            meter.ended(Operation::IndexFind, end);
            meter.ended(Operation::IndexFind, just_over);
            let reading = only(&meter);
            assert_eq!((reading.classes[class], reading.classes[class + 1]), (1, 1));
            assert_eq!((reading.count(), reading.took), (2, end + just_over));
        }
        let meter = Meter::new();
        meter.ended(Operation::IndexFind, Duration::ZERO);
        assert_eq!(only(&meter).classes[0], 1);
    }

    #[test]
    fn every_kind_has_a_number_of_its_own() {
        let meter = Meter::new();
        meter.ended(Operation::BlobsGet, Duration::ZERO);
        for (times, kind) in (1..).zip(ErrorKind::ALL) {
            for _ in 0..times {
                meter.failed(Operation::BlobsGet, kind);
            }
        }
        let expected: Vec<_> = ErrorKind::ALL.into_iter().zip(1..).collect();
        assert_eq!(only(&meter).errors, expected);
    }

    #[test]
    fn many_threads_lose_nothing() {
        let meter = Meter::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let meter = meter.clone();
                scope.spawn(move || {
                    for _ in 0..10_000 {
                        meter.ended(Operation::LocksAcquire, Duration::from_nanos(7));
                    }
                });
            }
        });
        let reading = only(&meter);
        let took = Duration::from_micros(280);
        assert_eq!((reading.count(), reading.took), (40_000, took));
    }
}
