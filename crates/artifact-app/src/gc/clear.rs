//! Clearing what a plan says is garbage, batch by batch: each item is looked at again, and what is
//! left of a batch goes with few requests. Must not know what makes it garbage.

use std::collections::{HashMap, HashSet};

use artifact_domain::{ArtifactRecord, AttemptId, Error, Result, Tier};
use futures::{StreamExt, stream};

use super::{CONCURRENCY, GcItem, GcReason, temporary};
use crate::Store;
use crate::orphan::Orphan;

/// Which attempt a copy is, and the record that names another one.
type Spare = (AttemptId, ArtifactRecord);

impl Store {
    /// Clears items and gives those that went, and what kept others from it. What turned out to be no
    /// garbage by now is not among them.
    pub(super) async fn clear(&self, items: Vec<GcItem>) -> Vec<Result<GcItem>> {
        let (mut versions, mut orphans, mut temporaries) = (Vec::new(), Vec::new(), Vec::new());
        for item in items {
            match item.reason {
                GcReason::Abandoned | GcReason::Deleted => versions.push(item),
                GcReason::Orphan => orphans.push(item),
                GcReason::Temporary => temporaries.push(item.tier),
            }
        }
        // First, since some services take away the parts of uploads with the object, and nobody could say
        // then what has gone.
        let mut swept = Vec::new();
        for place in temporaries {
            swept.extend(self.clear_temporaries(place).await.transpose());
        }
        let mut outcomes = self.clear_versions(versions).await;
        outcomes.extend(self.clear_orphans(orphans).await);
        outcomes.extend(swept);
        outcomes
    }

    async fn clear_temporaries(&self, place: Tier) -> Result<Option<GcItem>> {
        let before = self.leftovers_before().await?;
        let swept = self.blobs_of(place).sweep(before).await?;
        Ok(temporary(place, swept))
    }

    async fn clear_versions(&self, items: Vec<GcItem>) -> Vec<Result<GcItem>> {
        let mut outcomes = Vec::with_capacity(items.len());
        if items.iter().any(|item| item.reason == GcReason::Deleted)
            && let Err(error) = self.let_marks_last().await
        {
            return vec![Err(error)];
        }
        let given_up: Vec<_> = stream::iter(items)
            .map(|item| async move {
                let record = match (&item.record, item.reason) {
                    (Some(record), GcReason::Abandoned) => self.give_up((**record).clone()).await?,
                    (record, _) => record.as_deref().cloned(),
                };
                Ok::<_, Error>(record.map(|record| (record, item)))
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        let mut marked = Vec::with_capacity(given_up.len());
        for one in given_up {
            match one {
                Ok(one) => marked.extend(one),
                Err(error) => outcomes.push(Err(error)),
            }
        }
        let records = marked.iter().map(|(record, _)| record.clone()).collect();
        let (purged, _) = self.purge_all(records).await;
        let purged: HashSet<_> = purged.into_iter().collect();
        for (record, item) in marked {
            let mut outcome = Ok(());
            if !purged.contains(&record.id) {
                // By itself it says what is wrong with it.
                outcome = self.purge(vec![record]).await;
            }
            outcomes.push(outcome.map(|()| item));
        }
        outcomes
    }

    async fn clear_orphans(&self, items: Vec<GcItem>) -> Vec<Result<GcItem>> {
        let looked_at: Vec<_> =
            stream::iter(items)
                .map(|item| async move {
                    Ok::<_, Error>(self.still_orphan(&item).await?.zip(Some(item)))
                })
                .buffer_unordered(CONCURRENCY)
                .collect()
                .await;
        let (mut outcomes, mut orphans) = (Vec::new(), Vec::new());
        for one in looked_at {
            match one {
                Ok(orphan) => orphans.extend(orphan),
                Err(error) => outcomes.push(Err(error)),
            }
        }
        for place in self.places() {
            let (here, others): (Vec<_>, Vec<_>) = orphans
                .into_iter()
                .partition(|(_, item)| item.tier == place);
            orphans = others;
            outcomes.extend(self.remove_orphans(place, here).await);
        }
        outcomes
    }

    /// Looks at an orphan again; none if it is no garbage by now. Gives which copy it is of a version
    /// that is live.
    async fn still_orphan(&self, item: &GcItem) -> Result<Option<Vec<Spare>>> {
        let mut spares = Vec::new();
        for key in &item.blobs {
            let blob = Orphan::maybe(item.tier, key.as_str(), item.size_bytes);
            let orphan = match blob {
                Some(blob) => self.unless_named(blob).await?,
                None => None,
            };
            let Some(orphan) = orphan else {
                return Ok(None);
            };
            if !self.can_spare(&orphan).await? {
                return Ok(None);
            }
            // Metadata that still names this copy would mislead a rebuild.
            if let Some(record) = orphan.spare_of.as_deref().filter(|one| one.state.is_live()) {
                self.let_marks_last().await?;
                self.write_down_all(&orphan.task(), vec![record.clone()])
                    .await?;
                spares.push((orphan.attempt, record.clone()));
            }
        }
        Ok(Some(spares))
    }

    async fn remove_orphans(
        &self,
        place: Tier,
        orphans: Vec<(Vec<Spare>, GcItem)>,
    ) -> Vec<Result<GcItem>> {
        let keys: Vec<_> = orphans
            .iter()
            .flat_map(|(_, item)| item.blobs.clone())
            .collect();
        if keys.is_empty() {
            return Vec::new();
        }
        let failures = match self.blobs_of(place).delete(keys).await {
            Ok(failures) => failures,
            Err(error) => return vec![Err(error)],
        };
        let mut failed: HashMap<_, _> = failures
            .into_iter()
            .map(|failure| (failure.key, failure.error))
            .collect();
        let mut outcomes = Vec::with_capacity(orphans.len());
        for (spares, item) in orphans {
            let mut outcome = Ok(());
            for (attempt, other) in &spares {
                outcome = outcome.and(self.unless_named_meanwhile(*attempt, other).await);
            }
            for key in &item.blobs {
                if let Some(error) = failed.remove(key) {
                    let context = format!("the orphan at {key} could not be removed");
                    outcome = Err(error.context(context));
                }
            }
            outcomes.push(outcome.map(|()| item));
        }
        outcomes
    }

    /// A move that took very long may have named a copy while it was on its way out. It has left the
    /// other one where it was, and that is named again.
    async fn unless_named_meanwhile(&self, gone: AttemptId, other: &ArtifactRecord) -> Result<()> {
        let now = self.ports.index.find(other.id).await?;
        match now.filter(|now| now.attempt == gone && now.state.is_live()) {
            Some(named) => self.name_again(named, other).await,
            None => Ok(()),
        }
    }
}
