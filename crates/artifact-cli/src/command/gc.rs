//! `artifact gc`: clear what nobody will read any more and what crashes have left.

use std::sync::Mutex;
use std::time::Duration;

use artifact_app::{GcItem, GcOptions, GcReason, GcReport, Store, view};
use clap::Args;
use futures::TryStreamExt;
use indicatif::HumanBytes;

use crate::context::Context;
use crate::failures::{Failure, Failures};
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
    let store = context.store().await?;
    let options = GcOptions {
        grace: Duration::from_hours(args.grace_hours.into()),
    };
    let work = Box::pin(async {
        if args.dry_run {
            plan(&store, options, &context.ui).await
        } else {
            clear(&store, options, &context.ui).await
        }
    });
    context.interrupt.cut_off(work).await?
}

async fn plan(store: &Store, options: GcOptions, ui: &Ui) -> Result<(), Failure> {
    let mut report = GcReport::default();
    let mut plan = std::pin::pin!(store.gc_plan(options));
    while let Some(item) = plan.try_next().await? {
        report.items += 1;
        report.size_bytes += item.size_bytes;
        show(&item, ui)?;
    }
    conclude(&report, "would clear", true, ui)
}

async fn clear(store: &Store, options: GcOptions, ui: &Ui) -> Result<(), Failure> {
    let written = Mutex::new(Ok(()));
    let observe = |item: &GcItem| {
        if let Ok(mut written) = written.lock()
            && written.is_ok()
        {
            *written = show(item, ui);
        }
    };
    let report = store.gc(options, observe).await?;
    if let Ok(written) = written.into_inner() {
        written?;
    }
    conclude(&report, "cleared", false, ui)
}

fn show(item: &GcItem, ui: &Ui) -> std::io::Result<()> {
    let uri = item.record.as_ref().map(|record| record.version_uri());
    if ui.json() {
        return ui.object(&view::gc::item(item));
    }
    let what = match (uri, item.blobs.first()) {
        (Some(uri), _) => uri.to_string(),
        (None, Some(blob)) => blob.to_string(),
        (None, None) => format!("{} files", item.files),
    };
    let bytes = HumanBytes(item.size_bytes).to_string();
    let reason = item.reason.as_str();
    ui.line(format_args!(
        "{reason:9}  {bytes:>10}  {what}{}",
        why(item.reason)
    ))
}

fn why(reason: GcReason) -> &'static str {
    match reason {
        GcReason::Abandoned => "  (its writer is gone)",
        GcReason::Deleted => "  (deleted or superseded)",
        GcReason::Orphan => "  (nothing names it)",
        GcReason::Temporary => "  (cut-off writers)",
    }
}

fn conclude(report: &GcReport, did: &str, dry_run: bool, ui: &Ui) -> Result<(), Failure> {
    let mut failures = Failures::default();
    for error in &report.failures {
        failures.add(ui, error);
    }
    if ui.json() {
        ui.object(&view::gc::report(report, dry_run))?;
    } else {
        let bytes = HumanBytes(report.size_bytes);
        ui.line(format_args!("{did} {} items, {bytes}", report.items))?;
    }
    failures.into_result()
}
