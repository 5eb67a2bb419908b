//! Signed URLs: what a bucket lets others do without keys. Sends nothing.

use std::time::Duration;

use artifact_domain::port::{PresignMethod, PresignRequest, PresignedUrl};
use artifact_domain::{BlobKey, Error, Result};
use http::header;
use opendal::Operator;
use opendal::options::ReadOptions;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::from_remote;

/// What services allow: a second to a week.
const SECONDS: std::ops::RangeInclusive<u64> = 1..=7 * 24 * 60 * 60;

/// What must not stand as it is in an extended value of a header, RFC 8187.
const EXTENDED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Headers that every client sends by itself.
const OF_ITSELF: [header::HeaderName; 2] = [header::HOST, header::CONTENT_LENGTH];

pub(super) async fn presign(
    operator: &Operator,
    key: &BlobKey,
    request: PresignRequest,
) -> Result<PresignedUrl> {
    check_duration(key, request.valid_for)?;
    let (path, valid_for) = (key.as_str(), request.valid_for);
    let signed = match request.method {
        PresignMethod::Put => operator.presign_write(path, valid_for).await,
        PresignMethod::Get => {
            let can = operator.info().capability();
            let options = ReadOptions {
                override_content_disposition: request
                    .file_name
                    .filter(|_| can.read_with_override_content_disposition)
                    .map(|name| disposition(&name)),
                ..ReadOptions::default()
            };
            operator
                .presign_read_options(path, valid_for, options)
                .await
        }
    };
    let signed =
        signed.map_err(|cause| from_remote(format_args!("sign a URL of blob `{key}`"), cause))?;
    let headers = signed.header().iter();
    let headers = headers.filter(|(name, _)| !OF_ITSELF.contains(name));
    let text = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Ok(PresignedUrl {
        url: signed.uri().to_string(),
        headers: headers
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
    })
}

/// # Errors
/// `InvalidInput` for a time that services do not sign for.
pub(super) fn check_duration(key: &BlobKey, valid_for: Duration) -> Result<()> {
    if SECONDS.contains(&valid_for.as_secs()) {
        return Ok(());
    }
    let message = format!("sign a URL of blob `{key}`: not for so long");
    Err(Error::invalid_input(message).with_hint("from a second to seven days"))
}

/// Under which name a browser saves it, RFC 6266: in full, and for old clients in ASCII.
pub(super) fn disposition(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| match c {
            '"' | '\\' | '%' | '/' => '_',
            ' '..='~' => c,
            _ => '_',
        })
        .collect();
    let extended = utf8_percent_encode(name, EXTENDED);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{extended}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_given_in_full_and_in_ascii() {
        assert_eq!(
            disposition("build log.txt"),
            "attachment; filename=\"build log.txt\"; filename*=UTF-8''build%20log.txt"
        );
        assert_eq!(
            disposition("a\"b\\ä\r\n%41;é=.log"),
            "attachment; filename=\"a_b_____41;_=.log\"; \
             filename*=UTF-8''a%22b%5C%C3%A4%0D%0A%2541%3B%C3%A9%3D.log"
        );
    }
}
