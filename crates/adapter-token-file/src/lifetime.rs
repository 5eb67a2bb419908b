//! For how long a token is to be accepted. Knows no file.

use std::time::Duration;

use artifact_domain::{Error, ErrorKind, Result, Timestamp};

/// For how long a token is to be accepted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lifetime {
    /// For [`Self::USUAL_DAYS`], or as long as the token is accepted that it is made by.
    #[default]
    Usual,
    /// Until then.
    Until(Timestamp),
    /// Until it is revoked.
    Endless,
}

impl Lifetime {
    /// For how many days a token is accepted where nobody says.
    pub const USUAL_DAYS: u32 = 90;

    /// For how many days one is accepted at most, unless until it is revoked.
    pub const MOST_DAYS: u32 = 36_500;

    /// So many days from now on.
    ///
    /// # Errors
    /// `InvalidInput` for none and for more than [`Self::MOST_DAYS`].
    pub fn days(days: u32, now: Timestamp) -> Result<Self> {
        if (1..=Self::MOST_DAYS).contains(&days) {
            Ok(Self::Until(after(days, now)))
        } else {
            let message = format!("a token is accepted for 1 to {} days", Self::MOST_DAYS);
            Err(Error::invalid_input(message))
        }
    }

    /// When a token ends that is made now, by one that ends at `limit`.
    pub(crate) fn end(self, now: Timestamp, limit: Option<Timestamp>) -> Result<Option<Timestamp>> {
        let end = match self {
            Self::Usual => {
                let usual = after(Self::USUAL_DAYS, now);
                return Ok(Some(limit.map_or(usual, |limit| limit.min(usual))));
            }
            Self::Until(end) => Some(end),
            Self::Endless => None,
        };
        match limit {
            Some(limit) if end.is_none_or(|end| end > limit) => Err(too_long(limit)),
            _ => Ok(end),
        }
    }
}

fn after(days: u32, now: Timestamp) -> Timestamp {
    now.saturating_add(Duration::from_hours(24).saturating_mul(days))
}

fn too_long(limit: Timestamp) -> Error {
    let message = format!("a token ends with the one that it is made by, which ends at {limit}");
    Error::new(ErrorKind::PermissionDenied, message)
        .with_hint("ask for fewer days, or make it on the machine of the store")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_micros((20_000 + day) * 86_400_000_000).unwrap()
    }

    #[test]
    fn days_are_counted_from_one() {
        assert_eq!(Lifetime::days(2, at(0)).unwrap(), Lifetime::Until(at(2)));
        for days in [0, Lifetime::MOST_DAYS + 1, u32::MAX] {
            let error = Lifetime::days(days, at(0)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    }
}
