//! The tests of both sides, and what became of each. Knows no format.

use std::collections::BTreeMap;

use crate::budget::Budget;
use crate::{Side, Unreadable, text};

/// How a test ended. Of several runs of one test the greatest counts: one failure is a failure, and a
/// test that ran somewhere was not skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TestOutcome {
    /// It was not run.
    Skipped,
    /// It passed, perhaps not at the first try.
    Passed,
    /// It failed, or ended with an error.
    Failed,
}

impl TestOutcome {
    /// Its name for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Passed => "passed",
            Self::Failed => "failed",
        }
    }
}

/// How a test ended on one side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestRun {
    /// How it ended.
    pub outcome: TestOutcome,
    /// Whether it passed only when it was tried again.
    pub flaky: bool,
    /// How long it took, where that was said; of several runs the longest.
    pub seconds: Option<f64>,
}

/// What became of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TestChange {
    /// It fails and did not before, or was not there.
    NewlyFailing,
    /// It failed before and fails.
    StillFailing,
    /// It failed before and passes.
    Fixed,
    /// It was run before and is skipped.
    Skipped,
    /// It was not there before, and does not fail.
    New,
    /// It was there before and is no more.
    Gone,
    /// It ends as it did before, or was skipped and passes.
    Unchanged,
}

impl TestChange {
    /// Its name for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewlyFailing => "newly-failing",
            Self::StillFailing => "still-failing",
            Self::Fixed => "fixed",
            Self::Skipped => "skipped",
            Self::New => "new",
            Self::Gone => "gone",
            Self::Unchanged => "unchanged",
        }
    }

    fn of(runs: [Option<TestRun>; 2]) -> Self {
        use TestOutcome::{Failed, Passed, Skipped};
        match runs.map(|run| run.map(|run| run.outcome)) {
            [Some(Failed), Some(Failed)] => Self::StillFailing,
            [_, Some(Failed)] => Self::NewlyFailing,
            [Some(Failed), Some(Passed)] => Self::Fixed,
            [Some(Failed | Passed), Some(Skipped)] => Self::Skipped,
            [None, Some(_)] => Self::New,
            [Some(_), None] => Self::Gone,
            _ => Self::Unchanged,
        }
    }
}

/// When a test counts as slower.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlowerRule {
    /// If it takes at least so many times as long …
    pub factor: f64,
    /// … and at least so many seconds more.
    pub seconds: f64,
}

impl Default for SlowerRule {
    /// Twice as long, and by a second.
    fn default() -> Self {
        Self {
            factor: 2.0,
            seconds: 1.0,
        }
    }
}

/// A test on both sides.
#[derive(Debug, Clone, Copy)]
pub struct ComparedTest<'a> {
    /// Its name: that of its class, module or program, and its own.
    pub id: &'a str,
    /// What became of it.
    pub change: TestChange,
    /// How it ended before.
    pub baseline: Option<TestRun>,
    /// How it ends now.
    pub current: Option<TestRun>,
    /// Why it fails now, where that was said.
    pub message: Option<&'a str>,
}

impl ComparedTest<'_> {
    /// How many times as long it takes, if it passed on both sides and `rule` calls that slower.
    pub fn slower(&self, rule: SlowerRule) -> Option<f64> {
        let seconds = |run: Option<TestRun>| {
            run.filter(|run| run.outcome == TestOutcome::Passed)
                .and_then(|run| run.seconds)
        };
        let (before, now) = (seconds(self.baseline)?, seconds(self.current)?);
        let slower = now >= before * rule.factor && now - before >= rule.seconds;
        // A test that took no time is infinitely slower: as many times as can be said.
        slower.then(|| (now / before.max(0.000_001)).min(1_000_000.0))
    }

    /// Whether it passes now only when it is tried again.
    pub fn is_flaky(&self) -> bool {
        self.current.is_some_and(|run| run.flaky)
    }
}

/// How many tests there are on one side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TestCounts {
    /// All of them.
    pub total: u64,
    /// Those that passed.
    pub passed: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that were not run.
    pub skipped: u64,
}

/// The tests of both sides.
#[derive(Debug, Default)]
pub(crate) struct TestRuns(BTreeMap<Box<str>, Entry>);

#[derive(Debug, Default)]
struct Entry {
    runs: [Option<TestRun>; 2],
    message: Option<Box<str>>,
}

/// What an entry takes in memory beside its texts.
const ENTRY_BYTES: usize = 160;

impl TestRuns {
    pub(crate) fn add(
        &mut self,
        side: Side,
        id: &str,
        run: TestRun,
        message: Option<&str>,
        budget: &mut Budget,
    ) -> Result<(), Unreadable> {
        let id = text::name(id);
        if !self.0.contains_key(id.as_str()) {
            budget.take(id.len() + ENTRY_BYTES)?;
        }
        let entry = self.0.entry(id.into()).or_default();
        let known = &mut entry.runs[side as usize];
        *known = Some(known.map_or(run, |known| merged(known, run)));
        if let (Side::Current, TestOutcome::Failed, Some(message)) = (side, run.outcome, message)
            && entry.message.is_none()
        {
            let message = text::message(message);
            budget.take(message.len())?;
            entry.message = Some(message.into());
        }
        Ok(())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = ComparedTest<'_>> {
        self.0.iter().map(|(id, entry)| ComparedTest {
            id,
            change: TestChange::of(entry.runs),
            baseline: entry.runs[0],
            current: entry.runs[1],
            message: entry.message.as_deref(),
        })
    }

    pub(crate) fn counts(&self, side: Side) -> TestCounts {
        let mut counts = TestCounts::default();
        for run in self
            .0
            .values()
            .filter_map(|entry| entry.runs[side as usize])
        {
            counts.total += 1;
            *match run.outcome {
                TestOutcome::Passed => &mut counts.passed,
                TestOutcome::Failed => &mut counts.failed,
                TestOutcome::Skipped => &mut counts.skipped,
            } += 1;
        }
        counts
    }
}

fn merged(a: TestRun, b: TestRun) -> TestRun {
    let seconds = match (a.seconds, b.seconds) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (one, other) => one.or(other),
    };
    TestRun {
        outcome: a.outcome.max(b.outcome),
        flaky: a.flaky || b.flaky,
        seconds,
    }
}

/// A time as reports write it, in seconds: with commas between thousands perhaps.
pub(crate) fn seconds(text: &str) -> Option<f64> {
    let seconds: f64 = text.trim().replace(',', "").parse().ok()?;
    (seconds.is_finite() && seconds >= 0.0).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn run(outcome: TestOutcome) -> TestRun {
        TestRun {
            outcome,
            flaky: false,
            seconds: None,
        }
    }

    #[test]
    fn every_pair_of_outcomes_has_its_change() {
        let passed = Some(run(TestOutcome::Passed));
        let failed = Some(run(TestOutcome::Failed));
        let skipped = Some(run(TestOutcome::Skipped));
        let cases = [
            (passed, passed, TestChange::Unchanged),
            (skipped, skipped, TestChange::Unchanged),
            (skipped, passed, TestChange::Unchanged),
            (passed, failed, TestChange::NewlyFailing),
            (skipped, failed, TestChange::NewlyFailing),
            (None, failed, TestChange::NewlyFailing),
            (failed, failed, TestChange::StillFailing),
            (failed, passed, TestChange::Fixed),
            (failed, skipped, TestChange::Skipped),
            (passed, skipped, TestChange::Skipped),
            (None, passed, TestChange::New),
            (None, skipped, TestChange::New),
            (failed, None, TestChange::Gone),
            (skipped, None, TestChange::Gone),
        ];
        for (before, now, expected) in cases {
            assert_eq!(
                TestChange::of([before, now]),
                expected,
                "{before:?} {now:?}"
            );
        }
    }

    #[test]
    fn slower_takes_factor_and_time() {
        let timed = |seconds: f64| {
            Some(TestRun {
                outcome: TestOutcome::Passed,
                flaky: false,
                seconds: Some(seconds),
            })
        };
        let slower = |before, now| {
            let test = ComparedTest {
                id: "a",
                change: TestChange::Unchanged,
                baseline: timed(before),
                current: timed(now),
                message: None,
            };
            test.slower(SlowerRule::default())
        };
        assert_eq!(slower(1.0, 3.0), Some(3.0));
        assert_eq!(slower(0.1, 0.9), None, "by less than a second");
        assert_eq!(slower(10.0, 15.0), None, "by less than the factor");
        assert_eq!(slower(0.0, 1.0), Some(1_000_000.0));
        assert_eq!(slower(3.0, 1.0), None);
    }

    #[test]
    fn times_are_taken_in_every_dress() {
        assert_eq!(seconds("1,234.5"), Some(1234.5));
        assert_eq!(seconds(" 0.01 "), Some(0.01));
        for bad in ["", "NaN", "inf", "-1", "1s"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
