//! Rebuilding the index from what lies in the store: from the metadata beside the blobs, and for
//! blobs that no metadata names, from their paths and their bytes.

use std::collections::HashSet;
use std::pin::pin;

use artifact_domain::port::{ImportVersion, Imported, LockKey, LockPatience};
use artifact_domain::{
    ArtifactName, ArtifactRecord, ArtifactUri, BlobKey, BlobMeaning, BlobPrefix, Content,
    Coordinate, Encoding, Error, ErrorKind, MimeType, Result, Revision, SpecName, State, TaskId,
    Tier, Timestamp,
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use crate::Store;
use crate::manifest::{Entry, ManifestReader, TaskKey};
use crate::measure::{Measured, measure, rebuild_seek_table};
use crate::orphan::{self, Orphan};

/// How many versions are looked up at once, and imported in one transaction.
const BATCH: usize = 256;

/// How many questions are asked at once.
const CONCURRENCY: usize = 16;

/// Up to how many bytes an artifact is one block.
const SEEKABLE_BYTES: u64 = 256 << 10;

/// How many blobs are read at once.
const READERS: usize = 2;

/// How many versions are recovered from their blobs before they are imported.
const RECOVERED_BATCH: usize = 64;

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

    /// Every task of which there is a file: a listing may miss metadata that is just folded.
    async fn restore_all(&self, report: &mut ReindexReport) -> Result<()> {
        let mut seen = HashSet::new();
        let mut listing = pin!(self.store.list_everywhere(BlobPrefix::all()));
        while let Some((_, listed)) = listing.try_next().await? {
            let Ok(key) = BlobKey::parse(&listed.path) else {
                continue;
            };
            let task = TaskKey::of_key(&key);
            if seen.insert(task.clone()) {
                self.restore_task(&task, report).await?;
            }
        }
        Ok(())
    }

    async fn restore_task(&self, task: &TaskKey, report: &mut ReindexReport) -> Result<()> {
        let mut reader = ManifestReader::open(&*self.store.ports.blobs, task).await?;
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(entry) = reader.next().await? {
            if let Entry::Version { record, seek_table } = entry {
                batch.push((record, seek_table));
            }
            if batch.len() == BATCH {
                self.restore(std::mem::take(&mut batch), report).await?;
            }
        }
        self.restore(batch, report).await?;
        if reader.damage() > 0 {
            report.damaged_lines += reader.damage();
            let (spec, name) = (task.spec.clone(), task.task.clone());
            let finding = ReindexFinding::DamagedMetadata(spec, name, reader.damage());
            self.tell(&finding, report);
        }
        Ok(())
    }

    async fn restore(
        &self,
        batch: Vec<(Box<ArtifactRecord>, Option<Bytes>)>,
        report: &mut ReindexReport,
    ) -> Result<()> {
        let judged: Vec<_> = stream::iter(batch)
            .map(|(record, table)| async move {
                let verdict = self.judge(&record).await?;
                Ok::<_, Error>((verdict, record, table))
            })
            .buffered(CONCURRENCY)
            .try_collect()
            .await?;
        let mut lost = Vec::new();
        for (verdict, record, seek_table) in judged {
            match verdict {
                Verdict::Known => report.known += 1,
                Verdict::Gone => {}
                Verdict::Missing => {
                    report.missing += 1;
                    self.tell(&ReindexFinding::Missing(record), report);
                }
                Verdict::Lost => lost.push(ImportVersion {
                    record: *record,
                    seek_table,
                }),
            }
        }
        let outcomes = self.import(lost, report).await?;
        let added = outcomes
            .iter()
            .filter(|outcome| **outcome == Imported::Added);
        report.restored += added.count() as u64;
        (self.observe)(None, report);
        Ok(())
    }

    /// What the metadata of a version is worth.
    ///
    /// A deletion removes the bytes before the record. So a version that the index does not know,
    /// and whose bytes are there when they are looked for after that, is not being deleted.
    async fn judge(&self, record: &ArtifactRecord) -> Result<Verdict> {
        let ports = &self.store.ports;
        if ports.index.find(record.id).await?.is_some() {
            return Ok(Verdict::Known);
        }
        match self.store.whereabouts(record).await {
            Ok(_) => Ok(Verdict::Lost),
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            // What a whole index does not know was purged, whatever the metadata still says of it.
            Err(_) if self.was_complete || !record.state.is_live() => Ok(Verdict::Gone),
            Err(_) => Ok(Verdict::Missing),
        }
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

    /// Every blob whose version the index does not know by now.
    async fn recover_all(&self, report: &mut ReindexReport) -> Result<()> {
        let takes_in = self.options.recover || !self.was_complete;
        // Store by store, so that of two copies that nothing tells apart the quicker one counts.
        for place in self.store.places() {
            self.recover_place(place, takes_in, report).await?;
        }
        Ok(())
    }

    async fn recover_place(
        &self,
        place: Tier,
        takes_in: bool,
        report: &mut ReindexReport,
    ) -> Result<()> {
        let store = self.store.blobs_of(place);
        let listing = store.list(BlobPrefix::all()).await?;
        let blobs = listing.try_filter_map(|listed| async move {
            let size_bytes = listed.stat.size_bytes;
            Ok(Orphan::maybe(place, &listed.path, size_bytes))
        });
        let mut batches = pin!(blobs.try_chunks(orphan::BATCH));
        while let Some(blobs) = batches.next().await {
            let blobs = blobs.map_err(|error| error.1)?;
            let unknown = self.store.without_record(blobs).await?;
            let all = unknown.len();
            let unknown: Vec<_> = unknown
                .into_iter()
                .filter(|blob| blob.spare_of.is_none())
                .collect();
            report.spare += (all - unknown.len()) as u64;
            if !takes_in {
                report.unnamed += unknown.len() as u64;
                continue;
            }
            let all = unknown.len();
            let unknown = self.store.recoverable(unknown).await?;
            report.unnamed += (all - unknown.len()) as u64;
            for blobs in unknown.chunks(RECOVERED_BATCH) {
                let keys = blobs.iter().map(|blob| blob.key.clone());
                let read: Vec<_> = stream::iter(keys)
                    .map(|key| async move { (self.recover(place, &key).await, key) })
                    .buffer_unordered(READERS)
                    .collect()
                    .await;
                self.take_in(read, report).await?;
            }
        }
        Ok(())
    }

    async fn take_in(
        &self,
        read: Vec<(Result<Option<ImportVersion>>, BlobKey)>,
        report: &mut ReindexReport,
    ) -> Result<()> {
        let mut recovered = Vec::with_capacity(read.len());
        for (outcome, key) in read {
            match outcome {
                Ok(version) => recovered.extend(version),
                Err(error) if error.kind() == ErrorKind::Integrity => {
                    report.failed += 1;
                    self.tell(&ReindexFinding::Unreadable(key, error), report);
                }
                Err(error) => return Err(error),
            }
        }
        let outcomes = self.import(recovered.clone(), report).await?;
        for (version, outcome) in recovered.into_iter().zip(outcomes) {
            if outcome == Imported::Added {
                report.recovered += 1;
                let ImportVersion { record, seek_table } = version;
                self.store.note(&record, seek_table).await;
                self.tell(&ReindexFinding::Recovered(Box::new(record)), report);
            }
        }
        (self.observe)(None, report);
        Ok(())
    }

    /// The version of a blob, from its path and its bytes; none if it went meanwhile, or came to
    /// be known.
    async fn recover(&self, place: Tier, key: &BlobKey) -> Result<Option<ImportVersion>> {
        let BlobMeaning::Content {
            coordinate,
            version,
            attempt,
            encoding,
        } = key.meaning()
        else {
            return Ok(None);
        };
        let store = self.store;
        let blobs = store.blobs_of(place);
        let blob = async {
            let stat = blobs.stat(key.clone()).await?;
            let blob = blobs.get(key.clone(), None).await?;
            let measured = measure(blob, encoding, u64::MAX).await?;
            Ok::<_, Error>((stat, measured))
        };
        let (stat, measured) = match blob.await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            blob => blob?,
        };
        let id = attempt.artifact_id();
        if store.ports.index.find(id).await?.is_some() {
            return Ok(None);
        }
        let seek_table = self.seek_table_of(place, key, encoding, &measured).await?;
        let created_at = id.created_at();
        let (retention_days, expires_at) = self.expiry_of(&coordinate, created_at);
        let record = ArtifactRecord {
            id,
            attempt,
            version,
            // A copy tells its tier by where it lies, and its own age for that of the version.
            state: place.state(),
            revision: Revision::default().next(),
            content: Some(Content {
                digest: measured.digest,
                size_bytes: measured.size_bytes,
                stored_size_bytes: stat.size_bytes,
                encoding,
            }),
            mime_type: (self.options.media_type)(coordinate.name(), &measured.head),
            tier: place,
            created_at,
            lease_until: None,
            reserved_bytes: 0,
            retention_days,
            expires_at,
            archived_at: (place.state() == State::Archived).then_some(created_at),
            hold: None,
            tags: artifact_domain::Tags::default(),
            metadata: artifact_domain::Metadata::default(),
            coordinate,
        };
        Ok(Some(ImportVersion { record, seek_table }))
    }

    /// Only what has more than one block has a seek table.
    async fn seek_table_of(
        &self,
        place: Tier,
        key: &BlobKey,
        encoding: Encoding,
        measured: &Measured,
    ) -> Result<Option<Bytes>> {
        if measured.size_bytes <= SEEKABLE_BYTES {
            return Ok(None);
        }
        let blob = self.store.blobs_of(place).get(key.clone(), None).await?;
        Ok(rebuild_seek_table(blob, encoding, measured).await)
    }

    /// The days of its own, and the time of expiry, of a version of which only the blob is left: by
    /// the rules of the store. What would be over by now may have been on hold, or kept longer: its
    /// time begins anew, and as days of its own, so that no cleanup counts from the old beginning.
    fn expiry_of(
        &self,
        at: &Coordinate,
        created_at: Timestamp,
    ) -> (Option<u32>, Option<Timestamp>) {
        let now = self.store.now();
        let retention = &self.store.options.retention;
        let ruling = retention.ruling(at, None);
        let over = ruling.expires_at(created_at).is_some_and(|end| end <= now);
        let own = ruling.days.filter(|_| over).map(|days| {
            let age_days = created_at.until(now).as_secs().div_ceil(24 * 60 * 60);
            days.saturating_add(u32::try_from(age_days).unwrap_or(u32::MAX))
        });
        (own, retention.stamp(at, created_at, own))
    }
}

/// What becomes of a version that the metadata names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The index knows it.
    Known,
    /// The index does not, and its bytes are there.
    Lost,
    /// It should be readable, and its bytes are not there.
    Missing,
    /// It was deleted, bytes and all.
    Gone,
}
