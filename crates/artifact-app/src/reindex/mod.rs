//! Rebuilding the index from what lies in the store: from the metadata beside the blobs, and for
//! blobs that no metadata names, from their paths and their bytes.

mod recover;
mod restore;

use artifact_domain::port::{ImportVersion, Imported, LockKey, LockPatience};
use artifact_domain::{
    ArtifactName, ArtifactRecord, ArtifactUri, BlobKey, Content, Error, MimeType, Result, SpecName,
    TaskId,
};

use crate::Store;

/// How to rebuild.
#[derive(Debug, Clone, Copy)]
pub struct ReindexOptions {
    /// Whether blobs that no metadata names are taken in even though the index is whole. They are
    /// in any case when it is not.
    pub recover: bool,
    /// Tells the media type of what is recovered by its name and its first bytes.
    pub media_type: fn(&ArtifactName, &[u8]) -> MimeType,
}

impl Default for ReindexOptions {
    fn default() -> Self {
        Self {
            recover: false,
            media_type: |_, _| MimeType::default(),
        }
    }
}

/// What was found on the way.
#[derive(Debug)]
pub enum ReindexFinding {
    /// A blob that no metadata names was taken in: its tags and its metadata are lost.
    Recovered(Box<ArtifactRecord>),
    /// The metadata names a version whose bytes are not there: it was not taken in.
    Missing(Box<ArtifactRecord>),
    /// Another version of the same number is known: it was not taken in.
    VersionTaken(ArtifactUri, BlobKey),
    /// A blob that no metadata names cannot be read: it was left as it is.
    Unreadable(BlobKey, Error),
    /// Lines of the metadata of a task are damaged: what they said was recovered from the blobs,
    /// or is lost.
    DamagedMetadata(SpecName, TaskId, u64),
}

/// What rebuilding has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReindexReport {
    /// How many versions were taken in from the metadata, as they were.
    pub restored: u64,
    /// How many were recovered from their blobs.
    pub recovered: u64,
    /// How many the index knew already.
    pub known: u64,
    /// How many the metadata names without their bytes being there.
    pub missing: u64,
    /// How many blobs neither the index nor the metadata names, and were left for `gc`.
    pub unnamed: u64,
    /// How many blobs are copies of versions that the index knows by another copy: what a move has
    /// left. They are for `gc`.
    pub spare: u64,
    /// How many could not be read, or not be taken in.
    pub failed: u64,
    /// How many lines of metadata are damaged.
    pub damaged_lines: u64,
}

/// Who is told of findings and of progress.
type Observer<'a> = &'a (dyn Fn(Option<&ReindexFinding>, &ReindexReport) + Send + Sync);

impl Store {
    /// Takes everything into the index that lies in the store and that it does not know; what it
    /// knows stays as it is. Then the index counts as complete.
    ///
    /// Runs beside anything. It can be cut off at any time and made again. `observe` is told of
    /// every finding, and now and then of the progress. Memory: a page of records, and a name per
    /// task.
    ///
    /// # Errors
    /// `Locked` while another one, or a collection of garbage, runs; those of the ports.
    pub async fn reindex(
        &self,
        options: ReindexOptions,
        observe: impl Fn(Option<&ReindexFinding>, &ReindexReport) + Send + Sync,
    ) -> Result<ReindexReport> {
        let guard = self.lock_upkeep().await?;
        let run = Run {
            store: self,
            options,
            observe: &observe,
            was_complete: self.ports.index.is_complete().await?,
        };
        // What is taken in has the time of expiry of whoever wrote it down, also if this is cut off.
        let outcome = match self.forget_retention_mark().await {
            Ok(()) => run.all().await,
            Err(error) => Err(error),
        };
        let forgotten = self.forget_retention_mark().await;
        crate::upload::release(guard).await;
        let report = outcome?;
        forgotten?;
        Ok(report)
    }

    /// Makes sure that only one process collects garbage or rebuilds the index: what one of them
    /// takes for an orphan the other may be about to take in.
    pub(crate) async fn lock_upkeep(
        &self,
    ) -> Result<Option<Box<dyn artifact_domain::port::LockGuard>>> {
        let Some(locks) = &self.ports.locks else {
            return Ok(None);
        };
        let patience = LockPatience {
            timeout: std::time::Duration::ZERO,
            ..self.options.lock_patience
        };
        locks
            .acquire(LockKey::job("upkeep"), patience)
            .await
            .map(Some)
    }
}

struct Run<'a> {
    store: &'a Store,
    options: ReindexOptions,
    observe: Observer<'a>,
    was_complete: bool,
}

impl Run<'_> {
    async fn all(&self) -> Result<ReindexReport> {
        let mut report = ReindexReport::default();
        self.restore_all(&mut report).await?;
        self.recover_all(&mut report).await?;
        if !self.was_complete {
            self.store.ports.index.mark_complete().await?;
        }
        self.store.settle().await;
        Ok(report)
    }

    fn tell(&self, finding: &ReindexFinding, report: &ReindexReport) {
        (self.observe)(Some(finding), report);
    }

    /// Takes versions in, and accounts for those that are not new.
    async fn import(
        &self,
        versions: Vec<ImportVersion>,
        report: &mut ReindexReport,
    ) -> Result<Vec<Imported>> {
        if versions.is_empty() {
            return Ok(Vec::new());
        }
        let index = &self.store.ports.index;
        let outcomes = self
            .store
            .retrying("import", || index.import(versions.clone()))
            .await?;
        for (version, outcome) in versions.into_iter().zip(&outcomes) {
            match outcome {
                Imported::Added => {}
                Imported::Known => report.known += 1,
                Imported::VersionTaken => self.taken(version.record, report).await?,
            }
        }
        Ok(outcomes)
    }

    /// A version whose number is taken is another copy of the same bytes, or another version.
    async fn taken(&self, record: ArtifactRecord, report: &mut ReindexReport) -> Result<()> {
        let index = &self.store.ports.index;
        let known = index.find_version(record.coordinate.clone(), record.version);
        let known = known.await?.and_then(|known| known.content);
        let digest = |content: &Option<Content>| content.as_ref().map(|content| content.digest);
        if record.attempt.is_move() && digest(&known) == digest(&record.content) {
            report.spare += 1;
            return Ok(());
        }
        report.failed += 1;
        let (uri, key) = (record.version_uri(), record.blob_key()?);
        self.tell(&ReindexFinding::VersionTaken(uri, key), report);
        Ok(())
    }
}
