//! How much was stored on each day. Judges no artifact and renders nothing.

use std::time::Duration;

use artifact_domain::query::{Filter, Order, Query, Versions};
use artifact_domain::{ArtifactRecord, Error, Result, Timestamp};
use futures::TryStreamExt;

use crate::Store;
use crate::median::Sizes;

/// The most days that a trend has: ten years.
const MAX_DAYS: u32 = 3_660;

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
    /// Whether the median is exact. It is up to a million versions a day; of more it is off by at
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
    /// All versions that can be read count, whatever `filter` says of versions and of times. Memory:
    /// one page of records, one row per day, and 8 bytes for each version of one day, at most 8 MB.
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
        let first = today - i64::from(days) + 1;
        let mut trend = (first..=today)
            .map(|day| Timestamp::from_micros(day * MICROS_OF_A_DAY).map(TrendDay::empty))
            .collect::<Result<Vec<_>>>()?;
        let mut filter = Filter {
            versions: Versions::All,
            created_from: trend.first().map(|day| day.start),
            created_before: trend
                .last()
                .map(|day| day.start.saturating_add(Duration::from_hours(24))),
            ..filter
        };
        // Only what is live has bytes.
        filter.states.retain(|state| state.is_live());
        let mut query = Query::new(filter, now);
        // Day after day, so that the sizes of one are kept at a time.
        query.order = Order::Created;
        let mut records = std::pin::pin!(self.pages(query));
        let mut open: Option<(usize, Sizes)> = None;
        while let Some(record) = records.try_next().await? {
            let day = record.created_at.as_micros().div_euclid(MICROS_OF_A_DAY) - first;
            let at = usize::try_from(day).unwrap_or(usize::MAX);
            let Some(row) = trend.get_mut(at) else {
                continue;
            };
            let size_bytes = add(row, &record)?;
            match &mut open {
                Some((of, sizes)) if *of == at => sizes.add(size_bytes),
                _ => {
                    close(&mut trend, open.take());
                    let mut sizes = Sizes::default();
                    sizes.add(size_bytes);
                    open = Some((at, sizes));
                }
            }
        }
        close(&mut trend, open);
        Ok(trend)
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

fn close(trend: &mut [TrendDay], open: Option<(usize, Sizes)>) {
    if let Some((at, sizes)) = open
        && let Some(row) = trend.get_mut(at)
    {
        row.median_is_exact = sizes.is_exact();
        row.median_size_bytes = sizes.median();
    }
}
