//! Spans of time as a person types them.

use std::str::FromStr;
use std::time::Duration;

use artifact_domain::Error;

/// A span as typed: a whole number of seconds, or one with a unit: `90s`, `15m`, `12h`, `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl FromStr for Span {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let split = text.find(|c: char| !c.is_ascii_digit());
        let (number, unit) = text.split_at(split.unwrap_or(text.len()));
        let unit_s = match unit {
            "" | "s" => Some(1),
            "m" => Some(60),
            "h" => Some(3_600),
            "d" => Some(86_400),
            _ => None,
        };
        let number = number.parse::<u64>().ok();
        number
            .zip(unit_s)
            .and_then(|(number, unit_s)| number.checked_mul(unit_s))
            .map(|seconds| Self(Duration::from_secs(seconds)))
            .ok_or_else(|| {
                let shown: String = text.chars().take(60).collect();
                let message = format!("`{}` is not a span of time", shown.escape_debug());
                Error::invalid_input(message).with_hint("write it as 90s, 15m, 12h or 7d")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        text.parse::<Span>().ok().map(|span| span.0.as_secs())
    }

    #[test]
    fn a_number_with_or_without_a_unit_is_taken() {
        let spans = ["90", "90s", "15m", "12h", "7d", "0"].map(seconds);
        let expected = [90, 90, 900, 43_200, 604_800, 0].map(Some);
        assert_eq!(spans, expected);
    }

    #[test]
    fn what_is_no_span_is_refused() {
        let wrong = [
            "",
            "h",
            "-1",
            "+1",
            "1.5h",
            "1h30m",
            "1 h",
            "1w",
            "1H",
            "\u{661}d",
            "18446744073709551615d",
            "99999999999999999999",
        ];
        assert_eq!(wrong.map(seconds), [None; 12]);
    }
}
