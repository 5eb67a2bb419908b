//! A comparison as lines for a person.

use std::io;

use artifact_app::{ArtifactComparison, Difference, ReportState, Sizes};
use artifact_reports::{ComparedFinding, Covered, Kind, Level, Side, Standing, TestChange};
use indicatif::HumanBytes;

use super::outline::{
    Outline, address, detail, percent, points, printable, signed_bytes, signed_percent,
};
use super::shown::Shown;
use crate::ui::{GREEN, RED, Ui, YELLOW};
use artifact_app::TestList;

/// One artifact that differs.
pub(super) fn artifact(ui: &Ui, artifact: &ArtifactComparison) -> String {
    let sizes = artifact.sizes();
    let (color, change) = match artifact.change() {
        Difference::Added => (GREEN, "added"),
        Difference::Removed => (RED, "removed"),
        Difference::Changed => (YELLOW, "changed"),
        Difference::Same => ("", "same"),
    };
    let size = |is_there: bool, bytes| {
        if is_there {
            HumanBytes(bytes).to_string()
        } else {
            "-".to_owned()
        }
    };
    format!(
        "{} {:>10} → {:>10} {:>9}  {}",
        ui.paint_data(color, &format!("{change:<8}")),
        size(artifact.baseline.is_some(), sizes.baseline_bytes),
        size(artifact.current.is_some(), sizes.current_bytes),
        signed_percent(sizes),
        printable(&address(artifact))
    )
}

/// Everything but the artifacts.
pub(super) fn finish(ui: &Ui, outline: &Outline<'_>, shown: &Shown<'_>) -> io::Result<()> {
    let page = Page {
        ui,
        outline,
        limit: shown.limit,
    };
    page.more(shown.more_artifacts())?;
    page.totals()?;
    page.tests()?;
    page.coverage()?;
    page.findings()?;
    for report in shown.unreadable.iter().take(shown.limit) {
        if let ReportState::Unreadable { why, .. } = &report.state {
            let uri = printable(&report.uri.to_string());
            let why = printable(&why.to_string());
            let label = ui.paint_data(RED, "unreadable");
            ui.line(format_args!(
                "{label} {}: {uri}: {why}",
                report.side.as_str()
            ))?;
        }
    }
    let unreadable = shown.unreadable.len().saturating_sub(shown.limit);
    page.more(unreadable + shown.more_unreadable)?;
    for breach in &outline.breaches {
        let label = ui.paint_data(RED, "fails");
        ui.line(format_args!(
            "{label}      {}: {}",
            breach.condition, breach.why
        ))?;
    }
    Ok(())
}

struct Page<'a> {
    ui: &'a Ui,
    outline: &'a Outline<'a>,
    limit: usize,
}

impl Page<'_> {
    fn more(&self, count: usize) -> io::Result<()> {
        if count == 0 {
            return Ok(());
        }
        self.ui
            .line(format_args!("  … and {count} more (--all lists them)"))
    }

    fn totals(&self) -> io::Result<()> {
        let totals = self.outline.compared.totals;
        let Sizes {
            baseline_bytes,
            current_bytes,
        } = totals.sizes;
        let percent = signed_percent(totals.sizes);
        let percent = match percent.as_str() {
            "" => percent,
            _ => format!(" ({percent})"),
        };
        self.ui.line(format_args!(
            "artifacts  {} added, {} removed, {} changed, {} same: {} → {}, {}{percent}",
            totals.added,
            totals.removed,
            totals.changed,
            totals.same,
            HumanBytes(baseline_bytes),
            HumanBytes(current_bytes),
            signed_bytes(totals.sizes),
        ))
    }

    /// The heading of a kind of report; says whether there is anything to tell.
    fn heading(&self, kind: Kind, sum: &str) -> io::Result<bool> {
        let label = format!("{:<10}", kind.as_str());
        match self.outline.compared.reports.standing(kind) {
            Standing::Absent => return Ok(false),
            Standing::Known => self.ui.line(format_args!("{label} {sum}"))?,
            Standing::Unknown(reasons) => {
                let unknown = self.ui.paint_data(YELLOW, "unknown");
                let reasons = printable(&reasons.join(", "));
                self.ui.line(format_args!("{label} {unknown}: {reasons}"))?;
            }
        }
        Ok(true)
    }

    fn tests(&self) -> io::Result<()> {
        let reports = &self.outline.compared.reports;
        let [before, now] = Side::BOTH.map(|side| reports.test_counts(side));
        let sum = format!(
            "{} → {}: passed {} → {}, failed {} → {}, skipped {} → {}",
            before.total,
            now.total,
            before.passed,
            now.passed,
            before.failed,
            now.failed,
            before.skipped,
            now.skipped
        );
        if !self.heading(Kind::Tests, &sum)? {
            return Ok(());
        }
        for list in TestList::ALL {
            let color = match list {
                TestList::Change(TestChange::NewlyFailing | TestChange::StillFailing) => RED,
                TestList::Change(TestChange::Fixed | TestChange::New) => GREEN,
                _ => YELLOW,
            };
            let label = self.ui.paint_data(color, &format!("{:<13}", list.name().0));
            let mut count = 0_usize;
            for test in self.outline.tests(list) {
                count += 1;
                if count <= self.limit {
                    let detail = detail(list, &test, self.outline.rule);
                    let id = printable(test.id);
                    let line = format!("  {label}  {id}  {detail}");
                    self.ui.line(line.trim_end())?;
                }
            }
            self.more(count.saturating_sub(self.limit))?;
        }
        Ok(())
    }

    fn coverage(&self) -> io::Result<()> {
        let reports = &self.outline.compared.reports;
        let [before, now] = Side::BOTH.map(|side| reports.covered(side));
        let told = |name, before: Covered, now: Covered, change| {
            let [before, now] = [before, now].map(|part| percent(part.percent()));
            format!("{name} {before} → {now} ({} points)", points(change))
        };
        let change = reports.line_coverage_change();
        let mut sums = vec![told("lines", before.lines, now.lines, change)];
        if before.branches.total + now.branches.total > 0 {
            let change = reports.branch_coverage_change();
            sums.push(told("branches", before.branches, now.branches, change));
        }
        let sum = sums.join(", ");
        if !self.heading(Kind::Coverage, &sum)? {
            return Ok(());
        }
        let mut count = 0_usize;
        for file in self.outline.files() {
            count += 1;
            if count <= self.limit {
                let part = |sums: Option<artifact_reports::CoverageSums>| {
                    percent(sums.and_then(|sums| sums.lines.percent()))
                };
                self.ui.line(format_args!(
                    "  {:>8} → {:>8} {:>8}  {}",
                    part(file.baseline),
                    part(file.current),
                    points(file.change()),
                    printable(file.path)
                ))?;
            }
        }
        self.more(count.saturating_sub(self.limit))
    }

    fn findings(&self) -> io::Result<()> {
        let reports = &self.outline.compared.reports;
        let [before, now] = Side::BOTH.map(|side| reports.finding_counts(side));
        let levels = Level::ALL
            .into_iter()
            .rev()
            .zip(before.iter().rev().zip(now.iter().rev()));
        let sums: Vec<_> = levels
            .filter(|(_, (before, now))| **before + **now > 0)
            .map(|(level, (before, now))| format!("{} {before} → {now}", level.as_str()))
            .collect();
        let sum = if sums.is_empty() {
            "none".to_owned()
        } else {
            sums.join(", ")
        };
        if !self.heading(Kind::Findings, &sum)? {
            return Ok(());
        }
        let findings = reports.findings();
        for (label, color, is_new) in [("new  ", RED, true), ("fixed", GREEN, false)] {
            let is_in = |finding: &&ComparedFinding<'_>| (finding.appeared() > 0) == is_new;
            let listed: Vec<_> = findings.iter().filter(is_in).collect();
            for finding in listed.iter().take(self.limit) {
                let label = self.ui.paint_data(color, label);
                self.ui
                    .line(format_args!("  {label}  {}", describe(finding)))?;
            }
            self.more(listed.len().saturating_sub(self.limit))?;
        }
        Ok(())
    }
}

/// Level, rule, place and message of a finding, and how many there are of it.
pub(super) fn describe(finding: &ComparedFinding<'_>) -> String {
    let count = finding.appeared().max(finding.disappeared());
    let times = match count {
        1 => String::new(),
        count => format!(" ({count} times)"),
    };
    format!(
        "{:<7}  {}  {}  {}{times}",
        finding.level.as_str(),
        printable(finding.rule),
        place(finding),
        printable(finding.message)
    )
}

/// `PATH:LINE`.
pub(super) fn place(finding: &ComparedFinding<'_>) -> String {
    let line = finding.line.map(|line| format!(":{line}"));
    format!("{}{}", printable(finding.path), line.unwrap_or_default())
}
