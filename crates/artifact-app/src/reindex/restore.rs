//! Taking in what the metadata beside the blobs names. Must not know what becomes of blobs that it
//! does not name.

use std::collections::HashSet;
use std::pin::pin;

use artifact_domain::port::{ImportVersion, Imported};
use artifact_domain::{ArtifactRecord, BlobKey, BlobPrefix, Error, ErrorKind, Result};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::{ReindexFinding, ReindexReport, Run};
use crate::manifest::{Entry, ManifestReader, TaskKey};

/// How many versions are looked up at once, and imported in one transaction.
const BATCH: usize = 256;

/// How many questions are asked at once.
const CONCURRENCY: usize = 16;

impl Run<'_> {
    /// Every task of which there is a file: a listing may miss metadata that is just folded.
    pub(super) async fn restore_all(&self, report: &mut ReindexReport) -> Result<()> {
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
            .map(|(record, table)| {
                async move {
                    let verdict = self.judge(&record).await?;
                    Ok::<_, Error>((verdict, record, table))
                }
                .boxed()
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
