//! The name of an artifact inside its task.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::segment::{EncodedPath, excerpt};
use crate::{Error, Result};

/// The longest name, in bytes of UTF-8.
const MAX_BYTES: usize = 1_024;

/// The name of an artifact inside its task: a relative path such as `src/main.rs`.
///
/// Invariants: 1 to 1,024 bytes of UTF-8; segments separated by `/`, none of them empty, `.` or
/// `..` (so it is never absolute and never ends in a slash); no `..` between backslashes either,
/// which some systems take for separators; no control character. Case and Unicode form are kept
/// and told apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArtifactName(String);

impl ArtifactName {
    /// Checks the invariants.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        if text.is_empty() {
            return Err(Error::invalid_input("name is empty"));
        }
        let refuse = |why: &str| {
            Err(Error::invalid_input(format!(
                "name `{}` {why}",
                excerpt(&text)
            )))
        };
        if text.len() > MAX_BYTES {
            return refuse(&format!(
                "is {} bytes long, the limit is {MAX_BYTES}",
                text.len()
            ));
        }
        match violation(&text) {
            None => Ok(Self(text)),
            Some(why) => refuse(why),
        }
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folders and the file name, outermost first.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The last segment.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The name as it stands in a URI: segments percent-encoded, slashes kept.
    pub fn encoded(&self) -> String {
        EncodedPath(&self.0).to_string()
    }
}

fn violation(text: &str) -> Option<&'static str> {
    if text.chars().any(char::is_control) {
        return Some("has a control character");
    }
    if text.starts_with('/') {
        return Some("is absolute, it must be relative to its task");
    }
    if text.ends_with('/') {
        return Some("ends in a slash, so it names a folder");
    }
    text.split('/').find_map(|segment| match segment {
        "" => Some("has an empty segment"),
        "." => Some("has a `.` segment"),
        other => other
            .split('\\')
            .any(|part| part == "..")
            .then_some("has a `..` segment"),
    })
}

impl fmt::Display for ArtifactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ArtifactName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

impl TryFrom<String> for ArtifactName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::new(text)
    }
}

impl From<ArtifactName> for String {
    fn from(name: ArtifactName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_climb_out_or_break_a_path_is_refused() {
        let long = "x".repeat(10_240);
        let cases = [
            ("", "empty"),
            ("/etc/passwd", "absolute"),
            ("a/", "slash"),
            ("a//b", "empty segment"),
            ("./a", "`.` segment"),
            ("a/./b", "`.` segment"),
            ("..", "`..` segment"),
            ("a/../../b", "`..` segment"),
            ("..\\..\\b", "`..` segment"),
            ("a\0b", "control"),
            ("a\nb", "control"),
            ("\u{1b}[31m", "control"),
            (long.as_str(), "10240 bytes"),
        ];
        for (bad, why) in cases {
            let error = ArtifactName::new(bad).unwrap_err();
            assert!(error.message().contains(why), "{bad:?}: {error}");
        }
    }

    #[test]
    fn odd_but_honest_names_are_kept_as_they_are() {
        for good in [
            "a",
            "src/main.rs",
            ".env",
            "...",
            "a.",
            "50%",
            "%2e%2e",
            "a\\b",
            "a b ",
            "名",
        ] {
            assert_eq!(ArtifactName::new(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn composed_and_decomposed_forms_are_two_names() {
        let composed = ArtifactName::new("caf\u{e9}").unwrap();
        let decomposed = ArtifactName::new("cafe\u{301}").unwrap();
        assert_ne!(composed, decomposed);
        assert_ne!(composed.encoded(), decomposed.encoded());
    }

    #[test]
    fn the_file_name_is_the_last_segment() {
        assert_eq!(ArtifactName::new("a/b/c.txt").unwrap().file_name(), "c.txt");
        assert_eq!(ArtifactName::new("c.txt").unwrap().file_name(), "c.txt");
    }
}
