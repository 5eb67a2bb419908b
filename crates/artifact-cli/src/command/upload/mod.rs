//! `artifact upload`: store files, folders or standard input.

mod sources;

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;
use std::str::FromStr;

use artifact_app::{Body, Compression, Store, UploadRequest};
use artifact_domain::{
    ArtifactName, ArtifactRecord, ArtifactType, Coordinate, Error, ErrorKind, Metadata, MimeType,
    Result, SpecName, Tag, Tags, TaskId,
};
use clap::Args;
use futures::{StreamExt, stream};
use serde_json::Value;

use self::sources::{Origin, Source, Sources};
use crate::context::Context;
use crate::exit;
use crate::failures::{Failure, Failures};
use crate::guess::{self, Guess};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::task;

/// How many files are on their way at once. Their commits share what makes them durable. Each has a
/// compressor of its own: twice as many store a little faster and take 80 MiB instead of 50.
const CONCURRENCY: usize = 8;

/// What to store, and what to remember of it.
#[derive(Debug, Args)]
#[command(after_help = "\
The type is guessed from name and content when it is not given, the task is that of the CI that
runs it, or `local`. The URI of each artifact is printed, one per line.

Examples:
  artifact upload report.xml --spec demo --task 1 --type test-results --tag branch=main
  artifact upload target/doc --spec demo --task 1
  make 2>&1 | artifact upload - --name build.log --type build-log")]
pub(crate) struct UploadArgs {
    /// Files and folders; `-` is standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The project [default: `$ARTIFACT_SPEC`, or `default`]
    #[arg(long)]
    spec: Option<SpecName>,
    /// The run [default: `$ARTIFACT_TASK`, the CI's run id, or `local`]
    #[arg(long, visible_aliases = ["job", "execution"])]
    task: Option<TaskId>,
    /// What it is [default: guessed from name and content]
    #[arg(long = "type", value_name = "TYPE")]
    artifact_type: Option<ArtifactType>,
    /// The name inside the task, for a single file [default: the file's own]
    #[arg(long)]
    name: Option<ArtifactName>,
    /// A tag; can be given several times
    #[arg(long = "tag", value_name = "K[=V]")]
    tags: Vec<Tag>,
    /// A key of free metadata and its JSON value; can be given several times
    #[arg(long = "meta", value_name = "K=JSON")]
    meta: Vec<MetaEntry>,
    /// The media type [default: guessed from name and content]
    #[arg(long = "mime", value_name = "TYPE")]
    mime_type: Option<MimeType>,
    /// Keep it for this many days [default: by the settings]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    retention_days: Option<u32>,
    /// Store it as it is
    #[arg(long)]
    no_compress: bool,
}

/// One `--meta K=JSON`.
#[derive(Debug, Clone)]
struct MetaEntry(String, Value);

impl FromStr for MetaEntry {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (key, json) = text
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| {
                Error::invalid_input("write metadata as key=JSON, for instance passed=true")
            })?;
        let value = serde_json::from_str(json).map_err(|cause| {
            Error::invalid_input(format!(
                "the value of `{key}` is not JSON ({cause}); a text needs quotes: {key}='\"text\"'"
            ))
        })?;
        Ok(Self(key.to_owned(), value))
    }
}

/// What all uploads of one command have in common.
struct Plan {
    store: Store,
    spec: SpecName,
    task: TaskId,
    artifact_type: Option<ArtifactType>,
    mime_type: Option<MimeType>,
    tags: Tags,
    metadata: Metadata,
    retention_days: Option<u32>,
    compression: Compression,
    interrupt: Interrupt,
    progress: Progress,
}

pub(crate) async fn run(args: UploadArgs, context: &Context) -> Result<(), Failure> {
    let ui = &context.ui;
    let tags = Tags::from_tags(args.tags)?;
    let metadata = Metadata::new(
        args.meta
            .into_iter()
            .map(|MetaEntry(k, v)| (k, v))
            .collect(),
    )?;
    let spec = task::spec_or_default(args.spec)?;
    let task = task::task_or_default(args.task)?;
    let found = Sources::collect(&args.paths, args.name.as_ref())?;
    let mut failures = Failures::default();
    for warning in &found.warnings {
        ui.warn(warning);
    }
    for error in &found.errors {
        failures.add(ui, error);
    }
    if found.files.is_empty() && failures.count() == 0 {
        ui.warn("there is nothing to upload");
        return Ok(());
    }
    let store = context.store().await?;
    context.clear_leftovers(&store).await;
    let total_files = found.files.len() as u64;
    let total_bytes = found
        .files
        .iter()
        .map(|source| source.size_bytes)
        .sum::<Option<u64>>();
    let plan = Plan {
        store,
        spec,
        task,
        artifact_type: args.artifact_type,
        mime_type: args.mime_type,
        tags,
        metadata,
        retention_days: args.retention_days,
        compression: if args.no_compress {
            Compression::Off
        } else {
            Compression::AsConfigured
        },
        interrupt: context.interrupt.clone(),
        progress: context.progress("upload", total_bytes, Some(total_files)),
    };
    let mut uploads = stream::iter(found.files)
        .map(|source| upload_one(&plan, source))
        .buffered(CONCURRENCY);
    while let Some(outcome) = uploads.next().await {
        match outcome {
            Ok(record) => plan
                .progress
                .suspend(|| ui.artifact(&record, record.uri()))?,
            // What the user stopped is no failure of its own.
            Err(_) if context.interrupt.is_requested() => {}
            Err(error) => plan.progress.suspend(|| failures.add(ui, &error)),
        }
    }
    plan.progress.finish();
    failures.into_result()
}

async fn upload_one(plan: &Plan, source: Source) -> Result<ArtifactRecord> {
    if plan.interrupt.is_requested() {
        return Err(Interrupt::error());
    }
    let Source {
        name,
        origin,
        size_bytes,
    } = source;
    let opened = tokio::task::spawn_blocking(move || open(&origin));
    let (head, reader) = opened
        .await
        .map_err(|fault| exit::internal("a worker thread stopped", fault))??;
    let Guess {
        artifact_type,
        mime_type,
    } = guess::guess(&name, &head);
    let coordinate = Coordinate::new(
        plan.spec.clone(),
        plan.task.clone(),
        plan.artifact_type.clone().unwrap_or(artifact_type),
        name,
    )?;
    let request = UploadRequest {
        mime_type: plan.mime_type.clone().unwrap_or(mime_type),
        tags: plan.tags.clone(),
        metadata: plan.metadata.clone(),
        retention_days: plan.retention_days,
        compression: plan.compression,
        size_hint_bytes: size_bytes,
        ..UploadRequest::new(coordinate)
    };
    let whole = Cursor::new(head).chain(reader);
    let body = plan.progress.reader(plan.interrupt.reader(whole));
    let record = plan.store.upload(request, Body::reader(body)).await?;
    plan.progress.add_file();
    Ok(record)
}

type Opened = (Vec<u8>, Box<dyn Read + Send>);

/// Opens a source and reads its beginning, from which its type can be guessed.
fn open(origin: &Origin) -> Result<Opened> {
    let mut reader: Box<dyn Read + Send> = match origin {
        Origin::Stdin => Box::new(io::stdin()),
        Origin::File(path) => {
            Box::new(File::open(path).map_err(|cause| sources::unreadable(path, cause))?)
        }
    };
    let mut head = Vec::new();
    reader
        .by_ref()
        .take(guess::HEAD_BYTES as u64)
        .read_to_end(&mut head)
        .map_err(|cause| match origin {
            Origin::File(path) => sources::unreadable(path, cause),
            Origin::Stdin => {
                Error::new(ErrorKind::Internal, "standard input cannot be read").with_source(cause)
            }
        })?;
    Ok((head, reader))
}
