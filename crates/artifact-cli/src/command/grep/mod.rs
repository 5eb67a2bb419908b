//! `artifact grep`: look for a pattern in the contents of artifacts.

mod show;

use std::io::{self, IsTerminal, Write};

use artifact_api::{GrepReport, GrepRequest};
use artifact_app::{GrepOptions, GrepOutput, GrepScope, Pattern, PatternOptions};
use artifact_bootstrap::settings::ByteSize;
use artifact_domain::query::{Order, Versions};
use artifact_domain::{ArtifactRef, Timestamp};
use clap::Args;
use indicatif::HumanBytes;
use serde_json::json;

use self::show::{Form, Shown};
use crate::context::Context;
use crate::failures::{Failure, Failures};
use crate::filter::FilterArgs;
use crate::progress::Progress;
use crate::service::{Finding, Searching};
use crate::ui::Ui;

/// What to look for, and where.
#[derive(Debug, Args)]
#[command(after_help = "\
Prints URI:LINE:TEXT for every line that matches, and URI-LINE-TEXT for context. Without URIs, ids and
filters every artifact is searched. Artifacts are decoded and searched several at once; what is found
comes in the order of `search`, the same every time.

What is no text is left out and counted. A line is searched and printed up to 128 KiB, with a long -B
less; how many were cut is said. Nothing found is no failure: the code is 0. A damaged artifact is
reported, the others are searched, and the code is 5.

Examples:
  artifact grep 'error\\[E\\d+\\]' --type build-log --days 7
  artifact grep -F 'panicked at' --spec demo --task 'ci-*' -C 3
  artifact grep -i timeout artifact://demo/1/log/server.log --max-count 10
  artifact grep -l TODO --name '*.rs' --max-bytes 1GB --json")]
pub(crate) struct GrepArgs {
    /// A regular expression, in the syntax of Rust's regex
    pattern: String,
    /// URIs or ids
    #[arg(value_name = "URI|ID", conflicts_with = "FilterArgs")]
    artifacts: Vec<ArtifactRef>,
    #[command(flatten)]
    what: FilterArgs,
    #[command(flatten)]
    matching: MatchingArgs,
    #[command(flatten)]
    printing: PrintingArgs,
    #[command(flatten)]
    limits: LimitArgs,
}

/// How the pattern is read.
#[derive(Debug, Args)]
struct MatchingArgs {
    /// Upper and lower case are the same
    #[arg(short, long)]
    ignore_case: bool,
    /// The pattern stands for itself, and is no regular expression
    #[arg(short = 'F', long)]
    fixed_strings: bool,
    /// Only whole words
    #[arg(short, long)]
    word_regexp: bool,
}

/// What is printed.
#[derive(Debug, Args)]
struct PrintingArgs {
    /// The lines that do not match
    #[arg(long)]
    invert_match: bool,
    /// So many lines after each match
    #[arg(short = 'A', long, value_name = "N", conflicts_with_all = ["count", "files_with_matches"])]
    after_context: Option<u16>,
    /// So many lines before each match
    #[arg(short = 'B', long, value_name = "N", conflicts_with_all = ["count", "files_with_matches"])]
    before_context: Option<u16>,
    /// So many lines before and after each match
    #[arg(short = 'C', long, value_name = "N", conflicts_with_all = ["count", "files_with_matches"])]
    context: Option<u16>,
    /// Only how many lines match, of each artifact that has any
    #[arg(short, long, conflicts_with_all = ["files_with_matches", "max_total"])]
    count: bool,
    /// Only the addresses of artifacts that have a match
    #[arg(short = 'l', long)]
    files_with_matches: bool,
}

/// How far to go.
#[derive(Debug, Args)]
struct LimitArgs {
    /// Search artifacts that are no text too
    #[arg(short = 'a', long)]
    text: bool,
    /// At most so many matching lines of each artifact
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_count: Option<u64>,
    /// At most so many matching lines in all; with -l so many artifacts
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_total: Option<u64>,
    /// Read at most so many original bytes; artifacts that do not fit are left out
    #[arg(long, value_name = "SIZE")]
    max_bytes: Option<ByteSize>,
    /// Only the newest N of what the filters select
    #[arg(long, value_name = "N", conflicts_with_all = ["sort", "artifacts"],
          value_parser = clap::value_parser!(u64).range(1..))]
    latest: Option<u64>,
    /// All versions, not only the newest of each artifact
    #[arg(long, conflicts_with = "artifacts")]
    all_versions: bool,
    /// In which order: created (newest first), size (largest first), name
    #[arg(
        long,
        value_name = "ORDER",
        default_value_t,
        conflicts_with = "artifacts"
    )]
    sort: Order,
    /// How many artifacts are searched at once [default: one per processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
}

pub(crate) async fn run(args: GrepArgs, context: &Context) -> Result<(), Failure> {
    let form = Form::new(&context.ui);
    let options = options(&args, form)?;
    let service = context.service().await?;
    let scope = scope(&args, service.now());
    let mut grep = service.grep(scope, &options, asked(&args)).await?;
    let progress = context.progress("searched", None, None);
    let mut failures = Failures::default();
    let outcome = show_all(&mut grep, &options, form, &progress, &mut failures, context).await;
    progress.finish();
    outcome?;
    conclude(&grep.report(), &options, &context.ui);
    failures.into_result()
}

fn options(args: &GrepArgs, form: Form) -> Result<GrepOptions, Failure> {
    let matching = &args.matching;
    let pattern = Pattern::new(
        &args.pattern,
        PatternOptions {
            fixed: matching.fixed_strings,
            ignore_case: matching.ignore_case,
            words: matching.word_regexp,
        },
    )?;
    let printing = &args.printing;
    let around = printing.context.unwrap_or(0);
    let output = if printing.count {
        GrepOutput::Counts
    } else if printing.files_with_matches {
        GrepOutput::Artifacts
    } else {
        GrepOutput::Lines {
            before: printing.before_context.unwrap_or(around),
            after: printing.after_context.unwrap_or(around),
            submatches: form.wants_submatches(),
        }
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(GrepOptions {
        output,
        invert: printing.invert_match,
        binary_as_text: args.limits.text,
        max_count: args.limits.max_count,
        max_total: args.limits.max_total,
        max_bytes: args.limits.max_bytes.map(ByteSize::bytes),
        readers: args.limits.jobs.map_or(processors, usize::from),
        ..GrepOptions::new(pattern)
    })
}

/// The pattern as it was written.
fn asked(args: &GrepArgs) -> GrepRequest {
    GrepRequest {
        pattern: args.pattern.clone(),
        fixed: args.matching.fixed_strings,
        ignore_case: args.matching.ignore_case,
        words: args.matching.word_regexp,
        jobs: args.limits.jobs,
        ..GrepRequest::default()
    }
}

fn scope(args: &GrepArgs, now: Timestamp) -> GrepScope {
    if !args.artifacts.is_empty() {
        return GrepScope::These(args.artifacts.clone());
    }
    let mut filter = args.what.filter(now);
    if args.limits.all_versions {
        filter.versions = Versions::All;
    }
    GrepScope::Selected {
        filter: Box::new(filter),
        order: args.limits.sort,
        limit: args.limits.latest,
    }
}

async fn show_all(
    grep: &mut Searching,
    options: &GrepOptions,
    form: Form,
    progress: &Progress,
    failures: &mut Failures,
    context: &Context,
) -> Result<(), Failure> {
    let mut shown = Shown::new(form, options.output);
    while let Some(item) = context.interrupt.cut_off(grep.next()).await? {
        match item {
            Err(error) => progress.suspend(|| failures.add(&context.ui, &error)),
            Ok(Finding::Failed(error)) => progress.suspend(|| failures.add(&context.ui, &error)),
            Ok(Finding::Read(bytes)) => progress.add_bytes(bytes),
            Ok(Finding::Lines(place, lines)) => shown.lines(&place, &lines)?,
            Ok(Finding::Ended {
                place,
                matches,
                binary_at,
            }) => {
                progress.add_file();
                shown.end(&place, matches)?;
                if let (Some(at), 1..) = (binary_at, matches) {
                    let uri = &place.uri;
                    progress.suspend(|| {
                        context.ui.warn(format_args!(
                            "{uri} is no text from byte {at} on: it was not searched further"
                        ));
                    });
                }
            }
        }
        if !shown.printed.is_empty() {
            let write = || io::stdout().lock().write_all(&shown.printed);
            tokio::task::block_in_place(|| progress.suspend(write))?;
            shown.printed.clear();
        }
    }
    Ok(())
}

/// Says what was searched, and what was not.
fn conclude(report: &GrepReport, options: &GrepOptions, ui: &Ui) {
    if ui.json() {
        ui.note(json!({ "summary": report }));
        return;
    }
    if report.left_out_artifacts > 0 {
        let (count, bytes) = (report.left_out_artifacts, report.left_out_bytes);
        let bytes = HumanBytes(bytes);
        ui.warn(format_args!(
            "{count} artifacts of {bytes} were left out: they do not fit into --max-bytes"
        ));
    }
    if report.cut_lines > 0 {
        let (count, most) = (report.cut_lines, options.max_line_bytes() as u64);
        let most = HumanBytes(most);
        ui.warn(format_args!(
            "{count} lines were searched only in their first {most}"
        ));
    }
    if report.cut_short {
        ui.warn("--max-total was reached: there may be more");
    }
    let mut summary = format!(
        "searched {} artifacts, {}: {} matches in {}",
        report.artifacts,
        HumanBytes(report.size_bytes),
        report.matches,
        report.matching_artifacts
    );
    for (count, what) in [
        (report.binary_artifacts, "no text"),
        (report.gone_artifacts, "deleted meanwhile"),
        (report.failed_artifacts, "failed"),
    ] {
        if count > 0 {
            summary.extend([", ", &count.to_string(), " ", what]);
        }
    }
    ui.note(summary);
}

/// Whether standard output is a terminal.
fn is_terminal() -> bool {
    io::stdout().is_terminal()
}
