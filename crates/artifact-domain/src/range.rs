//! Ranges of bytes: as a person asks for one, and as it is once the size is known.

use std::fmt;
use std::str::FromStr;

use crate::segment::excerpt;
use crate::{Error, Result};

/// A stretch of bytes that is known to exist: `length` bytes from `offset` on.
///
/// Invariant: `offset + length` does not overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    offset: u64,
    length: u64,
}

impl ByteRange {
    /// `length` bytes from `offset` on.
    pub fn new(offset: u64, length: u64) -> Result<Self> {
        offset
            .checked_add(length)
            .map(|_| Self { offset, length })
            .ok_or_else(|| {
                Error::invalid_input(format!(
                    "{length} bytes from {offset} on is beyond any file"
                ))
            })
    }

    /// The position of the first byte.
    pub fn offset(self) -> u64 {
        self.offset
    }

    /// How many bytes.
    pub fn length(self) -> u64 {
        self.length
    }

    /// The position after the last byte.
    pub fn end(self) -> u64 {
        self.offset + self.length
    }
}

/// A range as it is asked for, in the manner of HTTP (RFC 9110 section 14.1.2): `A-B` both
/// inclusive, `A-` to the end, `-N` the last N bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeRequest {
    /// From the first to the last position, both included.
    Between(u64, u64),
    /// From a position to the end.
    From(u64),
    /// So many bytes from the end.
    Last(u64),
}

impl RangeRequest {
    /// The stretch it means of `size` bytes. A range that begins beyond the end is an error, one
    /// that ends beyond it is cut.
    pub fn resolve(self, size: u64) -> Result<ByteRange> {
        let (first, after) = match self {
            Self::Between(first, last) => (first, last.saturating_add(1).min(size)),
            Self::From(first) => (first, size),
            Self::Last(count) => (size - count.min(size), size),
        };
        if first >= size && self != Self::Last(0) && size > 0 || first > size {
            return Err(Error::invalid_input(format!(
                "range {self} begins beyond the end of {size} bytes"
            )));
        }
        ByteRange::new(first, after.saturating_sub(first))
    }
}

impl fmt::Display for RangeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Between(first, last) => write!(f, "{first}-{last}"),
            Self::From(first) => write!(f, "{first}-"),
            Self::Last(count) => write!(f, "-{count}"),
        }
    }
}

impl FromStr for RangeRequest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = |digits: &str| {
            digits
                .parse::<u64>()
                .ok()
                .filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))
        };
        let parsed = text
            .split_once('-')
            .and_then(|(first, last)| match (first, last) {
                ("", count) => number(count).map(Self::Last),
                (first, "") => number(first).map(Self::From),
                (first, last) => {
                    let (first, last) = (number(first)?, number(last)?);
                    (first <= last).then_some(Self::Between(first, last))
                }
            });
        parsed.ok_or_else(|| {
            Error::invalid_input(format!("`{}` is not a range of bytes", excerpt(text))).with_hint(
                "write 0-99 for the first 100 bytes, 100- for the rest, -100 for the last",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str, size: u64) -> Option<(u64, u64)> {
        let range = text.parse::<RangeRequest>().unwrap().resolve(size).ok()?;
        Some((range.offset(), range.length()))
    }

    #[test]
    fn ranges_mean_what_they_mean_in_http() {
        assert_eq!(resolve("0-99", 1000), Some((0, 100)));
        assert_eq!(resolve("990-2000", 1000), Some((990, 10)));
        assert_eq!(resolve("100-", 1000), Some((100, 900)));
        assert_eq!(resolve("-100", 1000), Some((900, 100)));
        assert_eq!(resolve("-2000", 1000), Some((0, 1000)));
        assert_eq!(resolve("0-0", 1), Some((0, 1)));
        assert_eq!(resolve("1000-", 1000), None);
        assert_eq!(resolve("5-9", 3), None);
        assert_eq!(resolve("0-18446744073709551615", 7), Some((0, 7)));
        assert_eq!(resolve("0-", 0), Some((0, 0)));
        assert_eq!(resolve("1-", 0), None);
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for bad in [
            "",
            "-",
            "5",
            "9-5",
            "a-b",
            "+1-2",
            "1--2",
            "99999999999999999999-",
            "1-2-3",
        ] {
            assert!(bad.parse::<RangeRequest>().is_err(), "{bad} was accepted");
        }
        assert!(ByteRange::new(u64::MAX, 1).is_err());
    }
}
