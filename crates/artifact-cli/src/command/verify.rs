//! `artifact verify`: read what is stored and compare it with what is known of it.

use std::sync::{Mutex, PoisonError};

use artifact_api::{CounterSums, Finding, VerifyReport};
use artifact_app::{VerifyOptions, VerifyScope};
use artifact_domain::query::Versions;
use artifact_domain::{ArtifactRef, ErrorKind, Timestamp};
use clap::Args;
use indicatif::HumanBytes;

use crate::context::Context;
use crate::failures::{Failure, Failures};
use crate::filter::FilterArgs;
use crate::progress::Progress;
use crate::service::Verifying;
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
    /// How many versions are read at once [default: one per processor; a server's own]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
}

pub(crate) async fn run(args: VerifyArgs, context: &Context) -> Result<(), Failure> {
    let service = context.service().await?;
    let scopes = scopes(&args, service.now());
    let readers = std::thread::available_parallelism().map_or(1, usize::from);
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
        let see = |event| watch.see(event);
        let work = Box::pin(service.verify(options, args.jobs, &see));
        if let Err(error) = context.interrupt.cut_off(work).await? {
            progress.suspend(|| failures.add(&context.ui, &error));
        }
        add(&mut sum, &watch.end()?);
    }
    progress.finish();
    conclude(&sum, failures, &context.ui)
}

fn scopes(args: &VerifyArgs, now: Timestamp) -> Vec<VerifyScope> {
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
    let mut filter = args.what.filter(now);
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

    fn see(&self, event: Verifying) {
        let Ok(mut seen) = self.seen.lock() else {
            return;
        };
        let report = match event {
            Verifying::Finding(finding) => {
                if seen.1.is_ok() {
                    seen.1 = self.progress.suspend(|| show(&finding, self.ui));
                }
                return;
            }
            Verifying::Progress(report) => report,
        };
        self.progress
            .add_bytes(report.size_bytes.saturating_sub(seen.0.size_bytes));
        (seen.0.versions..report.versions).for_each(|_| self.progress.add_file());
        seen.0 = report;
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

fn show(finding: &Finding, ui: &Ui) -> std::io::Result<()> {
    if ui.json() {
        ui.object(finding)
    } else {
        ui.line(as_text(finding))
    }
}

fn as_text(finding: &Finding) -> String {
    let then = |done: &str| match finding.repaired {
        Some(true) => format!(" ({done})"),
        _ => String::new(),
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let number = |number: Option<u64>| number.unwrap_or_default();
    let uri = text(&finding.uri);
    match &*finding.finding {
        "found" => format!(
            "found  {uri}: it is marked as lost and is sound{}",
            then("the mark was taken away")
        ),
        "metadata" => format!(
            "metadata  task `{}` of spec `{}`: {} versions are missing or out of date, {} are known \
             better than by the index, {} lines are damaged{}",
            text(&finding.task),
            text(&finding.spec),
            number(finding.behind),
            number(finding.ahead),
            number(finding.damaged_lines),
            then("written again")
        ),
        "counter" => format!(
            "counter  {} of type {}, {}, {}: it says {}, the records come to {}{}",
            text(&finding.spec),
            text(&finding.artifact_type),
            finding
                .state
                .map(|state| state.to_string())
                .unwrap_or_default(),
            finding
                .tier
                .map(|tier| tier.to_string())
                .unwrap_or_default(),
            sums(finding.kept),
            sums(finding.counted),
            then("counted anew")
        ),
        "unreadable-counters" => format!(
            "counter  {} cannot be read{}",
            number(finding.count),
            then("counted anew")
        ),
        "unknown" => format!(
            "unknown  {}: neither the index nor the metadata knows it",
            text(&finding.path)
        ),
        damage => format!(
            "{damage}  {uri}: {}{}",
            text(&finding.message),
            then("marked as lost")
        ),
    }
}

fn sums(sums: Option<CounterSums>) -> String {
    let sums = sums.unwrap_or_default();
    let (count, stored) = (sums.count, sums.stored_size_bytes);
    format!("{count} versions, {stored} bytes")
}

fn conclude(sum: &VerifyReport, failures: Failures, ui: &Ui) -> Result<(), Failure> {
    let is_sound = sum.findings == sum.mended;
    if ui.json() {
        ui.object(&VerifyReport {
            sound: is_sound,
            ..*sum
        })?;
    } else {
        let bytes = HumanBytes(sum.size_bytes);
        ui.line(format_args!(
            "verified {} versions, {bytes}: {} findings, {} mended",
            sum.versions, sum.findings, sum.mended
        ))?;
    }
    failures.into_result()?;
    if is_sound {
        Ok(())
    } else {
        Err(Failure::Reported(ErrorKind::Integrity))
    }
}
