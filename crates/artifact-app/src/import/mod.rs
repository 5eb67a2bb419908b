//! Importing artifacts: from an archive that an export made, or from any other.

mod days;
mod describe;
mod place;
mod reader;
mod recorded;

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use artifact_archive::Limits;
use artifact_domain::{
    ArtifactName, ArtifactRecord, ArtifactUri, Coordinate, Error, ErrorKind, Metadata, Result,
    SpecName, TaskId, Timestamp,
};
use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use futures::{FutureExt, StreamExt, future};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

pub use self::describe::describe_as_uploads;
use self::place::Before;
use self::reader::{Incoming, Message};
use crate::export::line::Line;
use crate::{Store, UploadRequest, Uploaded};

/// How many artifacts are stored at once.
const CONCURRENCY: usize = 16;

/// How many of them ask the index at once what is there: an engine may keep memory for each that asks.
const LOOKS: usize = 2;

/// How many of them when another one begins that is streamed: the reader gives one after another, and each
/// has buffers of its own until it is committed.
const STREAMS: usize = 3;

/// The key of an artifact's metadata that says what was known of it where it comes from.
const IMPORTED_KEY: &str = "imported";

/// Where an archive is read from.
pub enum ArchiveSource {
    /// A file: ZIP, tar, or tar compressed by gzip; its first bytes tell which.
    File(File),
    /// Anything else: tar, or tar compressed by gzip.
    Stream(Box<dyn Read + Send>),
}

impl fmt::Debug for ArchiveSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File(_) => "ArchiveSource::File",
            Self::Stream(_) => "ArchiveSource::Stream",
        })
    }
}

/// A file of an archive that says nothing of artifacts.
#[derive(Debug)]
pub struct ForeignFile<'a> {
    /// Its path.
    pub name: ArtifactName,
    /// Its first bytes, up to 256 KiB.
    pub head: &'a [u8],
    /// When it was last written, in seconds since 1970, where the archive says it exactly.
    pub modified: Option<i64>,
    /// Whether it may be executed.
    pub executable: bool,
}

/// Says as what a file is stored of which the archive says nothing.
pub type Describe = Arc<dyn Fn(&ForeignFile<'_>) -> Result<UploadRequest> + Send + Sync>;

/// The key of an artifact's metadata that has what a file system knows of it.
const FILE_KEY: &str = "file";

impl ForeignFile<'_> {
    /// What the archive says of the file beside its bytes, as metadata: an upload of the file says the
    /// same in the same form.
    ///
    /// # Errors
    /// None that is known; whoever adds to it may make it too large.
    pub fn attributes(&self) -> Result<Metadata> {
        let mut known = Map::new();
        if self.executable {
            known.insert("executable".to_owned(), true.into());
        }
        let micros = self.modified.and_then(|time| time.checked_mul(1_000_000));
        let modified = micros.and_then(|micros| Timestamp::from_micros(micros).ok());
        if let Some(modified) = modified {
            known.insert("mtime".to_owned(), modified.to_string().into());
        }
        if known.is_empty() {
            return Ok(Metadata::default());
        }
        Metadata::new(Map::from_iter([(FILE_KEY.to_owned(), known.into())]))
    }
}

/// Says whether something may be stored at a coordinate, before anything of it is looked at, and how much is
/// told then of what is there.
pub type Admit = Arc<dyn Fn(Coordinate) -> BoxFuture<'static, Result<Sight>> + Send + Sync>;

/// How much of what is stored at a coordinate is told to whoever stores something there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Everything.
    Whole,
    /// Where it is and how it stands: he may not read it.
    Outline,
}

/// How to import.
#[derive(Clone)]
pub struct ImportOptions {
    /// The spec for everything, rather than the one that the archive names.
    pub spec: Option<SpecName>,
    /// The task for everything, likewise.
    pub task: Option<TaskId>,
    /// As what files are stored of which the archive says nothing.
    pub describe: Describe,
    /// Who is asked about each file, where not everything may be stored: one that he refuses is not
    /// imported.
    pub admit: Option<Admit>,
    /// Whether an artifact with other content is superseded where versioning is off. Otherwise it stays,
    /// and its file is not imported.
    pub replace: bool,
    /// Whether everything is read and checked, and nothing stored.
    pub dry_run: bool,
    /// How much the archive may hold.
    pub limits: Limits,
    /// Where temporary files may be made, without a name, for the metadata of many artifacts.
    pub temporary_folder: PathBuf,
}

impl fmt::Debug for ImportOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportOptions")
            .field("spec", &self.spec)
            .field("task", &self.task)
            .field("replace", &self.replace)
            .field("dry_run", &self.dry_run)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// What became of a file of an archive.
#[derive(Debug)]
pub enum ImportOutcome {
    /// It is stored now.
    Imported(Box<Uploaded>),
    /// It would be stored.
    Planned,
    /// A version of this artifact has the same bytes: nothing was stored.
    Present(Box<ArtifactRecord>),
    /// Versioning is off, and the archive has a higher version of the artifact.
    Older,
    /// It could not be imported.
    Failed(Error),
}

/// A file of an archive, and what became of it.
#[derive(Debug)]
pub struct ImportItem {
    /// Its path in the archive.
    pub path: String,
    /// As what it is, or would be, stored, where that is known.
    pub uri: Option<ArtifactUri>,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// What became of it.
    pub outcome: ImportOutcome,
    /// How much is told of what was there before.
    pub sight: Sight,
}

/// What an import has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// How many artifacts were stored, or would be.
    pub imported: u64,
    /// How many bytes they have.
    pub size_bytes: u64,
    /// How many were there already.
    pub present: u64,
    /// How many were older versions of others, and versioning is off.
    pub older: u64,
    /// How many could not be imported.
    pub failed: u64,
}

impl ImportReport {
    fn count(&mut self, item: &ImportItem) {
        match item.outcome {
            ImportOutcome::Imported(_) | ImportOutcome::Planned => {
                self.imported += 1;
                self.size_bytes += item.size_bytes;
            }
            ImportOutcome::Present(_) => self.present += 1,
            ImportOutcome::Older => self.older += 1,
            ImportOutcome::Failed(_) => self.failed += 1,
        }
    }
}

/// A file that was dealt with, and what is known of its artifact now.
struct Done {
    item: ImportItem,
    coordinate: Option<Coordinate>,
    before: Before,
}

impl Store {
    /// Stores what an archive holds, and tells of every file of it, in its order.
    ///
    /// Each artifact is stored as a new upload, whole or not at all: its age begins now, and when it was
    /// created where it comes from is kept in its metadata under `imported`. Of an archive with
    /// metadata, tags, metadata, media type and what is left of its own days of retention are taken
    /// over, all of them again if none are left; and bytes with another digest than the recorded one are not stored; holds, tiers and ids are not taken over.
    /// What is stored already with the same bytes is left as it is.
    ///
    /// Memory: some 30 MiB, and 50 bytes for each file of the archive. Dropped, what was stored stays.
    ///
    /// # Errors
    /// Those that end it; what was told of before is stored. `Integrity` for an archive that is damaged or
    /// ambiguous, `TooLarge` for one over the limits, `InvalidInput`, `Unsupported`.
    pub async fn import(
        &self,
        source: ArchiveSource,
        options: ImportOptions,
        mut tell: impl FnMut(&ImportItem),
    ) -> Result<ImportReport> {
        let mut messages = reader::read(source, options.limits, options.temporary_folder.clone());
        let looks = Semaphore::new(LOOKS);
        let mut running = FuturesOrdered::new();
        let mut at: Vec<Coordinate> = Vec::new();
        let mut last: Option<(Coordinate, Before)> = None;
        let mut report = ImportReport::default();
        let mut finish = |done: Done, at: &mut Vec<Coordinate>| {
            report.count(&done.item);
            tell(&done.item);
            let coordinate = done.coordinate?;
            at.retain(|other| *other != coordinate);
            Some((coordinate, done.before))
        };
        loop {
            let message = tokio::select! {
                message = messages.recv() => message,
                Some(done) = running.next() => {
                    last = finish(done, &mut at).or(last);
                    continue;
                }
            };
            let told = match message {
                Some(Message::File(incoming)) => match options.request(&incoming, self.now()) {
                    Ok(request) => Ok((incoming, request)),
                    Err(error) => Err(failed(incoming.found.path, error)),
                },
                Some(Message::Refused(path, error)) => Err(failed(path, error)),
                Some(Message::Missing(line)) => Err(missing(&line)),
                Some(Message::End) => break,
                Some(Message::Failed(error)) => {
                    while let Some(done) = running.next().await {
                        finish(done, &mut at);
                    }
                    return Err(error);
                }
                None => {
                    let message = "the reader of the archive stopped half-way";
                    return Err(Error::new(ErrorKind::Internal, message));
                }
            };
            let streams = matches!(&told, Ok((incoming, _)) if incoming.rest.is_some());
            let most = if streams { STREAMS } else { CONCURRENCY };
            while running.len() >= most {
                let Some(done) = running.next().await else {
                    break;
                };
                last = finish(done, &mut at).or(last);
            }
            let (incoming, request) = match told {
                Ok(found) => found,
                Err(done) => {
                    // It is told of in its turn, so that the first failure is always the same.
                    running.push_back(future::ready(done).boxed());
                    continue;
                }
            };
            // The versions of one artifact come one after another, in their order.
            while at.contains(&request.coordinate) {
                let Some(done) = running.next().await else {
                    break;
                };
                last = finish(done, &mut at).or(last);
            }
            let before = match last.take() {
                Some((of, before)) if of == request.coordinate => Some(before),
                _ => None,
            };
            at.push(request.coordinate.clone());
            running.push_back(
                self.import_one(incoming, request, before, &options, &looks)
                    .boxed(),
            );
        }
        while let Some(done) = running.next().await {
            finish(done, &mut at);
        }
        drop(running);
        Ok(report)
    }

    async fn import_one(
        &self,
        incoming: Box<Incoming>,
        request: UploadRequest,
        before: Option<Before>,
        options: &ImportOptions,
        looks: &Semaphore,
    ) -> Done {
        let coordinate = request.coordinate.clone();
        let (path, size_bytes) = (incoming.found.path.clone(), incoming.found.size_bytes);
        let (mut before, mut sight) = (before, Sight::Whole);
        let outcome = async {
            if let Some(admit) = &options.admit {
                sight = admit(coordinate.clone()).await?;
            }
            self.take_place(incoming, request, &mut before, options, looks)
                .await
        };
        let outcome = outcome
            .await
            .unwrap_or_else(|error| ImportOutcome::Failed(error.context(&path)));
        Done {
            item: ImportItem {
                path,
                uri: Some(coordinate.clone().into()),
                size_bytes,
                outcome,
                sight,
            },
            coordinate: Some(coordinate),
            before: before.unwrap_or_default(),
        }
    }
}

impl ImportOptions {
    /// As what a file is to be stored.
    fn request(&self, incoming: &Incoming, now: Timestamp) -> Result<UploadRequest> {
        let Some(entry) = &incoming.recorded else {
            let found = &incoming.found;
            let file = ForeignFile {
                name: ArtifactName::new(found.path.as_str())?,
                head: &incoming.head,
                modified: found.modified,
                executable: found.executable,
            };
            return (self.describe)(&file);
        };
        let line = &entry.line;
        let coordinate = Coordinate::new(
            self.spec.clone().unwrap_or_else(|| line.spec.clone()),
            self.task.clone().unwrap_or_else(|| line.task.clone()),
            line.artifact_type.clone(),
            line.name.clone(),
        )?;
        Ok(UploadRequest {
            mime_type: line.mime_type.clone(),
            tags: line.tags.clone(),
            metadata: with_origin(line),
            retention_days: days::own(line.retention_days, line.expires_at, now)?,
            ..UploadRequest::new(coordinate)
        })
    }
}

/// The metadata with when the artifact was created first, if there is room for it.
fn with_origin(line: &Line) -> Metadata {
    let mut map: Map<String, Value> = line.metadata.to_map();
    if map.contains_key(IMPORTED_KEY) {
        return line.metadata.clone();
    }
    let origin = json!({ "created_at": line.created_at.to_string() });
    map.insert(IMPORTED_KEY.to_owned(), origin);
    Metadata::new(map).unwrap_or_else(|_| line.metadata.clone())
}

fn failed(path: String, error: Error) -> Done {
    Done {
        item: ImportItem {
            path,
            uri: None,
            size_bytes: 0,
            outcome: ImportOutcome::Failed(error),
            sight: Sight::Outline,
        },
        coordinate: None,
        before: Before::default(),
    }
}

fn missing(line: &Line) -> Done {
    let message = format!(
        "{} is not in the archive, though its metadata names it",
        line.path
    );
    let mut done = failed(line.path.clone(), Error::new(ErrorKind::NotFound, message));
    done.item.uri = line.coordinate().ok().map(ArtifactUri::from);
    done
}
