//! Patterns over specs, tasks and names.

use std::fmt;
use std::str::FromStr;

use crate::segment::excerpt;
use crate::{Error, Result};

/// The longest pattern, in bytes.
const MAX_BYTES: usize = 1_024;

/// What everything matches.
const ALL: &str = "*";

/// A pattern: `*` stands for any characters, slashes included; `?` for one character; `[a-z]` and
/// `[!a-z]` for one of a set or none of it. `[*]` stands for a star itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(glob::Pattern);

impl Glob {
    /// A pattern that only `text` itself matches.
    pub fn exactly(text: &str) -> Self {
        let escaped = glob::Pattern::escape(text);
        Self(glob::Pattern::new(&escaped).expect("an escaped text is a pattern"))
    }

    /// The pattern that everything matches: `*`.
    pub fn all() -> Self {
        Self(glob::Pattern::new(ALL).expect("a star is a pattern"))
    }

    /// Whether it is the pattern that everything matches.
    pub fn is_all(&self) -> bool {
        self.as_str() == ALL
    }

    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        self.0.matches(text)
    }

    /// The characters that every match begins with: what an index can look up.
    pub fn literal_prefix(&self) -> &str {
        let pattern = self.0.as_str();
        pattern
            .find(['*', '?', '['])
            .map_or(pattern, |end| &pattern[..end])
    }

    /// The only text that matches, where there is only one.
    pub fn as_literal(&self) -> Option<&str> {
        let pattern = self.0.as_str();
        (self.literal_prefix() == pattern).then_some(pattern)
    }

    /// The pattern as it was given.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Glob {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |why: &str| {
            Error::invalid_input(format!("pattern `{}` {why}", excerpt(text)))
                .with_hint("use *, ? and [a-z]; [*] stands for a star itself")
        };
        if text.is_empty() {
            return Err(refuse("is empty"));
        }
        if text.len() > MAX_BYTES {
            return Err(refuse(&format!("is over {MAX_BYTES} bytes long")));
        }
        glob::Pattern::new(text)
            .map(Self)
            .map_err(|cause| refuse(&format!("is malformed: {}", cause.msg)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        pattern.parse::<Glob>().unwrap().matches(text)
    }

    #[test]
    fn patterns_match_the_whole_text() {
        assert!(matches("build-*", "build-17"));
        assert!(matches("*.rs", "src/deep/main.rs"));
        assert!(matches("a?c", "aéc"));
        assert!(matches("[!a]b", "cb"));
        assert!(matches("*", ""));
        assert!(!matches("build", "build-17"));
        assert!(!matches("BUILD-*", "build-17"));
    }

    #[test]
    fn what_an_index_can_look_up_is_known() {
        let glob: Glob = "build-*".parse().unwrap();
        assert_eq!((glob.literal_prefix(), glob.as_literal()), ("build-", None));
        assert_eq!("build".parse::<Glob>().unwrap().as_literal(), Some("build"));
        assert!(Glob::exactly("a*[b]?").matches("a*[b]?"));
        assert!(!Glob::exactly("a*").matches("ab"));
    }

    #[test]
    fn malformed_patterns_are_refused() {
        for bad in ["", "[a", "a***b", &"*".repeat(2_000)] {
            assert!(bad.parse::<Glob>().is_err(), "{bad} was accepted");
        }
    }
}
