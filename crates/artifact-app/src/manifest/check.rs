//! Comparing the metadata of a task with the index, and writing again what the index knows better.

use std::collections::HashMap;
use std::time::Duration;

use artifact_domain::port::PutOptions;
use artifact_domain::query::{Filter, Glob, Query};
use artifact_domain::{ArtifactId, ArtifactRecord, ErrorKind, Result, State, Timestamp};
use futures::TryStreamExt;

use super::{Entry, ManifestReader, TaskKey, Urgency};
use crate::Store;

/// How long a difference must last to be one: metadata is written behind the index.
const PATIENCE: Duration = Duration::from_millis(500);

/// How many entries are written in one delta.
const BATCH: usize = 512;

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

/// What is remembered of an entry of the metadata.
#[derive(Clone, Copy)]
struct Known {
    revision: u64,
    content_hash: u32,
}

impl Known {
    fn of(record: &ArtifactRecord) -> Result<Self> {
        let line = super::document::line(&Entry::version(record.clone(), None))?;
        Ok(Self {
            revision: record.revision.get(),
            content_hash: crc32fast::hash(&line),
        })
    }
}

impl Store {
    /// Compares the metadata of tasks with what the index knows of them, as far as `filter`
    /// selects; whatever the metadata names beyond that is only looked at without a filter. Gives
    /// the tasks that differ, and those that could not be compared.
    ///
    /// Memory: some bytes per version of the largest task, and per version that differs.
    pub(crate) async fn check_tasks(
        &self,
        tasks: &[TaskKey],
        filter: Option<&Filter>,
    ) -> Vec<(TaskKey, Result<TaskCheck>)> {
        let sound = |check: &Result<TaskCheck>| {
            let check = check.as_ref();
            check.is_ok_and(|check| *check == TaskCheck::default())
        };
        let mut suspect = Vec::new();
        for task in tasks {
            let first = self.check_task(task, filter).await;
            if !sound(&first) {
                suspect.push((task.clone(), first));
            }
        }
        if suspect.is_empty() {
            return suspect;
        }
        tokio::time::sleep(PATIENCE).await;
        let mut differing = Vec::new();
        for (task, first) in suspect {
            let second = self.check_task(&task, filter).await;
            let lasting = first.and_then(|first| Ok(first.lasting(&second?)));
            if !sound(&lasting) {
                differing.push((task, lasting));
            }
        }
        differing
    }

    async fn check_task(&self, task: &TaskKey, filter: Option<&Filter>) -> Result<TaskCheck> {
        let mut check = TaskCheck::default();
        let mut named = HashMap::new();
        let mut reader = ManifestReader::open(&*self.ports.blobs, task).await?;
        while let Some(entry) = reader.next().await? {
            if let Entry::Version { record, .. } = entry {
                named.insert(record.id, Known::of(&record)?);
            }
        }
        check.damaged_lines = reader.damage();
        let mut records = std::pin::pin!(self.pages(query(task, filter)));
        while let Some(record) = records.try_next().await? {
            if record.content.is_none() {
                continue;
            }
            let known = Known::of(&record)?;
            match named.remove(&record.id) {
                Some(entry) if entry.revision > known.revision => check.ahead.push(record.id),
                Some(entry) if entry.revision < known.revision => check.behind.push(record.id),
                Some(entry) if entry.content_hash != known.content_hash => {
                    check.ahead.push(record.id);
                }
                Some(_) => {}
                None => check.behind.push(record.id),
            }
        }
        if filter.is_none() {
            self.judge_unknown(task, &named, &mut check).await?;
        }
        Ok(check)
    }

    /// Sorts out what the metadata names and the index did not give.
    async fn judge_unknown(
        &self,
        task: &TaskKey,
        named: &HashMap<ArtifactId, Known>,
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
            // Asked again one by one: it may have been changed while the pages went by.
            let is_known = !named.contains_key(&record.id)
                || self.ports.index.find(record.id).await?.is_some();
            if is_known {
                continue;
            }
            match self.ports.blobs.stat(record.blob_key()?).await {
                Ok(_) => check.unknown.push(record.id),
                Err(error) if error.kind() == ErrorKind::NotFound => check.stale.push(record.id),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes the metadata of a task again as far as the index knows it better, and folds it.
    pub(crate) async fn mend_task(&self, task: &TaskKey, check: &TaskCheck) -> Result<()> {
        let mut entries = Vec::new();
        for id in &check.behind {
            if let Some(record) = self.ports.index.find(*id).await? {
                let table = self.ports.index.seek_table(*id).await?;
                entries.push(Entry::version(record, table));
            }
            if entries.len() == BATCH {
                self.put_mended(task, std::mem::take(&mut entries)).await?;
            }
        }
        entries.extend(check.stale.iter().copied().map(Entry::Purged));
        self.put_mended(task, entries).await?;
        self.fold(task, Urgency::Thorough).await
    }

    async fn put_mended(&self, task: &TaskKey, mut entries: Vec<Entry>) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        entries.sort_by_key(Entry::id);
        self.put_delta(task, entries.iter(), PutOptions::default())
            .await
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
