//! How much was stored on each day. Judges no artifact and renders nothing.

use std::time::Duration;

use artifact_domain::query::{Filter, Query, Versions};
use artifact_domain::{ArtifactRecord, Error, Result, Timestamp};
use futures::{StreamExt, TryStreamExt, stream};

use crate::Store;
use crate::median::Sizes;

/// The most days that a trend has: ten years.
const MAX_DAYS: u32 = 3_660;

/// How many days are counted at once.
const DAYS_AT_ONCE: usize = 4;

const MICROS_OF_A_DAY: i64 = 86_400 * 1_000_000;

/// One day of a trend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrendDay {
    /// Its beginning: midnight, UTC.
    pub start: Timestamp,
    /// How many versions were created on it.
    pub count: u64,
    /// Their original bytes.
    pub size_bytes: u64,
    /// The bytes of their blobs.
    pub stored_size_bytes: u64,
    /// The median of their original bytes, of an even number the mean of the middle two, rounded
    /// down; none for a day without versions.
    pub median_size_bytes: Option<u64>,
    /// Whether the median is exact. It is up to 250,000 versions a day; of more it is off by at
    /// most 0.8 %.
    pub median_is_exact: bool,
}

impl TrendDay {
    fn empty(start: Timestamp) -> Self {
        Self {
            start,
            count: 0,
            size_bytes: 0,
            stored_size_bytes: 0,
            median_size_bytes: None,
            median_is_exact: true,
        }
    }

    /// The day as `2026-03-01`.
    pub fn date(&self) -> String {
        let time = self.start.to_string();
        time.split('T').next().unwrap_or_default().to_owned()
    }
}

impl Store {
    /// What `filter` selects, by the day in UTC on which it was created: today and the days before
    /// it, `days` in all, the oldest first. A day without any is there too.
    ///
    /// All versions that can be read count, whatever `filter` says of versions and of times. Several
    /// days are counted at once. Memory: one row per day, and for each of the days that are counted
    /// one page of records, and 8 bytes for each of its versions, at most 2 MB.
    ///
    /// # Errors
    /// `InvalidInput` for no day or more than 3,660.
    pub async fn trend(&self, filter: Filter, days: u32) -> Result<Vec<TrendDay>> {
        if !(1..=MAX_DAYS).contains(&days) {
            return Err(Error::invalid_input(format!(
                "a trend has 1 to {MAX_DAYS} days, not {days}"
            )));
        }
        let now = self.now();
        let today = now.as_micros().div_euclid(MICROS_OF_A_DAY);
        let days: Vec<_> = (today - i64::from(days) + 1..=today).collect();
        stream::iter(days)
            .map(|day| self.trend_day(filter.clone(), day, now))
            .buffered(DAYS_AT_ONCE)
            .try_collect()
            .await
    }

    /// One day, by its number since 1970.
    async fn trend_day(&self, mut filter: Filter, day: i64, now: Timestamp) -> Result<TrendDay> {
        let start = Timestamp::from_micros(day * MICROS_OF_A_DAY)?;
        filter.versions = Versions::All;
        filter.created_from = Some(start);
        filter.created_before = Some(start.saturating_add(Duration::from_hours(24)));
        // Only what is live has bytes.
        filter.states.retain(|state| state.is_live());
        let mut row = TrendDay::empty(start);
        let mut sizes = Sizes::default();
        let mut records = std::pin::pin!(self.pages(Query::new(filter, now)));
        while let Some(record) = records.try_next().await? {
            sizes.add(add(&mut row, &record)?);
        }
        row.median_is_exact = sizes.is_exact();
        row.median_size_bytes = sizes.median();
        Ok(row)
    }
}

/// Counts a version; gives its original bytes.
fn add(row: &mut TrendDay, record: &ArtifactRecord) -> Result<u64> {
    let content = record.stored_content()?;
    row.count += 1;
    row.size_bytes = row.size_bytes.saturating_add(content.size_bytes);
    row.stored_size_bytes = row
        .stored_size_bytes
        .saturating_add(content.stored_size_bytes);
    Ok(content.size_bytes)
}
