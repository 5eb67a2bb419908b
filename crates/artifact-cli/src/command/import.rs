//! `artifact import`: take artifacts in from an archive.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use artifact_api::{ImportItem, ImportOutcome, ImportReport};
use artifact_app::{ArchiveLimits, ArchiveSource};
use artifact_bootstrap::settings::ByteSize;
use artifact_domain::{
    ArtifactType, ArtifactView, Error, ErrorKind, Result, SpecName, Tag, Tags, TaskId,
};
use clap::Args;
use indicatif::HumanBytes;
use serde_json::json;

use crate::context::Context;
use crate::failures::{Failure, Failures};
use crate::progress::Progress;
use crate::service::Importing;
use crate::task;
use crate::ui::Ui;

/// What to take in, and as what.
#[derive(Debug, Args)]
#[command(after_help = "\
An archive of `artifact export --with-metadata` comes back with its specs, tasks, types, tags and
metadata, and every digest is compared. Of any other archive the paths become names, in the spec and task
of an upload; the type is guessed. What is there already with the same bytes is left as it is. Links,
encrypted files and paths that lead out are refused, each by itself.

Examples:
  artifact import run-1.zip
  artifact import demo.tar.gz --spec copy --dry-run
  curl -s https://example.org/reports.tar.gz | artifact import - --spec web --task 42")]
pub(crate) struct ImportArgs {
    /// ZIP, tar or tar.gz; `-` is standard input, which cannot be ZIP
    #[arg(value_name = "FILE")]
    archive: PathBuf,
    /// Into this project [default: as the archive says, or as `upload`]
    #[arg(long)]
    spec: Option<SpecName>,
    /// Into this run [default: as the archive says, or as `upload`]
    #[arg(long, visible_aliases = ["job", "execution"])]
    task: Option<TaskId>,
    /// What it is, where the archive does not say [default: guessed from name and content]
    #[arg(long = "type", value_name = "TYPE")]
    artifact_type: Option<ArtifactType>,
    /// A tag, where the archive does not say; can be given several times
    #[arg(long = "tag", value_name = "K[=V]")]
    tags: Vec<Tag>,
    /// Supersede artifacts with other content, where versioning is off
    #[arg(long)]
    replace: bool,
    /// Read and check everything, and store nothing
    #[arg(long)]
    dry_run: bool,
    /// Refuse an archive that unfolds to more than this
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize::new(ArchiveLimits::default().max_bytes))]
    max_bytes: ByteSize,
    /// Refuse an archive with more files than this
    #[arg(long, value_name = "N", default_value_t = ArchiveLimits::default().max_entries)]
    max_entries: u64,
    /// Refuse an archive of more than 64 MiB that unfolds to more than this many times its size
    #[arg(long, value_name = "N", default_value_t = ArchiveLimits::default().max_ratio)]
    max_ratio: u64,
}

pub(crate) async fn run(args: ImportArgs, context: &Context) -> Result<(), Failure> {
    let source = source(&args.archive)?;
    let service = context.service().await?;
    context.clear_leftovers(&service).await;
    let importing = Importing {
        source,
        default_spec: task::spec_or_default(args.spec.clone())?,
        default_task: task::task_or_default(args.task.clone())?,
        spec: args.spec,
        task: args.task,
        artifact_type: args.artifact_type,
        tags: Tags::from_tags(args.tags)?,
        replace: args.replace,
        dry_run: args.dry_run,
        limits: ArchiveLimits {
            max_entries: args.max_entries,
            max_bytes: args.max_bytes.bytes(),
            max_ratio: args.max_ratio,
        },
    };
    let progress = context.progress("import", None, None);
    let mut told = Told {
        ui: &context.ui,
        progress: &progress,
        failures: Failures::default(),
        broken: None,
    };
    let work = service.import(importing, |item| told.tell(item));
    let outcome = context.interrupt.cut_off(Box::pin(work)).await;
    progress.finish();
    let Told {
        mut failures,
        broken,
        ..
    } = told;
    if let Some(error) = broken {
        return Err(error.into());
    }
    match outcome? {
        Ok(report) => sum_up(report, &context.ui)?,
        Err(error) => {
            let error = if args.archive == Path::new("-") {
                error.context("standard input")
            } else {
                error.context(args.archive.display())
            };
            failures.add(&context.ui, &error);
        }
    }
    failures.into_result()
}

fn source(path: &Path) -> Result<ArchiveSource> {
    if path == Path::new("-") {
        return Ok(ArchiveSource::Stream(Box::new(io::stdin())));
    }
    let failed = |cause: io::Error| {
        let kind = match cause.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
            _ => ErrorKind::Internal,
        };
        Error::new(kind, format!("{} cannot be read: {cause}", path.display())).with_source(cause)
    };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_file() {
        Ok(ArchiveSource::File(file))
    } else if metadata.is_dir() {
        let message = format!("{} is a folder", path.display());
        Err(Error::invalid_input(message).with_hint("`artifact upload` stores folders"))
    } else {
        Ok(ArchiveSource::Stream(Box::new(file)))
    }
}

/// Tells of each file, as it comes.
struct Told<'a> {
    ui: &'a Ui,
    progress: &'a Progress,
    failures: Failures,
    /// Why nothing more can be printed.
    broken: Option<io::Error>,
}

impl Told<'_> {
    fn tell(&mut self, item: ImportItem) {
        self.progress.add_bytes(item.size_bytes);
        self.progress.add_file();
        let progress = self.progress;
        let told = progress.suspend(|| self.show(item));
        if let Err(error) = told {
            self.broken.get_or_insert(error);
        }
    }

    fn show(&mut self, item: ImportItem) -> io::Result<()> {
        if let Some(fault) = item.fault {
            self.failures.add(self.ui, &fault.into_error());
            if !self.ui.json() {
                return Ok(());
            }
        }
        if let Some(warning) = item.warning {
            self.ui.warn(warning);
        }
        let record = item.artifact.map(|artifact| artifact.into_record());
        let record = record.transpose().map_err(io::Error::other)?;
        let uri = item.uri.as_ref().map(ToString::to_string);
        if self.ui.json() {
            return self.ui.object(&json!({
                "outcome": item.outcome.as_str(),
                "path": item.path,
                "uri": uri,
                "artifact": record.as_ref().map(ArtifactView::from),
            }));
        }
        match (item.outcome, record) {
            (ImportOutcome::Imported, Some(record)) => self.ui.line(record.uri()),
            (ImportOutcome::Planned, _) => self.ui.line(uri.unwrap_or_default()),
            _ => Ok(()),
        }
    }
}

fn sum_up(report: ImportReport, ui: &Ui) -> io::Result<()> {
    let ImportReport {
        imported,
        size_bytes,
        present,
        older,
        failed,
        dry_run,
    } = report;
    if ui.json() {
        return ui.object(&json!({
            "outcome": "summary",
            "imported": imported,
            "size_bytes": size_bytes,
            "present": present,
            "older": older,
            "failed": failed,
            "dry_run": dry_run,
        }));
    }
    let did = if dry_run { "would import" } else { "imported" };
    let mut text = format!("{did} {imported}, {}", HumanBytes(size_bytes));
    for (count, what) in [
        (present, "there already"),
        (older, "older versions left out, since versioning is off"),
        (failed, "failed"),
    ] {
        if count > 0 {
            text = format!("{text}; {count} {what}");
        }
    }
    ui.note(text);
    Ok(())
}
