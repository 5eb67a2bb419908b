//! A comparison as lines for a person.

use std::io;

use artifact_api::{ComparedArtifact, ComparedFinding, ComparedVersion, CoverageSums};
use indicatif::HumanBytes;

use super::outline::{
    List, address, detail, percent, points, printable, signed_bytes, signed_percent,
};
use super::shown::{Shown, Tasks};
use crate::ui::{GREEN, RED, Ui, YELLOW};

/// One artifact that differs.
pub(super) fn artifact(ui: &Ui, artifact: &ComparedArtifact) -> String {
    let color = match artifact.change.as_str() {
        "added" => GREEN,
        "removed" => RED,
        "changed" => YELLOW,
        _ => "",
    };
    let size = |version: &Option<ComparedVersion>| match version {
        Some(version) => HumanBytes(version.size_bytes).to_string(),
        None => "-".to_owned(),
    };
    format!(
        "{} {:>10} → {:>10} {:>9}  {}",
        ui.paint_data(color, &format!("{:<8}", artifact.change)),
        size(&artifact.baseline),
        size(&artifact.current),
        signed_percent(artifact.sizes),
        printable(&address(artifact))
    )
}

/// Everything but the artifacts.
pub(super) fn finish(ui: &Ui, tasks: &Tasks<'_>, shown: &Shown<'_>) -> io::Result<()> {
    let page = Page { ui, shown };
    page.more(shown.artifacts.more())?;
    page.totals()?;
    page.tests()?;
    page.coverage()?;
    page.findings()?;
    for report in shown.unreadable.iter() {
        let uri = printable(&report.uri);
        let why = printable(report.reason.as_deref().unwrap_or_default());
        let label = ui.paint_data(RED, "unreadable");
        ui.line(format_args!("{label} {}: {uri}: {why}", report.side))?;
    }
    page.more(shown.unreadable.more())?;
    for breach in tasks.breaches {
        let label = ui.paint_data(RED, "fails");
        ui.line(format_args!(
            "{label}      {}: {}",
            breach.condition, breach.reason
        ))?;
    }
    Ok(())
}

struct Page<'a> {
    ui: &'a Ui,
    shown: &'a Shown<'a>,
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
        let totals = self.shown.totals;
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
            HumanBytes(totals.baseline_size_bytes),
            HumanBytes(totals.current_size_bytes),
            signed_bytes(totals.sizes),
        ))
    }

    /// The heading of a kind of report; says whether there is anything to tell.
    fn heading(&self, kind: &str, state: &str, reasons: &[String], sum: &str) -> io::Result<bool> {
        let label = format!("{kind:<10}");
        match state {
            "absent" => return Ok(false),
            "unknown" => {
                let unknown = self.ui.paint_data(YELLOW, "unknown");
                let reasons = printable(&reasons.join(", "));
                self.ui.line(format_args!("{label} {unknown}: {reasons}"))?;
            }
            _ => self.ui.line(format_args!("{label} {sum}"))?,
        }
        Ok(true)
    }

    fn tests(&self) -> io::Result<()> {
        let Some(sums) = &self.shown.test_sums else {
            return Ok(());
        };
        let (before, now) = (sums.baseline, sums.current);
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
        if !self.heading("tests", &sums.state, &sums.reasons, &sum)? {
            return Ok(());
        }
        for (list, tests) in List::ALL.into_iter().zip(&self.shown.tests) {
            let color = match list {
                List::NewlyFailing | List::StillFailing => RED,
                List::Fixed | List::New => GREEN,
                _ => YELLOW,
            };
            let label = self.ui.paint_data(color, &format!("{:<13}", list.name()));
            for test in tests.iter() {
                let detail = detail(list, test);
                let id = printable(&test.id);
                let line = format!("  {label}  {id}  {detail}");
                self.ui.line(line.trim_end())?;
            }
            self.more(tests.more())?;
        }
        Ok(())
    }

    fn coverage(&self) -> io::Result<()> {
        let Some(sums) = &self.shown.coverage else {
            return Ok(());
        };
        let (before, now) = (sums.baseline, sums.current);
        let told = |name, before, now, change| {
            let [before, now] = [before, now].map(percent);
            format!("{name} {before} → {now} ({} points)", points(change))
        };
        let change = sums.line_percent_change;
        let mut parts = vec![told("lines", before.line_percent, now.line_percent, change)];
        if before.branches + now.branches > 0 {
            let change = sums.branch_percent_change;
            let (before, now) = (before.branch_percent, now.branch_percent);
            parts.push(told("branches", before, now, change));
        }
        let sum = parts.join(", ");
        if !self.heading("coverage", &sums.state, &sums.reasons, &sum)? {
            return Ok(());
        }
        for file in self.shown.files.iter() {
            self.ui.line(format_args!(
                "  {:>8} → {:>8} {:>8}  {}",
                part(file.baseline),
                part(file.current),
                points(file.line_percent_change),
                printable(&file.path)
            ))?;
        }
        self.more(self.shown.files.more())
    }

    fn findings(&self) -> io::Result<()> {
        let Some(sums) = &self.shown.finding_sums else {
            return Ok(());
        };
        let (before, now) = (sums.baseline, sums.current);
        let levels = [
            ("error", before.error, now.error),
            ("warning", before.warning, now.warning),
            ("note", before.note, now.note),
            ("none", before.none, now.none),
        ];
        let parts: Vec<_> = levels
            .iter()
            .filter(|(_, before, now)| before + now > 0)
            .map(|(level, before, now)| format!("{level} {before} → {now}"))
            .collect();
        let sum = if parts.is_empty() {
            "none".to_owned()
        } else {
            parts.join(", ")
        };
        if !self.heading("findings", &sums.state, &sums.reasons, &sum)? {
            return Ok(());
        }
        for (label, color, listed) in [
            ("new  ", RED, &self.shown.new_findings),
            ("fixed", GREEN, &self.shown.fixed_findings),
        ] {
            for finding in listed.iter() {
                let label = self.ui.paint_data(color, label);
                self.ui
                    .line(format_args!("  {label}  {}", describe(finding)))?;
            }
            self.more(listed.more())?;
        }
        Ok(())
    }
}

/// Which part of the lines is covered.
pub(super) fn part(sums: Option<CoverageSums>) -> String {
    percent(sums.and_then(|sums| sums.line_percent))
}

/// Level, rule, place and message of a finding, and how many there are of it.
fn describe(finding: &ComparedFinding) -> String {
    let times = match finding.count {
        1 => String::new(),
        count => format!(" ({count} times)"),
    };
    format!(
        "{:<7}  {}  {}  {}{times}",
        finding.level,
        printable(&finding.rule),
        place(finding),
        printable(&finding.message)
    )
}

/// `PATH:LINE`.
pub(super) fn place(finding: &ComparedFinding) -> String {
    let line = finding.line.map(|line| format!(":{line}"));
    format!("{}{}", printable(&finding.path), line.unwrap_or_default())
}
