//! For how many days of its own something is kept that comes from an archive. Knows no archive.

use std::ops::RangeInclusive;
use std::time::Duration;

use artifact_domain::policy::FOR_EVER_DAYS;
use artifact_domain::{Error, Result, Timestamp};

const DAY: Duration = Duration::from_hours(24);

/// For how many days something can be kept that is not kept for ever.
const OWN_DAYS: RangeInclusive<u32> = 1..=36_500;

/// The days of its own that are left of an artifact, so that it expires when it would have expired
/// where it comes from, to the day; all of them anew if they are over. They were counted from when it
/// was created, and a rebuild without metadata has added its age to them.
///
/// # Errors
/// `InvalidInput` for days that nobody can ask for.
pub(super) fn own(
    recorded: Option<u32>,
    end: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<u32>> {
    let Some(days) = recorded else {
        return Ok(None);
    };
    let left = end.filter(|end| *end > now).map(|end| {
        let left = now.until(end).as_micros().div_ceil(DAY.as_micros());
        u32::try_from(left).map_or(days, |left| left.min(days))
    });
    let days = left.unwrap_or(days);
    if days != FOR_EVER_DAYS && !OWN_DAYS.contains(&days) {
        let (least, most) = (OWN_DAYS.start(), OWN_DAYS.end());
        let message =
            format!("by its metadata it is kept for {days} days, and not for {least} to {most}");
        return Err(Error::invalid_input(message));
    }
    Ok(Some(days))
}

#[cfg(test)]
mod tests {
    use artifact_domain::ErrorKind;

    use super::*;

    #[test]
    fn days_are_those_that_somebody_can_ask_for() {
        let now = Timestamp::from_micros(1_700_000_000_000_000).unwrap();
        for days in [1, 36_500, FOR_EVER_DAYS] {
            assert_eq!(own(Some(days), None, now).unwrap(), Some(days));
        }
        for days in [0, 36_501, FOR_EVER_DAYS - 1] {
            let error = own(Some(days), None, now).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
        assert_eq!(own(None, None, now).unwrap(), None);
        // A rebuild without metadata has added the age, of which nothing is left.
        let end = now.saturating_add(7 * DAY);
        assert_eq!(own(Some(36_507), Some(end), now).unwrap(), Some(7));
        assert!(own(Some(0), Some(end), now).is_err());
    }
}
