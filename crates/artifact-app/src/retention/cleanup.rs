//! Clearing away what is due, and writing the time of expiry anew where the rules say another.
//! Must not know how it is found.

use artifact_domain::policy::Decision;
use artifact_domain::query::{Filter, PageSize, Query, Versions};
use artifact_domain::{ArtifactRecord, Error, Result, State, Timestamp};
use futures::{StreamExt, stream};

use super::latest::Latest;
use super::plan::{CleanupAction, CleanupItem, Walk};
use crate::Store;
use crate::edit::Edited;

/// How many versions are changed at once; their commits share what makes them durable. Also how
/// many are deleted after the latest of their groups were last asked for.
const ROUND: usize = 32;

/// How to clean up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CleanupOptions {
    /// Whether the clock is right even if it is earlier than what is stored.
    pub trust_clock: bool,
}

/// What became of an item of the plan.
#[derive(Debug)]
pub enum CleanupOutcome {
    /// It was done.
    Done,
    /// Nothing: somebody has changed the version meanwhile so that it is no longer right.
    Changed,
    /// It failed.
    Failed(Error),
}

/// What a cleanup has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CleanupReport {
    /// How many versions have gone.
    pub expired: u64,
    /// How many bytes their blobs had.
    pub stored_size_bytes: u64,
    /// How many stay that now expire at another time than before.
    pub restamped: u64,
    /// How many were changed by somebody meanwhile, and left.
    pub changed: u64,
    /// How many failed.
    pub failed: u64,
}

impl CleanupReport {
    /// Counts an item and what became of it.
    pub fn count(&mut self, item: &CleanupItem, outcome: &CleanupOutcome) {
        match (outcome, item.action) {
            (CleanupOutcome::Failed(_), _) => self.failed += 1,
            (CleanupOutcome::Changed, _) => self.changed += 1,
            (CleanupOutcome::Done, CleanupAction::Restamp(_)) => self.restamped += 1,
            (CleanupOutcome::Done, CleanupAction::Expire(_)) => {
                self.expired += 1;
                self.stored_size_bytes += item.stored_size_bytes();
            }
        }
    }
}

impl Store {
    /// Deletes what the rules in force say is due, and writes the time of expiry anew where they
    /// say another than the record does. Nothing else is deleted: not what is on hold, not what
    /// an earlier rule has stamped, not what is among the latest that are kept.
    ///
    /// Each version is judged again, as it is then, in the moment of its change; whether it is
    /// among the latest of a group by now, in each round of 32 before any of them is changed. So
    /// what others delete meanwhile leaves no group with fewer than are kept, unless they do it
    /// during a round. `observe` is told of each in the order of the plan; one that fails keeps no
    /// other. It can be cut off at any time and made again, and runs beside anything. Memory: as
    /// for the plan.
    ///
    /// # Errors
    /// `Conflict` for a clock that is a day or more earlier than what is stored, unless it is to
    /// be trusted; those of the index where what is due cannot be found.
    pub async fn cleanup(
        &self,
        options: CleanupOptions,
        mut observe: impl FnMut(&CleanupItem, &CleanupOutcome) + Send,
    ) -> Result<CleanupReport> {
        let mut walk = Walk::begin(self, options).await?;
        let marking = if walk.is_full {
            Some(self.begin_marking().await?)
        } else {
            None
        };
        let mut report = CleanupReport::default();
        while let Some(batch) = walk.next().await? {
            let now = walk.now;
            let mut batch = batch.into_iter().peekable();
            while batch.peek().is_some() {
                let round = self
                    .asked_again(batch.by_ref().take(ROUND).collect(), now)
                    .await?;
                let mut done = stream::iter(round)
                    .map(|(item, is_kept)| async move {
                        let outcome = self.carry_out(&item, is_kept, now).await;
                        (item, outcome)
                    })
                    .buffered(ROUND);
                let mut gone = Vec::new();
                while let Some((item, outcome)) = done.next().await {
                    let outcome = match outcome {
                        Ok(Some(changed)) => {
                            log(&item);
                            if changed.state == State::Deleted {
                                gone.push(changed);
                            }
                            CleanupOutcome::Done
                        }
                        Ok(None) => CleanupOutcome::Changed,
                        Err(error) => CleanupOutcome::Failed(error),
                    };
                    report.count(&item, &outcome);
                    observe(&item, &outcome);
                }
                drop(done);
                self.purge_quietly(gone).await;
            }
        }
        self.purge_marked().await?;
        if let Some(marking) = marking.filter(|_| report.failed + report.changed == 0) {
            self.finish_marking(marking).await?;
        }
        tracing::info!(
            expired = report.expired,
            stored_size_bytes = report.stored_size_bytes,
            restamped = report.restamped,
            changed = report.changed,
            failed = report.failed,
            "cleaned up"
        );
        Ok(report)
    }

    /// Says of each item of a round whether its version is among the latest of a group. Of those
    /// that are to go it is asked anew, once for each group and not for each of them: somebody may
    /// have deleted newer ones since the plan was made. What others delete after this is as if they
    /// had deleted it after the round.
    async fn asked_again(
        &self,
        round: Vec<CleanupItem>,
        now: Timestamp,
    ) -> Result<Vec<(CleanupItem, bool)>> {
        let mut latest = Latest::new(self.clone(), now);
        let mut asked = Vec::with_capacity(round.len());
        for item in round {
            let can_be_kept = matches!(item.action, CleanupAction::Expire(_))
                && !item.ruling.is_own()
                && item.kept.is_none();
            let is_kept = if can_be_kept {
                latest.keeping(&item.record).await?.is_some()
            } else {
                item.kept.is_some()
            };
            asked.push((item, is_kept));
        }
        Ok(asked)
    }

    /// Does what an item says, if that is still right. None if it is not.
    async fn carry_out(
        &self,
        item: &CleanupItem,
        is_kept: bool,
        now: Timestamp,
    ) -> Result<Option<ArtifactRecord>> {
        let policy = &self.options.retention;
        let edited = self
            .edit(item.record.clone(), |current| {
                let ruling = policy.ruling(&current.coordinate, current.retention_days);
                // One that is deleted already was counted by whoever did that.
                if ruling != item.ruling || !current.state.is_live() {
                    return Ok(false);
                }
                let decision = policy.decide(current, is_kept, now);
                match (decision, item.action) {
                    (Decision::Expire(_), CleanupAction::Expire(_)) => {
                        *current = current.clone().into_deleted()?;
                        Ok(true)
                    }
                    (Decision::Restamp(end), CleanupAction::Restamp(_)) => {
                        current.expires_at = end;
                        Ok(true)
                    }
                    _ => Ok(false),
                }
            })
            .await?;
        Ok(match edited {
            Edited::Changed(record) => Some(record),
            Edited::Unchanged(_) | Edited::Gone => None,
        })
    }

    /// Purges what is marked as deleted, of this cleanup or of one that was cut off. What fails
    /// waits for the next.
    async fn purge_marked(&self) -> Result<()> {
        let filter = Filter {
            states: vec![State::Deleted],
            versions: Versions::All,
            ..Filter::default()
        };
        let query = Query::new(filter, self.now());
        let mut marked = std::pin::pin!(self.pages(query).ready_chunks(PageSize::WALK.get()));
        while let Some(chunk) = marked.next().await {
            let records = chunk.into_iter().collect::<Result<Vec<_>>>()?;
            // What is on this page may have been marked since the page before it.
            self.let_marks_last().await?;
            self.purge_quietly(records).await;
        }
        Ok(())
    }
}

fn log(item: &CleanupItem) {
    let (uri, rule) = (item.record.version_uri(), &item.ruling);
    match item.action {
        CleanupAction::Expire(since) => {
            let size = item.stored_size_bytes();
            tracing::info!(artifact.uri = %uri, %rule, %since, stored_size_bytes = size, "expired");
        }
        CleanupAction::Restamp(end) => {
            let expires_at = end.map(tracing::field::display);
            tracing::info!(artifact.uri = %uri, %rule, expires_at, "expires at another time");
        }
    }
}
