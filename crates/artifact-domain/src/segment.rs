//! Percent-encoding of one segment of a URI or storage path. The only place that knows which
//! characters stay as they are.

use std::fmt::{self, Write};

use crate::{Error, Result};

/// The longest encoded path component written to a backend, in bytes. File systems allow 255; the
/// rest is for the `@VERSION.ATTEMPT.gz` that a blob's last component carries.
pub(crate) const MAX_COMPONENT_BYTES: usize = 200;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Encodes every byte but RFC 3986's unreserved ones. A dot that ends the segment is encoded too,
/// since some file systems drop it.
pub(crate) fn encode(segment: &str) -> String {
    Encoded(segment).to_string()
}

/// What [`encode`] gives, written where it is needed.
pub(crate) struct Encoded<'a>(pub(crate) &'a str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.0.len().saturating_sub(1);
        let mut plain_from = 0;
        for (position, byte) in self.0.bytes().enumerate() {
            let is_plain = byte.is_ascii_alphanumeric()
                || matches!(byte, b'-' | b'_' | b'~')
                || (byte == b'.' && position != last);
            if !is_plain {
                // What stands before is ASCII, and so a text of its own.
                f.write_str(self.0.get(plain_from..position).unwrap_or_default())?;
                f.write_char('%')?;
                f.write_char(char::from(HEX[usize::from(byte >> 4)]))?;
                f.write_char(char::from(HEX[usize::from(byte & 15)]))?;
                plain_from = position + 1;
            }
        }
        f.write_str(self.0.get(plain_from..).unwrap_or_default())
    }
}

/// The segments of a path, each encoded, with the slashes between them.
pub(crate) struct EncodedPath<'a>(pub(crate) &'a str);

impl fmt::Display for EncodedPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.split('/').enumerate() {
            if position > 0 {
                f.write_char('/')?;
            }
            Encoded(segment).fmt(f)?;
        }
        Ok(())
    }
}

/// Whether a segment, encoded, is longer than a component of a path may be.
pub(crate) fn is_too_long(segment: &str) -> bool {
    segment.len() * "%XX".len() > MAX_COMPONENT_BYTES && encode(segment).len() > MAX_COMPONENT_BYTES
}

/// Decodes once, strictly: a lone `%`, or bytes that are not UTF-8, are errors.
pub(crate) fn decode(encoded: &str) -> Result<String> {
    let malformed = || {
        Error::invalid_input(format!(
            "`{}` is not valid percent-encoding",
            excerpt(encoded)
        ))
    };
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%' {
            let (&[high, low], tail) = rest.split_first_chunk::<2>().ok_or_else(malformed)?;
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let value = digit(high).zip(digit(low)).ok_or_else(malformed)?;
            bytes.push(u8::try_from(value.0 * 16 + value.1).map_err(|_| malformed())?);
            rest = tail;
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| {
        Error::invalid_input(format!("`{}` does not decode to UTF-8", excerpt(encoded)))
    })
}

/// Splits an encoded segment that is too long for a path component. Every part but the last ends
/// in a lone `%`, which encoding never gives, so [`unfold`] can tell them from whole segments.
pub(crate) fn fold(encoded: &str) -> String {
    let mut out = String::with_capacity(encoded.len() + encoded.len() / MAX_COMPONENT_BYTES * 2);
    let mut rest = encoded;
    while rest.len() > MAX_COMPONENT_BYTES {
        let bytes = rest.as_bytes();
        let mut cut = MAX_COMPONENT_BYTES - 1;
        // Never inside a `%XX`.
        if bytes[cut - 1] == b'%' {
            cut -= 1;
        } else if bytes[cut - 2] == b'%' {
            cut -= 2;
        }
        let (part, tail) = rest.split_at(cut);
        out.push_str(part);
        out.push_str("%/");
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// Puts the components that [`fold`] made back together, one item per encoded segment.
pub(crate) fn unfold<'a>(components: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut segments = Vec::new();
    let mut open = String::new();
    for component in components {
        match component.strip_suffix('%') {
            Some(part) => open.push_str(part),
            None => segments.push(std::mem::take(&mut open) + component),
        }
    }
    if !open.is_empty() {
        // An unfinished fold: kept as it is, so that parsing fails on it.
        segments.push(open + "%");
    }
    segments
}

/// The beginning of untrusted text, escaped, short enough for an error message.
pub(crate) fn excerpt(text: &str) -> String {
    const LIMIT: usize = 60;
    let mut short: String = text
        .chars()
        .take(LIMIT)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(LIMIT).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(encode("a-Z_0~.txt"), "a-Z_0~.txt");
        assert_eq!(encode("50% of/it@1"), "50%25%20of%2Fit%401");
        assert_eq!(encode("dir."), "dir%2E");
        assert_eq!(encode("é"), "%C3%A9");
    }

    #[test]
    fn malformed_encodings_are_errors() {
        for bad in ["%", "%4", "%zz", "%+1", "%C3"] {
            assert!(decode(bad).is_err(), "{bad} was accepted");
        }
    }

    #[test]
    fn excerpts_are_short_and_escaped() {
        assert_eq!(excerpt("a\nb"), "a\\nb");
        assert!(excerpt(&"x".repeat(10_000)).chars().count() <= 61);
    }

    proptest! {
        #[test]
        fn encoding_round_trips(text in "\\PC{0,300}") {
            prop_assert_eq!(decode(&encode(&text)).unwrap(), text);
        }

        #[test]
        fn folding_round_trips_within_the_limit(text in "\\PC{1,400}") {
            let encoded = encode(&text);
            let folded = fold(&encoded);
            prop_assert!(folded.split('/').all(|part| part.len() <= MAX_COMPONENT_BYTES));
            prop_assert_eq!(unfold(folded.split('/')), vec![encoded]);
        }
    }
}
