//! Saying of single artifacts how long they are kept, whatever the rules say.

use artifact_domain::policy::FOR_EVER_DAYS;
use artifact_domain::query::{Filter, Order};
use artifact_domain::{ArtifactRecord, ArtifactRef, Result, Timestamp};
use futures::{Stream, StreamExt};

use crate::Store;
use crate::edit::Edited;
use crate::find::not_found;

/// How many versions are changed at once; their commits share what makes them durable.
const CONCURRENCY: usize = 32;

/// For how long an artifact is to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepFor {
    /// For so many days from its creation.
    Days(u32),
    /// Until somebody says otherwise.
    Ever,
    /// For as long as the rules say.
    Rules,
}

impl KeepFor {
    fn retention_days(self) -> Option<u32> {
        match self {
            Self::Days(days) => Some(days.min(FOR_EVER_DAYS - 1)),
            Self::Ever => Some(FOR_EVER_DAYS),
            Self::Rules => None,
        }
    }
}

/// What setting the retention of a version has come to, or would.
#[derive(Debug, Clone, PartialEq)]
pub struct RetentionChange {
    /// The version, as it is then.
    pub record: ArtifactRecord,
    /// When it expired before.
    pub before: Option<Timestamp>,
    /// Whether anything changed.
    pub is_changed: bool,
}

impl Store {
    /// Says how long one version is kept: the newest, or the one that the address or the id names.
    /// What has expired and is still there comes back if its new time is not over.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` if others change it all the time.
    pub async fn set_retention(
        &self,
        artifact: &ArtifactRef,
        keep: KeepFor,
    ) -> Result<RetentionChange> {
        let record = self.stored(artifact).await?;
        let changed = self.keep_for(record, keep).await?;
        changed.ok_or_else(|| not_found(artifact))
    }

    /// What [`set_retention`](Self::set_retention) would come to.
    pub async fn plan_set_retention(
        &self,
        artifact: &ArtifactRef,
        keep: KeepFor,
    ) -> Result<RetentionChange> {
        let record = self.stored(artifact).await?;
        Ok(self.kept_for(record, keep))
    }

    /// Says how long everything is kept that `filter` selects; of each version what it came to, in
    /// no order. A version that fails keeps no other. Memory: a page of records.
    pub fn set_retention_all(
        &self,
        filter: Filter,
        keep: KeepFor,
    ) -> impl Stream<Item = Result<RetentionChange>> + Send + 'static {
        let store = self.clone();
        // Pages are answered whole before their records are changed.
        self.search_all(filter, Order::Created)
            .ready_chunks(CONCURRENCY)
            .flat_map(move |chunk| {
                let store = store.clone();
                futures::stream::iter(chunk)
                    .map(move |record| {
                        let store = store.clone();
                        async move { store.keep_for(record?, keep).await }
                    })
                    .buffered(CONCURRENCY)
            })
            .filter_map(|outcome| async { outcome.transpose() })
    }

    /// What [`set_retention_all`](Self::set_retention_all) would come to.
    pub fn plan_set_retention_all(
        &self,
        filter: Filter,
        keep: KeepFor,
    ) -> impl Stream<Item = Result<RetentionChange>> + Send + 'static {
        let store = self.clone();
        self.search_all(filter, Order::Created)
            .map(move |record| Ok(store.kept_for(record?, keep)))
    }

    async fn stored(&self, artifact: &ArtifactRef) -> Result<ArtifactRecord> {
        self.look_up(artifact, self.now())
            .await?
            .filter(|record| record.state.is_live())
            .ok_or_else(|| not_found(artifact))
    }

    async fn keep_for(
        &self,
        record: ArtifactRecord,
        keep: KeepFor,
    ) -> Result<Option<RetentionChange>> {
        self.take_mark_ahead().await;
        let mut before = record.expires_at;
        let edited = self
            .edit(record, |current| {
                before = current.expires_at;
                let changed = self.kept_for(current.clone(), keep);
                *current = changed.record;
                Ok(changed.is_changed && current.state.is_live())
            })
            .await?;
        let (record, is_changed) = match edited {
            Edited::Changed(record) => (record, true),
            Edited::Unchanged(record) => (record, false),
            Edited::Gone => return Ok(None),
        };
        if !record.state.is_live() {
            return Ok(None);
        }
        self.compare_retention_mark().await;
        Ok(Some(RetentionChange {
            record,
            before,
            is_changed,
        }))
    }

    pub(crate) fn kept_for(&self, mut record: ArtifactRecord, keep: KeepFor) -> RetentionChange {
        let before = record.expires_at;
        let days = keep.retention_days();
        let is_changed = record.retention_days != days;
        if is_changed {
            record.retention_days = days;
            record.expires_at =
                self.options
                    .retention
                    .stamp(&record.coordinate, record.created_at, days);
        }
        RetentionChange {
            record,
            before,
            is_changed,
        }
    }
}
