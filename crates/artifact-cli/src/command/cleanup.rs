//! `artifact cleanup`: clear away what is due by the rules of retention.

use artifact_app::{
    CleanupAction, CleanupItem, CleanupOptions, CleanupOutcome, CleanupReport, Store, view,
};
use artifact_bootstrap::settings::Settings;
use artifact_bootstrap::{NoSchedule, Schedule, Scheduled};
use artifact_domain::Error;
use clap::Args;
use futures::TryStreamExt;
use indicatif::HumanBytes;

use crate::context::Context;
use crate::failures::{Failure, Failures};
use crate::ui::Ui;

/// How to clean up.
#[derive(Debug, Args)]
#[command(after_help = "\
Deletes what the rules in force say is due, and nothing else: not what is on hold, nor what is among
the latest that are kept, nor what only an earlier rule would have let expire. Where the rules say
another time of expiry than a version has, that is written anew.

Examples:
  artifact cleanup --dry-run
  artifact cleanup --json
  artifact cleanup --scheduled")]
pub(crate) struct CleanupArgs {
    /// Say what would be done, by which rule and since when, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Stay, and clean up at each time of retention.schedule
    #[arg(long, conflicts_with = "dry_run")]
    scheduled: bool,
    /// Trust the clock though it is a day or more earlier than what is stored
    #[arg(long)]
    force: bool,
}

pub(crate) async fn run(args: CleanupArgs, context: &Context) -> Result<(), Failure> {
    let options = CleanupOptions {
        trust_clock: args.force,
    };
    let work = Box::pin(async {
        if args.scheduled {
            return scheduled(options, context).await;
        }
        let store = context.store().await?;
        if args.dry_run {
            plan(&store, options, &context.ui).await
        } else {
            clean_up(&store, options, &context.ui).await
        }
    });
    context.interrupt.cut_off(work).await?
}

async fn plan(store: &Store, options: CleanupOptions, ui: &Ui) -> Result<(), Failure> {
    let mut report = CleanupReport::default();
    let mut plan = std::pin::pin!(store.cleanup_plan(options));
    while let Some(item) = plan.try_next().await? {
        report.count(&item, &CleanupOutcome::Done);
        show(&item, ui)?;
    }
    conclude(&report, true, ui)?;
    Ok(())
}

async fn clean_up(store: &Store, options: CleanupOptions, ui: &Ui) -> Result<(), Failure> {
    let (mut written, mut failures) = (Ok(()), Failures::default());
    let tell = |item: &CleanupItem, outcome: &CleanupOutcome| match outcome {
        CleanupOutcome::Done if written.is_ok() => written = show(item, ui),
        CleanupOutcome::Failed(error) => failures.add(ui, error),
        CleanupOutcome::Done | CleanupOutcome::Changed => {}
    };
    let report = store.cleanup(options, tell).await?;
    written?;
    conclude(&report, false, ui)?;
    failures.into_result()
}

async fn scheduled(options: CleanupOptions, context: &Context) -> Result<(), Failure> {
    let (settings, ui): (Settings, &Ui) = (context.settings()?.settings, &context.ui);
    let schedule = match Schedule::of(&settings)? {
        Ok(schedule) => schedule,
        Err(NoSchedule::RetentionDisabled) => {
            ui.note("retention.enabled is false: nothing is cleaned up at set times");
            return Ok(());
        }
        Err(NoSchedule::NotSet) => {
            ui.note("retention.schedule is not set: nothing is cleaned up at set times");
            return Ok(());
        }
    };
    let store = context.store().await?;
    let tell = |happens: Scheduled<'_>| match happens {
        Scheduled::Waiting(until) => ui.note(format_args!("the next cleanup is at {until}")),
        // Whoever reads may have gone away for a while: the work goes on.
        Scheduled::Item(item, CleanupOutcome::Done) => drop(show(item, ui)),
        Scheduled::Item(_, CleanupOutcome::Failed(error)) | Scheduled::Ran(Err(error)) => {
            ui.error(error);
        }
        Scheduled::Item(_, CleanupOutcome::Changed) => {}
        Scheduled::Ran(Ok(report)) => drop(conclude(report, false, ui)),
    };
    artifact_bootstrap::cleanup_at(&store, &schedule, options, tell)
        .await
        .map_err(|error: Error| error.into())
}

fn show(item: &CleanupItem, ui: &Ui) -> std::io::Result<()> {
    let uri = item.record.version_uri();
    let (rule, size) = (&item.ruling, item.stored_size_bytes());
    if ui.json() {
        return ui.object(&view::cleanup::item(item));
    }
    let bytes = HumanBytes(size).to_string();
    match (item.action, &item.kept) {
        (CleanupAction::Expire(since), _) => ui.line(format_args!(
            "expire   {bytes:>10}  {uri}  ({rule}, due since {since})"
        )),
        (CleanupAction::Restamp(Some(end)), _) => ui.line(format_args!(
            "restamp  {bytes:>10}  {uri}  ({rule}, expires {end})"
        )),
        (CleanupAction::Restamp(None), Some(group)) => ui.line(format_args!(
            "restamp  {bytes:>10}  {uri}  (among {group}, stays)"
        )),
        (CleanupAction::Restamp(None), None) => {
            ui.line(format_args!("restamp  {bytes:>10}  {uri}  ({rule}, stays)"))
        }
    }
}

fn conclude(report: &CleanupReport, dry_run: bool, ui: &Ui) -> std::io::Result<()> {
    if ui.json() {
        return ui.object(&view::cleanup::report(report, dry_run));
    }
    let did = if dry_run { "would expire" } else { "expired" };
    let bytes = HumanBytes(report.stored_size_bytes);
    ui.line(format_args!(
        "{did} {} versions, {bytes}; {} with another time of expiry",
        report.expired, report.restamped
    ))
}
