//! What a comparison lists of its reports, and which conditions it meets. Prints nothing.

use artifact_reports::{ComparedFile, ComparedTest, SlowerRule, TestChange};

use super::{Compared, FailOn};

/// A condition that was met, though it must not be.
#[derive(Debug)]
pub struct Breach {
    /// Which.
    pub condition: FailOn,
    /// In what way.
    pub why: String,
}

/// What a list of tests lists, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestList {
    /// Those of one change.
    Change(TestChange),
    /// Those that pass only when they are tried again.
    Flaky,
    /// Those that became slower.
    Slower,
}

impl TestList {
    /// Whether a test is in it.
    pub fn has(self, test: &ComparedTest<'_>, rule: SlowerRule) -> bool {
        match self {
            Self::Change(change) => test.change == change,
            Self::Flaky => test.is_flaky(),
            Self::Slower => test.slower(rule).is_some(),
        }
    }
}

impl Compared {
    /// The tests of one list.
    pub fn tests(
        &self,
        list: TestList,
        rule: SlowerRule,
    ) -> impl Iterator<Item = ComparedTest<'_>> {
        let tests = self.reports.tests();
        tests.filter(move |test| list.has(test, rule))
    }

    /// The files whose coverage differs.
    pub fn files(&self) -> impl Iterator<Item = ComparedFile<'_>> {
        let files = self.reports.files();
        files.filter(|file| file.baseline != file.current)
    }
}
