//! What stands between a call and the service: timeouts first, then retries, so that what hangs is
//! tried again. Knows nothing of blobs.

use std::time::Duration;

use opendal::Operator;
use opendal::layers::{RetryEvent, RetryLayer, TimeoutLayer};

use super::{backoff, retrying};
use crate::error::brief;

/// How long a call without a body may take, and how long a download may stand still.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// How many bytes of one part an upload sends in that time at least, or else counts as stalled: 64 KiB
/// a second.
const SLOWEST_PART: u64 = 30 * 64 * 1024;

/// For calls without a body.
pub(super) fn of_calls(bare: &Operator, retries: u32, patience: Duration) -> Operator {
    retried(timed(bare, patience, patience), retries, 1)
}

/// For downloads: a stream resumes by itself, at the byte where it broke.
pub(super) fn of_reads(bare: &Operator, patience: Duration) -> Operator {
    timed(bare, patience, patience)
}

/// For uploads in parts of up to `part_bytes`, so many at once: each is timed out and sent again by
/// itself.
pub(super) fn of_writes(
    bare: &Operator,
    part_bytes: u64,
    at_once: u16,
    (retries, patience): (u32, Duration),
) -> Operator {
    let times = u32::try_from(part_bytes.div_ceil(SLOWEST_PART)).unwrap_or(u32::MAX);
    let of_part = patience.saturating_mul(times.saturating_add(1));
    retried(timed(bare, patience, of_part), retries, at_once)
}

fn timed(bare: &Operator, of_call: Duration, of_body: Duration) -> Operator {
    let timeouts = TimeoutLayer::new().with_timeout(of_call);
    bare.clone().layer(timeouts.with_io_timeout(of_body))
}

/// The layer counts the faults of a writer, whichever of its parts they befall: a service that is
/// away for a moment breaks all that are under way, so each adds its own to what is borne, and the
/// waits double with each round of them.
fn retried(operator: Operator, retries: u32, at_once: u16) -> Operator {
    let retries = retries.saturating_mul(u32::from(at_once));
    let retries = usize::try_from(retries).unwrap_or(usize::MAX);
    let layer = RetryLayer::new()
        .with_max_times(retries)
        .with_min_delay(backoff::FIRST)
        .with_max_delay(backoff::LONGEST)
        .with_factor(2_f32.powf(1.0 / f32::from(at_once)))
        .with_jitter();
    operator.layer(layer.with_notify(|event: RetryEvent<'_>| tell(&event)))
}

fn tell(event: &RetryEvent<'_>) {
    let doing = brief::doing(event.op.into_static(), event.err);
    let cause = brief::of_opendal(event.err);
    retrying::tell(doing, event.attempt, event.retry_after, &cause);
}
