//! Times in headers (RFC 9110 section 5.6.7).

use std::time::{Duration, UNIX_EPOCH};

use artifact_domain::Timestamp;

/// A time to the second, as headers have it; what is before 1970 is 1970.
pub(crate) fn http_date(time: Timestamp) -> String {
    let seconds = time.as_micros().div_euclid(1_000_000);
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    // Four digits of a year are all that there are.
    httpdate::fmt_http_date(UNIX_EPOCH + since.min(Duration::from_secs(253_402_300_799)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_time_has_a_date() {
        let of = |text: &str| http_date(text.parse().unwrap());
        assert_eq!(
            of("2026-03-01T12:00:00.9Z"),
            "Sun, 01 Mar 2026 12:00:00 GMT"
        );
        assert_eq!(
            http_date(Timestamp::UNIX_EPOCH),
            "Thu, 01 Jan 1970 00:00:00 GMT"
        );
        assert!(http_date(Timestamp::MAX).ends_with("GMT"));
    }
}
