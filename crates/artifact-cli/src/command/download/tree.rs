//! `artifact download -D`: everything of a task into a folder. Files first, then links, so that
//! nothing is ever written through a link that came with them.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;

use artifact_app::DownloadOptions;
use artifact_domain::port::ByteStream;
use artifact_domain::query::{Filter, Glob, Order};
use artifact_domain::{ArtifactRecord, Error, ErrorKind, Result, SpecName, TaskId};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;

use super::links::{Link, LinkPlan};
use super::part_file::PartFile;
use super::target::{Places, Tree};
use crate::attributes::Attributes;
use crate::context::Context;
use crate::exit;
use crate::failures::{Failure, Failures};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::service::Service;

/// How many artifacts are on their way at once: a bucket may take long to answer.
const CONCURRENCY: usize = 64;

/// How much of an artifact is gathered before it is written, in bytes. What has more is large.
const BATCH_BYTES: usize = 1 << 20;

/// How many large artifacts are on their way at once. Each holds some MiB.
const LARGE_AT_ONCE: usize = 8;

/// One task, or a spec with all its tasks, on its way into a folder.
struct TreeDownload<'a> {
    tree: Arc<Tree>,
    options: DownloadOptions,
    service: &'a Service,
    context: &'a Context,
    progress: Progress,
    /// One permit for each large artifact that may be on its way.
    large: Semaphore,
}

/// What has become of an artifact.
enum Fetched {
    Written(ArtifactRecord, PathBuf),
    /// To be made when all files are written.
    Link(ArtifactRecord, Link),
}

/// Fetches everything of a spec, or of one task of it, into `dir`.
pub(super) async fn run(
    spec: &SpecName,
    task: Option<&TaskId>,
    dir: &Path,
    options: DownloadOptions,
    service: &Service,
    context: &Context,
) -> Result<(), Failure> {
    let filter = Filter {
        spec: Some(Glob::exactly(spec.as_str())),
        task: task.map(|task| Glob::exactly(task.as_str())),
        ..Filter::default()
    };
    let download = TreeDownload {
        tree: Arc::new(Tree::new(dir)),
        options,
        service,
        context,
        progress: context.progress("download", None, None),
        large: Semaphore::new(LARGE_AT_ONCE),
    };
    let mut places = Places::new(dir, task.is_none());
    let fetched = service
        .search_all(filter, Order::Name)
        .map(|found| {
            let artifact = found.and_then(|record| {
                let path = places.place(&record.coordinate)?;
                Ok((record, path))
            });
            download.fetch(artifact)
        })
        .buffered(CONCURRENCY);
    let mut fetched = pin!(fetched);
    let mut failures = Failures::default();
    let mut links = Vec::new();
    let mut count = 0_u64;
    while let Some(outcome) = fetched.next().await {
        match outcome {
            Ok(Fetched::Written(record, path)) => {
                count += 1;
                download.tell(&record, &path)?;
            }
            Ok(Fetched::Link(record, link)) => links.push((record, link)),
            Err(_) if context.interrupt.is_requested() => {}
            Err(error) => download
                .progress
                .suspend(|| failures.add(&context.ui, &error)),
        }
    }
    // A folder may hold nothing but links, and be what a link goes through.
    for (_, link) in &links {
        download.tree.prepare(link);
    }
    let plan = LinkPlan::new(dir, links.iter().map(|(_, link)| link));
    for (record, link) in links {
        if context.interrupt.is_requested() {
            break;
        }
        match download.make(&plan, &link) {
            Ok(()) => {
                count += 1;
                download.tell(&record, &link.path)?;
            }
            Err(error) => failures.add(&context.ui, &error),
        }
    }
    download.progress.finish();
    if count == 0 && failures.count() == 0 && !context.interrupt.is_requested() {
        let of_task = task.map(|task| format!(" task {task}")).unwrap_or_default();
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("there is nothing of spec {spec}{of_task}"),
        )
        .with_hint("`artifact search` lists what is there")
        .into());
    }
    failures.into_result()
}

/// The bytes of what is small.
async fn collected(body: ByteStream) -> Result<Vec<u8>> {
    let fold = |mut all: Vec<u8>, chunk: Bytes| async move {
        all.extend_from_slice(&chunk);
        Ok(all)
    };
    body.try_fold(Vec::new(), fold).await
}

fn is_large(record: &ArtifactRecord) -> bool {
    let content = record.content.as_ref();
    content.is_some_and(|content| content.size_bytes > BATCH_BYTES as u64)
}

impl TreeDownload<'_> {
    async fn fetch(&self, placed: Result<(ArtifactRecord, PathBuf)>) -> Result<Fetched> {
        let (record, path) = placed?;
        if self.context.interrupt.is_requested() {
            return Err(Interrupt::error());
        }
        let attributes = Attributes::read(&record.metadata).unwrap_or_else(|error| {
            self.warn(format!("{}: {}", path.display(), error.message()));
            Attributes::default()
        });
        let _turn = if is_large(&record) {
            // It is never closed.
            self.large.acquire().await.ok()
        } else {
            None
        };
        let download = self.service.download_found(record, self.options).await?;
        let record = download.record;
        if let Some(target) = attributes.symlink.clone()
            && download.length_bytes == Some(target.len() as u64)
        {
            let bytes = collected(download.body).await?;
            if bytes == target.as_bytes() {
                let link = Link {
                    path,
                    target,
                    modified: attributes.modified,
                };
                return Ok(Fetched::Link(record, link));
            }
            self.write(
                Box::pin(stream::iter([Ok(bytes.into())])),
                &path,
                &attributes,
            )
            .await?;
        } else {
            self.write(download.body, &path, &attributes).await?;
        }
        if attributes.symlink.is_some() {
            let path = path.display();
            self.warn(format!(
                "written as a plain file, since its bytes are not where it points: {path}"
            ));
        }
        self.progress.add_file();
        Ok(Fetched::Written(record, path))
    }

    /// Writes a file: a small one in one step, a large one in pieces.
    async fn write(
        &self,
        mut body: ByteStream,
        path: &Path,
        attributes: &Attributes,
    ) -> Result<()> {
        let mut part: Option<PartFile> = None;
        loop {
            let (batch, is_last) = self.gather(&mut body).await?;
            let (tree, path, attributes) =
                (Arc::clone(&self.tree), path.to_owned(), attributes.clone());
            let work = move || {
                let mut part =
                    part.map_or_else(|| tree.create(&path, attributes.executable), Ok)?;
                for chunk in &batch {
                    part.write(chunk)?;
                }
                if !is_last {
                    return Ok(Some(part));
                }
                part.set_modified(attributes.modified)?;
                part.publish()?;
                Ok(None)
            };
            part = tokio::task::spawn_blocking(work)
                .await
                .map_err(|fault| exit::internal("a worker thread stopped", fault))??;
            if is_last {
                return Ok(());
            }
        }
    }

    /// The next chunks of a stream, and whether they are the last.
    async fn gather(&self, body: &mut ByteStream) -> Result<(Vec<Bytes>, bool)> {
        let mut chunks = Vec::new();
        let mut bytes = 0;
        while bytes < BATCH_BYTES {
            let Some(chunk) = body.try_next().await? else {
                return Ok((chunks, true));
            };
            if self.context.interrupt.is_requested() {
                return Err(Interrupt::error());
            }
            self.progress.add_bytes(chunk.len() as u64);
            bytes += chunk.len();
            chunks.push(chunk);
        }
        Ok((chunks, false))
    }

    /// Makes a link if it stays inside of the folder, and else a file that says where it points.
    fn make(&self, plan: &LinkPlan, link: &Link) -> Result<()> {
        if plan.stays_inside(link) {
            self.tree.link(link)?;
        } else {
            let mut part = self.tree.create(&link.path, false)?;
            part.write(link.target.as_bytes())?;
            part.set_modified(link.modified)?;
            part.publish()?;
            self.warn(format!(
                "written as a plain file, since it would not stay in {}: {} -> {}",
                self.tree.root().display(),
                link.path.display(),
                link.target.escape_debug()
            ));
        }
        self.progress.add_file();
        Ok(())
    }

    fn tell(&self, record: &ArtifactRecord, path: &Path) -> io::Result<()> {
        self.progress
            .suspend(|| self.context.ui.artifact(record, path.display()))
    }

    fn warn(&self, text: String) {
        self.progress.suspend(|| self.context.ui.warn(text));
    }
}
