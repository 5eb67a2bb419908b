//! Verifying: the bytes of each version against its record, the metadata beside the blobs against
//! the index, and the counters of the index against its records. Marks what is lost and mends what
//! can be mended; takes nothing away.

use std::collections::HashSet;
use std::pin::pin;
use std::time::Duration;

use artifact_domain::port::UsageDrift;
use artifact_domain::query::{Filter, Query};
use artifact_domain::{
    ArtifactRecord, ArtifactRef, BlobKey, BlobPrefix, Error, ErrorKind, Result, SpecName, Tag,
    TaskId, Tier, Timestamp,
};
use futures::TryStreamExt;

use crate::Store;
use crate::edit::Edited;
use crate::manifest::{TaskCheck, TaskKey};
use crate::soundness::Soundness;

/// The tag that a repair gives to versions whose bytes are lost; its value says how.
pub const LOST_TAG: &str = "lost";

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

/// What is wrong with the bytes of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// They are not there.
    Missing,
    /// They are other bytes than were uploaded, or fewer, or more.
    Damaged,
    /// They could not be read to the end: the store refused, or its disk did.
    Unreadable,
}

impl Damage {
    /// The word for it, which is also the value of the tag of a repair.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Damaged => "damaged",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Something that is not as it should be.
#[derive(Debug)]
pub enum VerifyFinding {
    /// The bytes of a version.
    Bytes {
        /// Whose.
        record: Box<ArtifactRecord>,
        /// What is wrong.
        damage: Damage,
        /// In more words.
        cause: Error,
        /// Whether a repair has marked it.
        repaired: bool,
    },
    /// Bytes that are sound were marked as lost.
    FoundAgain {
        /// Whose.
        record: Box<ArtifactRecord>,
        /// Whether a repair has taken the mark away.
        repaired: bool,
    },
    /// The metadata of a task.
    Metadata {
        /// Of which spec.
        spec: SpecName,
        /// Of which task.
        task: TaskId,
        /// How many versions it lacks or knows only as they were before.
        behind: u64,
        /// How many it knows better than the index, or that only it knows and whose bytes are
        /// there. Only a rebuild of the index helps.
        ahead: u64,
        /// How many of its lines are damaged.
        damaged_lines: u64,
        /// Whether a repair has written it again.
        repaired: bool,
    },
    /// A counter of the index disagrees with its records.
    Counter {
        /// What it says, and what the records come to.
        drift: Box<UsageDrift>,
        /// Whether a repair has put it right.
        repaired: bool,
    },
    /// Counters of the index that cannot be read.
    UnreadableCounters {
        /// How many.
        count: u64,
        /// Whether a repair has put them right.
        repaired: bool,
    },
    /// A blob that neither index nor metadata knows.
    UnknownBlob {
        /// In which store, by the quickest tier that is kept there.
        tier: Tier,
        /// Where it is.
        key: BlobKey,
        /// Its bytes.
        size_bytes: u64,
    },
}

/// What verifying has shown so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// How many versions were verified.
    pub versions: u64,
    /// Their original bytes.
    pub size_bytes: u64,
    /// How many versions are in a tier whose bytes cannot be read now: only their size was
    /// compared.
    pub unread: u64,
    /// How many findings there are.
    pub findings: u64,
    /// How many of them a repair has mended; what is lost is marked, not mended.
    pub mended: u64,
}

impl VerifyReport {
    /// Whether everything is as it should be, by now.
    pub fn is_sound(&self) -> bool {
        self.findings == self.mended
    }
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

/// What reading the bytes of a version has shown.
enum Bytes {
    Sound,
    Unread,
    Wrong(Damage, Error),
    /// It was deleted meanwhile.
    Gone,
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

pub(crate) fn is_marked(record: &ArtifactRecord) -> bool {
    let marks = [Damage::Missing, Damage::Damaged].map(Damage::as_str);
    let value = record.tags.get(LOST_TAG);
    value.is_some_and(|value| marks.contains(&value))
}

impl Store {
    /// Marks a version as what reading it has shown; false if there was nothing to be done, or it
    /// could not be.
    async fn remember(&self, record: &ArtifactRecord, bytes: &Bytes) -> Result<bool> {
        match bytes {
            // What merely could not be read may be sound.
            Bytes::Wrong(Damage::Unreadable, _) => Ok(false),
            Bytes::Wrong(damage, _) => self.mark(record, Some(*damage)).await,
            Bytes::Sound if is_marked(record) => self.mark(record, None).await,
            _ => Ok(false),
        }
    }

    /// Tags a version as lost, or takes the tag away; false if it went meanwhile, or has no room
    /// for another tag.
    async fn mark(&self, record: &ArtifactRecord, damage: Option<Damage>) -> Result<bool> {
        let edited = self
            .edit(record.clone(), |current| {
                let before = current.tags.clone();
                match damage {
                    None => current.tags.remove(LOST_TAG),
                    Some(damage) => {
                        let mark = Tag::new(LOST_TAG, damage.as_str())?;
                        // Without room for it nothing is marked.
                        let _ = current.tags.set(mark);
                    }
                }
                Ok(current.tags != before)
            })
            .await;
        let wanted = damage.map(Damage::as_str);
        match edited {
            Ok(Edited::Changed(_)) => Ok(true),
            Ok(Edited::Unchanged(current)) => Ok(current.tags.get(LOST_TAG) == wanted),
            Ok(Edited::Gone) => Ok(false),
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn read_bytes(&self, record: &ArtifactRecord) -> Result<Bytes> {
        const ROUNDS: usize = 8;
        let mut record = record.clone();
        let mut round = 0;
        loop {
            let error = match self.compare_bytes(&record).await {
                Ok(Soundness::Sound) => return Ok(Bytes::Sound),
                Ok(Soundness::Unread) => return Ok(Bytes::Unread),
                Err(error) => error,
            };
            round += 1;
            match self.ports.index.find(record.id).await? {
                Some(current) if !current.state.is_live() => return Ok(Bytes::Gone),
                None => return Ok(Bytes::Gone),
                // What was read lay where it lies no more.
                Some(current) if current.has_moved(&record) && round < ROUNDS => record = current,
                Some(_) => {
                    let damage = match error.kind() {
                        ErrorKind::NotFound => Damage::Missing,
                        ErrorKind::Integrity => Damage::Damaged,
                        _ => Damage::Unreadable,
                    };
                    return Ok(Bytes::Wrong(damage, error));
                }
            }
        }
    }

    async fn compare_bytes(&self, record: &ArtifactRecord) -> Result<Soundness> {
        let place = self.whereabouts(record).await?;
        let (key, content) = (record.blob_key()?, record.stored_content()?);
        self.check_blob(&**self.blobs_of(place), &key, content)
            .await
    }
}
