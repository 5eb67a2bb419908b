//! `artifact doctor`: try whether everything works that the settings name.

use std::io;
use std::sync::Mutex;

use artifact_domain::{Check, CheckOutcome, ErrorKind};
use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::failures::Failure;
use crate::ui::{GREEN, RED, Ui, YELLOW};

/// Nothing can be chosen.
#[derive(Debug, Args)]
#[command(after_help = "\
A line per check: ok, warn or fail, its name, what was found, and what to do about it. What is
tried is taken away again. Fails with the exit code of the first check that does.

Examples:
  artifact doctor
  artifact doctor --backend s3 --json")]
pub(crate) struct DoctorArgs {}

pub(crate) async fn run(_: &DoctorArgs, context: &Context) -> Result<(), Failure> {
    examine(context).await
}

/// Goes through all checks.
pub(crate) async fn examine(context: &Context) -> Result<(), Failure> {
    let settings = context.settings()?.settings;
    let told = Mutex::new(Told::default());
    let mut tell = |check: Check| {
        if let Ok(mut told) = told.lock() {
            told.add(&check, &context.ui);
        }
    };
    let is_over = || context.interrupt.is_requested();
    artifact_bootstrap::examine(&settings, &is_over, &mut tell).await;
    let told = told.into_inner().unwrap_or_default();
    told.written?;
    told.failed
        .map_or(Ok(()), |kind| Err(Failure::Reported(kind)))
}

/// What was told so far.
#[derive(Debug)]
struct Told {
    failed: Option<ErrorKind>,
    written: io::Result<()>,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            failed: None,
            written: Ok(()),
        }
    }
}

impl Told {
    fn add(&mut self, check: &Check, ui: &Ui) {
        if let CheckOutcome::Fail(kind) = check.outcome {
            self.failed.get_or_insert(kind);
        }
        if self.written.is_ok() {
            self.written = show(check, ui);
        }
    }
}

fn show(check: &Check, ui: &Ui) -> io::Result<()> {
    let outcome = check.outcome.as_str();
    if ui.json() {
        let kind = match check.outcome {
            CheckOutcome::Fail(kind) => Some(kind.as_str()),
            CheckOutcome::Ok | CheckOutcome::Warn => None,
        };
        return ui.object(&json!({
            "check": check.name,
            "outcome": outcome,
            "kind": kind,
            "message": check.message,
            "hint": check.hint,
        }));
    }
    let color = match check.outcome {
        CheckOutcome::Ok => GREEN,
        CheckOutcome::Warn => YELLOW,
        CheckOutcome::Fail(_) => RED,
    };
    let shown = ui.paint_data(color, &format!("{outcome:4}"));
    let hint = check.hint.as_ref();
    let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
    ui.line(format_args!(
        "{shown}  {:17}  {}{hint}",
        check.name, check.message
    ))
}
