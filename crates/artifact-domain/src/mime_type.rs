//! The media type of an artifact's original bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::segment::excerpt;
use crate::{Error, Result};

/// The longest media type, in bytes.
const MAX_BYTES: usize = 255;

/// A media type such as `text/plain; charset=utf-8`, RFC 9110 section 8.3.1.
///
/// Invariants: at most 255 printable ASCII characters; type and subtype are tokens, so it can
/// stand in an HTTP header as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MimeType(String);

impl MimeType {
    /// Checks the invariants.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        let essence = text.split(';').next().unwrap_or_default().trim_end();
        let tokens = essence
            .split_once('/')
            .is_some_and(|(main, sub)| token(main) && token(sub));
        let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if tokens && printable && text.len() <= MAX_BYTES {
            Ok(Self(text))
        } else {
            Err(
                Error::invalid_input(format!("`{}` is not a media type", excerpt(&text)))
                    .with_hint("write it as type/subtype, for instance text/plain"),
            )
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// RFC 9110's `token`.
fn token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

impl Default for MimeType {
    /// The type of bytes nobody knows anything about.
    fn default() -> Self {
        Self("application/octet-stream".to_owned())
    }
}

impl fmt::Display for MimeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for MimeType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

impl TryFrom<String> for MimeType {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::new(text)
    }
}

impl From<MimeType> for String {
    fn from(mime_type: MimeType) -> Self {
        mime_type.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_stand_in_a_header_is_a_media_type() {
        for good in ["text/plain", "image/svg+xml", "text/html; charset=utf-8"] {
            assert_eq!(MimeType::new(good).unwrap().as_str(), good);
        }
        let long = format!("text/{}", "x".repeat(300));
        for bad in [
            "",
            "text",
            "/",
            "text/",
            "text/pl ain",
            "a/b\r\nX: y",
            "tëxt/plain",
            &long,
        ] {
            assert!(MimeType::new(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
