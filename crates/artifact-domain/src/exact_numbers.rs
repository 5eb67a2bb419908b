//! Numbers in JSON that a person gives: what would be changed by being read is refused. Knows no
//! artifact.

use crate::{Error, Result};

/// Refuses whole numbers that JSON as it is kept here cannot hold, in a text that is JSON.
///
/// They are kept from −2⁶³ to 2⁶⁴ − 1. Readers of JSON take what lies beyond for a fraction, which has
/// some 16 digits and loses the others without a word. What is written with a point or an exponent is
/// a fraction, and becomes the nearest that there is.
///
/// ```
/// use artifact_domain::require_exact_numbers;
///
/// assert!(require_exact_numbers("[18446744073709551615, 0.5]").is_ok());
/// assert!(require_exact_numbers("18446744073709551616").is_err());
/// ```
///
/// # Errors
/// `InvalidInput`.
pub fn require_exact_numbers(json: &str) -> Result<()> {
    match numbers(json).find(|number| !is_kept(number)) {
        None => Ok(()),
        Some(number) => Err(Error::invalid_input(format!(
            "the number {number} has more digits than can be kept; write it as a text, in quotes"
        ))),
    }
}

/// The numbers of a text that is JSON, as they are written.
fn numbers(json: &str) -> impl Iterator<Item = &str> {
    let (mut in_text, mut is_escaped) = (false, false);
    json.split(move |letter: char| {
        if in_text {
            in_text = is_escaped || letter != '"';
            is_escaped = !is_escaped && letter == '\\';
            return true;
        }
        in_text = letter == '"';
        !matches!(letter, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')
    })
    // What is left of `true` and `false` is an `e`.
    .filter(|part| part.starts_with(|first: char| first == '-' || first.is_ascii_digit()))
}

fn is_kept(number: &str) -> bool {
    number.contains(['.', 'e', 'E'])
        || number.parse::<u64>().is_ok()
        || number.parse::<i64>().is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn whole_numbers_stay_what_they_were_or_are_refused() {
        for kept in [
            "18446744073709551615",
            "-9223372036854775808",
            "0",
            "[1,-2,{\"a\":3}]",
            r#"{"99999999999999999999":"-99999999999999999999 \\\" 99999999999999999999"}"#,
            "[true,false,null,\"\"]",
            r#"["\\",1]"#,
        ] {
            let value: Value = serde_json::from_str(kept).unwrap();
            assert_eq!(value.to_string(), kept);
            require_exact_numbers(kept).unwrap();
        }
        for lost in [
            "18446744073709551616",
            "-9223372036854775809",
            "[1,12345678901234567890123]",
            r#"{"a\\":{"b":-99999999999999999999}}"#,
            "[\"1\", 99999999999999999999 ]",
        ] {
            let value: Value = serde_json::from_str(lost).unwrap();
            assert_ne!(value.to_string(), lost);
            let error = require_exact_numbers(lost).unwrap_err();
            assert!(error.message().contains("digits"), "{error}");
        }
        let error = require_exact_numbers("[\"1\", 99999999999999999999 ]").unwrap_err();
        assert!(
            error
                .message()
                .starts_with("the number 99999999999999999999 has")
        );
    }

    #[test]
    fn fractions_may_be_the_nearest() {
        for fraction in ["1e22", "0.10", "-2.5E3", "99999999999999999999.0"] {
            require_exact_numbers(fraction).unwrap();
        }
    }
}
