//! A day of a trend, as a document.

use crate::TrendDay;

/// What was stored on a day.
pub fn day(day: &TrendDay) -> artifact_api::TrendDay {
    artifact_api::TrendDay {
        count: day.count,
        date: day.date(),
        median_is_exact: day.median_is_exact,
        median_size_bytes: day.median_size_bytes,
        size_bytes: day.size_bytes,
        stored_size_bytes: day.stored_size_bytes,
    }
}
