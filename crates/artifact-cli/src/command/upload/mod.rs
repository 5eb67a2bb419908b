//! `artifact upload`: store files, folders or standard input.

mod beginning;
mod one;
mod open;
mod queue;
mod report;
mod sources;
mod spawned;
mod unchanged;
mod walk;

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use artifact_app::Compression;
use artifact_domain::{ArtifactName, Result};
use clap::Args;
use futures::StreamExt;
use tokio::sync::Semaphore;

use self::one::Plan;
use self::queue::Queue;
use self::report::{Outcome, Report};
use self::sources::Arguments;
use self::spawned::Spawned;
use crate::about::AboutArgs;
use crate::context::Context;
use crate::failures::Failure;
use crate::service::Service;

/// How many files are on their way at once. Their commits share what makes them durable; the codec
/// bounds what all of them hold.
const CONCURRENCY: usize = 32;

/// How many may be done while an earlier one, which is told of first, is not: a large file does not
/// keep those after it. Each takes some 2 KiB.
const WINDOW: usize = 512;

/// What to store, and what to remember of it.
#[derive(Debug, Args)]
#[command(after_help = "\
The type is guessed from name and content when it is not given, the task is that of the CI that
runs it, or `local`. The URI of each artifact is printed, one per line.

Examples:
  artifact upload report.xml --spec demo --task 1 --type test-results --tag branch=main
  artifact upload target/doc --spec demo --task 1
  artifact upload target/doc --spec demo --task 1 --skip-unchanged
  make 2>&1 | artifact upload - --name build.log --type build-log")]
pub(crate) struct UploadArgs {
    /// Files and folders; `-` is standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    about: AboutArgs,
    /// The name inside the task, for a single file [default: the file's own]
    #[arg(long)]
    name: Option<ArtifactName>,
    /// Store it as it is
    #[arg(long)]
    no_compress: bool,
    /// Leave out files that are stored already as they are; they keep their age and expiry
    #[arg(long)]
    skip_unchanged: bool,
}

pub(crate) async fn run(args: UploadArgs, context: &Context) -> Result<(), Failure> {
    let about = args.about.check()?;
    let arguments = Arguments::new(&args.paths, args.name.as_ref())?;
    let mut report = Report::new(&context.ui, args.skip_unchanged);
    for error in &arguments.errors {
        report.failed(error);
    }
    if arguments.list.is_empty() {
        return report.finish();
    }
    let service = context.service().await?;
    let base_path = match &service {
        Service::Local(_) => Some(context.settings()?.settings.base_path),
        Service::Remote(_) => None,
    };
    context.clear_leftovers(&service).await;
    let plan = Arc::new(Plan {
        service,
        about,
        compression: if args.no_compress {
            Compression::Off
        } else {
            Compression::AsConfigured
        },
        skip_unchanged: args.skip_unchanged,
        interrupt: context.interrupt.clone(),
        progress: context.progress("upload", None, None),
        large: Semaphore::new(one::LARGE_AT_ONCE),
    });
    let permits = Arc::new(Semaphore::new(CONCURRENCY));
    let outcomes = Queue::start(arguments.list, base_path, &plan)
        .into_stream()
        .map(|job| {
            let (plan, permits) = (Arc::clone(&plan), Arc::clone(&permits));
            async move {
                // It is never closed.
                let _permit = permits.acquire().await;
                let done = Spawned::new(async move { plan.outcome_of(job).await });
                done.await.unwrap_or_else(Outcome::Failed)
            }
        })
        .buffered(WINDOW);
    let mut outcomes = pin!(outcomes);
    while let Some(outcome) = outcomes.next().await {
        plan.progress.suspend(|| report.add(outcome))?;
    }
    plan.progress.finish();
    if report.has_stored() {
        context.warn_of_quota(&plan.service).await;
    }
    report.finish()
}
