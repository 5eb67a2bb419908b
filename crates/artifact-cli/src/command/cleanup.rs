//! `artifact cleanup`: clear away what is due by the rules of retention.

use artifact_api::{CleanupItem, CleanupReport};
use artifact_app::{CleanupOptions, CleanupOutcome, view};
use artifact_bootstrap::{NoSchedule, Schedule, Scheduled};
use artifact_domain::Error;
use clap::Args;
use indicatif::HumanBytes;

use crate::context::Context;
use crate::failures::{Failure, Failures};
use crate::service::{Service, Told};
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
        clean_up(options, args.dry_run, context).await
    });
    context.interrupt.cut_off(work).await?
}

async fn clean_up(
    options: CleanupOptions,
    dry_run: bool,
    context: &Context,
) -> Result<(), Failure> {
    let mut shown = Shown {
        ui: &context.ui,
        written: Ok(()),
        failures: Failures::default(),
    };
    let service = context.service().await?;
    let report = service.cleanup(options, dry_run, &mut shown).await?;
    shown.written?;
    conclude(&report, &context.ui)?;
    shown.failures.into_result()
}

/// What has been told so far.
struct Shown<'a> {
    ui: &'a Ui,
    written: std::io::Result<()>,
    failures: Failures,
}

impl Told<CleanupItem> for Shown<'_> {
    fn item(&mut self, item: CleanupItem) {
        if self.written.is_ok() {
            self.written = show(&item, self.ui);
        }
    }

    fn failed(&mut self, error: Error) {
        self.failures.add(self.ui, &error);
    }
}

async fn scheduled(options: CleanupOptions, context: &Context) -> Result<(), Failure> {
    let (ui, remote) = (&context.ui, context.remote()?);
    let rules = match &remote {
        Some(remote) => remote.retention().await?,
        None => context.settings()?.settings.retention,
    };
    let schedule = match Schedule::of(&rules)? {
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
    if let Some(remote) = remote {
        return at_a_server(&schedule, options, &Service::Remote(remote), ui).await;
    }
    let store = context.store().await?;
    let tell = |happens: Scheduled<'_>| match happens {
        Scheduled::Waiting(until) => ui.note(format_args!("the next cleanup is at {until}")),
        // Whoever reads may have gone away for a while: the work goes on.
        Scheduled::Item(item, CleanupOutcome::Done) => {
            drop(show(&view::cleanup::item(item), ui));
        }
        Scheduled::Item(_, CleanupOutcome::Failed(error)) | Scheduled::Ran(Err(error)) => {
            ui.error(error);
        }
        Scheduled::Item(_, CleanupOutcome::Changed) => {}
        Scheduled::Ran(Ok(report)) => {
            drop(conclude(&view::cleanup::report(report, false), ui));
        }
    };
    artifact_bootstrap::cleanup_at(&store, &schedule, options, tell)
        .await
        .map_err(|error: Error| error.into())
}

/// Has a server clean up at every time of its schedule. What fails is tried again at the next time.
async fn at_a_server(
    schedule: &Schedule,
    options: CleanupOptions,
    service: &Service,
    ui: &Ui,
) -> Result<(), Failure> {
    loop {
        let tell = |until| ui.note(format_args!("the next cleanup is at {until}"));
        schedule.wait(|| service.now(), tell).await?;
        let mut shown = Shown {
            ui,
            written: Ok(()),
            failures: Failures::default(),
        };
        match service.cleanup(options, false, &mut shown).await {
            // Whoever reads may have gone away for a while: the work goes on.
            Ok(report) => drop(conclude(&report, ui)),
            Err(error) => ui.error(&error),
        }
    }
}

fn show(item: &CleanupItem, ui: &Ui) -> std::io::Result<()> {
    if ui.json() {
        return ui.object(item);
    }
    let (uri, rule) = (&item.uri, &item.rule);
    let bytes = HumanBytes(item.stored_size_bytes).to_string();
    if item.action == "expire" {
        let since = item.due_since.map(|since| format!(", due since {since}"));
        let since = since.unwrap_or_default();
        return ui.line(format_args!("expire   {bytes:>10}  {uri}  ({rule}{since})"));
    }
    match (item.expires_at, &item.kept_by) {
        (Some(end), _) => ui.line(format_args!(
            "restamp  {bytes:>10}  {uri}  ({rule}, expires {end})"
        )),
        (None, Some(group)) => ui.line(format_args!(
            "restamp  {bytes:>10}  {uri}  (among {group}, stays)"
        )),
        (None, None) => ui.line(format_args!("restamp  {bytes:>10}  {uri}  ({rule}, stays)")),
    }
}

fn conclude(report: &CleanupReport, ui: &Ui) -> std::io::Result<()> {
    if ui.json() {
        return ui.object(report);
    }
    let did = if report.dry_run {
        "would expire"
    } else {
        "expired"
    };
    let bytes = HumanBytes(report.stored_size_bytes);
    ui.line(format_args!(
        "{did} {} versions, {bytes}; {} with another time of expiry",
        report.expired, report.restamped
    ))
}
