//! What was told on the way of a comparison: printed at once where the form of output allows, else
//! kept, but only so much.

use std::io;

use artifact_app::{ArtifactComparison, CompareItem, Difference, Report, ReportState, view};

use super::outline::Outline;
use super::{Format, markdown, text};
use crate::progress::Progress;
use crate::ui::Ui;

/// How much of a list is printed as text, unless all is wanted.
const TEXT_LINES: usize = 20;
/// How much of a list may go into a comment.
const COMMENT_LINES: usize = 200;

/// See the module.
pub(super) struct Shown<'a> {
    ui: &'a Ui,
    form: Form,
    progress: &'a Progress,
    /// The longest list.
    pub(super) limit: usize,
    /// How many artifacts differ.
    differing: usize,
    /// Those for a comment.
    pub(super) artifacts: Vec<ArtifactComparison>,
    /// Reports that cannot be read.
    pub(super) unreadable: Vec<Report>,
    /// How many more there were of them.
    pub(super) more_unreadable: usize,
    /// How many artifacts of the types of reports are not compared.
    pub(super) others: u64,
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
            limit,
            differing: 0,
            artifacts: Vec::new(),
            unreadable: Vec::new(),
            more_unreadable: 0,
            others: 0,
            written: Ok(()),
        }
    }

    /// Takes what a comparison tells. Once nobody reads what is printed, nothing more is.
    pub(super) fn take(&mut self, item: CompareItem) {
        if self.written.is_err() {
            return;
        }
        self.written = match item {
            CompareItem::Artifact(artifact) => {
                self.progress.add_file();
                self.artifact(artifact)
            }
            CompareItem::Report(report) => self.report(report),
        };
    }

    fn artifact(&mut self, artifact: ArtifactComparison) -> io::Result<()> {
        if self.form == Form::Json {
            let object = view::compare::artifact(&artifact);
            return self.progress.suspend(|| self.ui.object(&object));
        }
        if artifact.change() == Difference::Same {
            return Ok(());
        }
        self.differing += 1;
        if self.differing > self.limit {
            return Ok(());
        }
        if self.form == Form::Markdown {
            self.artifacts.push(artifact);
            return Ok(());
        }
        let line = text::artifact(self.ui, &artifact);
        self.progress.suspend(|| self.ui.line(line))
    }

    fn report(&mut self, report: Report) -> io::Result<()> {
        if self.form == Form::Json {
            let object = view::compare::report(&report);
            return self.progress.suspend(|| self.ui.object(&object));
        }
        match report.state {
            ReportState::Read(_) => {}
            ReportState::Other => self.others += 1,
            ReportState::Unreadable { .. } if self.unreadable.len() < COMMENT_LINES => {
                self.unreadable.push(report);
            }
            ReportState::Unreadable { .. } => self.more_unreadable += 1,
        }
        Ok(())
    }

    /// How many artifacts differ beyond those that were told.
    pub(super) fn more_artifacts(&self) -> usize {
        self.differing.saturating_sub(self.limit)
    }

    /// Prints the rest.
    pub(super) fn finish(mut self, outline: &Outline<'_>) -> io::Result<()> {
        std::mem::replace(&mut self.written, Ok(()))?;
        match self.form {
            Form::Json => {
                let told = view::compare::Shown {
                    compared: outline.compared,
                    breaches: &outline.breaches,
                    rule: outline.rule,
                };
                view::compare::finish(told, |object| self.ui.object(&object))
            }
            Form::Text => text::finish(self.ui, outline, &self),
            Form::Markdown => self.ui.line(markdown::page(outline, &self).trim_end()),
        }
    }
}
