//! Taking in blobs that no metadata names: from their paths, and by reading them.

use std::pin::pin;

use artifact_domain::port::{ImportVersion, Imported};
use artifact_domain::{
    ArtifactRecord, BlobKey, BlobMeaning, BlobPrefix, Content, Coordinate, Encoding, Error,
    ErrorKind, Result, Revision, State, Tier, Timestamp,
};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt, future, stream};

use super::{ReindexFinding, ReindexReport, Run};
use crate::measure::{Measured, measure, rebuild_seek_table};
use crate::orphan::{self, Orphan};

/// Up to how many bytes an artifact is one block.
const SEEKABLE_BYTES: u64 = 256 << 10;

/// How many blobs are read at once.
const READERS: usize = 2;

/// How many versions are recovered from their blobs before they are imported.
const RECOVERED_BATCH: usize = 64;

impl Run<'_> {
    /// Every blob whose version the index does not know by now.
    pub(super) async fn recover_all(&self, report: &mut ReindexReport) -> Result<()> {
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
        let blobs = listing.try_filter_map(|listed| {
            let size_bytes = listed.stat.size_bytes;
            future::ok(Orphan::maybe(place, &listed.path, size_bytes))
        });
        let mut batches = pin!(blobs.try_chunks(orphan::BATCH));
        while let Some(blobs) = batches.next().await {
            let blobs = blobs.map_err(|error| error.1)?;
            let unknown = self.store.without_record(blobs).boxed().await?;
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
                let keys: Vec<_> = blobs.iter().map(|blob| blob.key.clone()).collect();
                let read: Vec<_> = stream::iter(keys)
                    .map(|key| async move { (self.recover(place, &key).await, key) }.boxed())
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
