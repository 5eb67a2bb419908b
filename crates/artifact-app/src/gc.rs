//! Collecting garbage: what nobody will read any more and what crashes have left. Plans first; what
//! is done is what was planned, looked at again.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use artifact_domain::query::{Filter, Query, Versions};
use artifact_domain::{
    ArtifactId, ArtifactRecord, BlobKey, BlobMeaning, BlobPrefix, Error, ErrorKind, Result, State,
    Timestamp,
};
use futures::{Stream, StreamExt, TryStreamExt, stream};

use crate::Store;
use crate::manifest::{Entry, ManifestReader, TaskCheck, TaskKey, Urgency};
use crate::verify::TASKS;

/// How many items are looked at or cleared at once.
const CONCURRENCY: usize = 16;

/// How many blobs without a record are judged together.
const BATCH: usize = 1_024;

/// What counts as garbage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GcOptions {
    /// How old a blob must be that neither index nor metadata knows.
    pub grace: Duration,
}

impl Default for GcOptions {
    /// A day.
    fn default() -> Self {
        Self {
            grace: Duration::from_hours(24),
        }
    }
}

/// Why something goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GcReason {
    /// An upload whose lease has ended.
    Abandoned,
    /// A version that was deleted or superseded, and whose removal was cut off.
    Deleted,
    /// A blob that neither index nor metadata knows.
    Orphan,
    /// Temporary files of writers that were cut off.
    Temporary,
}

impl GcReason {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Abandoned => "abandoned",
            Self::Deleted => "deleted",
            Self::Orphan => "orphan",
            Self::Temporary => "temporary",
        }
    }
}

/// Something that goes.
#[derive(Debug, Clone)]
pub struct GcItem {
    /// Why.
    pub reason: GcReason,
    /// Which version, unless it is none.
    pub record: Option<Box<ArtifactRecord>>,
    /// The blobs that are there.
    pub blobs: Vec<BlobKey>,
    /// How many files: blobs, or temporary ones.
    pub files: u64,
    /// Their bytes.
    pub size_bytes: u64,
}

/// What was collected.
#[derive(Debug, Default)]
pub struct GcReport {
    /// How many items went, or would go.
    pub items: u64,
    /// How many bytes that freed, or would.
    pub size_bytes: u64,
    /// Of how many tasks the metadata was folded or written again.
    pub tasks: u64,
    /// What could not be cleared; the rest was.
    pub failures: Vec<Error>,
}

impl Store {
    /// What [`gc`](Self::gc) would do now. Changes nothing.
    pub fn gc_plan(&self, options: GcOptions) -> impl Stream<Item = Result<GcItem>> + Send + '_ {
        let now = self.now();
        let of_state = |state| {
            let filter = Filter {
                states: vec![state],
                versions: Versions::All,
                ..Filter::default()
            };
            self.pages(Query::new(filter, now))
        };
        let abandoned = of_state(State::Uploading).try_filter(move |record| {
            let is_over = record.lease_until.is_some_and(|end| end <= now);
            std::future::ready(is_over)
        });
        let versions = abandoned
            .map_ok(|record| (GcReason::Abandoned, record))
            .chain(of_state(State::Deleted).map_ok(|record| (GcReason::Deleted, record)))
            .map_ok(|(reason, record)| self.version_item(reason, record))
            .try_buffered(CONCURRENCY);
        versions
            .chain(self.orphans(now.saturating_sub(options.grace)))
            .chain(self.temporaries())
    }

    /// Clears what [`gc_plan`](Self::gc_plan) says, and folds the metadata of every task, writing
    /// again what it lacks. `observe` is told of every item that went.
    ///
    /// Safe to run beside anything, to be cut off, and to be run again.
    ///
    /// # Errors
    /// `Locked` while another one runs; those of the ports that keep it from planning. What fails
    /// for one item is in the report.
    pub async fn gc(
        &self,
        options: GcOptions,
        observe: impl Fn(&GcItem) + Send + Sync,
    ) -> Result<GcReport> {
        let guard = self.lock_job("gc").await?;
        let outcome = self.collect(options, &observe).await;
        crate::upload::release(guard).await;
        outcome
    }

    async fn collect(
        &self,
        options: GcOptions,
        observe: &(dyn Fn(&GcItem) + Send + Sync),
    ) -> Result<GcReport> {
        let mut report = GcReport::default();
        let cleared = self
            .gc_plan(options)
            .map_ok(|item| async move { Ok::<_, Error>((self.clear(&item).await, item)) })
            .try_buffer_unordered(CONCURRENCY);
        let mut cleared = std::pin::pin!(cleared);
        while let Some((outcome, item)) = cleared.try_next().await? {
            match outcome {
                Ok(true) => {
                    report.items += 1;
                    report.size_bytes += item.size_bytes;
                    observe(&item);
                }
                Ok(false) => {}
                Err(error) => report.failures.push(error),
            }
        }
        self.settle().await;
        self.tidy_metadata(&mut report).await?;
        Ok(report)
    }

    async fn version_item(&self, reason: GcReason, record: ArtifactRecord) -> Result<GcItem> {
        let mut item = GcItem {
            reason,
            blobs: Vec::new(),
            files: 0,
            size_bytes: 0,
            record: None,
        };
        for key in record.possible_blob_keys() {
            match self.ports.blobs.stat(key.clone()).await {
                Ok(stat) => {
                    item.files += 1;
                    item.size_bytes += stat.size_bytes;
                    item.blobs.push(key);
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        item.record = Some(Box::new(record));
        Ok(item)
    }

    fn orphans(&self, before: Timestamp) -> impl Stream<Item = Result<GcItem>> + Send + '_ {
        let listing = async move {
            // An index that may lack versions cannot say what nobody knows.
            if !self.ports.index.is_complete().await? {
                return Ok(stream::empty().boxed());
            }
            self.ports.blobs.list(BlobPrefix::all()).await
        };
        let old = stream::once(listing)
            .try_flatten()
            .try_filter_map(move |listed| async move {
                // A blob of unknown age is as old as its version.
                let candidate = Candidate::of(&listed.path, listed.stat.size_bytes);
                Ok(candidate.filter(|candidate| {
                    let age = listed.stat.modified_at;
                    age.unwrap_or_else(|| candidate.id.created_at()) < before
                }))
            });
        let unknown = old
            .map_ok(move |candidate| async move {
                let known = self.ports.index.find(candidate.id).await?;
                Ok(known.is_none().then_some(candidate))
            })
            .try_buffer_unordered(CONCURRENCY)
            .try_filter_map(|candidate| async move { Ok(candidate) });
        unknown
            .try_chunks(BATCH)
            .map_err(|error| error.1)
            .and_then(move |candidates| self.unnamed(candidates))
            .map_ok(|orphans| stream::iter(orphans.into_iter().map(|orphan| Ok(orphan.item()))))
            .try_flatten()
    }

    /// Those that no metadata names either: what it names can be taken in by a rebuild.
    async fn unnamed(&self, candidates: Vec<Candidate>) -> Result<Vec<Candidate>> {
        let mut by_task: HashMap<TaskKey, Vec<Candidate>> = HashMap::new();
        for candidate in candidates {
            by_task
                .entry(candidate.task.clone())
                .or_default()
                .push(candidate);
        }
        let mut unnamed = Vec::new();
        for (task, mut candidates) in by_task {
            let mut reader = ManifestReader::open(&*self.ports.blobs, &task).await?;
            let mut named = HashSet::new();
            while let Some(entry) = reader.next().await? {
                if let Entry::Version { record, .. } = entry
                    && candidates.iter().any(|candidate| candidate.id == record.id)
                {
                    named.insert(record.id);
                }
            }
            // Damaged metadata may have named any of them.
            if reader.damage() == 0 {
                candidates.retain(|candidate| !named.contains(&candidate.id));
                unnamed.append(&mut candidates);
            }
        }
        Ok(unnamed)
    }

    fn temporaries(&self) -> impl Stream<Item = Result<GcItem>> + Send + '_ {
        let found = async move {
            let left = self.ports.blobs.leftovers(self.lease_ago()).await?;
            Ok((left.count > 0).then_some(GcItem {
                reason: GcReason::Temporary,
                record: None,
                blobs: Vec::new(),
                files: left.count,
                size_bytes: left.size_bytes,
            }))
        };
        stream::once(found).try_filter_map(|item| async move { Ok(item) })
    }

    fn lease_ago(&self) -> Timestamp {
        self.now().saturating_sub(self.options.lease)
    }

    /// Clears an item; false if it turned out to be none by now.
    async fn clear(&self, item: &GcItem) -> Result<bool> {
        match (item.reason, &item.record) {
            (GcReason::Abandoned, Some(record)) => {
                let Some(record) = self.give_up((**record).clone()).await? else {
                    return Ok(false);
                };
                self.purge(vec![record]).await.map(|()| true)
            }
            (GcReason::Deleted, Some(record)) => {
                self.let_marks_last().await?;
                self.purge(vec![(**record).clone()]).await.map(|()| true)
            }
            (GcReason::Temporary, _) => {
                self.ports.blobs.sweep(self.lease_ago()).await?;
                Ok(true)
            }
            _ => self.clear_orphan(&item.blobs).await,
        }
    }

    async fn clear_orphan(&self, blobs: &[BlobKey]) -> Result<bool> {
        for key in blobs {
            let known = match Candidate::of(key.as_str(), 0) {
                Some(candidate) => self.ports.index.find(candidate.id).await?.is_some(),
                None => true,
            };
            if known {
                return Ok(false);
            }
        }
        let failures = self.ports.blobs.delete(blobs.to_vec()).await?;
        failures.into_iter().next().map_or(Ok(true), |failure| {
            let context = format!("the orphan at {} could not be removed", failure.key);
            Err(failure.error.context(context))
        })
    }

    /// Folds the metadata of every task, and writes again what it lacks.
    async fn tidy_metadata(&self, report: &mut GcReport) -> Result<()> {
        let mut unfolded = HashSet::new();
        let mut tasks = HashSet::new();
        let mut listing = self.ports.blobs.list(BlobPrefix::all()).await?;
        while let Some(listed) = listing.try_next().await? {
            match BlobKey::parse(&listed.path).map(|key| key.meaning()) {
                Ok(BlobMeaning::TaskMetadataDelta { spec, task, .. }) => {
                    unfolded.insert(TaskKey { spec, task });
                }
                Ok(BlobMeaning::TaskMetadata { spec, task }) => {
                    tasks.insert(TaskKey { spec, task });
                }
                Ok(BlobMeaning::Content { coordinate, .. }) => {
                    tasks.insert(TaskKey::from(&coordinate));
                }
                Err(_) => {}
            }
        }
        tasks.extend(unfolded.iter().cloned());
        let tasks: Vec<_> = tasks.into_iter().collect();
        for tasks in tasks.chunks(TASKS) {
            let mut differing: HashMap<_, _> =
                self.check_tasks(tasks, None).await.into_iter().collect();
            for task in tasks {
                let is_folded = !unfolded.contains(task);
                match self
                    .tidy_task(task, differing.remove(task), is_folded)
                    .await
                {
                    Ok(changed) => report.tasks += u64::from(changed),
                    Err(error) => report.failures.push(error.context(task)),
                }
            }
        }
        Ok(())
    }

    async fn tidy_task(
        &self,
        task: &TaskKey,
        check: Option<Result<TaskCheck>>,
        is_folded: bool,
    ) -> Result<bool> {
        let check = check.transpose()?;
        match check.as_ref().filter(|check| check.needs_rewriting()) {
            Some(check) => self.mend_task(task, check).await?,
            None if is_folded => return Ok(false),
            None => self.fold(task, Urgency::Thorough).await?,
        }
        Ok(true)
    }
}

/// A blob that may be an orphan.
struct Candidate {
    key: BlobKey,
    id: ArtifactId,
    task: TaskKey,
    size_bytes: u64,
}

impl Candidate {
    fn of(path: &str, size_bytes: u64) -> Option<Self> {
        let key = BlobKey::parse(path).ok()?;
        match key.meaning() {
            BlobMeaning::Content {
                coordinate,
                attempt,
                ..
            } => Some(Self {
                id: attempt.artifact_id(),
                task: TaskKey::from(&coordinate),
                key,
                size_bytes,
            }),
            _ => None,
        }
    }

    fn item(self) -> GcItem {
        GcItem {
            reason: GcReason::Orphan,
            record: None,
            blobs: vec![self.key],
            files: 1,
            size_bytes: self.size_bytes,
        }
    }
}
