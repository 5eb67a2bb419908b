//! A comparison as Markdown for the comment of a pull request: bounded, collapsed, and safe against
//! whatever names are made of.

use std::fmt::Write as _;

use artifact_app::ReportState;
use artifact_reports::{ComparedFinding, Kind, Side, Standing};
use indicatif::HumanBytes;

use super::outline::{
    Outline, address, detail, percent, points, printable, signed_bytes, signed_percent,
};
use super::shown::Shown;
use super::text::place;
use artifact_app::TestList;

/// The longest comment, in bytes: GitHub takes 65,536 characters.
pub(super) const MAX_BYTES: usize = 60_000;
/// What is kept free for the ends of open tables and for saying what was left out.
const RESERVE_BYTES: usize = 400;
/// The longest list in one section, so that one does not take the room of all.
const SECTION_ROWS: usize = 50;

/// The whole comment.
pub(super) fn page(outline: &Outline<'_>, shown: &Shown<'_>) -> String {
    let mut page = Page(String::new());
    page.line(&format!(
        "### {} compared with {}\n",
        code(outline.current.task.as_str()),
        code(outline.baseline.task.as_str())
    ));
    for breach in &outline.breaches {
        let condition = breach.condition.to_string();
        page.line(&format!(
            "- **Fails** {}: {}",
            code(&condition),
            plain(&breach.why)
        ));
    }
    if !outline.breaches.is_empty() {
        page.line("");
    }
    summary(&mut page, outline);
    unreadable(&mut page, shown);
    tests(&mut page, outline);
    coverage(&mut page, outline);
    findings(&mut page, outline);
    artifacts(&mut page, shown);
    page.0
}

struct Page(String);

impl Page {
    fn line(&mut self, line: &str) -> bool {
        let fits = self.0.len() + line.len() + RESERVE_BYTES < MAX_BYTES;
        if fits {
            self.0.push_str(line);
            self.0.push('\n');
        }
        fits
    }

    /// A collapsed table; nothing without rows. `more` are rows that were left out before.
    fn table(
        &mut self,
        title: &str,
        columns: &[&str],
        rows: impl Iterator<Item = Vec<String>>,
        more: usize,
    ) {
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            return;
        }
        let lines = columns
            .iter()
            .map(|_| " --- ")
            .collect::<Vec<_>>()
            .join("|");
        let head = format!(
            "\n<details><summary>{title}</summary>\n\n| {} |\n|{lines}|",
            columns.join(" | ")
        );
        if !self.line(&head) {
            return;
        }
        let (mut told, mut left_out) = (0, more);
        for row in rows {
            let fits = told < SECTION_ROWS && self.line(&format!("| {} |", row.join(" | ")));
            if fits {
                told += 1;
            } else {
                left_out += 1;
            }
        }
        if left_out > 0 {
            let _ = writeln!(self.0, "\n… and {left_out} more");
        }
        self.0.push_str("\n</details>\n");
    }
}

fn summary(page: &mut Page, outline: &Outline<'_>) {
    let compared = outline.compared;
    let (totals, reports) = (compared.totals, &compared.reports);
    page.line("| | before | now | |\n| --- | --- | --- | --- |");
    page.line(&format!(
        "| size | {} | {} | {} {} |",
        HumanBytes(totals.sizes.baseline_bytes),
        HumanBytes(totals.sizes.current_bytes),
        signed_bytes(totals.sizes),
        signed_percent(totals.sizes)
    ));
    page.line(&format!(
        "| artifacts | {} | {} | {} added, {} removed, {} changed |",
        totals.removed + totals.changed + totals.same,
        totals.added + totals.changed + totals.same,
        totals.added,
        totals.removed,
        totals.changed
    ));
    for kind in Kind::ALL {
        let (before, now, what) = match kind {
            Kind::Tests => {
                let told = |side| {
                    let counts = reports.test_counts(side);
                    format!("{} of {} failed", counts.failed, counts.total)
                };
                let lists = TestList::ALL.map(|list| (list.name().0, outline.tests(list).count()));
                let lists = lists.into_iter().filter(|(_, count)| *count > 0);
                let lists: Vec<_> = lists
                    .map(|(name, count)| format!("{count} {name}"))
                    .collect();
                (told(Side::Baseline), told(Side::Current), lists.join(", "))
            }
            Kind::Coverage => {
                let told = |side| percent(reports.covered(side).lines.percent());
                let change = points(reports.line_coverage_change());
                (
                    told(Side::Baseline),
                    told(Side::Current),
                    format!("{change} points"),
                )
            }
            Kind::Findings => {
                let told = |side| reports.finding_counts(side).iter().sum::<u64>().to_string();
                let findings = reports.findings();
                let new: u64 = findings.iter().map(ComparedFinding::appeared).sum();
                let fixed: u64 = findings.iter().map(ComparedFinding::disappeared).sum();
                let change = format!("{new} new, {fixed} fixed");
                (told(Side::Baseline), told(Side::Current), change)
            }
        };
        let name = kind.as_str();
        match reports.standing(kind) {
            Standing::Absent => {}
            Standing::Known => {
                page.line(&format!("| {name} | {before} | {now} | {what} |"));
            }
            Standing::Unknown(reasons) => {
                let reasons = plain(&printable(&reasons.join(", ")));
                page.line(&format!("| {name} | | | **unknown**: {reasons} |"));
            }
        }
    }
}

fn unreadable(page: &mut Page, shown: &Shown<'_>) {
    let rows = shown.unreadable.iter().filter_map(|report| {
        let ReportState::Unreadable { why, .. } = &report.state else {
            return None;
        };
        Some(vec![
            report.side.as_str().to_owned(),
            code(&report.uri.to_string()),
            plain(&printable(&why.to_string())),
        ])
    });
    let more = shown.more_unreadable;
    page.table(
        "Reports that cannot be read",
        &["side", "report", "why"],
        rows,
        more,
    );
}

fn tests(page: &mut Page, outline: &Outline<'_>) {
    for list in TestList::ALL {
        let title = format!("Tests: {} {}", outline.tests(list).count(), list.name().0);
        let rows = outline.tests(list).map(|test| {
            let detail = detail(list, &test, outline.rule);
            let detail = if detail.is_empty() {
                detail
            } else {
                code(&detail)
            };
            vec![code(test.id), detail]
        });
        page.table(&title, &["test", ""], rows, 0);
    }
}

fn coverage(page: &mut Page, outline: &Outline<'_>) {
    let part = |sums: Option<artifact_reports::CoverageSums>| {
        percent(sums.and_then(|sums| sums.lines.percent()))
    };
    let rows = outline.files().map(|file| {
        vec![
            code(file.path),
            part(file.baseline),
            part(file.current),
            points(file.change()),
        ]
    });
    let title = format!("Coverage: {} files differ", outline.files().count());
    page.table(&title, &["file", "before", "now", "points"], rows, 0);
}

fn findings(page: &mut Page, outline: &Outline<'_>) {
    let findings = outline.compared.reports.findings();
    for (name, is_new) in [("new", true), ("fixed", false)] {
        let listed = || {
            findings
                .iter()
                .filter(move |finding| (finding.appeared() > 0) == is_new)
        };
        let count: u64 = listed()
            .map(|finding| finding.appeared().max(finding.disappeared()))
            .sum();
        let rows = listed().map(|finding| {
            vec![
                finding.level.as_str().to_owned(),
                code(finding.rule),
                code(&place(finding)),
                code(finding.message),
            ]
        });
        let title = format!("Findings: {count} {name}");
        page.table(&title, &["level", "rule", "place", "message"], rows, 0);
    }
}

fn artifacts(page: &mut Page, shown: &Shown<'_>) {
    let rows = shown.artifacts.iter().map(|artifact| {
        let sizes = artifact.sizes();
        let size = |is_there: bool, bytes| is_there.then(|| HumanBytes(bytes).to_string());
        vec![
            artifact.change().as_str().to_owned(),
            code(&address(artifact)),
            size(artifact.baseline.is_some(), sizes.baseline_bytes).unwrap_or_default(),
            size(artifact.current.is_some(), sizes.current_bytes).unwrap_or_default(),
            signed_percent(sizes),
        ]
    });
    let count = shown.artifacts.len() + shown.more_artifacts();
    let title = format!("Artifacts: {count} differ");
    let columns = ["", "artifact", "before", "now", ""];
    page.table(&title, &columns, rows, shown.more_artifacts());
}

/// A text that somebody made up, as code.
fn code(text: &str) -> String {
    format!("<code>{}</code>", plain(&printable(text)))
}

/// A text in which nothing means anything to Markdown, HTML or a host that looks for mentions, links
/// and numbers of issues.
fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' => safe.push(letter),
            ' ' | ',' | '.' | ';' | '(' | ')' | '-' | '%' | '/' | '=' | '+' | '?' => {
                safe.push(letter);
            }
            _ if letter.is_ascii() => {
                let _ = write!(safe, "&#{};", u32::from(letter));
            }
            _ => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_means_anything() {
        let name = "</code>|`*_[x](http://y)@all #1\n<!--";
        let shown = code(name);
        let inner = shown
            .strip_prefix("<code>")
            .and_then(|rest| rest.strip_suffix("</code>"))
            .unwrap();
        let special = ['<', '>', '|', '`', '*', '_', '[', ']', ':', '@', '\n', '!'];
        assert!(!inner.contains(special), "{inner}");
        assert_eq!(plain("a b-1.0"), "a b-1.0");
    }

    #[test]
    fn a_page_ends_in_time_and_whole() {
        let mut page = Page(String::new());
        for _ in 0..50 {
            let rows = (0..1_000).map(|n| vec![format!("{n} {}", "x".repeat(100))]);
            page.table("many", &["name"], rows, 0);
        }
        assert!(page.0.len() <= MAX_BYTES, "{}", page.0.len());
        let count = |text| page.0.matches(text).count();
        assert_eq!(count("<details>"), count("</details>"));
        assert!(count("… and 950 more") > 0);
    }
}
