//! A comparison as Markdown for the comment of a pull request: bounded, collapsed, and safe against
//! whatever names are made of.

use std::fmt::Write as _;

use artifact_api::ComparedVersion;
use indicatif::HumanBytes;

use super::outline::{
    List, address, detail, percent, points, printable, signed_bytes, signed_percent,
};
use super::shown::{Shown, Tasks};
use super::text::{part, place};

/// The longest comment, in bytes: GitHub takes 65,536 characters.
pub(super) const MAX_BYTES: usize = 60_000;
/// What is kept free for the ends of open tables and for saying what was left out.
const RESERVE_BYTES: usize = 400;
/// The longest list in one section, so that one does not take the room of all.
const SECTION_ROWS: usize = 50;

/// The whole comment.
pub(super) fn page(tasks: &Tasks<'_>, shown: &Shown<'_>) -> String {
    let mut page = Page(String::new());
    page.line(&format!(
        "### {} compared with {}\n",
        code(tasks.current.task.as_str()),
        code(tasks.baseline.task.as_str())
    ));
    for breach in tasks.breaches {
        page.line(&format!(
            "- **Fails** {}: {}",
            code(&breach.condition),
            plain(&breach.reason)
        ));
    }
    if !tasks.breaches.is_empty() {
        page.line("");
    }
    summary(&mut page, shown);
    unreadable(&mut page, shown);
    tests(&mut page, shown);
    coverage(&mut page, shown);
    findings(&mut page, shown);
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

    /// A row of the summary: how a kind of report was, is, and has changed, or why that is unknown.
    fn summary_row(&mut self, kind: &str, state: &str, reasons: &[String], row: &[String; 3]) {
        let [before, now, what] = row;
        match state {
            "absent" => {}
            "unknown" => {
                let reasons = plain(&printable(&reasons.join(", ")));
                self.line(&format!("| {kind} | | | **unknown**: {reasons} |"));
            }
            _ => {
                self.line(&format!("| {kind} | {before} | {now} | {what} |"));
            }
        }
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

fn summary(page: &mut Page, shown: &Shown<'_>) {
    let totals = shown.totals;
    page.line("| | before | now | |\n| --- | --- | --- | --- |");
    page.line(&format!(
        "| size | {} | {} | {} {} |",
        HumanBytes(totals.baseline_size_bytes),
        HumanBytes(totals.current_size_bytes),
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
    if let Some(sums) = &shown.test_sums {
        let told = |counts: artifact_api::TestCounts| {
            format!("{} of {} failed", counts.failed, counts.total)
        };
        let lists = List::ALL.map(|list| (list.name(), list.count(sums)));
        let lists = lists.into_iter().filter(|(_, count)| *count > 0);
        let lists: Vec<_> = lists
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        let row = [told(sums.baseline), told(sums.current), lists.join(", ")];
        page.summary_row("tests", &sums.state, &sums.reasons, &row);
    }
    if let Some(sums) = &shown.coverage {
        let row = [
            percent(sums.baseline.line_percent),
            percent(sums.current.line_percent),
            format!("{} points", points(sums.line_percent_change)),
        ];
        page.summary_row("coverage", &sums.state, &sums.reasons, &row);
    }
    if let Some(sums) = &shown.finding_sums {
        let all = |counts: artifact_api::LevelCounts| {
            (counts.error + counts.warning + counts.note + counts.none).to_string()
        };
        let change = format!("{} new, {} fixed", sums.new, sums.fixed);
        let row = [all(sums.baseline), all(sums.current), change];
        page.summary_row("findings", &sums.state, &sums.reasons, &row);
    }
}

fn unreadable(page: &mut Page, shown: &Shown<'_>) {
    let rows = shown.unreadable.iter().map(|report| {
        vec![
            report.side.clone(),
            code(&report.uri),
            plain(&printable(report.reason.as_deref().unwrap_or_default())),
        ]
    });
    page.table(
        "Reports that cannot be read",
        &["side", "report", "why"],
        rows,
        shown.unreadable.more(),
    );
}

fn tests(page: &mut Page, shown: &Shown<'_>) {
    for (list, tests) in List::ALL.into_iter().zip(&shown.tests) {
        let title = format!("Tests: {} {}", tests.all(), list.name());
        let rows = tests.iter().map(|test| {
            let detail = detail(list, test);
            let detail = if detail.is_empty() {
                detail
            } else {
                code(&detail)
            };
            vec![code(&test.id), detail]
        });
        page.table(&title, &["test", ""], rows, tests.more());
    }
}

fn coverage(page: &mut Page, shown: &Shown<'_>) {
    let rows = shown.files.iter().map(|file| {
        vec![
            code(&file.path),
            part(file.baseline),
            part(file.current),
            points(file.line_percent_change),
        ]
    });
    let title = format!("Coverage: {} files differ", shown.files.all());
    let columns = ["file", "before", "now", "points"];
    page.table(&title, &columns, rows, shown.files.more());
}

fn findings(page: &mut Page, shown: &Shown<'_>) {
    let (new, fixed) = match &shown.finding_sums {
        Some(sums) => (sums.new, sums.fixed),
        None => (0, 0),
    };
    for (name, count, listed) in [
        ("new", new, &shown.new_findings),
        ("fixed", fixed, &shown.fixed_findings),
    ] {
        let rows = listed.iter().map(|finding| {
            vec![
                finding.level.clone(),
                code(&finding.rule),
                code(&place(finding)),
                code(&finding.message),
            ]
        });
        let title = format!("Findings: {count} {name}");
        let columns = ["level", "rule", "place", "message"];
        page.table(&title, &columns, rows, listed.more());
    }
}

fn artifacts(page: &mut Page, shown: &Shown<'_>) {
    let size = |version: &Option<ComparedVersion>| {
        let bytes = version.as_ref().map(|version| version.size_bytes);
        bytes.map(|bytes| HumanBytes(bytes).to_string())
    };
    let rows = shown.artifacts.iter().map(|artifact| {
        vec![
            artifact.change.clone(),
            code(&address(artifact)),
            size(&artifact.baseline).unwrap_or_default(),
            size(&artifact.current).unwrap_or_default(),
            signed_percent(artifact.sizes),
        ]
    });
    let title = format!("Artifacts: {} differ", shown.artifacts.all());
    let columns = ["", "artifact", "before", "now", ""];
    page.table(&title, &columns, rows, shown.artifacts.more());
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
