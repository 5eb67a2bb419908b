//! What the headers of an object say: how large it is, in which class, and whether it can be read.
//! Knows no calls.

use artifact_domain::{Error, ErrorKind, Result, Timestamp};
use http::HeaderMap;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH,
    CONTENT_TYPE, ETAG, HeaderName, LAST_MODIFIED,
};
use opendal::raw::Timestamp as HttpTime;

/// Classes whose objects give no bytes before they are restored.
const FROZEN: [&str; 2] = ["GLACIER", "DEEP_ARCHIVE"];

/// What was said of an object when it was put, beside `x-amz-meta-*`.
const SAID: [HeaderName; 5] = [
    CONTENT_TYPE,
    CONTENT_ENCODING,
    CONTENT_DISPOSITION,
    CONTENT_LANGUAGE,
    CACHE_CONTROL,
];

/// What a service tells of one object.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) size_bytes: u64,
    pub(super) modified_at: Option<Timestamp>,
    headers: HeaderMap,
}

impl Head {
    pub(super) fn of(headers: HeaderMap) -> Result<Self> {
        let text = |name: &HeaderName| headers.get(name)?.to_str().ok();
        let size = text(&CONTENT_LENGTH).and_then(|text| text.parse().ok());
        let size_bytes = size.ok_or_else(|| {
            Error::new(
                ErrorKind::Internal,
                "the service does not say how large an object is",
            )
        })?;
        let time = text(&LAST_MODIFIED).and_then(|text| HttpTime::parse_rfc2822(text).ok());
        let time = time.map(|time| time.into_inner().as_microsecond());
        Ok(Self {
            size_bytes,
            modified_at: time.and_then(|time| Timestamp::from_micros(time).ok()),
            headers,
        })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether its bytes are given, as they always were or since a restore.
    pub(super) fn is_readable(&self) -> bool {
        let class = self.text("x-amz-storage-class").unwrap_or_default();
        let is_frozen = FROZEN.contains(&class) || self.restores_for_good();
        !is_frozen || self.restore_says("false")
    }

    /// Whether a restore was asked for that has not ended.
    pub(super) fn is_under_way(&self) -> bool {
        self.restore_says("true")
    }

    /// Whether a restore brings it back for good, not for some days: in a class that moves objects by
    /// itself.
    pub(super) fn restores_for_good(&self) -> bool {
        self.text("x-amz-archive-status").is_some()
    }

    fn restore_says(&self, ongoing: &str) -> bool {
        let says = format!("ongoing-request=\"{ongoing}\"");
        self.text("x-amz-restore")
            .is_some_and(|text| text.contains(&says))
    }

    /// What was said of it when it was put.
    pub(super) fn said(&self) -> HeaderMap {
        let is_said =
            |name: &HeaderName| SAID.contains(name) || name.as_str().starts_with("x-amz-meta-");
        let headers = self.headers.iter();
        headers
            .filter(|(name, _)| is_said(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// What is not alike in an object and its copy; none as far as can be compared.
    pub(super) fn difference(&self, copy: &Self) -> Option<&'static str> {
        if self.size_bytes != copy.size_bytes {
            return Some("size");
        }
        let differ = |one: Option<&str>, other: Option<&str>| match (one, other) {
            (Some(one), Some(other)) => one != other,
            _ => false,
        };
        // Of what was put in parts, both are made of those of the parts.
        let whole = |text: Option<&'_ str>| text.is_some_and(|text| !text.contains('-'));
        let crc = (
            self.text("x-amz-checksum-crc32c"),
            copy.text("x-amz-checksum-crc32c"),
        );
        if whole(crc.0) && whole(crc.1) && differ(crc.0, crc.1) {
            return Some("checksum");
        }
        let tag = (self.digest(), copy.digest());
        differ(tag.0, tag.1).then_some("ETag")
    }

    /// The `ETag`, where it is the MD5 of the bytes.
    fn digest(&self) -> Option<&str> {
        let encryption = self.text("x-amz-server-side-encryption");
        let is_plain = encryption.is_none_or(|name| name == "AES256")
            && self
                .text("x-amz-server-side-encryption-customer-algorithm")
                .is_none();
        let tag = self.text(ETAG.as_str())?.trim_matches('"');
        let is_md5 = tag.len() == 32 && tag.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_plain && is_md5).then_some(tag)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn head(lines: &[(&'static str, &'static str)]) -> Head {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("5"));
        for (name, value) in lines {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        Head::of(headers).unwrap()
    }

    #[test]
    fn an_object_is_readable_unless_it_is_frozen() {
        let class = |class| ("x-amz-storage-class", class);
        let ongoing = ("x-amz-restore", "ongoing-request=\"true\"");
        let ended = (
            "x-amz-restore",
            "ongoing-request=\"false\", expiry-date=\"Fri, 21 Dec 2029 00:00:00 GMT\"",
        );
        let archived = ("x-amz-archive-status", "ARCHIVE_ACCESS");
        for (lines, is_readable, is_under_way) in [
            (&[][..], true, false),
            (&[class("STANDARD_IA")], true, false),
            (&[class("GLACIER_IR")], true, false),
            (&[class("GLACIER")], false, false),
            (&[class("DEEP_ARCHIVE")], false, false),
            (&[class("GLACIER"), ongoing], false, true),
            (&[class("GLACIER"), ended], true, false),
            (&[class("INTELLIGENT_TIERING")], true, false),
            (&[class("INTELLIGENT_TIERING"), archived], false, false),
            (
                &[class("INTELLIGENT_TIERING"), archived, ongoing],
                false,
                true,
            ),
        ] {
            let head = head(lines);
            let found = (head.is_readable(), head.is_under_way());
            assert_eq!(found, (is_readable, is_under_way), "{lines:?}");
        }
    }

    #[test]
    fn a_copy_is_compared_by_what_can_be_compared() {
        const ONE: &str = "\"d41d8cd98f00b204e9800998ecf8427e\"";
        const OTHER: &str = "\"e41d8cd98f00b204e9800998ecf8427e\"";
        let tag = |tag| ("etag", tag);
        let crc = |crc| ("x-amz-checksum-crc32c", crc);
        let keys = ("x-amz-server-side-encryption", "aws:kms");
        for (one, other, difference) in [
            (&[tag(ONE)][..], &[tag(ONE)][..], None),
            (&[tag(ONE)], &[tag(OTHER)], Some("ETag")),
            (&[tag(ONE)], &[], None),
            (
                &[tag("\"d41d8cd98f00b204e9800998ecf8427e-2\"")],
                &[tag(ONE)],
                None,
            ),
            (&[tag(ONE), keys], &[tag(OTHER), keys], None),
            (&[crc("AAAAAA==")], &[crc("AAAAAB==")], Some("checksum")),
            (&[crc("AAAAAA==-2")], &[crc("AAAAAB==")], None),
        ] {
            assert_eq!(head(one).difference(&head(other)), difference, "{one:?}");
        }
        let longer = head(&[("content-length", "6")]);
        assert_eq!(head(&[]).difference(&longer), Some("size"));
    }

    #[test]
    fn what_was_said_of_an_object_is_said_of_its_copy() {
        let said = head(&[
            ("content-type", "text/plain"),
            ("content-encoding", "gzip"),
            ("x-amz-meta-a", "b"),
            ("x-amz-storage-class", "GLACIER"),
        ])
        .said();
        let mut names: Vec<_> = said.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-encoding", "content-type", "x-amz-meta-a"]);
    }
}
