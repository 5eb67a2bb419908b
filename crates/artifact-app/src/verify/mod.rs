//! Verifying: the bytes of each version against its record, the metadata beside the blobs against
//! the index, and the counters of the index against its records. Marks what is lost and mends what
//! can be mended; takes nothing away.

mod bytes;
mod finding;

use std::collections::HashSet;
use std::pin::pin;
use std::time::Duration;

use artifact_domain::query::{Filter, Query};
use artifact_domain::{ArtifactRecord, ArtifactRef, BlobKey, BlobPrefix, Result, Timestamp};
use futures::TryStreamExt;

use self::bytes::Bytes;
pub use self::bytes::LOST_TAG;
pub(crate) use self::bytes::is_marked;
pub use self::finding::{Damage, VerifyFinding, VerifyReport};
use crate::Store;
use crate::manifest::{TaskCheck, TaskKey};

/// How long a blob may be without a record before that is said: a writer may be on its way.
const SETTLING: Duration = Duration::from_hours(1);

/// What to verify.
#[derive(Debug, Clone, Default)]
pub enum VerifyScope {
    /// Every version, every blob, the metadata of every task, and the counters.
    #[default]
    Everything,
    /// The versions that a filter selects, expired ones too, and what the metadata says of them.
    Selected(Box<Filter>),
    /// One version, and what the metadata says of it.
    One(ArtifactRef),
}

/// How to verify.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// What.
    pub scope: VerifyScope,
    /// Whether to mark what is lost and to mend what can be mended.
    pub repair: bool,
    /// How many versions are read at once.
    pub readers: usize,
}

type Observer<'a> = &'a (dyn Fn(Option<&VerifyFinding>, &VerifyReport) + Send + Sync);

impl Store {
    /// Reads versions from beginning to end and compares them with their records, and the metadata
    /// with the index. `observe` is told of every finding, and now and then of the progress.
    ///
    /// Runs beside anything: what is deleted meanwhile is no finding. Memory: a few chunks per
    /// reader, and some bytes per version of the largest task.
    ///
    /// # Errors
    /// Those of the ports; for one artifact `NotFound` too. What is wrong with an artifact is a
    /// finding, not an error.
    pub async fn verify(
        &self,
        options: VerifyOptions,
        observe: impl Fn(Option<&VerifyFinding>, &VerifyReport) + Send + Sync,
    ) -> Result<VerifyReport> {
        self.settle().await;
        let mut run = Run {
            store: self,
            repair: options.repair,
            observe: &observe,
            report: VerifyReport::default(),
            tasks: HashSet::new(),
        };
        let filter = match options.scope {
            VerifyScope::Everything => None,
            VerifyScope::Selected(mut filter) => {
                // Only what is live has bytes to be verified.
                filter.states.retain(|state| state.is_live());
                Some(*filter)
            }
            VerifyScope::One(artifact) => {
                let found = self.look_up(&artifact, self.now()).await?;
                let record = found
                    .filter(|record| record.state.is_live())
                    .ok_or_else(|| crate::find::not_found(&artifact))?;
                let filter = Filter::versions_of(&record.coordinate);
                run.versions(futures::stream::iter([Ok(record)]), 1).await?;
                run.metadata(Some(&filter)).await?;
                return Ok(run.report);
            }
        };
        let of_versions = filter.clone().unwrap_or_else(|| Filter {
            versions: artifact_domain::query::Versions::All,
            ..Filter::default()
        });
        if filter.is_none() {
            // First, since counters that have drifted may forbid the changes of other repairs.
            run.counters().await?;
        }
        // At the epoch nothing has expired, so what has is verified too.
        let records = self.pages(Query::new(of_versions, Timestamp::UNIX_EPOCH));
        run.versions(records, options.readers).await?;
        if filter.is_none() {
            run.blobs().await?;
        }
        run.metadata(filter.as_ref()).await?;
        Ok(run.report)
    }
}

struct Run<'a> {
    store: &'a Store,
    repair: bool,
    observe: Observer<'a>,
    report: VerifyReport,
    tasks: HashSet<TaskKey>,
}

impl Run<'_> {
    fn found(&mut self, finding: &VerifyFinding, mended: bool) {
        self.report.findings += 1;
        self.report.mended += u64::from(mended);
        (self.observe)(Some(finding), &self.report);
    }

    async fn counters(&mut self) -> Result<()> {
        let repaired = self.repair;
        let index = &self.store.ports.index;
        let recount = self.store.retrying("recount", || index.recount(repaired));
        let recount = recount.await?;
        for drift in recount.drifts {
            let drift = Box::new(drift);
            self.found(&VerifyFinding::Counter { drift, repaired }, repaired);
        }
        if recount.unreadable > 0 {
            let count = recount.unreadable;
            self.found(
                &VerifyFinding::UnreadableCounters { count, repaired },
                repaired,
            );
        }
        Ok(())
    }

    async fn versions(
        &mut self,
        records: impl futures::Stream<Item = Result<ArtifactRecord>> + Send,
        readers: usize,
    ) -> Result<()> {
        let (store, repair) = (self.store, self.repair);
        // All that a version needs is done here: what is read ahead must not wait while what was
        // read waits for the same connections.
        let read = records
            .map_ok(|record| async move {
                let bytes = store.read_bytes(&record).await?;
                let repaired = repair && store.remember(&record, &bytes).await?;
                Ok((bytes, repaired, record))
            })
            .try_buffer_unordered(readers.max(1));
        let mut read = std::pin::pin!(read);
        while let Some((bytes, repaired, record)) = read.try_next().await? {
            self.version(bytes, repaired, record)?;
        }
        Ok(())
    }

    fn version(&mut self, bytes: Bytes, repaired: bool, record: ArtifactRecord) -> Result<()> {
        if matches!(bytes, Bytes::Gone) {
            return Ok(());
        }
        self.tasks.insert(TaskKey::of(&record));
        self.report.versions += 1;
        self.report.size_bytes += record.stored_content()?.size_bytes;
        self.report.unread += u64::from(matches!(bytes, Bytes::Unread));
        match bytes {
            Bytes::Wrong(damage, cause) => {
                let finding = VerifyFinding::Bytes {
                    record: Box::new(record),
                    damage,
                    cause,
                    repaired,
                };
                self.found(&finding, false);
            }
            Bytes::Sound if is_marked(&record) => {
                let finding = VerifyFinding::FoundAgain {
                    record: Box::new(record),
                    repaired,
                };
                self.found(&finding, repaired);
            }
            _ => (self.observe)(None, &self.report),
        }
        Ok(())
    }

    /// Every file of the store: the tasks it belongs to, and blobs that nobody knows.
    async fn blobs(&mut self) -> Result<()> {
        let store = self.store;
        let mut listing = pin!(store.list_everywhere(BlobPrefix::all()));
        while let Some((_, listed)) = listing.try_next().await? {
            if let Ok(key) = BlobKey::parse(&listed.path) {
                self.tasks.insert(TaskKey::of_key(&key));
            }
        }
        let settled = store.now().saturating_sub(SETTLING);
        let mut orphans = std::pin::pin!(store.orphans(settled));
        while let Some(orphan) = orphans.try_next().await? {
            // What a move has left, or is about to take away, is for `gc`.
            if orphan.spare_of.is_some() {
                continue;
            }
            let finding = VerifyFinding::UnknownBlob {
                tier: orphan.place,
                key: orphan.key,
                size_bytes: orphan.size_bytes,
            };
            self.found(&finding, false);
        }
        Ok(())
    }

    /// What cannot be compared keeps nothing else from being compared.
    async fn metadata(&mut self, filter: Option<&Filter>) -> Result<()> {
        // What a repair has marked is on its way there.
        self.store.settle().await;
        let mut tasks: Vec<_> = std::mem::take(&mut self.tasks).into_iter().collect();
        tasks.sort();
        let mut outcome = Ok(());
        for (task, check) in self.store.check_tasks(tasks, filter).await {
            let compared = match check {
                Ok(check) => self.task(task.clone(), &check).await,
                Err(error) => Err(error),
            };
            if let Err(error) = compared {
                let context = format!("the metadata of {task} cannot be verified");
                outcome = outcome.and(Err(error.context(context)));
            }
        }
        outcome
    }

    async fn task(&mut self, task: TaskKey, check: &TaskCheck) -> Result<()> {
        let repairs = self.repair && check.needs_rewriting();
        let repaired = repairs && self.store.mend_task(&task, check).await?;
        if let Some(finding) = metadata_finding(task, check, repaired) {
            let mended = repaired && check.ahead.is_empty() && check.unknown.is_empty();
            self.found(&finding, mended);
        }
        Ok(())
    }
}

/// What was purged and still stands in the metadata is no finding: it is folded away in time.
fn metadata_finding(task: TaskKey, check: &TaskCheck, repaired: bool) -> Option<VerifyFinding> {
    let behind = check.behind.len() as u64;
    let ahead = (check.ahead.len() + check.unknown.len()) as u64;
    let is_sound = behind + ahead + check.damaged_lines == 0;
    (!is_sound).then_some(VerifyFinding::Metadata {
        spec: task.spec,
        task: task.task,
        behind,
        ahead,
        damaged_lines: check.damaged_lines,
        repaired,
    })
}
