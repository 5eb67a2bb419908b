//! A day of a trend, as JSON.

use serde_json::{Value, json};

use crate::TrendDay;

/// What was stored on a day.
pub fn day(day: &TrendDay) -> Value {
    json!({
        "date": day.date(),
        "count": day.count,
        "size_bytes": day.size_bytes,
        "stored_size_bytes": day.stored_size_bytes,
        "median_size_bytes": day.median_size_bytes,
        "median_is_exact": day.median_is_exact,
    })
}
