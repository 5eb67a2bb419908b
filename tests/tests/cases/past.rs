//! Artifacts that were stored days ago: by the library, under a clock that was set back, into the
//! store of a sandbox.

use std::sync::Arc;

use artifact_app::{Store, UploadRequest};
use artifact_domain::{Coordinate, Timestamp};
use artifact_testkit::ManualClock;
use bytes::Bytes;
use e2e::Sandbox;
use jiff::SignedDuration;

/// What was stored, and when.
pub(crate) struct Past<'a> {
    /// How long ago.
    pub(crate) hours: i64,
    pub(crate) spec: &'a str,
    pub(crate) task: &'a str,
    pub(crate) artifact_type: &'a str,
    pub(crate) name: &'a str,
    pub(crate) bytes: Vec<u8>,
}

/// Stores all of it, kept for years; gives the times at which it was.
pub(crate) fn store(sandbox: &Sandbox, stored: Vec<Past<'_>>) -> Vec<String> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be started");
    runtime.block_on(async {
        let now = jiff::Timestamp::now();
        let clock = ManualClock::new(at(now, 0));
        let store = open(sandbox, &clock).await;
        let mut times = Vec::new();
        for past in stored {
            clock.set(at(now, past.hours));
            let mut request = UploadRequest::new(past.coordinate());
            request.retention_days = Some(5_000);
            let record = store.upload(request, Bytes::from(past.bytes)).await;
            let record = record.expect("it can be stored");
            times.push(record.created_at.to_string());
        }
        store.settle().await;
        times
    })
}

async fn open(sandbox: &Sandbox, clock: &ManualClock) -> Store {
    let settings = super::settings(sandbox, &[("versioning.enabled", "true")]);
    let opened = artifact_bootstrap::open_at(&settings, Arc::new(clock.clone())).await;
    opened.expect("the store can be opened")
}

fn at(now: jiff::Timestamp, hours_ago: i64) -> Timestamp {
    let time = now - SignedDuration::from_hours(hours_ago);
    Timestamp::from_micros(time.as_microsecond()).expect("it is of these years")
}

impl Past<'_> {
    fn coordinate(&self) -> Coordinate {
        let parsed = Coordinate::new(
            self.spec.parse().expect("it is a spec"),
            self.task.parse().expect("it is a task"),
            self.artifact_type.parse().expect("it is a type"),
            self.name.parse().expect("it is a name"),
        );
        parsed.expect("the path is short enough")
    }
}
