//! Key files of service accounts of Google Cloud, as files and in strings. Knows no rule.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem;
use regex::bytes::Regex;

use crate::pem;

/// What every such file has.
pub(crate) const TEXT: &str = "\"service_account";

/// The most bytes from that text to the end of what is looked at.
const MOST_BYTES: usize = 3 << 10;

static KEY: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r#"(?-u)private_key\\*"\s{0,8}:\s{0,8}\\*"-----BEGIN "#;
    Regex::new(pattern).expect("a test compiles it")
});

/// What of the bytes says whether this is such a file: no more than up to the next such text, so that each
/// byte is looked at once, however many there are.
pub(crate) fn extent(bytes: &[u8], at: usize) -> Range<usize> {
    let most = bytes.len().min(at + MOST_BYTES);
    let behind = at + TEXT.len();
    let next = memmem::find(&bytes[behind..most], TEXT.as_bytes());
    at..next.map_or(most, |len| behind + len)
}

/// The beginning of the key.
pub(crate) fn key(bytes: &[u8], at: usize) -> Option<Vec<u8>> {
    let bytes = &bytes[at..];
    let behind = bytes[TEXT.len()..].iter().find(|byte| **byte != b'\\');
    if behind != Some(&b'"') {
        return None;
    }
    KEY.find_iter(bytes).find_map(|found| {
        let at = found.end() - "-----BEGIN ".len();
        let extent = pem::extent(bytes, at);
        pem::key(
            &bytes[extent.clone()],
            at - extent.start,
            pem::is_private_key,
        )
    })
}
