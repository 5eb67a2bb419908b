//! A comparison as JSON: objects, each with its `kind`. The keys are documented in docs/compare.md.

use artifact_reports::{
    ComparedFile, ComparedFinding, ComparedTest, CoverageSums, Kind, Level, Side, SlowerRule,
    Standing, TestChange, TestCounts, TestRun,
};
use serde_json::{Map, Value, json};

use crate::{
    ArtifactComparison, Breach, Compared, ComparedVersion, Report, ReportState, Sizes, TestList,
};

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

/// One artifact of both tasks.
pub fn artifact(artifact: &ArtifactComparison) -> Value {
    let mut object = json!({
        "kind": "artifact",
        "change": artifact.change().as_str(),
        "type": artifact.artifact_type.to_string(),
        "name": artifact.name.as_str(),
        "baseline": artifact.baseline.as_ref().map(version),
        "current": artifact.current.as_ref().map(version),
    });
    add_sizes(&mut object, artifact.sizes());
    object
}

fn version(version: &ComparedVersion) -> Value {
    json!({
        "id": version.id,
        "version": version.version.get(),
        "size_bytes": version.size_bytes,
        "sha256": version.digest.to_string(),
    })
}

fn add_sizes(object: &mut Value, sizes: Sizes) {
    // JSON has no larger numbers that every reader takes.
    let difference = i64::try_from(sizes.difference_bytes()).unwrap_or(i64::MAX);
    object["size_difference_bytes"] = json!(difference);
    object["size_difference_percent"] = json!(sizes.difference_percent());
    object["size_increased"] = json!(sizes.increased());
}

/// A report that was read, or could not be.
pub fn report(report: &Report) -> Value {
    let (state, format, reason) = match &report.state {
        ReportState::Read(format) => ("read", Some(format.as_str()), None),
        ReportState::Other => ("other", None, None),
        ReportState::Unreadable { why, .. } => ("unreadable", None, Some(why.to_string())),
    };
    json!({
        "kind": "report",
        "side": report.side.as_str(),
        "uri": report.uri.to_string(),
        "state": state,
        "format": format,
        "reason": reason,
    })
}

/// Who is told.
type Tell<'a, E> = &'a mut dyn FnMut(Value) -> Result<(), E>;

/// Everything but the artifacts and the reports that were told already.
///
/// # Errors
/// The first that `tell` gives; nothing is told after it.
pub fn finish<E>(shown: Shown<'_>, mut tell: impl FnMut(Value) -> Result<(), E>) -> Result<(), E> {
    let tell = &mut tell;
    tests(shown, tell)?;
    coverage(shown, tell)?;
    findings(shown, tell)?;
    totals(shown, tell)?;
    for breach in shown.breaches {
        tell(json!({
            "kind": "fails",
            "condition": breach.condition.to_string(),
            "reason": breach.why,
        }))?;
    }
    Ok(())
}

fn totals<E>(shown: Shown<'_>, tell: Tell<'_, E>) -> Result<(), E> {
    let totals = shown.compared.totals;
    let mut object = json!({
        "kind": "totals",
        "added": totals.added,
        "removed": totals.removed,
        "changed": totals.changed,
        "same": totals.same,
        "baseline_size_bytes": totals.sizes.baseline_bytes,
        "current_size_bytes": totals.sizes.current_bytes,
    });
    add_sizes(&mut object, totals.sizes);
    tell(object)
}

/// What every sum of a kind of report begins with.
fn sum(shown: Shown<'_>, kind: Kind) -> Value {
    let (state, reasons) = match shown.compared.reports.standing(kind) {
        Standing::Absent => ("absent", Vec::new()),
        Standing::Known => ("known", Vec::new()),
        Standing::Unknown(reasons) => ("unknown", reasons),
    };
    json!({ "kind": kind.as_str(), "state": state, "reasons": reasons })
}

fn tests<E>(shown: Shown<'_>, tell: Tell<'_, E>) -> Result<(), E> {
    let reports = &shown.compared.reports;
    for compared in reports.tests() {
        let slower = compared.slower(shown.rule);
        if compared.change != TestChange::Unchanged || slower.is_some() || compared.is_flaky() {
            tell(test(&compared, shown.rule))?;
        }
    }
    let mut object = sum(shown, Kind::Tests);
    object["baseline"] = counts(reports.test_counts(Side::Baseline));
    object["current"] = counts(reports.test_counts(Side::Current));
    for list in TestList::ALL {
        object[list.name().1] = json!(shown.compared.tests(list, shown.rule).count());
    }
    tell(object)
}

fn test(test: &ComparedTest<'_>, rule: SlowerRule) -> Value {
    json!({
        "kind": "test",
        "change": test.change.as_str(),
        "id": test.id,
        "baseline": test.baseline.map(run),
        "current": test.current.map(run),
        "slower": test.slower(rule),
        "flaky": test.is_flaky(),
        "message": test.message,
    })
}

fn run(run: TestRun) -> Value {
    json!({ "outcome": run.outcome.as_str(), "seconds": run.seconds })
}

fn counts(counts: TestCounts) -> Value {
    json!({
        "total": counts.total,
        "passed": counts.passed,
        "failed": counts.failed,
        "skipped": counts.skipped,
    })
}

fn coverage<E>(shown: Shown<'_>, tell: Tell<'_, E>) -> Result<(), E> {
    let reports = &shown.compared.reports;
    for file in shown.compared.files() {
        tell(file_object(&file))?;
    }
    let mut object = sum(shown, Kind::Coverage);
    object["baseline"] = covered(reports.covered(Side::Baseline));
    object["current"] = covered(reports.covered(Side::Current));
    object["line_percent_change"] = json!(reports.line_coverage_change());
    object["branch_percent_change"] = json!(reports.branch_coverage_change());
    tell(object)
}

fn file_object(file: &ComparedFile<'_>) -> Value {
    json!({
        "kind": "file",
        "path": file.path,
        "baseline": file.baseline.map(covered),
        "current": file.current.map(covered),
        "line_percent_change": file.change(),
    })
}

fn covered(sums: CoverageSums) -> Value {
    json!({
        "lines": sums.lines.total,
        "lines_covered": sums.lines.covered,
        "line_percent": sums.lines.percent(),
        "branches": sums.branches.total,
        "branches_covered": sums.branches.covered,
        "branch_percent": sums.branches.percent(),
    })
}

fn findings<E>(shown: Shown<'_>, tell: Tell<'_, E>) -> Result<(), E> {
    let reports = &shown.compared.reports;
    let (mut new, mut fixed) = (0, 0);
    for compared in reports.findings() {
        new += compared.appeared();
        fixed += compared.disappeared();
        tell(finding(&compared))?;
    }
    let mut object = sum(shown, Kind::Findings);
    object["baseline"] = levels(reports.finding_counts(Side::Baseline));
    object["current"] = levels(reports.finding_counts(Side::Current));
    object["new"] = json!(new);
    object["fixed"] = json!(fixed);
    tell(object)
}

fn finding(finding: &ComparedFinding<'_>) -> Value {
    let new = finding.appeared();
    json!({
        "kind": "finding",
        "change": if new > 0 { "new" } else { "fixed" },
        "count": new.max(finding.disappeared()),
        "level": finding.level.as_str(),
        "tool": finding.tool,
        "rule": finding.rule,
        "path": finding.path,
        "line": finding.line,
        "message": finding.message,
    })
}

fn levels(counts: [u64; 4]) -> Value {
    let pairs = Level::ALL.into_iter().zip(counts);
    let pairs = pairs.map(|(level, count)| (level.as_str().to_owned(), json!(count)));
    Value::Object(pairs.collect::<Map<_, _>>())
}
