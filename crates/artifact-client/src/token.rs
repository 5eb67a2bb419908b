//! What a client proves with who it is. Never shown.

use std::fmt;

use artifact_domain::{Error, ErrorKind, Result};
use reqwest::header::HeaderValue;

/// A bearer token. `Debug` does not show it.
#[derive(Clone)]
pub struct Token(HeaderValue);

impl Token {
    /// Takes a token, without the white space around it.
    ///
    /// # Errors
    /// `Unauthenticated` for one that is empty or cannot stand in a header.
    pub fn new(text: &str) -> Result<Self> {
        let text = text.trim();
        let is_token = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let value = HeaderValue::from_str(&format!("Bearer {text}"));
        match value {
            Ok(mut value) if is_token => {
                value.set_sensitive(true);
                Ok(Self(value))
            }
            _ => Err(Error::new(
                ErrorKind::Unauthenticated,
                "the token is empty or has characters that no token has",
            )
            .with_hint("it is one line of letters, digits and signs, without white space")),
        }
    }

    /// The header that proves it.
    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_shown() {
        let token = Token::new(" abc.DEF-123 \n").unwrap();
        assert_eq!(token.header(), "Bearer abc.DEF-123");
        for shown in [format!("{token:?}"), format!("{:?}", token.header())] {
            assert!(!shown.contains("abc"), "{shown}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_shown() {
        for bad in ["", "  ", "se cret", "secr\u{e9}t", "a\nb"] {
            let error = Token::new(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unauthenticated);
            assert!(!format!("{error:?}").contains("cret"), "{error:?}");
        }
    }
}
