//! The life of a version: its states and the legal steps between them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::segment::excerpt;
use crate::{Error, Result};

/// Where a version stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// Reserved; its bytes are on their way. Invisible, and reaped once its lease has ended.
    Uploading,
    /// Stored and readable.
    Active,
    /// Stored in a colder tier.
    Archived,
    /// Marked; its bytes and then its record go.
    Deleted,
}

impl State {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 4] = [Self::Uploading, Self::Active, Self::Archived, Self::Deleted];

    /// The legal steps. There is no way back from `Deleted`; its record is purged.
    const TRANSITIONS: [(Self, Self); 6] = [
        (Self::Uploading, Self::Active),
        (Self::Uploading, Self::Deleted),
        (Self::Active, Self::Archived),
        (Self::Active, Self::Deleted),
        (Self::Archived, Self::Active),
        (Self::Archived, Self::Deleted),
    ];

    /// Whether the step to `next` is legal. Staying is.
    pub fn may_become(self, next: Self) -> bool {
        self == next || Self::TRANSITIONS.contains(&(self, next))
    }

    /// Whether the version's bytes are stored and it can be found: `Active` or `Archived`.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Active | Self::Archived)
    }

    /// The name in capitals, as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Uploading => "UPLOADING",
            Self::Active => "ACTIVE",
            Self::Archived => "ARCHIVED",
            Self::Deleted => "DELETED",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = Error;

    /// Ignores case.
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| {
                Error::invalid_input(format!("unknown state `{}`", excerpt(text)))
                    .with_hint("one of uploading, active, archived, deleted")
            })
    }
}

/// How quickly, and at what price, a version's bytes can be had.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Tier {
    /// At once.
    #[default]
    Hot,
    /// At once, cheaper to keep and dearer to read.
    Warm,
    /// Perhaps only after a restore.
    Cold,
}

impl Tier {
    /// Every tier, the quickest first.
    pub const ALL: [Self; 3] = [Self::Hot, Self::Warm, Self::Cold];

    /// The state of a version whose bytes are kept in this tier.
    pub const fn state(self) -> State {
        match self {
            Self::Hot | Self::Warm => State::Active,
            Self::Cold => State::Archived,
        }
    }

    /// The name in capitals, as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hot => "HOT",
            Self::Warm => "WARM",
            Self::Cold => "COLD",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Tier {
    type Err = Error;

    /// Ignores case.
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|tier| tier.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| {
                Error::invalid_input(format!("unknown tier `{}`", excerpt(text)))
                    .with_hint("one of hot, warm, cold")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_comes_back_from_deleted_and_nothing_returns_to_uploading() {
        for state in State::ALL {
            assert_eq!(State::Deleted.may_become(state), state == State::Deleted);
            assert_eq!(
                state.may_become(State::Uploading),
                state == State::Uploading
            );
        }
        assert!(!State::Uploading.may_become(State::Archived));
    }

    #[test]
    fn names_round_trip_in_any_case() {
        for state in State::ALL {
            assert_eq!(
                state.to_string().to_lowercase().parse::<State>().unwrap(),
                state
            );
        }
        for tier in Tier::ALL {
            assert_eq!(
                tier.to_string().to_lowercase().parse::<Tier>().unwrap(),
                tier
            );
        }
        assert!("".parse::<State>().is_err() && "tepid".parse::<Tier>().is_err());
    }
}
