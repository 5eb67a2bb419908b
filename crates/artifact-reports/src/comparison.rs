//! The reports of two sides, and what may be concluded from them. A report that is missing or cannot
//! be read makes its kind unknown; it never makes it fine.

use std::io::Read;

use crate::budget::Budget;
use crate::coverage::{self, Coverage};
use crate::findings::Findings;
use crate::test_runs::TestRuns;
use crate::{
    ComparedFile, ComparedFinding, ComparedTest, CoverageSums, Format, Kind, Side, TestChange,
    TestCounts, Unreadable, cobertura, junit, lcov, libtest, sarif, text,
};

/// What is known of one kind of report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Neither side has such a report.
    Absent,
    /// Both sides have, and every report was read.
    Known,
    /// Something is missing or could not be read: nothing may be taken for fine. Why, each in a few
    /// words.
    Unknown(Vec<String>),
}

/// The reports of two sides. Several of one kind on one side count as one.
#[derive(Debug, Default)]
pub struct Comparison {
    tests: TestRuns,
    coverage: Coverage,
    findings: Findings,
    budget: Budget,
    /// Of each kind and side.
    seen: [[Seen; 2]; 3],
    fewer_allowed: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    read: u64,
    unreadable: u64,
}

impl Comparison {
    /// Without any report yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the current side have fewer reports of a kind than the baseline, but for none, without
    /// calling the kind unknown.
    #[must_use]
    pub fn allow_fewer_reports(mut self, allowed: bool) -> Self {
        self.fewer_allowed = allowed;
        self
    }

    /// Reads a report to its end.
    ///
    /// Memory: a few buffers, and what is remembered for the comparison, of which all reports
    /// together may have 16 MiB.
    ///
    /// # Errors
    /// Why the report cannot be used; its kind is unknown from then on. What was read of it up to
    /// there counts where that makes things worse, and not where it makes them better.
    pub fn read(&mut self, side: Side, format: Format, input: impl Read) -> Result<(), Unreadable> {
        let outcome = text::without_mark(input)
            .map_err(Unreadable::from)
            .and_then(|input| self.parse(side, format, input));
        let seen = &mut self.seen[format.kind() as usize][side as usize];
        match &outcome {
            Ok(()) => seen.read += 1,
            Err(_) => seen.unreadable += 1,
        }
        outcome
    }

    fn parse(&mut self, side: Side, format: Format, input: impl Read) -> Result<(), Unreadable> {
        let budget = &mut self.budget;
        match format {
            Format::Junit => junit::read(input, |case| {
                let message = case.message.as_deref();
                self.tests.add(side, &case.id, case.run, message, budget)
            }),
            Format::Libtest => libtest::read(input, |case| {
                self.tests.add(side, &case.id, case.run, None, budget)
            }),
            Format::Lcov => lcov::read(input, side, &mut self.coverage, budget),
            Format::Cobertura => cobertura::read(input, side, &mut self.coverage, budget),
            Format::Sarif => sarif::read(input, side, &mut self.findings, budget),
        }
    }

    /// Remembers that there is a report of this kind which could not be read.
    pub fn unreadable(&mut self, side: Side, kind: Kind) {
        self.seen[kind as usize][side as usize].unreadable += 1;
    }

    /// How many reports of a kind were read.
    pub fn reports(&self, side: Side, kind: Kind) -> u64 {
        self.seen[kind as usize][side as usize].read
    }

    /// What is known of a kind of report.
    pub fn standing(&self, kind: Kind) -> Standing {
        let [before, now] = self.seen[kind as usize];
        let all = |seen: Seen| seen.read + seen.unreadable;
        if all(before) + all(now) == 0 {
            return Standing::Absent;
        }
        let mut why = Vec::new();
        for (side, seen) in Side::BOTH.into_iter().zip([before, now]) {
            let name = side.as_str();
            if seen.unreadable > 0 {
                why.push(format!(
                    "{} of the {name} cannot be read",
                    reports(seen.unreadable)
                ));
            } else if seen.read == 0 {
                why.push(format!("the {name} has no report"));
            }
        }
        if now.read > 0 && all(now) < all(before) && !self.fewer_allowed {
            let missing = all(before) - all(now);
            why.push(format!(
                "the current has {} fewer than the baseline",
                reports(missing)
            ));
        }
        if kind == Kind::Findings && now.read > 0 && !self.fewer_allowed {
            let missing = self.findings.missing_tools();
            why.extend(missing.map(|tool| format!("{tool} did not run in the current")));
        }
        if why.is_empty() {
            Standing::Known
        } else {
            Standing::Unknown(why)
        }
    }

    fn is_known(&self, kind: Kind) -> bool {
        self.standing(kind) == Standing::Known
    }

    /// Every test of either side, by name. Where the tests are unknown none is said to be new, gone
    /// or fixed.
    pub fn tests(&self) -> impl Iterator<Item = ComparedTest<'_>> {
        let known = self.is_known(Kind::Tests);
        self.tests.iter().filter(move |test| {
            known
                || !matches!(
                    test.change,
                    TestChange::New | TestChange::Gone | TestChange::Fixed
                )
        })
    }

    /// How many tests a side has.
    pub fn test_counts(&self, side: Side) -> TestCounts {
        self.tests.counts(side)
    }

    /// Every file of either side, by path; none where the coverage is unknown.
    pub fn files(&self) -> impl Iterator<Item = ComparedFile<'_>> {
        let known = self.is_known(Kind::Coverage);
        self.coverage.iter().filter(move |_| known)
    }

    /// The sums over all files of a side.
    pub fn covered(&self, side: Side) -> CoverageSums {
        self.coverage.total(side)
    }

    /// By how many percent points the part of all lines that is run has grown; none where that is
    /// unknown.
    pub fn line_coverage_change(&self) -> Option<f64> {
        self.coverage_change(|sums| sums.lines)
    }

    /// The same for branches.
    pub fn branch_coverage_change(&self) -> Option<f64> {
        self.coverage_change(|sums| sums.branches)
    }

    fn coverage_change(&self, part: impl Fn(CoverageSums) -> coverage::Covered) -> Option<f64> {
        let [before, now] = Side::BOTH.map(|side| part(self.covered(side)));
        coverage::change(before, now).filter(|_| self.is_known(Kind::Coverage))
    }

    /// What one side has found more often than the other, the most serious first. Where the findings
    /// are unknown none is said to be fixed.
    pub fn findings(&self) -> Vec<ComparedFinding<'_>> {
        let mut differing = self.findings.differing();
        if !self.is_known(Kind::Findings) {
            differing.retain(|finding| finding.appeared() > 0);
        }
        differing
    }

    /// How many findings a side has of each level, in the order of
    /// [`Level::ALL`](crate::Level::ALL).
    pub fn finding_counts(&self, side: Side) -> [u64; 4] {
        self.findings.counts(side)
    }
}

fn reports(count: u64) -> String {
    match count {
        1 => "1 report".to_owned(),
        count => format!("{count} reports"),
    }
}
