//! Comparing the metadata of a task with the index, and writing again what the index knows better.

use std::time::Duration;

use artifact_domain::query::{Filter, Glob, Query};
use artifact_domain::{ArtifactId, ArtifactRecord, BlobKey, ErrorKind, Result, State, Timestamp};
use futures::{StreamExt, TryStreamExt, stream};

use super::{Entry, ManifestReader, TaskKey, Urgency};
use crate::Store;

/// How long a difference must last to be one: metadata is written behind the index.
const PATIENCE: Duration = Duration::from_millis(500);

/// How many records are asked for at once.
const CONCURRENCY: usize = 4;

/// Where metadata and index differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TaskCheck {
    /// What the index knows, and the metadata does not, or only an older revision of it.
    pub(crate) behind: Vec<ArtifactId>,
    /// What the metadata knows in a later revision than the index.
    pub(crate) ahead: Vec<ArtifactId>,
    /// What the metadata names, the index does not know, and has bytes.
    pub(crate) unknown: Vec<ArtifactId>,
    /// What the metadata names, the index does not know, and has no bytes: it was purged.
    pub(crate) stale: Vec<ArtifactId>,
    /// How many lines are damaged.
    pub(crate) damaged_lines: u64,
}

impl TaskCheck {
    pub(crate) fn needs_rewriting(&self) -> bool {
        self.damaged_lines > 0 || !self.behind.is_empty() || !self.stale.is_empty()
    }

    /// What this one and a later one agree on.
    fn lasting(self, later: &Self) -> Self {
        let both = |mut first: Vec<ArtifactId>, second: &[ArtifactId]| {
            first.retain(|id| second.contains(id));
            first
        };
        Self {
            behind: both(self.behind, &later.behind),
            ahead: both(self.ahead, &later.ahead),
            unknown: both(self.unknown, &later.unknown),
            stale: both(self.stale, &later.stale),
            damaged_lines: later.damaged_lines,
        }
    }
}

/// What is remembered of a version.
#[derive(Clone, Copy)]
struct Known {
    id: ArtifactId,
    revision: u64,
    content_hash: u32,
    /// Whether the index knows it too.
    is_in_index: bool,
}

impl Known {
    fn of(record: ArtifactRecord) -> Result<Self> {
        let (id, revision) = (record.id, record.revision.get());
        let line = super::document::line(&Entry::version(record, None))?;
        Ok(Self {
            id,
            revision,
            content_hash: crc32fast::hash(&line),
            is_in_index: false,
        })
    }
}

impl Store {
    /// Compares the metadata of tasks with what the index knows of them, as far as `filter`
    /// selects; whatever the metadata names beyond that is only looked at without a filter. Gives
    /// the tasks where they differ, and those that could not be compared.
    ///
    /// Memory: some bytes per version of the largest task, and an id per difference.
    pub(crate) async fn check_tasks(
        &self,
        tasks: impl IntoIterator<Item = TaskKey>,
        filter: Option<&Filter>,
    ) -> Vec<(TaskKey, Result<TaskCheck>)> {
        let mut differing = Vec::new();
        for task in tasks {
            match self.check_task(&task, filter).await {
                Ok(check) if check == TaskCheck::default() => {}
                check => differing.push((task, check)),
            }
        }
        if differing.is_empty() {
            return differing;
        }
        tokio::time::sleep(PATIENCE).await;
        let mut lasting = Vec::new();
        for (task, first) in differing {
            let check = match first {
                Ok(first) => {
                    let later = self.check_task(&task, filter).await;
                    later.map(|later| first.lasting(&later))
                }
                error => error,
            };
            if !matches!(&check, Ok(check) if *check == TaskCheck::default()) {
                lasting.push((task, check));
            }
        }
        lasting
    }

    async fn check_task(&self, task: &TaskKey, filter: Option<&Filter>) -> Result<TaskCheck> {
        let mut check = TaskCheck::default();
        // The reader gives them in the order of their ids.
        let mut named: Vec<Known> = Vec::new();
        let mut reader = ManifestReader::open(&*self.ports.blobs, task).await?;
        while let Some(entry) = reader.next().await? {
            if let Entry::Version { record, .. } = entry {
                named.push(Known::of(*record)?);
            }
        }
        check.damaged_lines = reader.damage();
        let mut records = std::pin::pin!(self.pages(query(task, filter)));
        while let Some(record) = records.try_next().await? {
            if record.content.is_none() {
                continue;
            }
            let known = Known::of(record)?;
            let Ok(at) = named.binary_search_by_key(&known.id, |known| known.id) else {
                check.behind.push(known.id);
                continue;
            };
            let entry = &mut named[at];
            entry.is_in_index = true;
            if entry.revision < known.revision {
                check.behind.push(known.id);
            } else if entry.revision > known.revision || entry.content_hash != known.content_hash {
                check.ahead.push(known.id);
            }
        }
        if filter.is_none() {
            named.retain(|known| !known.is_in_index);
            self.judge_unknown(task, &named, &mut check).await?;
        }
        Ok(check)
    }

    /// Sorts out what the metadata names and the index did not give.
    async fn judge_unknown(
        &self,
        task: &TaskKey,
        named: &[Known],
        check: &mut TaskCheck,
    ) -> Result<()> {
        if named.is_empty() {
            return Ok(());
        }
        let mut reader = ManifestReader::open(&*self.ports.blobs, task).await?;
        while let Some(entry) = reader.next().await? {
            let Entry::Version { record, .. } = entry else {
                continue;
            };
            let is_named = named.binary_search_by_key(&record.id, |known| known.id);
            // Asked again one by one: it may have been changed while the pages went by.
            if is_named.is_err() || self.ports.index.find(record.id).await?.is_some() {
                continue;
            }
            match self.whereabouts(&record).await {
                Ok(_) => check.unknown.push(record.id),
                Err(error) if error.kind() == ErrorKind::NotFound => check.stale.push(record.id),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes the metadata of a task again as far as the index knows it better, and folds it;
    /// false if it has damaged lines that had to be kept: they may have named blobs that nobody
    /// else knows, and that must not become garbage by the repair.
    pub(crate) async fn mend_task(&self, task: &TaskKey, check: &TaskCheck) -> Result<bool> {
        if !check.behind.is_empty() || !check.stale.is_empty() {
            let key = BlobKey::task_metadata_delta(&task.spec, &task.task, self.new_id()?.into());
            self.put_document(task, key, self.mended(check)).await?;
        }
        if check.damaged_lines > 0 && self.has_unknown_blob(task, &check.unknown).await? {
            tracing::warn!(
                %task,
                "damaged metadata is kept: it may have named blobs that nothing else names; \
                 `artifact reindex --recover` takes them in"
            );
            return Ok(false);
        }
        self.fold(task, Urgency::Repair).await?;
        Ok(true)
    }

    /// What the index knows better, in the order of ids.
    fn mended(
        &self,
        check: &TaskCheck,
    ) -> impl futures::Stream<Item = Result<Entry>> + Send + 'static + use<> {
        let behind = check.behind.iter().map(|id| (*id, false));
        let stale = check.stale.iter().map(|id| (*id, true));
        let mut ids: Vec<_> = behind.chain(stale).collect();
        ids.sort_unstable();
        let store = self.clone();
        stream::iter(ids)
            .map(move |(id, is_stale)| {
                let index = std::sync::Arc::clone(&store.ports.index);
                async move {
                    if is_stale {
                        return Ok(Some(Entry::Purged(id)));
                    }
                    let Some(record) = index.find(id).await? else {
                        return Ok(None);
                    };
                    Ok(Some(Entry::version(record, index.seek_table(id).await?)))
                }
            })
            .buffered(CONCURRENCY)
            .try_filter_map(|entry| async move { Ok(entry) })
    }
}

/// Everything of a task that is not an upload on its way, whether it has expired or not.
fn query(task: &TaskKey, filter: Option<&Filter>) -> Query {
    let filter = Filter {
        spec: Some(Glob::exactly(task.spec.as_str())),
        task: Some(Glob::exactly(task.task.as_str())),
        ..filter.cloned().unwrap_or_else(|| Filter {
            states: vec![State::Active, State::Archived, State::Deleted],
            versions: artifact_domain::query::Versions::All,
            ..Filter::default()
        })
    };
    Query::new(filter, Timestamp::UNIX_EPOCH)
}
