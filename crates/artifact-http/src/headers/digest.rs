//! Digests that a client sends along, and those of answers (RFC 9530, and `X-Checksum-Sha256`).

use artifact_domain::{Digest, Error, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
pub(crate) const CHECKSUM: HeaderName = HeaderName::from_static("x-checksum-sha256");

/// The SHA-256 that the bytes of a request must have, where it says so. Other algorithms are passed
/// over, as the standard says.
pub(crate) fn announced(headers: &HeaderMap) -> Result<Option<Digest>> {
    let mut found: Option<Digest> = None;
    let fields = [REPR_DIGEST, CONTENT_DIGEST];
    let fields = fields.iter().flat_map(|name| headers.get_all(name));
    let mut all = Vec::new();
    for field in fields {
        let text = text(field)?;
        for member in text.split(',') {
            let (algorithm, value) = member.trim().split_once('=').unwrap_or_default();
            if algorithm.eq_ignore_ascii_case("sha-256") {
                all.push(of_base64(value)?);
            }
        }
    }
    for field in headers.get_all(CHECKSUM) {
        all.push(text(field)?.trim().parse()?);
    }
    for digest in all {
        if found.is_some_and(|other| other != digest) {
            return Err(Error::invalid_input("two different SHA-256 are announced"));
        }
        found = Some(digest);
    }
    Ok(found)
}

/// `Repr-Digest` of content.
pub(crate) fn repr_digest(digest: &Digest) -> String {
    format!("sha-256=:{}:", STANDARD.encode(digest.as_bytes()))
}

fn text(field: &HeaderValue) -> Result<&str> {
    let text = field.to_str();
    text.map_err(|_| Error::invalid_input("a digest in the header can't be read"))
}

fn of_base64(value: &str) -> Result<Digest> {
    let wrong = || {
        Error::invalid_input("the digest `sha-256` in the header can't be read")
            .with_hint("write it as sha-256=:BASE64: with the 32 bytes in base64")
    };
    let inner = value.strip_prefix(':').and_then(|v| v.strip_suffix(':'));
    let bytes = STANDARD
        .decode(inner.ok_or_else(wrong)?)
        .map_err(|_| wrong())?;
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| wrong())?;
    Ok(Digest::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[(&'static str, &str)]) -> Result<Option<Digest>> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        announced(&headers)
    }

    #[test]
    fn each_way_of_announcing_is_read() {
        let digest = Digest::new([9; 32]);
        let (repr, hex) = (repr_digest(&digest), digest.to_string());
        assert_eq!(of(&[]).unwrap(), None);
        for name in ["repr-digest", "content-digest"] {
            let with_other = format!("sha-512=:AA==:, {repr}");
            assert_eq!(of(&[(name, &with_other)]).unwrap(), Some(digest));
        }
        let both = [("x-checksum-sha256", &*hex), ("repr-digest", &*repr)];
        assert_eq!(of(&both).unwrap(), Some(digest));
        assert_eq!(of(&[("repr-digest", "md5=:AA==:")]).unwrap(), None);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let other = Digest::new([1; 32]).to_string();
        let repr = repr_digest(&Digest::new([2; 32]));
        for bad in ["sha-256=AAAA", "sha-256=:AAAA:", "sha-256=:!:", "sha-256"] {
            let is_passed_over = bad == "sha-256";
            assert_eq!(of(&[("repr-digest", bad)]).is_ok(), is_passed_over, "{bad}");
        }
        assert!(of(&[("x-checksum-sha256", "12")]).is_err());
        assert!(of(&[("x-checksum-sha256", &other), ("repr-digest", &repr)]).is_err());
    }
}
