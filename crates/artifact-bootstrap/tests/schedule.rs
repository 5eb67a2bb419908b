//! Cleanup at set times, with a clock that follows the time that the runtime pretends. Knows
//! nothing of cron expressions.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

use std::sync::Arc;
use std::time::Duration;

use artifact_app::{CleanupOptions, Ports, Store, StoreOptions, UploadRequest};
use artifact_bootstrap::settings::Settings;
use artifact_bootstrap::{NoSchedule, Schedule, Scheduled, cleanup_at};
use artifact_domain::Timestamp;
use artifact_domain::policy::RetentionPolicy;
use artifact_domain::port::Clock;
use artifact_testkit::{FaultyIndex, IndexFault, IndexOperation, When};
use artifact_testkit::{MemoryBlobStore, MemoryIndex, sample};
use bytes::Bytes;
use tokio::time::Instant;

/// Goes on as the runtime's time does, from noon on.
struct RuntimeClock(Instant);

impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        sample::now().saturating_add(self.0.elapsed())
    }
}

fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::with_base_path(std::path::Path::new("/nowhere")).unwrap();
    change(&mut settings);
    settings
}

#[tokio::test(start_paused = true)]
async fn it_runs_at_each_time_and_a_run_that_fails_is_followed_by_the_next() {
    let index = Arc::new(MemoryIndex::new().strict());
    let faulty = Arc::new(FaultyIndex::new(index.clone()));
    let ports = Ports {
        blobs: Arc::new(MemoryBlobStore::new()),
        index: faulty.clone(),
        locks: None,
        clock: Arc::new(RuntimeClock(Instant::now())),
        tiers: artifact_app::Tiers::default(),
    };
    let options = StoreOptions {
        retention: RetentionPolicy {
            default_days: Some(1),
            ..RetentionPolicy::default()
        },
        ..StoreOptions::default()
    };
    let store = Store::new(ports, options);
    let request = UploadRequest::new(sample::coordinate("s", "t", "log", "a"));
    store.upload(request, Bytes::from("text")).await.unwrap();
    let down = IndexFault::Fail(artifact_domain::ErrorKind::Internal);
    faulty.inject(IndexOperation::RetentionMark, When::Nth(1), down);
    let schedule = Schedule::of(&settings(|_| {}).retention).unwrap().unwrap();
    let mut told = Vec::new();
    let work = cleanup_at(&store, &schedule, CleanupOptions::default(), |happens| {
        told.push(match happens {
            Scheduled::Waiting(until) => format!("waiting until {until}"),
            Scheduled::Item(item, outcome) => {
                format!("{} {outcome:?}", item.record.coordinate.name())
            }
            Scheduled::Ran(Ok(report)) => format!("{} expired", report.expired),
            Scheduled::Ran(Err(error)) => error.to_string(),
        });
    });
    let days = Duration::from_hours(2 * 24 + 23);
    assert!(tokio::time::timeout(days, work).await.is_err(), "it ended");
    assert_eq!(
        told,
        [
            "waiting until 2026-03-02T02:00:00Z",
            "injected fault of RetentionMark",
            "waiting until 2026-03-03T02:00:00Z",
            "a Done",
            "1 expired",
            "waiting until 2026-03-04T02:00:00Z",
            "0 expired",
            "waiting until 2026-03-05T02:00:00Z",
        ]
    );
    assert_eq!(index.records(), []);
}

#[test]
fn a_schedule_can_be_off_and_says_why() {
    let off = settings(|settings| settings.retention.enabled = false);
    assert_eq!(
        Schedule::of(&off.retention).unwrap().unwrap_err(),
        NoSchedule::RetentionDisabled
    );
    let unset = settings(|settings| settings.retention.schedule = None);
    assert_eq!(
        Schedule::of(&unset.retention).unwrap().unwrap_err(),
        NoSchedule::NotSet
    );
}
