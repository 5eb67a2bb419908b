//! `artifact doctor`: try whether everything works that the settings name.

use std::io;
use std::sync::Mutex;

use artifact_api::{HealthCheck, kind_of};
use artifact_domain::{Check, ErrorKind};
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
    let Some(remote) = context.remote()? else {
        return examine(context).await;
    };
    let mut told = Told::default();
    let work = Box::pin(remote.doctor(|check| told.add(&check, &context.ui)));
    context.interrupt.cut_off(work).await??;
    told.into_result()
}

/// Goes through all checks of this machine's settings.
pub(crate) async fn examine(context: &Context) -> Result<(), Failure> {
    let settings = context.settings()?.settings;
    let told = Mutex::new(Told::default());
    let mut tell = |check: Check| {
        if let Ok(mut told) = told.lock() {
            told.add(&HealthCheck::from(&check), &context.ui);
        }
    };
    let is_over = || context.interrupt.is_requested();
    let open = async || artifact_bootstrap::open(&settings).await;
    artifact_bootstrap::examine(&settings, open, &is_over, &mut tell).await;
    told.into_inner().unwrap_or_default().into_result()
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
    fn add(&mut self, check: &HealthCheck, ui: &Ui) {
        if let Some(kind) = &check.kind {
            let kind = kind_of(kind).unwrap_or(ErrorKind::Internal);
            self.failed.get_or_insert(kind);
        }
        if self.written.is_ok() {
            self.written = show(check, ui);
        }
    }

    fn into_result(self) -> Result<(), Failure> {
        self.written?;
        self.failed
            .map_or(Ok(()), |kind| Err(Failure::Reported(kind)))
    }
}

fn show(check: &HealthCheck, ui: &Ui) -> io::Result<()> {
    if ui.json() {
        return ui.object(&json!(check));
    }
    let color = match check.outcome.as_str() {
        "ok" => GREEN,
        "warn" => YELLOW,
        _ => RED,
    };
    let shown = ui.paint_data(color, &format!("{:4}", check.outcome));
    let hint = check.hint.as_ref();
    let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
    ui.line(format_args!(
        "{shown}  {:17}  {}{hint}",
        check.check, check.message
    ))
}
