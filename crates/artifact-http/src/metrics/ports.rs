//! What index, blobs and locks take, as OpenMetrics. Knows only what a meter has counted.

use std::fmt;

use artifact_meter::{Meter, UPPER_ENDS};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// Shows what a meter has counted by now.
#[derive(Debug)]
pub(super) struct PortCalls(pub(super) Meter);

impl Collector for PortCalls {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut durations = encoder.encode_descriptor(
            "port_call_duration",
            "What a call of the index, the blob store or the locks took.",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for reading in self.0.readings() {
            let operation = reading.operation;
            let of = [
                ("port", operation.port().name()),
                ("operation", operation.method()),
            ];
            let ends = UPPER_ENDS.iter().map(std::time::Duration::as_secs_f64);
            let ends = ends.chain([f64::INFINITY]);
            let classes: Vec<_> = ends.zip(reading.classes).collect();
            durations
                .encode_family(&of)?
                .encode_histogram::<NoLabelSet>(
                    reading.took.as_secs_f64(),
                    reading.count(),
                    &classes,
                    None,
                )?;
        }
        let mut errors = encoder.encode_descriptor(
            "port_errors",
            "Errors of the index, the blob store and the locks, those of streams on their way too.",
            None,
            MetricType::Counter,
        )?;
        for reading in self.0.readings() {
            let operation = reading.operation;
            for (kind, count) in &reading.errors {
                let of = [
                    ("port", operation.port().name()),
                    ("operation", operation.method()),
                    ("kind", kind.as_str()),
                ];
                let mut errors = errors.encode_family(&of)?;
                errors.encode_counter::<NoLabelSet, _, u64>(count, None)?;
            }
        }
        Ok(())
    }
}
