//! `artifact archive` and `artifact restore`: move artifacts to another tier and back.

use artifact_api::MoveReport;
use artifact_app::{MoveScope, RestoreOptions, Restored, view};
use artifact_domain::{ArtifactRecord, ArtifactRef, ArtifactView, Error, Result, Tier};
use clap::Args;
use indicatif::HumanBytes;
use serde_json::json;

use crate::context::Context;
use crate::failures::{Failure, Failures, and_failed};
use crate::filter::FilterArgs;
use crate::progress::Progress;
use crate::service::{Moving, Service, Told};

/// What to archive.
#[derive(Debug, Args)]
#[command(after_help = "\
Each version is copied to the cold tier, read there from beginning to end, and only then taken away
where it was. It can be interrupted and run again. With filters, all versions that match and are
active are archived, not only the newest.

--by-age moves what tiers.warm_after_days and tiers.cold_after_days say, counted from the upload:
first to the warm tier, where it stays active, then to the cold one.

Examples:
  artifact archive artifact://demo/1/log/build.log
  artifact archive --spec demo --before 2026-01-01 --dry-run
  artifact archive --by-age")]
pub(crate) struct ArchiveArgs {
    /// URIs or ids; a URI names the newest version
    #[arg(value_name = "URI|ID", conflicts_with_all = ["FilterArgs", "by_age"])]
    artifacts: Vec<ArtifactRef>,
    #[command(flatten)]
    what: FilterArgs,
    /// Move what is old enough to the tier of its age, of everything or of what matches
    #[arg(long)]
    by_age: bool,
    /// Say what would be moved and move nothing
    #[arg(long)]
    dry_run: bool,
}

/// What to restore.
#[derive(Debug, Args)]
#[command(after_help = "\
Brings the bytes back from a colder tier, read from beginning to end before they go there; the
artifact is active again. With filters, all versions that match and are in a colder tier come back.

A bucket's frozen storage classes give no bytes at once: they are asked for, which takes minutes to
days, and it is said that the artifact is being restored. Run the same command again later, within
--keep-days: what can be read by then comes back.

Examples:
  artifact restore artifact://demo/1/log/build.log
  artifact restore --spec demo --state archived --dry-run
  artifact restore artifact://demo/1/log/build.log --keep-days 2")]
pub(crate) struct RestoreArgs {
    /// URIs or ids; a URI names the newest version
    #[arg(value_name = "URI|ID", conflicts_with = "FilterArgs")]
    artifacts: Vec<ArtifactRef>,
    #[command(flatten)]
    what: FilterArgs,
    /// For how many days a bucket keeps what it has got out of a frozen storage class
    #[arg(
        long,
        value_name = "N",
        default_value_t = RestoreOptions::default().days,
        value_parser = clap::value_parser!(u32).range(1..=3650)
    )]
    keep_days: u32,
    /// Say what would be moved and move nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(args: ArchiveArgs, context: &Context) -> Result<(), Failure> {
    let service = context.service().await?;
    if !args.artifacts.is_empty() {
        return each(&args.artifacts, None, args.dry_run, &service, context).await;
    }
    if args.what.is_empty() && !args.by_age {
        return Err(nothing_named("archive", "--by-age, ").into());
    }
    let filter = Box::new(args.what.filter(service.now()));
    let scope = if args.by_age {
        MoveScope::ByAge(filter)
    } else {
        MoveScope::Archive(filter)
    };
    all(scope, "moved", args.dry_run, &service, context).await
}

pub(crate) async fn run_restore(args: RestoreArgs, context: &Context) -> Result<(), Failure> {
    let service = context.service().await?;
    let options = RestoreOptions {
        days: args.keep_days,
    };
    if !args.artifacts.is_empty() {
        let restore = Some(options);
        return each(&args.artifacts, restore, args.dry_run, &service, context).await;
    }
    if args.what.is_empty() {
        return Err(nothing_named("restore", "").into());
    }
    let scope = MoveScope::Restore(Box::new(args.what.filter(service.now())), options);
    all(scope, "restored", args.dry_run, &service, context).await
}

fn nothing_named(verb: &str, more: &str) -> Error {
    Error::invalid_input(format!("nothing to {verb} was named"))
        .with_hint(format!("name URIs or ids, {more}or filters such as --spec"))
}

async fn each(
    artifacts: &[ArtifactRef],
    restore: Option<RestoreOptions>,
    dry_run: bool,
    service: &Service,
    context: &Context,
) -> Result<(), Failure> {
    let mut failures = Failures::default();
    for artifact in artifacts {
        let moved = Box::pin(service.move_one(artifact, restore, dry_run));
        match context.interrupt.cut_off(moved).await? {
            Ok(Some(Restored::Back(record))) => {
                context.ui.artifact(&record, record.version_uri())?;
            }
            Ok(Some(Restored::Restoring(record))) => {
                let uri = record.version_uri();
                show_restoring(&record, format!("{uri}  restoring"), context)?;
            }
            Ok(None) => {}
            Err(error) => failures.add(&context.ui, &error),
        }
    }
    failures.into_result()
}

async fn all(
    scope: MoveScope,
    verb: &'static str,
    dry_run: bool,
    service: &Service,
    context: &Context,
) -> Result<(), Failure> {
    let progress = if dry_run {
        Progress::none()
    } else {
        context.progress(verb, None, None)
    };
    let mut shown = Shown {
        context,
        progress: &progress,
        written: Ok(()),
        failures: Failures::default(),
    };
    let work = Box::pin(service.move_all(scope, dry_run, &mut shown));
    let report = context.interrupt.cut_off(work).await;
    progress.finish();
    shown.written?;
    let did = if dry_run { "would be moved" } else { "moved" };
    conclude(&report??, did, context)?;
    shown.failures.into_result()
}

/// What has been told so far.
struct Shown<'a> {
    context: &'a Context,
    progress: &'a Progress,
    written: std::io::Result<()>,
    failures: Failures,
}

impl Shown<'_> {
    fn write(&mut self, write: impl FnOnce() -> std::io::Result<()>) {
        if self.written.is_ok() {
            self.written = self.progress.suspend(write);
        }
    }
}

impl Told<Moving> for Shown<'_> {
    fn item(&mut self, event: Moving) {
        let context = self.context;
        match event {
            Moving::Planned(record, tier) => self.write(|| show(&record, tier, context)),
            Moving::Moved(record) => {
                self.progress.add_file();
                self.progress.add_bytes(stored_size(&record));
                self.write(|| show(&record, record.tier, context));
            }
            Moving::Restoring(record) => {
                let line = format!("{:4}  {}  restoring", "cold", record.version_uri());
                self.write(|| show_restoring(&record, line, context));
            }
            Moving::Lost(record) => {
                let uri = record.version_uri();
                let text = format!("{uri} is marked as lost and stays where it is");
                self.progress.suspend(|| context.ui.warn(text));
            }
        }
    }

    fn failed(&mut self, error: Error) {
        let (failures, ui) = (&mut self.failures, &self.context.ui);
        self.progress.suspend(|| failures.add(ui, &error));
    }
}

/// Where an artifact is or will be; with JSON its record, and where it goes if it is not there.
fn show(record: &ArtifactRecord, tier: Tier, context: &Context) -> std::io::Result<()> {
    let uri = record.version_uri();
    let line = format!("{:4}  {uri}", tier.as_str().to_lowercase());
    if context.ui.json() && record.tier != tier {
        let mut object = serde_json::to_value(ArtifactView::from(record))?;
        object["move_to"] = json!(tier);
        return context.ui.object(&object);
    }
    context.ui.artifact(record, line)
}

/// An artifact whose bytes were asked for and are not at hand yet; with JSON its record, and that.
fn show_restoring(record: &ArtifactRecord, line: String, context: &Context) -> std::io::Result<()> {
    if !context.ui.json() {
        return context.ui.artifact(record, line);
    }
    context.ui.object(&view::tiers::restoring(record))
}

fn stored_size(record: &ArtifactRecord) -> u64 {
    record
        .content
        .as_ref()
        .map_or(0, |content| content.stored_size_bytes)
}

fn conclude(report: &MoveReport, did: &str, context: &Context) -> Result<(), Failure> {
    if context.ui.json() {
        context.ui.object(report)?;
    } else {
        let bytes = HumanBytes(report.stored_size_bytes);
        let lost = match report.lost {
            0 => String::new(),
            count => format!(", {count} marked as lost"),
        };
        let failed = and_failed(report.failed);
        context.ui.note(format_args!(
            "{} versions, {bytes} {did}{lost}{failed}",
            report.moved
        ));
        if report.restoring > 0 {
            let count = report.restoring;
            context.ui.note(format_args!(
                "{count} are being restored by the service: run it again later"
            ));
        }
    }
    Ok(())
}
