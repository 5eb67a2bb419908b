//! A number of bytes as people write it: `5GB`, `512 MiB`, `1.5 GiB`, `500`. Knows nothing of
//! settings; the command line parses `--min-size` with it too.

use std::fmt;
use std::str::FromStr;

use artifact_domain::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A size in bytes, written with a decimal (`kB`, `MB`, `GB`, `TB`, `PB`: powers of 1000) or a
/// binary unit (`KiB`, `MiB`, `GiB`, `TiB`, `PiB`: powers of 1024), in any case, with or without a
/// space before it. A bare number counts bytes.
///
/// A fraction is rounded to the nearest byte. `Display` gives the shortest exact form, so that a
/// size that is shown can be written back.
///
/// ```
/// use artifact_bootstrap::settings::ByteSize;
///
/// assert_eq!("5GB".parse::<ByteSize>()?.bytes(), 5_000_000_000);
/// assert_eq!("1.5 gib".parse::<ByteSize>()?.bytes(), 1_610_612_736);
/// assert_eq!(ByteSize::new(1_610_612_736).to_string(), "1536MiB");
/// # Ok::<(), artifact_domain::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

/// Largest first, so that `Display` meets the largest unit that fits.
const DECIMAL: [(&str, u64); 5] = [
    ("PB", 1_000_000_000_000_000),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
];
const BINARY: [(&str, u64); 5] = [
    ("PiB", 1 << 50),
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
];

/// More digits after the point than any size needs, few enough for 128-bit arithmetic.
const MAX_FRACTION_DIGITS: usize = 18;

impl ByteSize {
    /// A size of `bytes`.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = Error;

    /// # Errors
    /// `InvalidInput` for an empty, negative, non-numeric or too large size and for an unknown
    /// unit; the message says which.
    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text.trim()).map(Self).map_err(|reason| {
            let shown: String = text.trim().chars().take(40).collect();
            Error::invalid_input(format!("invalid size {shown:?}: {reason}"))
                .with_hint("write a size such as `500`, `1MB`, `5GB` or `1.5GiB`")
        })
    }
}

/// Parses trimmed text; an error is the reason alone.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    if text.is_empty() {
        return Err("it is empty".into());
    }
    if text.starts_with('-') {
        return Err("a size cannot be negative".into());
    }
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].trim_start());
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.contains('.') || number.ends_with('.') {
        return Err("it does not start with a number".into());
    }
    let factor = unit_factor(unit)?;
    if !fraction.is_empty() && factor == 1 {
        return Err("there is no part of a byte".into());
    }
    let too_large = || format!("it is larger than {} bytes", u64::MAX);
    let whole: u64 = whole.parse().map_err(|_| too_large())?;
    let fraction = &fraction[..fraction.len().min(MAX_FRACTION_DIGITS)];
    let bytes = u128::from(whole) * u128::from(factor) + fraction_bytes(fraction, factor);
    u64::try_from(bytes).map_err(|_| too_large())
}

/// The bytes that `0.DIGITS` of a unit make, rounded to the nearest.
fn fraction_bytes(digits: &str, factor: u64) -> u128 {
    let mut numerator = 0_u128;
    let mut scale = 1_u128;
    for digit in digits.bytes() {
        numerator = numerator * 10 + u128::from(digit - b'0');
        scale *= 10;
    }
    (numerator * u128::from(factor) + scale / 2) / scale
}

fn unit_factor(unit: &str) -> Result<u64, String> {
    if unit.is_empty() || unit.eq_ignore_ascii_case("b") {
        return Ok(1);
    }
    let known = DECIMAL
        .iter()
        .chain(&BINARY)
        .find(|(name, _)| name.eq_ignore_ascii_case(unit));
    known.map(|&(_, factor)| factor).ok_or_else(|| {
        let shown: String = unit.chars().take(12).collect();
        format!("unknown unit {shown:?}, use B, kB, MB, GB, TB, PB or KiB, MiB, GiB, TiB, PiB")
    })
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = BINARY
            .iter()
            .find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor))
            .map(|(name, factor)| format!("{}{name}", self.0 / factor));
        let decimal = DECIMAL
            .iter()
            .find(|(_, factor)| self.0 >= *factor)
            .map_or_else(
                || format!("{}B", self.0),
                |(name, factor)| {
                    let digits = factor.ilog10() as usize;
                    let number = format!("{}.{:0digits$}", self.0 / factor, self.0 % factor);
                    format!(
                        "{}{name}",
                        number.trim_end_matches('0').trim_end_matches('.')
                    )
                },
            );
        match binary {
            Some(binary) if binary.len() < decimal.len() => f.pad(&binary),
            _ => f.pad(&decimal),
        }
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_decimal_or_binary_in_any_case_and_spacing() {
        for (text, bytes) in [
            ("0", 0),
            ("500", 500),
            ("500B", 500),
            ("1kB", 1_000),
            ("1KB", 1_000),
            ("1 mb", 1_000_000),
            ("5GB", 5_000_000_000),
            ("5gib", 5_368_709_120),
            (" 1.5 GiB ", 1_610_612_736),
            ("0.1KiB", 102),
            ("2TB", 2_000_000_000_000),
            ("1TiB", 1_099_511_627_776),
            ("1.00000000000000000000000001MB", 1_000_000),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(text.parse::<ByteSize>().unwrap().bytes(), bytes, "{text}");
        }
    }

    #[test]
    fn each_bad_size_says_why() {
        for (text, reason) in [
            ("", "empty"),
            ("   ", "empty"),
            ("-5GB", "negative"),
            ("NaN", "does not start with a number"),
            ("inf", "does not start with a number"),
            ("GB", "does not start with a number"),
            (".5GB", "does not start with a number"),
            ("5.GB", "does not start with a number"),
            ("1.2.3GB", "does not start with a number"),
            ("+5", "does not start with a number"),
            ("5G", "unknown unit"),
            ("5XB", "unknown unit"),
            ("1e9", "unknown unit"),
            ("1,000", "unknown unit"),
            ("5 G B", "unknown unit"),
            ("1.5", "no part of a byte"),
            ("18446744073709551616", "larger than"),
            ("20000000000GB", "larger than"),
            (
                "99999999999999999999999999999999999999999999PB",
                "larger than",
            ),
            ("５GB", "does not start with a number"),
        ] {
            let error = text.parse::<ByteSize>().unwrap_err();
            assert!(error.message().contains(reason), "{text:?}: {error}");
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn the_shortest_exact_form_is_shown() {
        for (bytes, shown) in [
            (0, "0B"),
            (999, "999B"),
            (1_024, "1KiB"),
            (5_000_000_000, "5GB"),
            (5_368_709_120, "5GiB"),
            (1_234_567, "1.234567MB"),
            (1_500, "1.5kB"),
        ] {
            assert_eq!(ByteSize::new(bytes).to_string(), shown);
        }
        assert_eq!(format!("{:>6}|", ByteSize::new(1_000)), "   1kB|");
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(bytes: u64) {
            prop_assert_eq!(ByteSize::new(bytes).to_string().parse::<ByteSize>().unwrap().bytes(), bytes);
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<ByteSize>();
        }
    }
}
