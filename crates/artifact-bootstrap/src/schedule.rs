//! Cleaning up at set times, for as long as the program runs. Must not know what cleaning up does.

use std::time::Duration;

use artifact_app::{CleanupItem, CleanupOptions, CleanupOutcome, CleanupReport, Store};
use artifact_domain::{Error, Result, Timestamp};
use croner::Cron;
use jiff::tz::TimeZone;

use crate::settings::Retention;

/// The clock is looked at this often, since it may be set meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// The times at which cleanup runs: five fields as in crontab(5), in UTC. A day counts if either
/// the day of the month or that of the week is right, where both are given.
#[derive(Debug, Clone)]
pub struct Schedule(Box<Cron>);

/// Why nothing is cleaned up at set times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSchedule {
    /// `retention.enabled` is false.
    RetentionDisabled,
    /// `retention.schedule` is null.
    NotSet,
}

/// What happens while cleanup runs at set times.
#[derive(Debug)]
pub enum Scheduled<'a> {
    /// It waits until then.
    Waiting(Timestamp),
    /// Something became of an item of its plan.
    Item(&'a CleanupItem, &'a CleanupOutcome),
    /// It ran. What failed is tried again at the next time.
    Ran(&'a Result<CleanupReport>),
}

impl Schedule {
    /// The schedule of the settings, or why there is none.
    ///
    /// # Errors
    /// `InvalidInput` for an expression that no time is like.
    pub fn of(retention: &Retention) -> Result<std::result::Result<Self, NoSchedule>> {
        match &retention.schedule {
            _ if !retention.enabled => Ok(Err(NoSchedule::RetentionDisabled)),
            None => Ok(Err(NoSchedule::NotSet)),
            Some(text) => Self::parse(text).map(Ok),
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let cron: Cron = text.parse().map_err(|cause: croner::errors::CronError| {
            Error::invalid_input(format!("retention.schedule `{text}` cannot be read"))
                .with_source(cause)
        })?;
        Ok(Self(Box::new(cron)))
    }

    /// The first time after `now`; none if there is none in sight.
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let now = jiff::Timestamp::from_microsecond(now.as_micros()).ok()?;
        let now = now.to_zoned(TimeZone::UTC);
        let next = self.0.find_next_occurrence(&now, false).ok()?;
        Timestamp::from_micros(next.timestamp().as_microsecond()).ok()
    }

    /// Waits for the next time by a clock, of which `tell` hears first.
    ///
    /// # Errors
    /// `InvalidInput` for a schedule that has no further time.
    pub async fn wait(
        &self,
        now: impl Fn() -> Timestamp,
        tell: impl FnOnce(Timestamp),
    ) -> Result<()> {
        let next = self.next_after(now()).ok_or_else(|| {
            Error::invalid_input("retention.schedule has no time that ever comes")
                .with_hint("set it to five fields such as \"0 2 * * *\"")
        })?;
        tell(next);
        loop {
            let left = now().until(next);
            if left.is_zero() {
                return Ok(());
            }
            tokio::time::sleep(left.min(LOOK_EVERY)).await;
        }
    }
}

/// Cleans up at every time of a schedule, by the store's clock, until it is dropped. A time that
/// comes while it cleans up is left out; a run that fails is followed by the next.
///
/// # Errors
/// `InvalidInput` for a schedule that has no further time.
pub async fn cleanup_at(
    store: &Store,
    schedule: &Schedule,
    options: CleanupOptions,
    mut observe: impl FnMut(Scheduled<'_>) + Send,
) -> Result<()> {
    loop {
        schedule
            .wait(|| store.now(), |next| observe(Scheduled::Waiting(next)))
            .await?;
        let tell = |item: &CleanupItem, outcome: &CleanupOutcome| {
            observe(Scheduled::Item(item, outcome));
        };
        let ran = store.cleanup(options, tell).await;
        if let Err(error) = &ran {
            tracing::error!(error = %error, "the scheduled cleanup failed");
        }
        observe(Scheduled::Ran(&ran));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(schedule: &str, now: &str) -> Option<String> {
        let now = now.parse().unwrap();
        let schedule = Schedule::parse(schedule).unwrap();
        schedule.next_after(now).map(|time| time.to_string())
    }

    #[test]
    fn the_next_time_is_found_in_utc() {
        for (schedule, now, expected) in [
            (
                "0 2 * * *",
                "2026-03-01T01:59:59.999999Z",
                "2026-03-01T02:00:00Z",
            ),
            ("0 2 * * *", "2026-03-01T02:00:00Z", "2026-03-02T02:00:00Z"),
            (
                "*/15 * * * *",
                "2026-12-31T23:46:00Z",
                "2027-01-01T00:00:00Z",
            ),
            (
                "0 9-17/4 * * mon-fri",
                "2026-03-06T18:00:00Z",
                "2026-03-09T09:00:00Z",
            ),
            (
                "0 0 1 JAN,jul *",
                "2026-03-01T00:00:00Z",
                "2026-07-01T00:00:00Z",
            ),
            ("0 0 29 2 *", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            // Either day is right, and 7 is Sunday.
            (
                "59 23 13 * 7",
                "2026-03-09T00:00:00Z",
                "2026-03-13T23:59:00Z",
            ),
            (
                "59 23 13 * 7",
                "2026-03-14T00:00:00Z",
                "2026-03-15T23:59:00Z",
            ),
        ] {
            assert_eq!(next(schedule, now).as_deref(), Some(expected), "{schedule}");
        }
    }

    #[test]
    fn a_day_that_no_month_has_never_comes() {
        assert_eq!(next("0 0 31 2 *", "2026-03-01T00:00:00Z"), None);
    }
}
