//! `artifact verify`: read what is stored and compare it with what is known of it.

use std::sync::{Mutex, PoisonError};

use artifact_app::{Store, VerifyFinding, VerifyOptions, VerifyReport, VerifyScope, view};
use artifact_domain::port::{UsageDrift, UsageRow};
use artifact_domain::query::Versions;
use artifact_domain::{ArtifactRef, ErrorKind};
use clap::Args;
use indicatif::HumanBytes;

use crate::context::Context;
use crate::failures::{Failure, Failures};
use crate::filter::FilterArgs;
use crate::progress::Progress;
use crate::ui::Ui;

/// What to verify.
#[derive(Debug, Args)]
#[command(after_help = "\
Without any selection everything is verified: every byte of every version, every blob, the
metadata beside the blobs, and the counters of the index. Ends with code 5 when anything is wrong.

--repair tags versions whose bytes are lost with lost=missing or lost=damaged, takes the tag away
where they are right again, writes the metadata again as far as the index knows better, and counts
anew what the counters say. It never deletes anything.

Examples:
  artifact verify
  artifact verify artifact://demo/1/log/build.log
  artifact verify --spec demo --days 7 --json
  artifact verify --repair")]
pub(crate) struct VerifyArgs {
    /// URIs or ids
    #[arg(value_name = "URI|ID", conflicts_with = "FilterArgs")]
    artifacts: Vec<ArtifactRef>,
    #[command(flatten)]
    what: FilterArgs,
    /// Mark what is lost and mend what can be mended
    #[arg(long)]
    repair: bool,
    /// How many versions are read at once [default: one per processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
}

pub(crate) async fn run(args: VerifyArgs, context: &Context) -> Result<(), Failure> {
    let store = context.store().await?;
    let scopes = scopes(&args, &store);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let readers = args.jobs.map_or(processors, usize::from);
    let progress = context.progress("verified", None, None);
    let mut failures = Failures::default();
    let mut sum = VerifyReport::default();
    for scope in scopes {
        let options = VerifyOptions {
            scope,
            repair: args.repair,
            readers,
        };
        let watch = Watch::new(&progress, &context.ui);
        let work = Box::pin(store.verify(options, |finding, report| watch.see(finding, report)));
        if let Err(error) = context.interrupt.cut_off(work).await? {
            progress.suspend(|| failures.add(&context.ui, &error));
        }
        add(&mut sum, &watch.end()?);
    }
    progress.finish();
    conclude(&sum, failures, &context.ui)
}

fn scopes(args: &VerifyArgs, store: &Store) -> Vec<VerifyScope> {
    if !args.artifacts.is_empty() {
        return args
            .artifacts
            .iter()
            .cloned()
            .map(VerifyScope::One)
            .collect();
    }
    if args.what.is_empty() {
        return vec![VerifyScope::Everything];
    }
    let mut filter = args.what.filter(store);
    filter.versions = Versions::All;
    vec![VerifyScope::Selected(Box::new(filter))]
}

/// Shows findings and counts what has been read.
struct Watch<'a> {
    progress: &'a Progress,
    ui: &'a Ui,
    seen: Mutex<(VerifyReport, std::io::Result<()>)>,
}

impl<'a> Watch<'a> {
    fn new(progress: &'a Progress, ui: &'a Ui) -> Self {
        Self {
            progress,
            ui,
            seen: Mutex::new((VerifyReport::default(), Ok(()))),
        }
    }

    fn see(&self, finding: Option<&VerifyFinding>, report: &VerifyReport) {
        let Ok(mut seen) = self.seen.lock() else {
            return;
        };
        self.progress
            .add_bytes(report.size_bytes - seen.0.size_bytes);
        (seen.0.versions..report.versions).for_each(|_| self.progress.add_file());
        seen.0 = *report;
        if let (Some(finding), Ok(())) = (finding, &seen.1) {
            seen.1 = self.progress.suspend(|| show(finding, self.ui));
        }
    }

    /// What was seen, up to an error perhaps.
    fn end(self) -> std::io::Result<VerifyReport> {
        let (report, written) = self
            .seen
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        written.map(|()| report)
    }
}

fn add(sum: &mut VerifyReport, report: &VerifyReport) {
    sum.versions += report.versions;
    sum.size_bytes += report.size_bytes;
    sum.unread += report.unread;
    sum.findings += report.findings;
    sum.mended += report.mended;
}

fn show(finding: &VerifyFinding, ui: &Ui) -> std::io::Result<()> {
    if ui.json() {
        ui.object(&view::verify::finding(finding))
    } else {
        ui.line(as_text(finding))
    }
}

fn as_text(finding: &VerifyFinding) -> String {
    let then = |repaired: bool, done: &str| {
        if repaired {
            format!(" ({done})")
        } else {
            String::new()
        }
    };
    match finding {
        VerifyFinding::Bytes {
            record,
            damage,
            cause,
            repaired,
        } => format!(
            "{}  {}: {}{}",
            damage.as_str(),
            record.version_uri(),
            cause.message(),
            then(*repaired, "marked as lost")
        ),
        VerifyFinding::FoundAgain { record, repaired } => format!(
            "found  {}: it is marked as lost and is sound{}",
            record.version_uri(),
            then(*repaired, "the mark was taken away")
        ),
        VerifyFinding::Metadata {
            spec,
            task,
            behind,
            ahead,
            damaged_lines,
            repaired,
        } => format!(
            "metadata  task `{task}` of spec `{spec}`: {behind} versions are missing or out of \
             date, {ahead} are known better than by the index, {damaged_lines} lines are damaged{}",
            then(*repaired, "written again")
        ),
        VerifyFinding::Counter { drift, repaired } => {
            let UsageDrift { kept, counted } = &**drift;
            format!(
                "counter  {} of type {}, {}, {}: it says {}, the records come to {}{}",
                kept.spec,
                kept.artifact_type,
                kept.state,
                kept.tier,
                sums(kept),
                sums(counted),
                then(*repaired, "counted anew")
            )
        }
        VerifyFinding::UnreadableCounters { count, repaired } => format!(
            "counter  {count} cannot be read{}",
            then(*repaired, "counted anew")
        ),
        VerifyFinding::UnknownBlob { key, .. } => {
            format!("unknown  {key}: neither the index nor the metadata knows it")
        }
    }
}

fn sums(row: &UsageRow) -> String {
    let (count, stored) = (row.count, row.stored_size_bytes);
    format!("{count} versions, {stored} bytes")
}

fn conclude(sum: &VerifyReport, failures: Failures, ui: &Ui) -> Result<(), Failure> {
    if ui.json() {
        ui.object(&view::verify::report(sum))?;
    } else {
        let bytes = HumanBytes(sum.size_bytes);
        ui.line(format_args!(
            "verified {} versions, {bytes}: {} findings, {} mended",
            sum.versions, sum.findings, sum.mended
        ))?;
    }
    failures.into_result()?;
    if sum.is_sound() {
        Ok(())
    } else {
        Err(Failure::Reported(ErrorKind::Integrity))
    }
}
