//! Points in time. Reads no clock: whoever needs the present asks the `Clock` port.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::segment::excerpt;
use crate::{Error, Result};

/// A point in time, to the microsecond, in UTC. Written as RFC 3339: `2026-03-01T12:00:00.25Z`.
///
/// Invariant: between the years -9999 and 9999, so that it can always be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The latest point in time there is, to the second, so that it survives every way to store it.
    pub const MAX: Self = Self(jiff::Timestamp::constant(253_402_207_200, 0));

    /// The beginning of the Unix epoch.
    pub const UNIX_EPOCH: Self = Self(jiff::Timestamp::UNIX_EPOCH);

    /// The point `micros` microseconds after the beginning of 1970.
    pub fn from_micros(micros: i64) -> Result<Self> {
        jiff::Timestamp::from_microsecond(micros)
            .map(Self)
            .map_err(|_| {
                Error::invalid_input(format!("{micros} µs since 1970 is outside the years ±9999"))
            })
    }

    /// Microseconds since the beginning of 1970, negative before.
    pub fn as_micros(self) -> i64 {
        self.0.as_microsecond()
    }

    /// The point `duration` later, [`Timestamp::MAX`] where that is too far.
    #[must_use]
    pub fn saturating_add(self, duration: std::time::Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.as_micros().saturating_add(micros)).unwrap_or(Self::MAX)
    }

    /// The point `duration` earlier, the epoch where that is before it.
    #[must_use]
    pub fn saturating_sub(self, duration: std::time::Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.as_micros().saturating_sub(micros).max(0))
            .unwrap_or(Self::UNIX_EPOCH)
    }

    /// How long before `later` it is; zero where it is not.
    pub fn until(self, later: Self) -> std::time::Duration {
        let micros = later.as_micros().saturating_sub(self.as_micros());
        std::time::Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    /// Takes RFC 3339 with any offset; what is finer than a microsecond is cut off.
    fn from_str(text: &str) -> Result<Self> {
        let parsed: jiff::Timestamp = text.parse().map_err(|cause: jiff::Error| {
            Error::invalid_input(format!("`{}` is not a time", excerpt(text)))
                .with_hint("write it as RFC 3339: 2026-03-01T12:00:00Z")
                .with_source(cause)
        })?;
        Self::from_micros(parsed.as_microsecond())
    }
}

impl TryFrom<String> for Timestamp {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> Self {
        time.to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_written_in_utc_and_read_with_any_offset() {
        let time: Timestamp = "2026-03-01T13:00:00.1234567+01:00".parse().unwrap();
        assert_eq!(time.to_string(), "2026-03-01T12:00:00.123456Z");
        assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in [
            "",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "2026-03-01T12:00:00",
            "1e99",
        ] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad} was accepted");
        }
        assert!(Timestamp::from_micros(i64::MAX).is_err());
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        assert_eq!(Timestamp::MAX.saturating_add(Duration::MAX), Timestamp::MAX);
        assert_eq!(
            Timestamp::from_micros(Timestamp::MAX.as_micros()).unwrap(),
            Timestamp::MAX
        );
        assert_eq!(
            Timestamp::MAX.to_string().parse::<Timestamp>().unwrap(),
            Timestamp::MAX
        );
        assert_eq!(
            Timestamp::UNIX_EPOCH.saturating_sub(Duration::from_secs(1)),
            Timestamp::UNIX_EPOCH
        );
        assert_eq!(Timestamp::MAX.until(Timestamp::UNIX_EPOCH), Duration::ZERO);
    }
}
