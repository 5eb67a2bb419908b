//! The shape of a cron expression. Only says whether one is well formed; running it is for the
//! scheduler.

use std::ops::RangeInclusive;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

struct Field {
    what: &'static str,
    range: RangeInclusive<u8>,
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field {
        what: "minute",
        range: 0..=59,
        names: &[],
    },
    Field {
        what: "hour",
        range: 0..=23,
        names: &[],
    },
    Field {
        what: "day of the month",
        range: 1..=31,
        names: &[],
    },
    Field {
        what: "month",
        range: 1..=12,
        names: &MONTHS,
    },
    Field {
        what: "day of the week",
        range: 0..=7,
        names: &WEEKDAYS,
    },
];

/// Checks the five fields of crontab(5): numbers or names, `*`, ranges, lists and steps.
pub(super) fn check(text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    if parts.len() != FIELDS.len() {
        return Err(format!("it has {} fields", parts.len()));
    }
    for (field, part) in FIELDS.iter().zip(parts) {
        if !part.split(',').all(|item| field.accepts(item)) {
            return Err(format!("the {} is wrong", field.what));
        }
    }
    Ok(())
}

impl Field {
    /// `*`, `a`, `a-b`, and with a step: `*/n`, `a-b/n`.
    fn accepts(&self, item: &str) -> bool {
        let (span, step) = match item.split_once('/') {
            Some((span, step)) => (span, Some(step)),
            None => (item, None),
        };
        let step_fits = step.is_none_or(|step| {
            step.parse()
                .is_ok_and(|n| (1..=*self.range.end()).contains(&n))
        });
        let span_fits = match span.split_once('-') {
            Some((from, to)) => {
                matches!((self.value(from), self.value(to)), (Some(from), Some(to)) if from <= to)
            }
            None if span == "*" => true,
            None => step.is_none() && self.value(span).is_some(),
        };
        step_fits && span_fits
    }

    fn value(&self, text: &str) -> Option<u8> {
        let first = *self.range.start();
        let named = (first..)
            .zip(self.names)
            .find(|(_, name)| name.eq_ignore_ascii_case(text));
        match named {
            Some((value, _)) => Some(value),
            None if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().ok().filter(|value| self.range.contains(value))
            }
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn every_form_of_crontab_is_taken() {
        for good in [
            "0 2 * * *",
            "*/15 * * * *",
            "0,30 9-17 * * mon-fri",
            "0 0 1 JAN,jul *",
            "59 23 31 12 7",
            "0-30/10 * * * *",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn the_wrong_field_is_named() {
        for (bad, reason) in [
            ("0 2 * *", "4 fields"),
            ("", "0 fields"),
            ("@daily", "1 fields"),
            ("60 2 * * *", "minute"),
            ("-1 2 * * *", "minute"),
            ("+1 2 * * *", "minute"),
            ("*/0 * * * *", "minute"),
            ("5/10 * * * *", "minute"),
            ("1, * * * *", "minute"),
            ("0 24 * * *", "hour"),
            ("0 2 0 * *", "day of the month"),
            ("0 2 * 13 *", "month"),
            ("0 2 * * funday", "day of the week"),
            ("0 2 * * fri-mon", "day of the week"),
        ] {
            assert!(check(bad).unwrap_err().contains(reason), "{bad}");
        }
    }
}
