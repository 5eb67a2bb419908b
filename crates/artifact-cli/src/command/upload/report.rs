//! What became of every source, told as it comes and summed up at the end.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use artifact_domain::Error;
use serde_json::json;

use super::walk::LeftOut;
use crate::failures::{Failure, Failures};
use crate::service::Stored;
use crate::ui::Ui;

/// What became of one source.
#[derive(Debug)]
pub(super) enum Outcome {
    Stored(Box<Stored>),
    /// Stored already as it is.
    Unchanged,
    /// Not uploaded by design.
    LeftOut(LeftOut, PathBuf),
    Failed(Error),
    /// The user wanted to stop.
    Stopped,
}

/// Tells of outcomes, and remembers how many there were of each.
pub(super) struct Report<'a> {
    ui: &'a Ui,
    failures: Failures,
    stored: u64,
    unchanged: Option<u64>,
    left_out: BTreeMap<LeftOut, u64>,
}

impl<'a> Report<'a> {
    /// Nothing yet. Whether unchanged files are left out is said where it was asked for.
    pub(super) fn new(ui: &'a Ui, skips_unchanged: bool) -> Self {
        Self {
            ui,
            failures: Failures::default(),
            stored: 0,
            unchanged: skips_unchanged.then_some(0),
            left_out: BTreeMap::new(),
        }
    }

    /// Whether anything was stored.
    pub(super) fn has_stored(&self) -> bool {
        self.stored > 0
    }

    /// Tells of a failure.
    pub(super) fn failed(&mut self, error: &Error) {
        self.failures.add(self.ui, error);
    }

    /// Tells of an outcome.
    ///
    /// # Errors
    /// Those of standard output.
    pub(super) fn add(&mut self, outcome: Outcome) -> io::Result<()> {
        match outcome {
            Outcome::Stored(uploaded) => {
                self.stored += 1;
                if let Some(warning) = uploaded.warning {
                    self.ui.warn(warning);
                }
                let record = &uploaded.record;
                self.ui.artifact(record, record.uri())?;
            }
            Outcome::Unchanged => *self.unchanged.get_or_insert(0) += 1,
            Outcome::LeftOut(what, path) => {
                *self.left_out.entry(what).or_default() += 1;
                let (what, path) = (what.describe(), path.display());
                self.ui.warn(format!("not uploaded, {what}: {path}"));
            }
            Outcome::Failed(error) => self.failed(&error),
            Outcome::Stopped => {}
        }
        Ok(())
    }

    /// Sums up.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let left_out: u64 = self.left_out.values().sum();
        if left_out > 1 {
            let kinds: Vec<_> = self
                .left_out
                .iter()
                .map(|(what, count)| format!("{count} × {}", what.describe()))
                .collect();
            self.ui
                .warn(format!("{left_out} not uploaded: {}", kinds.join(", ")));
        }
        match self.unchanged {
            Some(count) => self.ui.sum(
                &json!({
                    "uploaded": self.stored, "unchanged": count,
                    "left_out": left_out, "failed": self.failures.count(),
                }),
                format_args!("{count} unchanged"),
            ),
            None if self.stored == 0 && self.failures.count() == 0 => {
                self.ui.warn("there is nothing to upload");
            }
            None => {}
        }
        self.failures.into_result()
    }
}
