//! The credential that a request shows.

use artifact_domain::port::{Credential, unrecognised};
use artifact_domain::{Error, ErrorKind, Result};
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// The bearer token of a request, if it has one.
///
/// # Errors
/// `Unauthenticated` for another scheme, for two of them, and for what is no token.
pub(super) fn shown(headers: &HeaderMap) -> Result<Option<Credential>> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = all.next() else {
        return Ok(None);
    };
    if all.next().is_some() {
        return Err(wrong("the header Authorization is there twice"));
    }
    let text = header.to_str().map_err(|_| unrecognised())?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(wrong(
            "the scheme of the header Authorization is not Bearer",
        ));
    }
    Credential::new(token.trim()).map(Some)
}

fn wrong(message: &str) -> Error {
    Error::new(ErrorKind::Unauthenticated, message)
        .with_hint("send one header `Authorization: Bearer TOKEN`")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(values: &[&'static [u8]]) -> Result<Option<Credential>> {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_bytes(value).unwrap();
            headers.append(AUTHORIZATION, value);
        }
        shown(&headers)
    }

    #[test]
    fn one_bearer_token_is_taken() {
        assert!(of(&[]).unwrap().is_none());
        for good in [&b"Bearer abc"[..], b"bearer abc", b"BEARER  abc "] {
            assert_eq!(of(&[good]).unwrap().unwrap().expose(), "abc");
        }
    }

    #[test]
    fn anything_else_is_refused_without_showing_it() {
        let bad: [&[&[u8]]; 8] = [
            &[b""],
            &[b"Bearer"],
            &[b"Bearer "],
            &[b"Bearer a b-secret"],
            &[b"Basic c2VjcmV0"],
            &[b"secret"],
            &[b"Bearer secret\xff"],
            &[b"Bearer secret", b"Bearer secret"],
        ];
        for values in bad {
            let error = of(values).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{values:?}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
