//! Points in time as a person types them.

use std::str::FromStr;

use artifact_domain::{Error, Timestamp};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A point in time as typed: `2026-03-01T12:00:00Z` with any offset, or in UTC
/// `2026-03-01T12:00` or a date alone, which is its midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct When(pub(crate) Timestamp);

impl FromStr for When {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Ok(time) = text.parse() {
            return Ok(Self(time));
        }
        // A civil time with an offset or a zone is none: jiff would read past it.
        let bare = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"-:.T ".contains(&byte));
        let civil = bare.then(|| text.parse::<DateTime>().ok()).flatten();
        let zoned = civil.and_then(|civil| {
            let zoned = civil.to_zoned(TimeZone::UTC).ok()?;
            Timestamp::from_micros(zoned.timestamp().as_microsecond()).ok()
        });
        zoned.map(Self).ok_or_else(|| {
            let shown: String = text.chars().take(60).collect();
            Error::invalid_input(format!("`{}` is not a time", shown.escape_debug())).with_hint(
                "write it as 2026-03-01, 2026-03-01T12:00 (both UTC) or 2026-03-01T12:00:00+01:00",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<String> {
        text.parse::<When>().ok().map(|when| when.0.to_string())
    }

    #[test]
    fn dates_and_times_are_taken() {
        assert_eq!(parse("2026-03-01").as_deref(), Some("2026-03-01T00:00:00Z"));
        assert_eq!(
            parse("2026-03-01T12:30").as_deref(),
            Some("2026-03-01T12:30:00Z")
        );
        assert_eq!(
            parse("2026-03-01 12:30:05").as_deref(),
            Some("2026-03-01T12:30:05Z")
        );
        assert_eq!(
            parse("2026-03-01T12:30:00+01:00").as_deref(),
            Some("2026-03-01T11:30:00Z")
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "",
            "yesterday",
            "2026-02-30",
            "2026",
            "-1",
            "99999-01-01",
            "12:00",
        ] {
            assert_eq!(parse(bad), None, "{bad} was accepted");
        }
    }
}
