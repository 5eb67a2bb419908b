//! Spec and task: the two scopes an artifact belongs to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::segment::{self, MAX_COMPONENT_BYTES, excerpt};
use crate::{Error, Result};

/// The longest spec or task, in bytes of UTF-8.
const MAX_BYTES: usize = 128;

fn validate(what: &str, text: &str) -> Result<()> {
    let refuse = |why: String| Err(Error::invalid_input(format!("{what} {why}")));
    if text.is_empty() {
        return refuse("is empty".into());
    }
    if text.len() > MAX_BYTES {
        return refuse(format!(
            "`{}` is {} bytes long, the limit is {MAX_BYTES}",
            excerpt(text),
            text.len()
        ));
    }
    if matches!(text, "." | "..") {
        return refuse(format!("`{text}` is a directory reference, not a name"));
    }
    if text.chars().any(char::is_control) {
        return refuse(format!("`{}` has a control character", excerpt(text)));
    }
    if text.trim() != text {
        return refuse(format!(
            "`{}` begins or ends with white space",
            excerpt(text)
        ));
    }
    if segment::is_too_long(text) {
        return refuse(format!(
            "`{}` is over {MAX_COMPONENT_BYTES} bytes long when percent-encoded",
            excerpt(text)
        ));
    }
    Ok(())
}

macro_rules! scope {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        ///
        /// Invariants: 1 to 128 bytes of UTF-8, at most 200 when percent-encoded, no control
        /// character, no white space at either end, neither `.` nor `..`. Anything else is
        /// allowed, `/` too (`org/repo`), since it is stored percent-encoded. Case and Unicode
        /// form are kept and told apart.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Checks the invariants.
            pub fn new(text: impl Into<String>) -> Result<Self> {
                let text = text.into();
                validate($what, &text)?;
                Ok(Self(text))
            }

            /// The text as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text as it stands in URIs and storage paths: one safe path component.
            pub fn encoded(&self) -> String {
                segment::encode(&self.0)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $type {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $type {
            type Error = Error;

            fn try_from(text: String) -> Result<Self> {
                Self::new(text)
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.0
            }
        }
    };
}

scope! {
    /// The project an artifact belongs to.
    SpecName, "spec"
}

scope! {
    /// The run that produced an artifact: a CI job, an agent's execution.
    TaskId, "task"
}

impl Default for SpecName {
    /// The spec of whoever names none: `default`.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_an_invariant_is_refused_by_name() {
        let long = "x".repeat(129);
        let wide = "é".repeat(50);
        for bad in [
            "", ".", "..", "a\0b", "a\nb", " a", "a ", "\u{7f}", &long, &wide,
        ] {
            let error = SpecName::new(bad).unwrap_err();
            assert!(error.message().starts_with("spec "), "{error}");
        }
    }

    #[test]
    fn anything_printable_is_a_task() {
        for good in [
            "1",
            "org/repo",
            "build #7 (main)",
            "日本",
            "a.",
            "%2e%2e",
            "...",
            "A",
            "a",
        ] {
            assert_eq!(TaskId::new(good).unwrap().as_str(), good);
        }
        assert_eq!(TaskId::new("org/repo").unwrap().encoded(), "org%2Frepo");
    }
}
