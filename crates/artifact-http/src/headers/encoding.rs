//! Codings of content: `Accept-Encoding` (RFC 9110 section 12.5.3), whether a client takes gzip, and
//! `Content-Encoding`, which no body that comes may have.

use artifact_domain::Error;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderMap, StatusCode};

use crate::problem::Problem;

/// Whether a client asks for gzip.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    weight(headers, "gzip").is_some_and(|weight| weight > 0.0)
}

/// The store keeps what it is given: a coding would be part of it for ever.
pub(crate) fn refuse_coded(headers: &HeaderMap) -> Result<(), Problem> {
    let coding = headers.get(CONTENT_ENCODING);
    if coding.is_none_or(|coding| coding == "identity") {
        return Ok(());
    }
    let message = "a body with Content-Encoding is not taken: send the bytes as they are";
    let error = Error::invalid_input(message);
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error))
}

/// How much a client wants a coding; none where it does not say.
fn weight(headers: &HeaderMap, coding: &str) -> Option<f32> {
    let mut any = None;
    let values = headers.get_all(ACCEPT_ENCODING).iter();
    for text in values.filter_map(|value| value.to_str().ok()) {
        for item in text.split(',') {
            let mut parts = item.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let weight = parts
                .find_map(|part| part.strip_prefix("q="))
                .map_or(1.0, |weight| weight.trim().parse().unwrap_or(0.0));
            if name.eq_ignore_ascii_case(coding) || name == "x-gzip" && coding == "gzip" {
                return Some(weight);
            }
            if name == "*" {
                any = Some(weight);
            }
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_given_to_who_asks_for_it() {
        for (text, expected) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip, deflate, br, zstd", true),
            ("x-gzip", true),
            ("*", true),
            ("identity", false),
            ("gzip;q=0", false),
            ("gzip; q=0, *", false),
            ("gzip;q=x", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, text.parse().unwrap());
            assert_eq!(accepts_gzip(&headers), expected, "{text}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
