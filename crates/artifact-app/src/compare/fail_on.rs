//! Conditions on a comparison, for whoever wants a verdict. A condition on reports is not met while
//! they are unknown: what could not be looked at is never fine.

use std::fmt;
use std::str::FromStr;

use artifact_domain::{Error, Result};
use artifact_reports::{
    ComparedFinding, ComparedTest, Comparison, Kind, Level, SlowerRule, Standing, TestChange,
};

use super::Compared;

/// What must not be, for a comparison to be accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FailOn {
    /// A test fails that did not before, or was not there.
    NewFailures,
    /// A test fails as it did before.
    StillFailing,
    /// A test passes only when it is tried again.
    Flaky,
    /// A test is not there any more.
    GoneTests,
    /// A test became slower, by this factor if one is given.
    Slower(Option<f64>),
    /// The part of all lines that is run fell by more than so many percent points.
    CoverageDrop(f64),
    /// There is a new finding of at least this level.
    NewFindings(Level),
    /// All artifacts together grew by more than so many percent.
    SizeIncrease(f64),
    /// An artifact of the baseline is not there any more.
    Removed,
    /// A report is missing or cannot be read.
    Unknown,
}

const FORMS: &str = "one of new-failures, still-failing, flaky, gone-tests, slower[=FACTOR], \
     coverage-drop[=POINTS], new-findings[=LEVEL], size-increase[=PERCENT%], removed, unknown";

impl FailOn {
    /// Why it fails; nothing if it does not.
    pub fn judge(self, compared: &Compared, rule: SlowerRule) -> Option<String> {
        let reports = &compared.reports;
        match self {
            Self::NewFailures => of_tests(reports, "fails newly", "fail newly", |test| {
                test.change == TestChange::NewlyFailing
            }),
            Self::StillFailing => of_tests(reports, "still fails", "still fail", |test| {
                test.change == TestChange::StillFailing
            }),
            Self::Flaky => of_tests(reports, "is flaky", "are flaky", |test| {
                test.current.is_some_and(|run| run.flaky)
            }),
            Self::GoneTests => of_tests(reports, "is gone", "are gone", |test| {
                test.change == TestChange::Gone
            }),
            Self::Slower(factor) => {
                let factor = factor.unwrap_or(rule.factor);
                let rule = SlowerRule { factor, ..rule };
                of_tests(reports, "is slower", "are slower", |test| {
                    test.slower(rule).is_some()
                })
            }
            Self::CoverageDrop(limit) => {
                unknown(reports, Kind::Coverage).or_else(|| coverage_drop(reports, limit))
            }
            Self::NewFindings(level) => new_findings(reports, level),
            Self::SizeIncrease(limit) => size_increase(compared, limit),
            Self::Removed => match compared.totals.removed {
                0 => None,
                1 => Some("1 artifact was removed".to_owned()),
                count => Some(format!("{count} artifacts were removed")),
            },
            Self::Unknown => Kind::ALL.into_iter().find_map(|kind| {
                let standing = reports.standing(kind);
                let unknown = unknown(reports, kind);
                unknown.filter(|_| standing != Standing::Absent)
            }),
        }
    }
}

/// Why a kind of report tells nothing.
fn unknown(reports: &Comparison, kind: Kind) -> Option<String> {
    match reports.standing(kind) {
        Standing::Known => None,
        Standing::Absent => Some(format!("{} unknown: there is no report", kind.as_str())),
        Standing::Unknown(why) => Some(format!("{} unknown: {}", kind.as_str(), why.join(", "))),
    }
}

fn of_tests(
    reports: &Comparison,
    one: &str,
    several: &str,
    is_wrong: impl Fn(&ComparedTest<'_>) -> bool,
) -> Option<String> {
    match reports.tests().filter(is_wrong).count() {
        0 => unknown(reports, Kind::Tests),
        1 => Some(format!("1 test {one}")),
        count => Some(format!("{count} tests {several}")),
    }
}

fn coverage_drop(reports: &Comparison, limit: f64) -> Option<String> {
    let Some(change) = reports.line_coverage_change() else {
        return Some("coverage unknown: a side has no lines".to_owned());
    };
    (-change > limit).then(|| format!("line coverage fell by {:.2} points", -change))
}

fn new_findings(reports: &Comparison, level: Level) -> Option<String> {
    let findings = reports.findings();
    let counted = findings.iter().filter(|finding| finding.level >= level);
    match counted.map(ComparedFinding::appeared).sum::<u64>() {
        0 => unknown(reports, Kind::Findings),
        1 => Some("1 finding is new".to_owned()),
        count => Some(format!("{count} findings are new")),
    }
}

fn size_increase(compared: &Compared, limit: f64) -> Option<String> {
    let sizes = compared.totals.sizes;
    let difference = sizes.difference_bytes();
    match sizes.difference_percent() {
        Some(percent) if percent > limit => {
            Some(format!("size grew by {difference} bytes ({percent:.2} %)"))
        }
        None if sizes.increased() => Some(format!("size grew from nothing by {difference} bytes")),
        _ => None,
    }
}

impl fmt::Display for FailOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewFailures => f.write_str("new-failures"),
            Self::StillFailing => f.write_str("still-failing"),
            Self::Flaky => f.write_str("flaky"),
            Self::GoneTests => f.write_str("gone-tests"),
            Self::Slower(None) => f.write_str("slower"),
            Self::Slower(Some(factor)) => write!(f, "slower={factor}"),
            Self::CoverageDrop(points) => write!(f, "coverage-drop={points}"),
            Self::NewFindings(level) => write!(f, "new-findings={}", level.as_str()),
            Self::SizeIncrease(percent) => write!(f, "size-increase={percent}%"),
            Self::Removed => f.write_str("removed"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

impl FromStr for FailOn {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            let shown: String = text.chars().take(60).collect();
            // A parser of arguments shows the message alone.
            Error::invalid_input(format!("`{shown}` is no condition, which is {FORMS}"))
        };
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let number = |least: f64| -> Result<Option<f64>> {
            let Some(value) = value else {
                return Ok(None);
            };
            let value = value.trim().trim_end_matches('%').trim_end();
            let number: f64 = value.parse().map_err(|_| wrong())?;
            if number.is_finite() && number >= least {
                Ok(Some(number))
            } else {
                Err(wrong())
            }
        };
        let found = match name {
            "slower" => return Ok(Self::Slower(number(1.0)?)),
            "coverage-drop" => return Ok(Self::CoverageDrop(number(0.0)?.unwrap_or(0.0))),
            "size-increase" => return Ok(Self::SizeIncrease(number(0.0)?.unwrap_or(0.0))),
            "new-findings" => {
                let level = value.map(|value| Level::of(value).ok_or_else(wrong));
                return Ok(Self::NewFindings(level.transpose()?.unwrap_or(Level::None)));
            }
            "new-failures" => Self::NewFailures,
            "still-failing" => Self::StillFailing,
            "flaky" => Self::Flaky,
            "gone-tests" => Self::GoneTests,
            "removed" => Self::Removed,
            "unknown" => Self::Unknown,
            _ => return Err(wrong()),
        };
        if value.is_some() {
            return Err(wrong());
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{CompareTotals, Sizes};

    #[test]
    fn conditions_are_written_as_they_are_read() {
        for text in [
            "new-failures",
            "still-failing",
            "flaky",
            "gone-tests",
            "slower",
            "slower=1.5",
            "coverage-drop=0.5",
            "new-findings=error",
            "size-increase=10%",
            "removed",
            "unknown",
        ] {
            assert_eq!(text.parse::<FailOn>().unwrap().to_string(), text);
        }
        assert_eq!(
            "coverage-drop".parse::<FailOn>().unwrap().to_string(),
            "coverage-drop=0"
        );
        assert_eq!(
            "size-increase=2".parse::<FailOn>().unwrap().to_string(),
            "size-increase=2%"
        );
        assert_eq!(
            "new-findings".parse::<FailOn>().unwrap().to_string(),
            "new-findings=none"
        );
    }

    #[test]
    fn other_texts_are_refused_with_all_that_can_be_said() {
        for text in [
            "",
            "failures",
            "removed=1",
            "slower=0.5",
            "slower=fast",
            "coverage-drop=-1",
            "coverage-drop=",
            "size-increase=NaN",
            "new-findings=fatal",
        ] {
            let error = text.parse::<FailOn>().unwrap_err();
            assert!(error.message().contains("new-failures"), "{text}");
        }
    }

    #[test]
    fn without_a_report_nothing_is_fine() {
        let compared = Compared::default();
        let rule = SlowerRule::default();
        for text in [
            "new-failures",
            "flaky",
            "slower",
            "coverage-drop",
            "new-findings",
        ] {
            let why = text.parse::<FailOn>().unwrap().judge(&compared, rule);
            assert!(why.unwrap().contains("unknown"), "{text}");
        }
        for text in ["unknown", "removed", "size-increase"] {
            assert_eq!(text.parse::<FailOn>().unwrap().judge(&compared, rule), None);
        }
    }

    #[test]
    fn sizes_may_grow_up_to_the_limit() {
        let grown = |baseline_bytes, current_bytes, limit| {
            let sizes = Sizes {
                baseline_bytes,
                current_bytes,
            };
            let totals = CompareTotals {
                sizes,
                ..CompareTotals::default()
            };
            let compared = Compared {
                totals,
                ..Compared::default()
            };
            let condition = FailOn::SizeIncrease(limit);
            condition.judge(&compared, SlowerRule::default()).is_some()
        };
        assert!(!grown(100, 110, 10.0) && grown(100, 111, 10.0));
        assert!(grown(100, 101, 0.0) && !grown(100, 100, 0.0));
        assert!(grown(0, 1, 1000.0) && !grown(0, 0, 0.0));
    }
}
