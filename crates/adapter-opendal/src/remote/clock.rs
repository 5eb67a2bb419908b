//! What a service's clock says beside this machine's: signatures hold for some minutes only. Knows no
//! service.

use artifact_domain::{Check, ErrorKind, Timestamp};
use http::HeaderMap;

/// From which difference on somebody should look at the clock, and from which on signatures fail.
const WARN_S: u64 = 60;
const FAIL_S: u64 = 900;

/// Compares the time with that of an answer which has just come.
pub(super) fn check(answer: &HeaderMap, now: Timestamp) -> Check {
    let date = answer.get(http::header::DATE);
    let date = date.and_then(|date| date.to_str().ok());
    clock(date.and_then(seconds_of_date), now)
}

fn clock(service_s: Option<i64>, now: Timestamp) -> Check {
    const NAME: &str = "clock";
    let Some(service_s) = service_s else {
        return Check::warn(
            NAME,
            "the service does not say what time it is",
            "none is needed",
        );
    };
    let here_s = now.as_micros() / 1_000_000;
    let differs_s = here_s.abs_diff(service_s);
    let message = format!("differs from the service's by {differs_s} s");
    let hint = "set the clock, for example by NTP: signatures hold for some minutes only";
    match differs_s {
        FAIL_S.. => {
            let error = artifact_domain::Error::new(ErrorKind::Unauthenticated, message);
            Check::fail(NAME, &error.with_hint(hint))
        }
        WARN_S.. => Check::warn(NAME, message, hint),
        _ => Check::ok(NAME, message),
    }
}

/// Seconds since 1970 of an HTTP date, as in `Sun, 06 Nov 1994 08:49:37 GMT`.
fn seconds_of_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = text.split_once(", ")?.1.split(' ');
    let (day, month, year) = (words.next()?, words.next()?, words.next()?);
    let time = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let rfc_3339 = format!("{year}-{month:02}-{day}T{time}Z");
    let instant: Timestamp = rfc_3339.parse().ok()?;
    Some(instant.as_micros() / 1_000_000)
}

#[cfg(test)]
mod tests {
    use artifact_domain::CheckOutcome;

    use super::*;

    #[test]
    fn the_clock_is_compared_with_the_date_of_answers() {
        assert_eq!(
            seconds_of_date("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(784_111_777)
        );
        assert_eq!(seconds_of_date("yesterday"), None);
        let now = Timestamp::from_micros(784_111_777_000_000).unwrap();
        let outcome = |differs: i64| clock(Some(784_111_777 + differs), now).outcome;
        assert_eq!(outcome(59), CheckOutcome::Ok);
        assert_eq!(outcome(-60), CheckOutcome::Warn);
        assert_eq!(outcome(900), CheckOutcome::Fail(ErrorKind::Unauthenticated));
        assert_eq!(clock(None, now).outcome, CheckOutcome::Warn);
    }
}
