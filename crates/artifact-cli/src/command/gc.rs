//! `artifact gc`: clear what nobody will read any more and what crashes have left.

use std::io;
use std::time::Duration;

use artifact_api::GcItem;
use artifact_app::GcOptions;
use artifact_domain::Error;
use clap::Args;
use indicatif::HumanBytes;

use crate::context::Context;
use crate::failures::{Failure, Failures};
use crate::service::Told;
use crate::ui::Ui;

/// What to clear.
#[derive(Debug, Args)]
#[command(after_help = "\
Clears uploads whose writer is gone (abandoned), what was deleted or superseded and is still there
(deleted), blobs that neither the index nor the metadata knows (orphan) and temporary files. Folds
the metadata beside the blobs, and writes again what it lacks. Safe beside everything else.

Examples:
  artifact gc --dry-run
  artifact gc
  artifact gc --grace-hours 168 --json")]
pub(crate) struct GcArgs {
    /// Say what would be cleared and why, and clear nothing
    #[arg(long)]
    dry_run: bool,
    /// How old a blob must be that nothing names, in hours
    #[arg(long, value_name = "HOURS", default_value_t = 24,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    grace_hours: u32,
}

pub(crate) async fn run(args: GcArgs, context: &Context) -> Result<(), Failure> {
    let service = context.service().await?;
    let options = GcOptions {
        grace: Duration::from_hours(args.grace_hours.into()),
    };
    let mut shown = Shown {
        ui: &context.ui,
        written: Ok(()),
        failures: Failures::default(),
    };
    let work = Box::pin(service.gc(options, args.dry_run, &mut shown));
    let report = context.interrupt.cut_off(work).await??;
    shown.written?;
    let did = if args.dry_run {
        "would clear"
    } else {
        "cleared"
    };
    if context.ui.json() {
        context.ui.object(&report)?;
    } else {
        let bytes = HumanBytes(report.size_bytes);
        context
            .ui
            .line(format_args!("{did} {} items, {bytes}", report.items))?;
    }
    shown.failures.into_result()
}

/// What has been told so far.
struct Shown<'a> {
    ui: &'a Ui,
    written: io::Result<()>,
    failures: Failures,
}

impl Told<GcItem> for Shown<'_> {
    fn item(&mut self, item: GcItem) {
        if self.written.is_ok() {
            self.written = show(&item, self.ui);
        }
    }

    fn failed(&mut self, error: Error) {
        self.failures.add(self.ui, &error);
    }
}

fn show(item: &GcItem, ui: &Ui) -> io::Result<()> {
    if ui.json() {
        return ui.object(item);
    }
    let what = match (&item.uri, item.paths.first()) {
        (Some(what), _) | (None, Some(what)) => what.clone(),
        (None, None) => format!("{} files", item.files),
    };
    let bytes = HumanBytes(item.size_bytes).to_string();
    let reason = &item.reason;
    ui.line(format_args!(
        "{reason:9}  {bytes:>10}  {what}{}",
        why(reason)
    ))
}

fn why(reason: &str) -> &'static str {
    match reason {
        "abandoned" => "  (its writer is gone)",
        "deleted" => "  (deleted or superseded)",
        "orphan" => "  (nothing names it)",
        "temporary" => "  (cut-off writers)",
        _ => "",
    }
}
