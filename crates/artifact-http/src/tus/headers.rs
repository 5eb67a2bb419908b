//! The headers of tus 1.0, parsed and written. Knows neither files nor the store.

use std::str::FromStr;

use artifact_domain::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::checksum::{Algorithm, Checksum};

pub(super) const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
pub(super) const VERSION: HeaderName = HeaderName::from_static("tus-version");
pub(super) const EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
pub(super) const MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
pub(super) const CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
pub(super) const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
pub(super) const LENGTH: HeaderName = HeaderName::from_static("upload-length");
pub(super) const DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
pub(super) const METADATA: HeaderName = HeaderName::from_static("upload-metadata");
pub(super) const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
/// The artifact that an upload has become.
pub(super) const ARTIFACT_ID: HeaderName = HeaderName::from_static("x-artifact-id");
/// Where it is.
pub(super) const ARTIFACT_LOCATION: HeaderName = HeaderName::from_static("x-artifact-location");

/// The version of the protocol.
pub(super) const TUS_1: HeaderValue = HeaderValue::from_static("1.0.0");

/// The media type of the bytes of an upload.
pub(super) const CHUNK: &str = "application/offset+octet-stream";

/// The largest metadata of an upload, as it is sent: the head of a request has no room for more.
const MOST_METADATA_BYTES: usize = 104 << 10;

/// How many bytes an upload is said to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// So many.
    Known(u64),
    /// That is said later.
    Deferred,
}

/// The length of an upload to be.
pub(super) fn length(headers: &HeaderMap) -> Result<Length> {
    let length = number(headers, &LENGTH)?;
    match (length, text(headers, &DEFER_LENGTH)?) {
        (Some(length), None) => Ok(Length::Known(length)),
        (None, Some("1")) => Ok(Length::Deferred),
        (None, Some(_)) => Err(Error::invalid_input(
            "the header Upload-Defer-Length can be 1 alone",
        )),
        (None, None) => Err(Error::invalid_input("the length of the upload is not said")
            .with_hint("send Upload-Length: BYTES, or Upload-Defer-Length: 1")),
        (Some(_), Some(_)) => Err(Error::invalid_input(
            "an upload has Upload-Length or Upload-Defer-Length, not both",
        )),
    }
}

/// The length that is said later.
pub(super) fn late_length(headers: &HeaderMap) -> Result<Option<u64>> {
    number(headers, &LENGTH)
}

/// Where the bytes of a request belong.
pub(super) fn offset(headers: &HeaderMap) -> Result<u64> {
    number(headers, &OFFSET)?
        .ok_or_else(|| Error::invalid_input("the header Upload-Offset is missing"))
}

/// The checksum of the bytes of a request, if it is sent.
pub(super) fn checksum(headers: &HeaderMap) -> Result<Option<Checksum>> {
    let Some(text) = text(headers, &CHECKSUM)? else {
        return Ok(None);
    };
    let wrong = || {
        let hint = format!(
            "write it as ALGORITHM BASE64 with one of {}",
            Algorithm::NAMES
        );
        Error::invalid_input("the header Upload-Checksum can't be read").with_hint(hint)
    };
    let (algorithm, value) = text.split_once(' ').ok_or_else(wrong)?;
    let algorithm = Algorithm::named(algorithm).ok_or_else(wrong)?;
    let value = STANDARD.decode(value).map_err(|_| wrong())?;
    Checksum::new(algorithm, value).ok_or_else(wrong).map(Some)
}

/// The metadata of an upload as it was sent, which is sent back so.
pub(super) fn metadata(headers: &HeaderMap) -> Result<String> {
    let text = text(headers, &METADATA)?.unwrap_or_default();
    if text.len() > MOST_METADATA_BYTES {
        let message = format!(
            "the header Upload-Metadata has {} bytes, it may have {MOST_METADATA_BYTES}",
            text.len()
        );
        return Err(Error::invalid_input(message));
    }
    Ok(text.to_owned())
}

/// The keys and values of such metadata: `KEY BASE64,KEY BASE64,…`, of which a value may be missing.
pub(super) fn pairs(metadata: &str) -> Result<Vec<(String, String)>> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let entries = metadata.split(',').map(str::trim);
    for entry in entries.filter(|_| !metadata.trim().is_empty()) {
        let (key, value) = entry.split_once(' ').unwrap_or((entry, ""));
        if key.is_empty() {
            return Err(Error::invalid_input(
                "a key in the header Upload-Metadata is empty",
            ));
        }
        let wrong = || {
            let message = format!("the value of `{key}` in Upload-Metadata is not UTF-8 in base64");
            Error::invalid_input(message)
        };
        let value = STANDARD.decode(value.trim()).map_err(|_| wrong())?;
        let value = String::from_utf8(value).map_err(|_| wrong())?;
        if pairs.iter().any(|(other, _)| other == key) {
            let message = format!("the key `{key}` is twice in Upload-Metadata");
            return Err(Error::invalid_input(message));
        }
        pairs.push((key.to_owned(), value));
    }
    Ok(pairs)
}

/// A number of bytes: digits alone, no sign.
fn number(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>> {
    let Some(text) = text(headers, name)? else {
        return Ok(None);
    };
    let digits = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let parsed = digits.and_then(|digits| u64::from_str(digits).ok());
    // What files and most languages count with.
    let parsed = parsed.filter(|number| i64::try_from(*number).is_ok());
    parsed.map(Some).ok_or_else(|| {
        let message = format!("the header {} is no number of bytes", shown(name));
        Error::invalid_input(message)
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>> {
    let mut all = headers.get_all(name).iter();
    let Some(value) = all.next() else {
        return Ok(None);
    };
    let unreadable = |why| Error::invalid_input(format!("the header {} {why}", shown(name)));
    if all.next().is_some() {
        return Err(unreadable("stands there twice"));
    }
    let value = value.to_str().map_err(|_| unreadable("can't be read"))?;
    Ok(Some(value.trim()))
}

/// `Upload-Offset` rather than `upload-offset`.
fn shown(name: &HeaderName) -> String {
    let words = name.as_str().split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        format!("{}{rest}", first.to_ascii_uppercase())
    });
    words.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_length_is_said_now_or_later_and_once() {
        let read = |fields: &[(&'static str, &str)]| length(&of(fields)).ok();
        let known = |text: &str| read(&[("upload-length", text)]);
        assert_eq!(known("0"), Some(Length::Known(0)));
        assert_eq!(known("123"), Some(Length::Known(123)));
        let most = i64::MAX.to_string();
        assert!(known(&most).is_some());
        for bad in [
            "-1",
            "+1",
            "1.0",
            "0x1",
            "1e3",
            "",
            "9223372036854775808",
            "99999999999999999999999",
            "a",
            "1 2",
        ] {
            assert_eq!(known(bad), None, "{bad}");
        }
        let deferred = ("upload-defer-length", "1");
        assert_eq!(read(&[deferred]), Some(Length::Deferred));
        assert_eq!(read(&[("upload-defer-length", "0")]), None);
        assert_eq!(read(&[deferred, ("upload-length", "1")]), None);
        assert_eq!(
            read(&[("upload-length", "1"), ("upload-length", "2")]),
            None
        );
        assert_eq!(read(&[]), None);
        let missing = offset(&HeaderMap::new()).unwrap_err();
        assert!(missing.message().contains("Upload-Offset"), "{missing}");
    }

    #[test]
    fn a_checksum_is_read_by_its_algorithm() {
        let read = |value: &str| checksum(&of(&[("upload-checksum", value)]));
        assert!(checksum(&HeaderMap::new()).unwrap().is_none());
        assert!(read("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=").unwrap().is_some());
        let sha256 = format!("sha256 {}", STANDARD.encode([7; 32]));
        assert!(read(&sha256).unwrap().is_some());
        for bad in [
            "sha1",
            "sha1 !",
            "sha1 AAAA",
            "md5 AAAA",
            "sha256 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
            "",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn metadata_has_keys_with_or_without_values() {
        let read = |text: &str| pairs(text).ok();
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(read(""), Some(vec![]));
        let both = vec![pair("name", "a b"), pair("tag.ci", "")];
        assert_eq!(read("name YSBi,tag.ci"), Some(both.clone()));
        assert_eq!(read("name YSBi, tag.ci "), Some(both));
        for bad in ["name !", "name /w==", "a YQ==,a YQ==", ",", "a YQ==,", " ,"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        let long = format!("name {}", "A".repeat(200_000));
        assert!(metadata(&of(&[("upload-metadata", &long)])).is_err());
    }

    proptest! {
        #[test]
        fn metadata_comes_back_as_it_was_sent(
            values in proptest::collection::btree_map("[a-z_.]{1,9}", ".*", 0..6)
        ) {
            let sent: Vec<_> = values
                .iter()
                .map(|(key, value)| format!("{key} {}", STANDARD.encode(value)))
                .collect();
            let read = pairs(&sent.join(",")).unwrap();
            prop_assert_eq!(read, values.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn no_header_makes_the_parsers_panic(text in "[ -~]{0,60}") {
            let _ = pairs(&text);
            for name in ["upload-length", "upload-offset", "upload-checksum", "upload-defer-length"] {
                let headers = of(&[(name, &text)]);
                let _ = (length(&headers), offset(&headers), checksum(&headers));
            }
        }
    }
}
