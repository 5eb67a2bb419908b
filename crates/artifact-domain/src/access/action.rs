//! What can be done with artifacts, as far as rights tell it apart.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::segment::excerpt;
use crate::{Error, Result};

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Sees artifacts, their content and sums of them.
    Read,
    /// Stores artifacts, which may replace older versions, and changes tags, metadata and tiers; puts
    /// on hold.
    Write,
    /// Takes artifacts away, now or by an earlier end, and releases what is on hold.
    Delete,
    /// Looks after the store: upkeep, keys. Who may do that may do all else too.
    Admin,
}

impl Action {
    /// Every action, in the order of their declaration.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Delete, Self::Admin];

    /// Its name, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Admin => "admin",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Read => 1,
            Self::Write => 2,
            Self::Delete => 4,
            Self::Admin => 8,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Action {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|action| action.as_str() == text);
        found.ok_or_else(|| {
            Error::invalid_input(format!("unknown action `{}`", excerpt(text)))
                .with_hint("the actions are read, write, delete and admin")
        })
    }
}

/// A set of actions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Actions(u8);

impl Actions {
    /// Whether `action` is allowed by them.
    pub fn allow(self, action: Action) -> bool {
        self.has(action) || self.has(Action::Admin)
    }

    /// Whether `action` is named among them.
    pub fn has(self, action: Action) -> bool {
        self.0 & action.bit() != 0
    }

    /// Those that are named, in the order of their declaration.
    pub fn iter(self) -> impl Iterator<Item = Action> {
        let all = Action::ALL.into_iter();
        all.filter(move |action| self.has(*action))
    }

    /// Whether nothing is named.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Action> for Actions {
    fn from_iter<I: IntoIterator<Item = Action>>(actions: I) -> Self {
        Self(actions.into_iter().fold(0, |all, one| all | one.bit()))
    }
}

impl fmt::Display for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, action) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            f.write_str(action.as_str())?;
        }
        Ok(())
    }
}

impl FromStr for Actions {
    type Err = Error;

    /// Takes names with commas between.
    fn from_str(text: &str) -> Result<Self> {
        let names = text.split(',').map(str::trim);
        names.map(str::parse::<Action>).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_and_written() {
        let some: Actions = "write, read".parse().unwrap();
        assert_eq!(some.to_string(), "read,write");
        assert!(some.allow(Action::Read) && !some.allow(Action::Delete));
        for bad in ["", "reads", "Read", "read,", "*"] {
            assert!(bad.parse::<Actions>().is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn an_admin_may_all_and_nobody_else_more_than_is_named() {
        for named in Action::ALL {
            let set: Actions = [named].into_iter().collect();
            for asked in Action::ALL {
                let expected = named == asked || named == Action::Admin;
                assert_eq!(set.allow(asked), expected, "{named} for {asked}");
            }
        }
        assert!(!Actions::default().allow(Action::Read));
    }
}
