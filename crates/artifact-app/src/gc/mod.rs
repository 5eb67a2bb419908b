//! Collecting garbage: what nobody will read any more and what crashes have left. Plans first; what
//! is done is what was planned, looked at again.

mod clear;

use std::collections::HashSet;
use std::time::Duration;

use artifact_domain::port::Swept;
use artifact_domain::query::{Filter, Query, Versions};
use artifact_domain::{
    ArtifactRecord, BlobKey, BlobMeaning, BlobPrefix, Error, ErrorKind, Result, State, Tier,
    Timestamp,
};
use futures::stream::TryChunksError;
use futures::{Stream, StreamExt, TryStreamExt, stream};

use crate::Store;
use crate::manifest::{TaskKey, Urgency};

/// How many questions are asked at once.
const CONCURRENCY: usize = 16;

/// How many items are looked at again and cleared together: as many blobs as most stores delete in one
/// request.
const BATCH: usize = 1_000;

/// What counts as garbage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GcOptions {
    /// How old a blob must be that neither index nor metadata knows. With less than an hour, what a
    /// move is about to name may be taken away; its version stays where it was then.
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
    /// In which store the blobs lie, by the quickest tier that is kept there.
    pub tier: Tier,
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
        // The deleted ones first: an upload that is given up on the way becomes one of them, and
        // would be counted twice.
        let versions = of_state(State::Deleted)
            .map_ok(|record| (GcReason::Deleted, record))
            .chain(abandoned.map_ok(|record| (GcReason::Abandoned, record)))
            .try_chunks(BATCH)
            .map_err(|error| error.1)
            // A batch is asked about whole: see `without_record`.
            .and_then(|versions| async {
                let items = stream::iter(versions)
                    .map(|(reason, record)| self.version_item(reason, record))
                    .buffered(CONCURRENCY);
                items.try_collect::<Vec<_>>().await
            })
            .map_ok(|items| stream::iter(items.into_iter().map(Ok)))
            .try_flatten();
        versions
            .chain(self.orphan_items(now.saturating_sub(options.grace)))
            .chain(self.temporaries())
    }

    /// Clears what [`gc_plan`](Self::gc_plan) says, and folds the metadata of every task, writing
    /// again what it lacks. `observe` is told of every item that went.
    ///
    /// Safe to run beside anything, to be cut off, and to be run again.
    ///
    /// # Errors
    /// `Locked` while another one, or a rebuild, runs; those of the ports that keep it from planning. What fails
    /// for one item is in the report.
    pub async fn gc(
        &self,
        options: GcOptions,
        observe: impl Fn(&GcItem) + Send + Sync,
    ) -> Result<GcReport> {
        let guard = self.lock_upkeep().await?;
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
        let mut batches = std::pin::pin!(self.gc_plan(options).try_chunks(BATCH));
        while let Some(batch) = batches.next().await {
            let (batch, failure) = match batch {
                Ok(batch) => (batch, None),
                // What was planned before is cleared all the same.
                Err(TryChunksError(batch, failure)) => (batch, Some(failure)),
            };
            for outcome in self.clear(batch).await {
                match outcome {
                    Ok(item) => {
                        report.items += 1;
                        report.size_bytes += item.size_bytes;
                        observe(&item);
                    }
                    Err(error) => report.failures.push(error),
                }
            }
            failure.map_or(Ok(()), Err)?;
        }
        self.settle().await;
        self.tidy_metadata(&mut report).await?;
        Ok(report)
    }

    async fn version_item(&self, reason: GcReason, record: ArtifactRecord) -> Result<GcItem> {
        let place = self.place_of(record.tier);
        let blobs = self.blobs_of(place);
        let mut item = GcItem {
            reason,
            tier: place,
            blobs: Vec::new(),
            files: 0,
            size_bytes: 0,
            record: None,
        };
        for key in record.possible_blob_keys() {
            match blobs.stat(key.clone()).await {
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

    fn orphan_items(&self, before: Timestamp) -> impl Stream<Item = Result<GcItem>> + Send + '_ {
        stream::once(self.ports.index.is_complete())
            // An index that may lack versions cannot say what nobody knows.
            .try_filter(|is_complete| std::future::ready(*is_complete))
            .map_ok(move |_| self.orphans(before))
            .try_flatten()
            .map_ok(|orphan| GcItem {
                reason: GcReason::Orphan,
                tier: orphan.place,
                record: None,
                blobs: vec![orphan.key],
                files: 1,
                size_bytes: orphan.size_bytes,
            })
    }

    fn temporaries(&self) -> impl Stream<Item = Result<GcItem>> + Send + '_ {
        stream::iter(self.places())
            .map(Ok)
            .try_filter_map(move |place| async move {
                let before = self.leftovers_before().await?;
                let left = self.blobs_of(place).leftovers(before).await?;
                Ok(temporary(place, left))
            })
    }

    /// Folds the metadata of every task, and writes again what it lacks.
    async fn tidy_metadata(&self, report: &mut GcReport) -> Result<()> {
        let mut unfolded = HashSet::new();
        let mut tasks = HashSet::new();
        let mut listing = std::pin::pin!(self.list_everywhere(BlobPrefix::all()));
        while let Some((_, listed)) = listing.try_next().await? {
            let Ok(key) = BlobKey::parse(&listed.path) else {
                continue;
            };
            let task = TaskKey::of_key(&key);
            if matches!(key.meaning(), BlobMeaning::TaskMetadataDelta { .. }) {
                unfolded.insert(task.clone());
            }
            tasks.insert(task);
        }
        for (task, check) in self.check_tasks(tasks, None).await {
            let tidied = match check {
                Ok(check) if check.needs_rewriting() => {
                    unfolded.remove(&task);
                    self.mend_task(&task, &check).await
                }
                Ok(_) => continue,
                Err(error) => {
                    unfolded.remove(&task);
                    Err(error)
                }
            };
            report.tidied(&task, tidied);
        }
        for task in unfolded {
            let folded = self.fold(&task, Urgency::Thorough).await;
            report.tidied(&task, folded.map(|()| true));
        }
        Ok(())
    }
}

impl GcReport {
    fn tidied(&mut self, task: &TaskKey, outcome: Result<bool>) {
        match outcome {
            Ok(tidied) => self.tasks += u64::from(tidied),
            Err(error) => self.failures.push(error.context(task)),
        }
    }
}

fn temporary(place: Tier, left: Swept) -> Option<GcItem> {
    (left.count > 0).then_some(GcItem {
        reason: GcReason::Temporary,
        tier: place,
        record: None,
        blobs: Vec::new(),
        files: left.count,
        size_bytes: left.size_bytes,
    })
}
