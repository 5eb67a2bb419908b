//! `Range` (RFC 9110 section 14): which stretches of an artifact are asked for.

use artifact_domain::{ByteRange, RangeRequest};
use http::HeaderMap;
use http::header::RANGE;

/// How many stretches one answer has at most; a request for more is answered with everything.
const MOST: usize = 32;

/// What is asked for of so many bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ranges {
    /// Everything.
    Whole,
    /// These stretches, in the order in which they are asked for.
    Some(Vec<ByteRange>),
    /// Nothing that is there.
    Unsatisfiable,
}

/// Reads `Range`. What is no range of bytes, or asks for too many, is passed over, as the standard
/// says.
pub(crate) fn of(headers: &HeaderMap, size: u64) -> Ranges {
    let text = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let Some((unit, list)) = text.and_then(|text| text.split_once('=')) else {
        return Ranges::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Ranges::Whole;
    }
    let asked: Result<Vec<RangeRequest>, _> =
        list.split(',').map(|one| one.trim().parse()).collect();
    let Ok(asked) = asked else {
        return Ranges::Whole;
    };
    let mut found = Vec::new();
    for one in &asked {
        match one.resolve(size) {
            Ok(range) if range.length() > 0 => found.push(range),
            _ => {}
        }
    }
    let total: u64 = found.iter().map(|range| range.length()).sum();
    if asked.len() > MOST || found.len() > 1 && total > size {
        // Stretches that overlap are no honest request.
        return Ranges::Whole;
    }
    if found.is_empty() {
        return Ranges::Unsatisfiable;
    }
    Ranges::Some(found)
}

/// `Content-Range` of a stretch.
pub(crate) fn content_range(range: ByteRange, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.offset(), range.end() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_text(text: &str, size: u64) -> Ranges {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, text.parse().unwrap());
        of(&headers, size)
    }

    fn some(ranges: &[(u64, u64)]) -> Ranges {
        let made = |(offset, length): &(u64, u64)| ByteRange::new(*offset, *length).unwrap();
        Ranges::Some(ranges.iter().map(made).collect())
    }

    #[test]
    fn stretches_are_those_that_are_there() {
        assert_eq!(of_text("bytes=0-9", 100), some(&[(0, 10)]));
        assert_eq!(of_text("Bytes = 90-200", 100), some(&[(90, 10)]));
        assert_eq!(of_text("bytes=-5, 0-0", 100), some(&[(95, 5), (0, 1)]));
        assert_eq!(of_text("bytes=0-1,500-", 100), some(&[(0, 2)]));
    }

    #[test]
    fn what_is_no_range_is_passed_over() {
        for other in [
            "lines=1-2",
            "bytes=x",
            "bytes=5-1",
            "bytes=",
            "bytes",
            "bytes=1-2-3",
        ] {
            assert_eq!(of_text(other, 100), Ranges::Whole, "{other}");
        }
        let many = vec!["0-0"; 33].join(",");
        assert_eq!(of_text(&format!("bytes={many}"), 100), Ranges::Whole);
        assert_eq!(of_text("bytes=0-,0-,0-", 100), Ranges::Whole);
    }

    #[test]
    fn what_lies_beyond_the_end_is_not_there() {
        for beyond in ["bytes=100-", "bytes=100-200,300-", "bytes=-0"] {
            assert_eq!(of_text(beyond, 100), Ranges::Unsatisfiable, "{beyond}");
        }
        assert_eq!(of_text("bytes=0-", 0), Ranges::Unsatisfiable);
    }
}
