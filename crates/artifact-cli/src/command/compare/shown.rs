//! What was told of a comparison: printed at once where the form of output allows, else kept, but only so
//! much.

use std::io;

use artifact_api::{
    Breach, CompareItem, CompareTotals, ComparedArtifact, ComparedFile, ComparedFinding,
    ComparedReport, ComparedTest, CoverageComparison, FindingSums, TestSums,
};
use artifact_app::TaskRef;
use serde_json::json;

use super::outline::{First, List};
use super::{Format, markdown, text};
use crate::progress::Progress;
use crate::ui::Ui;

/// How much of a list is printed as text, unless all is wanted.
const TEXT_LINES: usize = 20;
/// How much of a list may go into a comment.
const COMMENT_LINES: usize = 200;

/// What was compared, and which conditions are met.
pub(super) struct Tasks<'a> {
    pub(super) baseline: &'a TaskRef,
    pub(super) current: &'a TaskRef,
    pub(super) breaches: &'a [Breach],
}

/// See the module.
pub(super) struct Shown<'a> {
    ui: &'a Ui,
    form: Form,
    progress: &'a Progress,
    /// The artifacts that differ. As text they are printed, and not kept.
    pub(super) artifacts: First<ComparedArtifact>,
    /// Reports that cannot be read.
    pub(super) unreadable: First<ComparedReport>,
    /// In the order of [`List::ALL`].
    pub(super) tests: Vec<First<ComparedTest>>,
    pub(super) test_sums: Option<TestSums>,
    pub(super) files: First<ComparedFile>,
    pub(super) coverage: Option<CoverageComparison>,
    pub(super) new_findings: First<ComparedFinding>,
    pub(super) fixed_findings: First<ComparedFinding>,
    pub(super) finding_sums: Option<FindingSums>,
    pub(super) totals: CompareTotals,
    pub(super) breaches: Vec<Breach>,
    written: io::Result<()>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Text,
    Markdown,
}

impl<'a> Shown<'a> {
    pub(super) fn new(ui: &'a Ui, format: Format, all: bool, progress: &'a Progress) -> Self {
        let form = match format {
            _ if ui.json() => Form::Json,
            Format::Text => Form::Text,
            Format::Markdown => Form::Markdown,
        };
        let limit = match form {
            Form::Markdown => COMMENT_LINES,
            _ if all => usize::MAX,
            _ => TEXT_LINES,
        };
        Self {
            ui,
            form,
            progress,
            artifacts: First::new(limit),
            unreadable: First::new(limit.min(COMMENT_LINES)),
            tests: List::ALL.map(|_| First::new(limit)).into(),
            test_sums: None,
            files: First::new(limit),
            coverage: None,
            new_findings: First::new(limit),
            fixed_findings: First::new(limit),
            finding_sums: None,
            totals: CompareTotals::default(),
            breaches: Vec::new(),
            written: Ok(()),
        }
    }

    /// Takes what a comparison tells. Once nobody reads what is printed, nothing more is; which conditions
    /// are met counts all the same.
    pub(super) fn take(&mut self, item: CompareItem) {
        if let CompareItem::Fails(breach) = &item {
            self.breaches.push(breach.clone());
        }
        if self.written.is_err() {
            return;
        }
        if matches!(item, CompareItem::Artifact(_)) {
            self.progress.add_file();
        }
        if self.form == Form::Json {
            // By way of a value the keys stand in the order of the alphabet.
            let object = json!(item);
            self.written = self.progress.suspend(|| self.ui.object(&object));
            return;
        }
        match item {
            CompareItem::Artifact(artifact) => self.written = self.artifact(artifact),
            CompareItem::Report(report) if report.state == "unreadable" => {
                self.unreadable.add(report);
            }
            CompareItem::Test(test) => {
                for (list, kept) in List::ALL.into_iter().zip(&mut self.tests) {
                    if list.has(&test) {
                        kept.add((*test).clone());
                    }
                }
            }
            CompareItem::Tests(sums) => self.test_sums = Some(sums),
            CompareItem::File(file) => self.files.add(file),
            CompareItem::Coverage(sums) => self.coverage = Some(sums),
            CompareItem::Finding(finding) if finding.change == "new" => {
                self.new_findings.add(finding);
            }
            CompareItem::Finding(finding) => self.fixed_findings.add(finding),
            CompareItem::Findings(sums) => self.finding_sums = Some(sums),
            CompareItem::Totals(totals) => self.totals = totals,
            CompareItem::Report(_) | CompareItem::Fails(_) => {}
        }
    }

    fn artifact(&mut self, artifact: ComparedArtifact) -> io::Result<()> {
        if artifact.change == "same" {
            return Ok(());
        }
        if self.form == Form::Markdown {
            self.artifacts.add(artifact);
            return Ok(());
        }
        if !self.artifacts.count() {
            return Ok(());
        }
        let line = text::artifact(self.ui, &artifact);
        self.progress.suspend(|| self.ui.line(line))
    }

    /// Prints the rest.
    pub(super) fn finish(mut self, tasks: &Tasks<'_>) -> io::Result<()> {
        std::mem::replace(&mut self.written, Ok(()))?;
        match self.form {
            Form::Json => Ok(()),
            Form::Text => text::finish(self.ui, tasks, &self),
            Form::Markdown => self.ui.line(markdown::page(tasks, &self).trim_end()),
        }
    }
}
