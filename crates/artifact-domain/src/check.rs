//! What a look at the outside world found, one thing at a time. Looks at nothing itself.

use crate::{Error, ErrorKind};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckOutcome {
    /// It is as it should be.
    Ok,
    /// The store works, and somebody should look at it.
    Warn,
    /// The store does not work, or not as it promises.
    Fail(ErrorKind),
}

impl CheckOutcome {
    /// The stable name, for tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail(_) => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What, in kebab case: stable.
    pub name: &'static str,
    /// How it ended.
    pub outcome: CheckOutcome,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Check {
    /// It is as it should be.
    pub fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            name,
            outcome: CheckOutcome::Ok,
            message: message.into(),
            hint: None,
        }
    }

    /// Somebody should look at it.
    pub fn warn(name: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            name,
            outcome: CheckOutcome::Warn,
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    /// The store does not work for this reason.
    pub fn fail(name: &'static str, error: &Error) -> Self {
        Self {
            name,
            outcome: CheckOutcome::Fail(error.kind()),
            message: error.message().to_owned(),
            hint: error.hint().map(str::to_owned),
        }
    }

    /// The store works, but without this.
    pub fn lacks(name: &'static str, error: &Error) -> Self {
        Self {
            outcome: CheckOutcome::Warn,
            ..Self::fail(name, error)
        }
    }
}
