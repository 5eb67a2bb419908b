//! `artifact compare`: what has changed between two tasks, and whether that is acceptable.

mod markdown;
mod outline;
mod shown;
mod text;

use artifact_api::Breach;
use artifact_app::{CompareRequest, FailOn, TaskRef};
use artifact_domain::query::Glob;
use artifact_domain::{ArtifactType, Error, ErrorKind, SpecName, TaskId};
use artifact_reports::SlowerRule;
use clap::{Args, ValueEnum};

use self::shown::{Shown, Tasks};
use crate::context::Context;
use crate::failures::Failure;
use crate::service::Comparing;
use crate::task;

/// What to compare, and what must not be.
#[derive(Debug, Args)]
#[command(after_help = "\
Artifacts are compared by type and name, of each its newest version. Those of the types
test-results, coverage-report, security-findings and static-analysis are read: JUnit XML, the output
of `cargo test`, LCOV, Cobertura XML and SARIF 2.1.0. A report that is missing or cannot be read is
unknown, never fine.

Conditions for --fail-on, each several times or separated by commas:
  new-failures              a test fails that did not before, or was not there
  still-failing             a test fails as before
  flaky                     a test passes only when it is tried again
  gone-tests                a test is not there any more
  slower[=FACTOR]           a test became slower (see --slower-factor)
  coverage-drop[=POINTS]    line coverage fell by more than so many percent points
  new-findings[=LEVEL]      there is a new finding, of at least note, warning or error
  size-increase[=PERCENT%]  all artifacts together grew by more than that
  removed                   an artifact is not there any more
  unknown                   a report is missing or cannot be read
A comparison that meets one of them is printed whole and ends with code 6; so does one whose reports
are unknown, if a condition depends on them.

Examples:
  artifact compare --baseline 41 --current 42
  artifact compare --baseline 41 --current 42 --type test-results --fail-on new-failures
  artifact compare --baseline main --current pr-7 --fail-on coverage-drop=0.5,size-increase=10%
  artifact compare --baseline main --current pr-7 --format markdown > comment.md")]
pub(crate) struct CompareArgs {
    /// The task to compare with
    #[arg(long, value_name = "TASK")]
    baseline: TaskId,
    /// The task to compare
    #[arg(long, value_name = "TASK")]
    current: TaskId,
    /// The project of the tasks [default: `$ARTIFACT_SPEC`, or `default`]
    #[arg(long)]
    spec: Option<SpecName>,
    /// The spec of the baseline, if it is another one
    #[arg(long, value_name = "SPEC")]
    baseline_spec: Option<SpecName>,
    /// Only this type; several times for one of several
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<ArtifactType>,
    /// Only names that match this pattern
    #[arg(long, value_name = "GLOB")]
    name: Option<Glob>,
    /// End with code 6 if this is so; several times for several
    #[arg(long, value_name = "CONDITION", value_delimiter = ',')]
    fail_on: Vec<FailOn>,
    /// A test is slower if it takes so many times as long …
    #[arg(long, value_name = "FACTOR", default_value_t = SlowerRule::default().factor,
          value_parser = at_least_one)]
    slower_factor: f64,
    /// … and so many seconds more
    #[arg(long, value_name = "SECONDS", default_value_t = SlowerRule::default().seconds,
          value_parser = not_negative)]
    slower_min: f64,
    /// Let the current task have fewer reports than the baseline
    #[arg(long)]
    allow_fewer_reports: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t, conflicts_with = "json")]
    format: Format,
    /// List everything that differs, not only the first 20 of each kind
    #[arg(long)]
    all: bool,
}

/// How to print a comparison.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines for a terminal
    #[default]
    Text,
    /// A comment of at most 60 KB for a pull request
    Markdown,
}

fn at_least_one(text: &str) -> Result<f64, String> {
    number(text, 1.0)
}

fn not_negative(text: &str) -> Result<f64, String> {
    number(text, 0.0)
}

fn number(text: &str, least: f64) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= least => Ok(number),
        _ => Err(format!("a number from {least} on is wanted")),
    }
}

pub(crate) async fn run(args: CompareArgs, context: &Context) -> Result<(), Failure> {
    let spec = task::spec_or_default(args.spec)?;
    let baseline = TaskRef {
        spec: args.baseline_spec.unwrap_or_else(|| spec.clone()),
        task: args.baseline,
    };
    let current = TaskRef {
        spec,
        task: args.current,
    };
    let rule = SlowerRule {
        factor: args.slower_factor,
        seconds: args.slower_min,
    };
    let request = CompareRequest {
        baseline: baseline.clone(),
        current: current.clone(),
        types: args.types,
        name: args.name,
        allow_fewer_reports: args.allow_fewer_reports,
    };
    let comparing = Comparing {
        request,
        conditions: args.fail_on,
        rule,
    };
    let service = context.service().await?;
    let progress = context.progress("compared", None, None);
    let mut shown = Shown::new(&context.ui, args.format, args.all, &progress);
    let work = Box::pin(service.compare(comparing, |item| shown.take(item)));
    let compared = context.interrupt.cut_off(work).await;
    progress.finish();
    compared??;
    let breaches = std::mem::take(&mut shown.breaches);
    let printed = shown.finish(&Tasks {
        baseline: &baseline,
        current: &current,
        breaches: &breaches,
    });
    // Whether or not somebody has read to the end.
    verdict(&breaches)?;
    Ok(printed?)
}

/// Code 6: what is there contradicts what was demanded. Nothing else makes a comparison end so.
fn verdict(breaches: &[Breach]) -> Result<(), Failure> {
    if breaches.is_empty() {
        return Ok(());
    }
    let reasons: Vec<_> = breaches
        .iter()
        .map(|breach| format!("{} ({})", breach.condition, breach.reason))
        .collect();
    let message = format!("the comparison fails: {}", reasons.join("; "));
    Err(Error::new(ErrorKind::Conflict, message).into())
}
