//! Reading the metadata of a task: its documents, merged by id as they stream by.

use std::collections::BTreeMap;
use std::iter::Peekable;

use artifact_domain::port::BlobStore;
use artifact_domain::{ArtifactId, BlobKey, Error, ErrorKind, Result};
use futures::TryStreamExt;

use super::lines::Lines;
use super::{Entry, TaskKey, document};

/// How many documents are streamed at once. The smaller ones, which folding keeps few and small,
/// are held in memory.
const STREAMS: usize = 32;

/// How often documents that a fold took away meanwhile are looked for again.
const ROUNDS: usize = 32;

/// One document of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) key: BlobKey,
    pub(crate) size_bytes: u64,
}

/// The entries of a task, each once, in the order of ids.
pub(crate) struct ManifestReader {
    streams: Vec<DocumentReader>,
    memory: Peekable<std::collections::btree_map::IntoValues<ArtifactId, Entry>>,
    damage: u64,
}

impl ManifestReader {
    /// Opens all that is there of a task, maybe nothing. What is written meanwhile may be missed.
    ///
    /// Errors: those of the blob store; `Unsupported` for a document of a newer release.
    pub(crate) async fn open(blobs: &dyn BlobStore, task: &TaskKey) -> Result<Self> {
        for _ in 0..ROUNDS {
            // The deltas are opened before the whole: what a fold takes away in between is in the
            // whole that is opened after it.
            let mut documents = deltas(blobs, task).await?;
            if let Some(whole) = whole(blobs, task).await? {
                documents.push(whole);
            }
            if let Some(reader) = Self::open_documents(blobs, task, documents).await? {
                return Ok(reader);
            }
        }
        let message = format!("the metadata of {task} is rewritten all the time");
        Err(Error::new(ErrorKind::Unavailable, message))
    }

    /// Opens just these documents; none if one of them is not there any more. They are opened in
    /// the order given, but the largest are opened last.
    pub(crate) async fn open_documents(
        blobs: &dyn BlobStore,
        task: &TaskKey,
        mut documents: Vec<Document>,
    ) -> Result<Option<Self>> {
        let whole = task.whole();
        documents.sort_by_key(|document| (document.key == whole, document.size_bytes));
        let in_memory = documents.len().saturating_sub(STREAMS);
        let mut reader = Self {
            streams: Vec::new(),
            memory: BTreeMap::new().into_values().peekable(),
            damage: 0,
        };
        let mut held = BTreeMap::<ArtifactId, Entry>::new();
        for (number, document) in documents.into_iter().enumerate() {
            let mut open = match DocumentReader::open(blobs, task, document.key).await {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                open => open?,
            };
            if number >= in_memory {
                open.advance().await?;
                reader.streams.push(open);
                continue;
            }
            while let Some(entry) = open.next().await? {
                let merged = match held.remove(&entry.id()) {
                    Some(other) => other.merged(entry),
                    None => entry,
                };
                held.insert(merged.id(), merged);
            }
            reader.damage += open.damage;
        }
        reader.memory = held.into_values().peekable();
        Ok(Some(reader))
    }

    /// The next entry.
    pub(crate) async fn next(&mut self) -> Result<Option<Entry>> {
        let heads = self
            .streams
            .iter()
            .filter_map(|stream| stream.head.as_ref());
        let Some(id) = heads.chain(self.memory.peek()).map(Entry::id).min() else {
            return Ok(None);
        };
        let mut merged = self.memory.next_if(|entry| entry.id() == id);
        for stream in &mut self.streams {
            if let Some(entry) = stream.head.take_if(|entry| entry.id() == id) {
                stream.advance().await?;
                merged = Some(match merged {
                    Some(other) => other.merged(entry),
                    None => entry,
                });
            }
        }
        Ok(merged)
    }

    /// How many lines were damaged, or documents cut off, so far. What was damaged is left out.
    pub(crate) fn damage(&self) -> u64 {
        self.damage + self.streams.iter().map(|stream| stream.damage).sum::<u64>()
    }
}

/// The deltas of a task, in the order of their names.
pub(crate) async fn deltas(blobs: &dyn BlobStore, task: &TaskKey) -> Result<Vec<Document>> {
    let listing = blobs.list(task.deltas()).await?;
    let ours = listing.try_filter_map(|listed| async move {
        // What others have laid there is not touched.
        Ok(BlobKey::parse(&listed.path).ok().map(|key| Document {
            key,
            size_bytes: listed.stat.size_bytes,
        }))
    });
    let mut deltas: Vec<_> = ours.try_collect().await?;
    deltas.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(deltas)
}

/// The `metadata.json` of a task, if there is one.
pub(crate) async fn whole(blobs: &dyn BlobStore, task: &TaskKey) -> Result<Option<Document>> {
    let key = task.whole();
    match blobs.stat(key.clone()).await {
        Ok(stat) => Ok(Some(Document {
            key,
            size_bytes: stat.size_bytes,
        })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The sound entries of one document, in the order of ids.
struct DocumentReader {
    task: TaskKey,
    lines: Lines,
    head: Option<Entry>,
    last: Option<ArtifactId>,
    is_over: bool,
    damage: u64,
}

impl DocumentReader {
    async fn open(blobs: &dyn BlobStore, task: &TaskKey, key: BlobKey) -> Result<Self> {
        let mut lines = Lines::new(blobs.get(key, None).await?);
        let header = lines.next().await?.unwrap_or_default();
        let is_sound = document::is_header(&header, task)?;
        Ok(Self {
            task: task.clone(),
            lines,
            head: None,
            last: None,
            is_over: false,
            damage: u64::from(!is_sound),
        })
    }

    async fn advance(&mut self) -> Result<()> {
        self.head = self.next().await?;
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Entry>> {
        while !self.is_over {
            let line = match self.lines.next().await {
                Err(error) if error.kind() == ErrorKind::Integrity => None,
                line => line?,
            };
            let Some(line) = line else {
                // It ends before its last line.
                self.is_over = true;
                self.damage += 1;
                break;
            };
            if document::is_footer(&line) {
                self.is_over = true;
                break;
            }
            match document::parse(&line, &self.task) {
                Some(entry) if self.last.is_none_or(|last| last < entry.id()) => {
                    self.last = Some(entry.id());
                    return Ok(Some(entry));
                }
                _ => self.damage += 1,
            }
        }
        Ok(None)
    }
}
