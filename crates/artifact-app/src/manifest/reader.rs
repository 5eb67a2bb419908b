//! Reading the metadata of a task: its documents, merged by id as they stream by.

use std::collections::BTreeMap;
use std::iter::Peekable;

use artifact_domain::port::BlobStore;
use artifact_domain::{ArtifactId, BlobKey, Error, ErrorKind, Result};
use bytes::Bytes;
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
        Err(never_still(task))
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

/// The deltas of a task, in the order of their names. A listing may miss those that are merged
/// while it is made, and what they are merged into too, so that the next one must have them all.
pub(crate) async fn deltas(blobs: &dyn BlobStore, task: &TaskKey) -> Result<Vec<Document>> {
    let mut listed = list_deltas(blobs, task).await?;
    for _ in 0..ROUNDS {
        let again = list_deltas(blobs, task).await?;
        let is_still = listed.iter().all(|delta| again.contains(delta));
        listed = again;
        if is_still {
            return Ok(listed);
        }
    }
    Err(never_still(task))
}

fn never_still(task: &TaskKey) -> Error {
    let message = format!("the metadata of {task} is rewritten all the time");
    Error::new(ErrorKind::Unavailable, message)
}

async fn list_deltas(blobs: &dyn BlobStore, task: &TaskKey) -> Result<Vec<Document>> {
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
    /// A delta is not synced: a loss of power may cut it off. That is no damage, since the index
    /// had everything of it before.
    may_be_cut_off: bool,
    /// Whether the line before was damaged. It is part of the cut if it is the last.
    was_damaged: bool,
}

impl DocumentReader {
    async fn open(blobs: &dyn BlobStore, task: &TaskKey, key: BlobKey) -> Result<Self> {
        let mut reader = Self {
            task: task.clone(),
            may_be_cut_off: key != task.whole(),
            lines: Lines::new(blobs.get(key, None).await?),
            head: None,
            last: None,
            is_over: false,
            damage: 0,
            was_damaged: false,
        };
        if let Some(header) = reader.line().await?
            && !document::is_header(&header, task)?
        {
            reader.count_damage();
        }
        Ok(reader)
    }

    async fn advance(&mut self) -> Result<()> {
        self.head = self.next().await?;
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Entry>> {
        while let Some(line) = self.line().await? {
            if document::is_footer(&line) {
                self.is_over = true;
                break;
            }
            match document::parse(&line, &self.task) {
                Some(entry) if self.last.is_none_or(|last| last < entry.id()) => {
                    self.was_damaged = false;
                    self.last = Some(entry.id());
                    return Ok(Some(entry));
                }
                _ => self.count_damage(),
            }
        }
        Ok(None)
    }

    /// The next line; none if it ends before its last one, or in something that is no line.
    async fn line(&mut self) -> Result<Option<Bytes>> {
        if self.is_over {
            return Ok(None);
        }
        let line = match self.lines.next().await {
            Err(error) if error.kind() == ErrorKind::Integrity => {
                self.may_be_cut_off = false;
                None
            }
            line => line?,
        };
        if line.is_none() {
            self.is_over = true;
            if !self.may_be_cut_off {
                self.damage += 1;
            } else if self.was_damaged {
                self.damage -= 1;
            }
        }
        Ok(line)
    }

    fn count_damage(&mut self) {
        self.damage += 1;
        self.was_damaged = true;
    }
}

#[cfg(test)]
mod tests {
    use artifact_domain::port::PutOptions;
    use artifact_testkit::{MemoryBlobStore, body, sample};

    use super::super::entry::tests::record;
    use super::*;

    fn task() -> TaskKey {
        TaskKey::of(&record("x"))
    }

    fn delta_key() -> BlobKey {
        BlobKey::task_metadata_delta(&task().spec, &task().task, sample::id(1).into())
    }

    /// A document with two versions.
    fn text() -> String {
        let mut text = document::header(&task()).unwrap();
        let lines = [1, 2].map(|n| {
            let mut record = record("x");
            record.id = sample::id(n);
            document::line(&Entry::version(record, None)).unwrap()
        });
        text.extend(lines.join(&b",\n"[..]));
        text.push(b'\n');
        text.extend_from_slice(document::FOOTER);
        String::from_utf8(text).unwrap()
    }

    /// How many entries and how much damage a document has.
    async fn read(key: BlobKey, text: impl Into<Bytes>) -> (usize, u64) {
        let blobs = MemoryBlobStore::new();
        let put = blobs.put(key, body(text), PutOptions::default());
        put.await.unwrap();
        let mut reader = ManifestReader::open(&blobs, &task()).await.unwrap();
        let mut entries = 0;
        while reader.next().await.unwrap().is_some() {
            entries += 1;
        }
        (entries, reader.damage())
    }

    #[tokio::test]
    async fn a_delta_that_a_loss_of_power_cut_off_is_not_damaged() {
        let text = text();
        let lines: Vec<_> = text.lines().collect();
        let (header, first) = (lines[0].len() + 1, lines[1].len());
        for (length, entries) in [(0, 0), (5, 0), (header, 0), (header + first - 3, 0)] {
            assert_eq!(
                read(delta_key(), text[..length].to_owned()).await,
                (entries, 0)
            );
        }
        assert_eq!(
            read(delta_key(), text[..header + first + 2].to_owned()).await,
            (1, 0)
        );
        let zeros = text[..header + first + 20].to_owned() + &"\0".repeat(4_096);
        assert_eq!(read(delta_key(), zeros).await, (1, 0));
        assert_eq!(read(delta_key(), text).await, (2, 0));
    }

    #[tokio::test]
    async fn everything_else_is() {
        let text = text();
        let whole = || task().whole();
        assert_eq!(read(whole(), text.clone()).await, (2, 0));
        assert_eq!(read(whole(), "").await, (0, 1));
        let cut = text[..text.len() - 4].to_owned();
        assert_eq!(read(whole(), cut).await, (2, 1));
        for key in [whole(), delta_key()] {
            let flipped = text.replacen("\"version\":1", "\"version\":2", 1);
            assert_eq!(read(key.clone(), flipped).await, (1, 1));
            let endless = "x".repeat(super::super::lines::MAX_LINE_BYTES * 2);
            assert_eq!(read(key, endless).await, (0, 1));
        }
    }
}
