//! `artifact download`: fetch an artifact, or everything of a task.

mod links;
pub(super) mod part_file;
mod target;
mod tree;
mod writing;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use artifact_app::DownloadOptions;
use artifact_domain::{
    ArtifactName, ArtifactRef, Error, ErrorKind, RangeRequest, Result, SpecName, TaskId,
};
use clap::Args;
use futures::TryStreamExt;

use self::part_file::{PartFile, REPLACING, There};
use self::writing::Writing;
use crate::context::Context;
use crate::failures::Failure;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::service::{Download, Service};
use crate::task;

/// What to fetch, and where to.
#[derive(Debug, Args)]
#[command(after_help = "\
Every artifact is verified against its SHA-256; a file appears whole or not at all. Without -o the
file gets the artifact's own name in the current folder, where nothing is overwritten.

Examples:
  artifact download artifact://demo/1/document/README.md -o README.md
  artifact download artifact://demo/1/log/build.log -o - --range -1000
  artifact download --spec demo --task 1 -D results")]
pub(crate) struct DownloadArgs {
    /// A URI or an id
    #[arg(value_name = "URI|ID", required_unless_present = "dir",
          conflicts_with_all = ["dir", "spec", "task"])]
    artifact: Option<ArtifactRef>,
    /// The file to write; `-` is standard output
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Only these bytes: 0-99 the first 100, 100- the rest, -100 the last
    #[arg(
        long,
        value_name = "A-B",
        conflicts_with = "dir",
        allow_hyphen_values = true
    )]
    range: Option<RangeRequest>,
    /// Do not compare the SHA-256
    #[arg(long)]
    no_verify: bool,
    /// Fetch everything of this spec …
    #[arg(long, requires = "dir")]
    spec: Option<SpecName>,
    /// … and this task
    #[arg(long, visible_aliases = ["job", "execution"], requires = "dir")]
    task: Option<TaskId>,
    /// … into this folder, each artifact by its name
    #[arg(short = 'D', long, value_name = "DIR", conflicts_with = "output")]
    dir: Option<PathBuf>,
}

pub(crate) async fn run(args: DownloadArgs, context: &Context) -> Result<(), Failure> {
    let service = context.service().await?;
    let options = DownloadOptions {
        range: args.range,
        verification: service.verification(args.no_verify),
    };
    match (&args.artifact, &args.dir) {
        (Some(artifact), _) => {
            one(artifact, args.output.as_deref(), options, &service, context).await
        }
        (None, Some(dir)) => {
            let spec = task::spec_or_default(args.spec)?;
            tree::run(&spec, args.task.as_ref(), dir, options, &service, context).await
        }
        (None, None) => Err(Error::invalid_input("nothing to download was named").into()),
    }
}

async fn one(
    artifact: &ArtifactRef,
    output: Option<&Path>,
    options: DownloadOptions,
    service: &Service,
    context: &Context,
) -> Result<(), Failure> {
    let found = service.download(artifact, options);
    let download = context.interrupt.cut_off(found).await??;
    if output == Some(Path::new("-")) {
        let progress = context.progress("download", download.length_bytes, Some(1));
        let outcome = to_stdout(download, &progress, &context.interrupt).await;
        progress.finish();
        return outcome;
    }
    let (path, there) = match output {
        Some(path) => (path.to_owned(), There::Replaced),
        None => (own_name(download.record.coordinate.name())?, There::Kept),
    };
    let record = download.record.clone();
    let progress = context.progress("download", download.length_bytes, Some(1));
    let part = PartFile::create(&path, there)?;
    let is_file = part.is_file();
    let outcome = to_file(download, part, &progress, &context.interrupt).await;
    progress.finish();
    outcome?;
    // What is no file may well be standard output.
    if is_file {
        context.ui.artifact(&record, path.display())?;
    }
    Ok(())
}

/// The artifact's file name in the current folder, if nothing is there.
fn own_name(name: &ArtifactName) -> Result<PathBuf> {
    let path = PathBuf::from(name.file_name());
    if path.symlink_metadata().is_ok() {
        return Err(Error::new(
            ErrorKind::AlreadyExists,
            format!("{} is there already", path.display()),
        )
        .with_hint(REPLACING));
    }
    Ok(path)
}

/// Prints the bytes as they come.
pub(crate) async fn to_stdout(
    download: Download,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let mut body = download.body;
    let mut stdout = io::stdout();
    while let Some(chunk) = interrupt.cut_off(body.try_next()).await?? {
        if interrupt.is_requested() {
            return Err(Failure::Interrupted);
        }
        tokio::task::block_in_place(|| stdout.write_all(&chunk))?;
        progress.add_bytes(chunk.len() as u64);
    }
    stdout.flush()?;
    Ok(())
}

async fn to_file(
    download: Download,
    part: PartFile,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<()> {
    let mut body = download.body;
    let writing = Writing::begin(part);
    let fetch = async {
        loop {
            let next = interrupt.cut_off(body.try_next()).await;
            let Some(chunk) = next.map_err(|_| Interrupt::error())?? else {
                return Ok(());
            };
            if interrupt.is_requested() {
                return Err(Interrupt::error());
            }
            let count = chunk.len() as u64;
            if !writing.write(chunk).await {
                return Ok(());
            }
            progress.add_bytes(count);
        }
    };
    match fetch.await {
        Ok(()) => writing.publish().await,
        Err(error) => {
            writing.abandon().await;
            Err(error)
        }
    }
}
