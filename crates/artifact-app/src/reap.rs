//! Clearing what crashes and interrupted uploads have left.

use artifact_domain::query::{Filter, PageSize, Query, Versions};
use artifact_domain::{ArtifactRecord, ErrorKind, Result, State};

use crate::Store;

/// What clearing leftovers has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReapReport {
    /// How many abandoned uploads were given up.
    pub uploads: u64,
    /// How many versions that were marked as deleted were purged.
    pub purged: u64,
    /// How many temporary files of cut-off puts were removed.
    pub temporaries: u64,
}

impl Store {
    /// Gives up uploads whose lease has ended, purges versions whose deletion was cut off, and
    /// removes temporary files older than a lease; at most `limit` uploads and versions. Safe to
    /// run beside anything, any number of times.
    ///
    /// # Errors
    /// Those of the ports; what could be cleared is cleared all the same.
    pub async fn reap(&self, limit: PageSize) -> Result<ReapReport> {
        let now = self.now();
        let abandoned = self.ports.index.abandoned_uploads(now, limit.get()).await?;
        let mut given_up = Vec::with_capacity(abandoned.len());
        for upload in abandoned {
            given_up.extend(self.give_up(upload).await?);
        }
        let uploads = given_up.len() as u64;
        // One that fails must not keep the rest from being cleared.
        let mut outcomes = vec![self.purge(given_up).await];
        let deleted = self.marked_deleted(limit).await?;
        let purged = deleted.len() as u64;
        if purged > 0 {
            self.let_marks_last().await?;
        }
        outcomes.push(self.purge(deleted).await);
        let swept = self
            .ports
            .blobs
            .sweep(now.saturating_sub(self.options.lease))
            .await?;
        outcomes.into_iter().collect::<Result<()>>()?;
        let report = ReapReport {
            uploads,
            purged,
            temporaries: swept.count,
        };
        if report != ReapReport::default() {
            tracing::info!(
                uploads,
                purged,
                temporaries = swept.count,
                "cleared leftovers"
            );
        }
        Ok(report)
    }

    /// Marks an upload as deleted, unless its writer was quicker.
    pub(crate) async fn give_up(&self, upload: ArtifactRecord) -> Result<Option<ArtifactRecord>> {
        match self.ports.index.update(upload.into_deleted()?).await {
            Ok(record) => Ok(Some(record)),
            Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Waits until what the index shows survives a loss of power. Another writer may have marked
    /// a version that was not told yet, because its mark is not durable; were the bytes removed
    /// first, a loss of power could bring back the version without them. Changes become durable in
    /// their order, so one that changes nothing is enough.
    pub(crate) async fn let_marks_last(&self) -> Result<()> {
        let unknown = self.new_id()?;
        self.retrying("remove", || self.ports.index.remove(unknown))
            .await
    }

    async fn marked_deleted(&self, limit: PageSize) -> Result<Vec<ArtifactRecord>> {
        let filter = Filter {
            states: vec![State::Deleted],
            versions: Versions::All,
            ..Filter::default()
        };
        let query = Query {
            limit,
            ..Query::new(filter, self.now())
        };
        self.ports.index.query(query).await.map(|page| page.items)
    }
}
