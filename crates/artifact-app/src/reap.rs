//! Clearing what crashes and interrupted uploads have left.

use std::future::ready;

use artifact_domain::query::{Filter, PageSize, Query, Versions};
use artifact_domain::{ArtifactRecord, Error, ErrorKind, Result, State, Tier, Timestamp};
use futures::TryStreamExt;

use crate::Store;

/// How many pages of versions that are marked as deleted are looked at, so that those which fail
/// each time keep only so many others waiting.
const PAGES: usize = 16;

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
    /// removes temporary files older than a lease from every store; at most `limit` uploads and
    /// as many versions. Versions that cannot be purged are passed over, up to 15 times `limit` of
    /// them. A store of a colder tier that is out of reach is left for later. Safe to run beside
    /// anything, any number of times.
    ///
    /// # Errors
    /// Those of the ports; what could be cleared is cleared all the same.
    pub async fn reap(&self, limit: PageSize) -> Result<ReapReport> {
        // One that fails must not keep the rest from being cleared.
        let mut failure = None;
        let uploads = self.reap_uploads(limit, &mut failure).await;
        let uploads = uploads.unwrap_or_else(|error| failed(&mut failure, error));
        let purged = self.reap_deleted(limit, &mut failure).await;
        let purged = purged.unwrap_or_else(|error| failed(&mut failure, error));
        let report = ReapReport {
            uploads,
            purged,
            temporaries: self.sweep_everywhere(&mut failure).await,
        };
        if report != ReapReport::default() {
            tracing::info!(
                uploads = report.uploads,
                purged = report.purged,
                temporaries = report.temporaries,
                "cleared leftovers"
            );
        }
        failure.map_or(Ok(report), Err)
    }

    async fn reap_uploads(&self, limit: PageSize, failure: &mut Option<Error>) -> Result<u64> {
        let index = &self.ports.index;
        let abandoned = index.abandoned_uploads(self.now(), limit.get()).await?;
        let mut given_up = Vec::with_capacity(abandoned.len());
        for upload in abandoned {
            match self.give_up(upload).await {
                Ok(record) => given_up.extend(record),
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        let uploads = given_up.len() as u64;
        if let Err(error) = self.purge(given_up).await {
            failure.get_or_insert(error);
        }
        Ok(uploads)
    }

    async fn reap_deleted(&self, limit: PageSize, failure: &mut Option<Error>) -> Result<u64> {
        let filter = Filter {
            states: vec![State::Deleted],
            versions: Versions::All,
            ..Filter::default()
        };
        let mut query = Some(Query {
            limit,
            ..Query::new(filter, self.now())
        });
        let mut purged = 0;
        for _ in 0..PAGES {
            let Some(asked) = query.take() else { break };
            let page = self.ports.index.query(asked.clone()).await?;
            if page.items.is_empty() {
                break;
            }
            self.let_marks_last().await?;
            let (went, failed) = self.purge_all(page.items).await;
            purged += went.len();
            if let Some(error) = failed {
                failure.get_or_insert(error);
            }
            if purged >= limit.get() {
                break;
            }
            query = page.next.map(|cursor| Query {
                cursor: Some(cursor),
                ..asked
            });
            if let Some(query) = &mut query {
                query.limit = PageSize::new(limit.get() - purged)?;
            }
        }
        Ok(purged as u64)
    }

    async fn sweep_everywhere(&self, failure: &mut Option<Error>) -> u64 {
        let older_than = match self.leftovers_before().await {
            Ok(older_than) => older_than,
            Err(error) => return failed(failure, error),
        };
        let mut count = 0;
        for place in self.places() {
            match self.blobs_of(place).sweep(older_than).await {
                Ok(swept) => count += swept.count,
                // Whoever uploads has no need of it.
                Err(error) if place != Tier::Hot && error.kind() == ErrorKind::Unavailable => {
                    tracing::debug!(%place, error = %error, "what is temporary there waits");
                }
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        count
    }

    /// Before when what puts have left was cut off: a lease ago, and a lease before any upload began
    /// that still runs. One whose source is slow may send nothing for longer than a lease, and only
    /// its own process knows that it will.
    pub(crate) async fn leftovers_before(&self) -> Result<Timestamp> {
        let now = self.now();
        let filter = Filter {
            states: vec![State::Uploading],
            versions: Versions::All,
            ..Filter::default()
        };
        let oldest = self
            .pages(Query::new(filter, now))
            .try_filter(|upload| ready(upload.lease_until.is_some_and(|end| end > now)))
            .try_fold(now, |oldest, upload| {
                ready(Ok(oldest.min(upload.created_at)))
            });
        Ok(oldest.await?.saturating_sub(self.options.lease))
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
}

fn failed(first: &mut Option<Error>, error: Error) -> u64 {
    first.get_or_insert(error);
    0
}
