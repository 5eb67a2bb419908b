//! Entity tags and the conditions that name them (RFC 9110 section 8.8.3 and 13). A tag is the SHA-256
//! of the content; the stored gzip of the same content has a tag of its own.

use artifact_domain::{Digest, Revision};
use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue};

/// What follows the digest in the tag of the stored gzip.
const GZIP: &str = "-gzip";

/// What the tag of a record begins with, before its revision.
const REVISION: &str = "r";

/// The tag of content.
pub(crate) fn of_content(digest: &Digest, is_gzip: bool) -> String {
    let form = if is_gzip { GZIP } else { "" };
    format!("\"{digest}{form}\"")
}

/// The tag of what is known of an artifact.
pub(crate) fn of_revision(revision: Revision) -> String {
    format!("\"{REVISION}{}\"", revision.get())
}

/// Sets the tag of an answer.
pub(crate) fn set(headers: &mut HeaderMap, tag: &str) {
    if let Ok(value) = HeaderValue::from_str(tag) {
        headers.insert(ETAG, value);
    }
}

/// The tags that a condition names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tags {
    /// `*`: whatever is there.
    Any,
    /// These, without quotes; weak ones with their `W/`.
    Listed(Vec<String>),
}

impl Tags {
    /// Reads `If-Match`.
    pub(crate) fn if_match(headers: &HeaderMap) -> Option<Self> {
        Self::read(headers, IF_MATCH)
    }

    /// Reads `If-None-Match`.
    pub(crate) fn if_none_match(headers: &HeaderMap) -> Option<Self> {
        Self::read(headers, IF_NONE_MATCH)
    }

    fn read(headers: &HeaderMap, name: HeaderName) -> Option<Self> {
        let values: Vec<_> = headers.get_all(name).iter().collect();
        if values.is_empty() {
            return None;
        }
        let texts = values.iter().filter_map(|value| value.to_str().ok());
        let tags: Vec<_> = texts
            .flat_map(|text| text.split(','))
            .map(str::trim)
            .collect();
        if tags.contains(&"*") {
            return Some(Self::Any);
        }
        let unquoted = tags.into_iter().map(|tag| tag.replace('"', ""));
        Some(Self::Listed(unquoted.collect()))
    }

    /// Whether one of them is of this content, in either form.
    pub(crate) fn name(&self, digest: &Digest) -> bool {
        let Self::Listed(tags) = self else {
            return true;
        };
        let digest = digest.to_string();
        tags.iter().any(|tag| {
            let tag = tag.strip_suffix(GZIP).unwrap_or(tag);
            tag == digest
        })
    }

    /// The same, with weak comparison: for what only saves a transfer.
    pub(crate) fn name_weakly(&self, digest: &Digest) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => {
                let strong = tags
                    .iter()
                    .map(|tag| tag.trim_start_matches("W/").to_owned());
                Self::Listed(strong.collect()).name(digest)
            }
        }
    }

    /// The digests that are named.
    pub(crate) fn digests(&self) -> Vec<Digest> {
        let Self::Listed(tags) = self else {
            return Vec::new();
        };
        let tags = tags.iter();
        tags.filter_map(|tag| tag.strip_suffix(GZIP).unwrap_or(tag).parse().ok())
            .collect()
    }

    /// The revision that is named, where it is one.
    pub(crate) fn revision(&self) -> Option<Revision> {
        let Self::Listed(tags) = self else {
            return None;
        };
        let [tag] = &tags[..] else {
            return None;
        };
        let number = tag.strip_prefix(REVISION)?.parse().ok()?;
        Some(Revision::new(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(text: &str) -> Tags {
        let mut headers = HeaderMap::new();
        headers.insert(IF_MATCH, text.parse().unwrap());
        Tags::if_match(&headers).unwrap()
    }

    #[test]
    fn both_forms_of_content_are_named_by_their_tags() {
        let digest = Digest::new([7; 32]);
        for is_gzip in [false, true] {
            let tag = of_content(&digest, is_gzip);
            assert!(tags(&tag).name(&digest));
            assert!(tags(&format!("\"x\", {tag}")).name(&digest));
            assert!(!tags(&format!("W/{tag}")).name(&digest));
            assert!(tags(&format!("W/{tag}")).name_weakly(&digest));
        }
        assert!(!tags("\"x\"").name(&digest));
        assert!(tags("*").name(&digest));
    }

    #[test]
    fn a_revision_is_named_by_its_tag() {
        let revision = Revision::new(5);
        assert_eq!(tags(&of_revision(revision)).revision(), Some(revision));
        assert_eq!(tags("*").revision(), None);
        assert_eq!(tags("\"rx\"").revision(), None);
    }
}
