//! A comparison as documents: objects, each with its kind. The keys are documented in docs/compare.md.

use artifact_api::{
    CompareItem, CompareTotals, ComparedArtifact, ComparedFile, ComparedFinding, ComparedReport,
    ComparedTest, ComparedVersion, CoverageComparison, CoverageSums, FindingSums, LevelCounts,
    SizeChange, TestCounts, TestRun, TestSums,
};
use artifact_reports::{Kind, Side, SlowerRule, Standing, TestChange};

use crate::{ArtifactComparison, Breach, Compared, Report, ReportState, Sizes, TestList};

/// What a comparison has shown, and by which rules.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// What it has come to.
    pub compared: &'a Compared,
    /// The conditions that it meets, though it must not.
    pub breaches: &'a [Breach],
    /// When a test counts as slower.
    pub rule: SlowerRule,
}

/// What a comparison tells of on its way.
pub fn item(item: &crate::CompareItem) -> CompareItem {
    match item {
        crate::CompareItem::Artifact(compared) => CompareItem::Artifact(artifact(compared)),
        crate::CompareItem::Report(found) => CompareItem::Report(report(found)),
    }
}

fn artifact(artifact: &ArtifactComparison) -> ComparedArtifact {
    ComparedArtifact {
        baseline: artifact.baseline.as_ref().map(version),
        change: artifact.change().as_str().to_owned(),
        current: artifact.current.as_ref().map(version),
        name: artifact.name.to_string(),
        sizes: sizes(artifact.sizes()),
        artifact_type: artifact.artifact_type.to_string(),
    }
}

fn version(version: &crate::ComparedVersion) -> ComparedVersion {
    ComparedVersion {
        id: version.id,
        sha256: version.digest.to_string(),
        size_bytes: version.size_bytes,
        version: version.version,
    }
}

fn sizes(sizes: Sizes) -> SizeChange {
    SizeChange {
        // JSON has no larger numbers that every reader takes.
        size_difference_bytes: i64::try_from(sizes.difference_bytes()).unwrap_or(i64::MAX),
        size_difference_percent: sizes.difference_percent(),
        size_increased: sizes.increased(),
    }
}

fn report(report: &Report) -> ComparedReport {
    let (state, format, reason) = match &report.state {
        ReportState::Read(format) => ("read", Some(format.as_str().to_owned()), None),
        ReportState::Other => ("other", None, None),
        ReportState::Unreadable { why, .. } => ("unreadable", None, Some(why.to_string())),
    };
    ComparedReport {
        format,
        reason,
        side: report.side.as_str().to_owned(),
        state: state.to_owned(),
        uri: report.uri.to_string(),
    }
}

/// Everything but the artifacts and the reports that were told already.
pub fn finish(shown: Shown<'_>, mut tell: impl FnMut(CompareItem)) {
    let tell = &mut tell;
    tests(shown, tell);
    coverage(shown, tell);
    findings(shown, tell);
    tell(CompareItem::Totals(totals(shown)));
    for breach in shown.breaches {
        tell(CompareItem::Fails(artifact_api::Breach {
            condition: breach.condition.to_string(),
            reason: breach.why.clone(),
        }));
    }
}

fn totals(shown: Shown<'_>) -> CompareTotals {
    let totals = shown.compared.totals;
    CompareTotals {
        added: totals.added,
        baseline_size_bytes: totals.sizes.baseline_bytes,
        changed: totals.changed,
        current_size_bytes: totals.sizes.current_bytes,
        removed: totals.removed,
        same: totals.same,
        sizes: sizes(totals.sizes),
    }
}

/// What every sum of a kind of report begins with: its state, and why it is unknown.
fn standing(shown: Shown<'_>, kind: Kind) -> (String, Vec<String>) {
    let (state, reasons) = match shown.compared.reports.standing(kind) {
        Standing::Absent => ("absent", Vec::new()),
        Standing::Known => ("known", Vec::new()),
        Standing::Unknown(reasons) => ("unknown", reasons),
    };
    (state.to_owned(), reasons)
}

fn tests(shown: Shown<'_>, tell: &mut dyn FnMut(CompareItem)) {
    let reports = &shown.compared.reports;
    for compared in reports.tests() {
        let slower = compared.slower(shown.rule);
        if compared.change != TestChange::Unchanged || slower.is_some() || compared.is_flaky() {
            tell(CompareItem::Test(Box::new(ComparedTest {
                baseline: compared.baseline.map(run),
                change: compared.change.as_str().to_owned(),
                current: compared.current.map(run),
                flaky: compared.is_flaky(),
                id: compared.id.to_owned(),
                message: compared.message.map(str::to_owned),
                slower,
            })));
        }
    }
    let (state, reasons) = standing(shown, Kind::Tests);
    let count = |list| shown.compared.tests(list, shown.rule).count() as u64;
    let of = |change| count(TestList::Change(change));
    tell(CompareItem::Tests(TestSums {
        baseline: counts(reports.test_counts(Side::Baseline)),
        current: counts(reports.test_counts(Side::Current)),
        fixed: of(TestChange::Fixed),
        flaky: count(TestList::Flaky),
        gone: of(TestChange::Gone),
        new: of(TestChange::New),
        newly_failing: of(TestChange::NewlyFailing),
        reasons,
        skipped: of(TestChange::Skipped),
        slower: count(TestList::Slower),
        state,
        still_failing: of(TestChange::StillFailing),
    }));
}

fn run(run: artifact_reports::TestRun) -> TestRun {
    TestRun {
        outcome: run.outcome.as_str().to_owned(),
        seconds: run.seconds,
    }
}

fn counts(counts: artifact_reports::TestCounts) -> TestCounts {
    TestCounts {
        failed: counts.failed,
        passed: counts.passed,
        skipped: counts.skipped,
        total: counts.total,
    }
}

fn coverage(shown: Shown<'_>, tell: &mut dyn FnMut(CompareItem)) {
    let reports = &shown.compared.reports;
    for file in shown.compared.files() {
        tell(CompareItem::File(ComparedFile {
            baseline: file.baseline.map(covered),
            current: file.current.map(covered),
            line_percent_change: file.change(),
            path: file.path.to_owned(),
        }));
    }
    let (state, reasons) = standing(shown, Kind::Coverage);
    tell(CompareItem::Coverage(CoverageComparison {
        baseline: covered(reports.covered(Side::Baseline)),
        branch_percent_change: reports.branch_coverage_change(),
        current: covered(reports.covered(Side::Current)),
        line_percent_change: reports.line_coverage_change(),
        reasons,
        state,
    }));
}

fn covered(sums: artifact_reports::CoverageSums) -> CoverageSums {
    CoverageSums {
        branch_percent: sums.branches.percent(),
        branches: sums.branches.total,
        branches_covered: sums.branches.covered,
        line_percent: sums.lines.percent(),
        lines: sums.lines.total,
        lines_covered: sums.lines.covered,
    }
}

fn findings(shown: Shown<'_>, tell: &mut dyn FnMut(CompareItem)) {
    let reports = &shown.compared.reports;
    let (mut new, mut fixed) = (0, 0);
    for finding in reports.findings() {
        let (appeared, disappeared) = (finding.appeared(), finding.disappeared());
        new += appeared;
        fixed += disappeared;
        tell(CompareItem::Finding(ComparedFinding {
            change: if appeared > 0 { "new" } else { "fixed" }.to_owned(),
            count: appeared.max(disappeared),
            level: finding.level.as_str().to_owned(),
            line: finding.line.map(Into::into),
            message: finding.message.to_owned(),
            path: finding.path.to_owned(),
            rule: finding.rule.to_owned(),
            tool: finding.tool.to_owned(),
        }));
    }
    let (state, reasons) = standing(shown, Kind::Findings);
    tell(CompareItem::Findings(FindingSums {
        baseline: levels(reports.finding_counts(Side::Baseline)),
        current: levels(reports.finding_counts(Side::Current)),
        fixed,
        new,
        reasons,
        state,
    }));
}

/// The counts stand in the order of [`Level::ALL`](artifact_reports::Level::ALL).
fn levels(counts: [u64; 4]) -> LevelCounts {
    LevelCounts {
        error: counts[3],
        none: counts[0],
        note: counts[1],
        warning: counts[2],
    }
}
