//! A comparison as JSON: one object per line, each with its `kind`. The keys are documented in
//! docs/compare.md.

use std::io;

use artifact_app::{ArtifactComparison, ComparedVersion, Report, ReportState, Sizes};
use artifact_reports::{
    ComparedFile, ComparedFinding, ComparedTest, CoverageSums, Kind, Level, Side, SlowerRule,
    Standing, TestChange, TestCounts, TestRun,
};
use serde_json::{Map, Value, json};

use super::outline::{Outline, TestList};
use crate::ui::Ui;

pub(super) fn artifact(artifact: &ArtifactComparison) -> Value {
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

pub(super) fn report(report: &Report) -> Value {
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

/// Everything but the artifacts and the reports that were told already.
pub(super) fn finish(ui: &Ui, outline: &Outline<'_>) -> io::Result<()> {
    tests(ui, outline)?;
    coverage(ui, outline)?;
    findings(ui, outline)?;
    totals(ui, outline)?;
    for breach in &outline.breaches {
        ui.object(&json!({
            "kind": "fails",
            "condition": breach.condition.to_string(),
            "reason": breach.why,
        }))?;
    }
    Ok(())
}

fn totals(ui: &Ui, outline: &Outline<'_>) -> io::Result<()> {
    let totals = outline.compared.totals;
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
    ui.object(&object)
}

/// What every sum of a kind of report begins with.
fn sum(outline: &Outline<'_>, kind: Kind) -> Value {
    let (state, reasons) = match outline.compared.reports.standing(kind) {
        Standing::Absent => ("absent", Vec::new()),
        Standing::Known => ("known", Vec::new()),
        Standing::Unknown(reasons) => ("unknown", reasons),
    };
    json!({ "kind": kind.as_str(), "state": state, "reasons": reasons })
}

fn tests(ui: &Ui, outline: &Outline<'_>) -> io::Result<()> {
    let reports = &outline.compared.reports;
    for compared in reports.tests() {
        let slower = compared.slower(outline.rule);
        if compared.change != TestChange::Unchanged || slower.is_some() || compared.is_flaky() {
            ui.object(&test(&compared, outline.rule))?;
        }
    }
    let mut object = sum(outline, Kind::Tests);
    object["baseline"] = counts(reports.test_counts(Side::Baseline));
    object["current"] = counts(reports.test_counts(Side::Current));
    for list in TestList::ALL {
        object[list.name().1] = json!(outline.tests(list).count());
    }
    ui.object(&object)
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

fn coverage(ui: &Ui, outline: &Outline<'_>) -> io::Result<()> {
    let reports = &outline.compared.reports;
    for file in outline.files() {
        ui.object(&file_object(&file))?;
    }
    let mut object = sum(outline, Kind::Coverage);
    object["baseline"] = covered(reports.covered(Side::Baseline));
    object["current"] = covered(reports.covered(Side::Current));
    object["line_percent_change"] = json!(reports.line_coverage_change());
    object["branch_percent_change"] = json!(reports.branch_coverage_change());
    ui.object(&object)
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

fn findings(ui: &Ui, outline: &Outline<'_>) -> io::Result<()> {
    let reports = &outline.compared.reports;
    let (mut new, mut fixed) = (0, 0);
    for compared in reports.findings() {
        new += compared.appeared();
        fixed += compared.disappeared();
        ui.object(&finding(&compared))?;
    }
    let mut object = sum(outline, Kind::Findings);
    object["baseline"] = levels(reports.finding_counts(Side::Baseline));
    object["current"] = levels(reports.finding_counts(Side::Current));
    object["new"] = json!(new);
    object["fixed"] = json!(fixed);
    ui.object(&object)
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
