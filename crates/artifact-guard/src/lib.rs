#![doc = include_str!("../README.md")]

mod allow;
mod escape;
mod files;
mod pem;
mod placeholder;
mod rule;
mod scan;
mod service_account;
mod token;
mod tokens;

use std::fmt;

use artifact_domain::{ArtifactName, Result};

use crate::allow::Allow;
pub use crate::rule::Rule;
pub use crate::scan::{LOOKED_AT_BYTES, Scan};

/// Every rule there is, in the order of the documentation.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    tokens::TOKENS
        .iter()
        .map(|token| &token.rule)
        .chain(files::FILES.iter().map(|file| &file.rule))
}

/// Looks for secrets, but in what is allowed. Cloning it is cheap.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allow: Allow,
}

impl Guard {
    /// A guard that lets pass what `allow` names: a rule by its name, or files by a pattern of their names.
    ///
    /// # Errors
    /// `InvalidInput` for a malformed pattern.
    pub fn new(allow: &[String]) -> Result<Self> {
        Ok(Self {
            allow: Allow::new(allow)?,
        })
    }

    /// Begins to look at a file.
    pub fn scan(&self, name: &ArtifactName) -> Scan {
        Scan::new(self.allow.clone(), name)
    }
}

/// What looks like a secret. It does not say what the secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    rule: &'static str,
    line: u64,
}

impl Finding {
    /// The rule that it falls under.
    pub fn rule(&self) -> &'static str {
        self.rule
    }

    /// Where it stands, counted from one.
    pub fn line(&self) -> u64 {
        self.line
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in line {}", self.rule, self.line)
    }
}
