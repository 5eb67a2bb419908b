//! Archiving and restoring, one version or many, and the moves that age calls for. Plans which
//! versions go where; how the bytes of one move is `relocate`'s business.

use artifact_domain::query::{Filter, Query, Versions};
use artifact_domain::{
    ArtifactRecord, ArtifactRef, ArtifactUri, Error, ErrorKind, Result, State, Tier, Timestamp,
};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};

use crate::Store;
use crate::find::not_found;
use crate::relocate::{Moved, Relocated};
use crate::verify::is_marked;

/// How many versions move before what they leave is cleared.
const BATCH: usize = 32;

/// How many stored bytes move before what they leave is cleared, but for the last version of a
/// batch: so much is stored twice meanwhile, which the quota does not count.
const BATCH_BYTES: u64 = 256 << 20;

/// How many are copied at once.
const CONCURRENCY: usize = 4;

/// Which versions move, and where.
#[derive(Debug, Clone)]
pub enum MoveScope {
    /// Those that a filter selects and that are active are archived: all versions, not only the
    /// newest.
    Archive(Box<Filter>),
    /// Those that a filter selects and that are in a colder tier are brought back: all versions.
    Restore(Box<Filter>, RestoreOptions),
    /// Those that a filter selects and that are old enough, by the policy of the store: all
    /// versions.
    ByAge(Box<Filter>),
}

/// How a store is asked for what it does not have at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoreOptions {
    /// For how many days it is to have it at hand then, for it to be moved.
    pub days: u32,
}

impl Default for RestoreOptions {
    fn default() -> Self {
        Self { days: 7 }
    }
}

/// What became of a version that was to be restored.
#[derive(Debug)]
pub enum Restored {
    /// It is in the hot tier: its record.
    Back(ArtifactRecord),
    /// Its store has been asked for its bytes, and does not have them at hand yet: that can take
    /// hours. It is where it was; to restore it again asks how far it is.
    Restoring(ArtifactRecord),
}

/// A version that is to move.
#[derive(Debug, Clone)]
pub struct Move {
    /// Which.
    pub record: ArtifactRecord,
    /// Where.
    pub tier: Tier,
}

/// What became of a version that was to move.
#[derive(Debug)]
pub enum MoveEvent {
    /// It is where it was to go: its record.
    Moved(ArtifactRecord),
    /// Its store has been asked for its bytes, so it stays until it is moved again.
    Restoring(ArtifactRecord),
    /// Its bytes are marked as lost, so it stays.
    Lost(ArtifactRecord),
    /// It could not be moved and is where it was.
    Failed(ArtifactUri, Error),
}

/// What moving many has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MoveReport {
    /// How many versions moved.
    pub moved: u64,
    /// How many bytes their blobs have.
    pub stored_size_bytes: u64,
    /// How many stay until their store has their bytes at hand.
    pub restoring: u64,
    /// How many stay because their bytes are marked as lost.
    pub lost: u64,
    /// How many could not be moved.
    pub failed: u64,
}

impl Store {
    /// Archives one version, the newest or the one that the address or the id names: its bytes go
    /// to the cold tier, are read there from beginning to end, and go from where they were. Where
    /// the store copies them itself, they are read before. To archive what is archived changes
    /// nothing.
    ///
    /// Cut off at any step, the version can be read, and what is too much is cleared by
    /// [`gc`](Self::gc). A hold keeps the bytes, not their place.
    ///
    /// # Errors
    /// `NotFound`, `Expired`; `Integrity` where its bytes are marked as lost or are found to be, or
    /// the copy is not what was written; `StorageFull`, `PermissionDenied` and the others of the
    /// cold store. After an error the version is where it was.
    pub async fn archive(&self, artifact: &ArtifactRef) -> Result<ArtifactRecord> {
        let moved = self.move_one(artifact, Tier::Cold, 0).await?;
        let (Restored::Back(record) | Restored::Restoring(record)) = moved;
        Ok(record)
    }

    /// Brings one version back to the hot tier, as [`archive`](Self::archive) takes it away. What
    /// its store does not have at hand is asked for, and moves when it is restored again later.
    ///
    /// # Errors
    /// Those of [`archive`](Self::archive), of the hot store; `InvalidInput` for no days.
    pub async fn restore(
        &self,
        artifact: &ArtifactRef,
        options: RestoreOptions,
    ) -> Result<Restored> {
        check_days(options)?;
        self.move_one(artifact, Tier::Hot, options.days).await
    }

    async fn move_one(&self, artifact: &ArtifactRef, tier: Tier, days: u32) -> Result<Restored> {
        let record = self.show(artifact).await?;
        match self.relocate(record, tier, days).await? {
            Relocated::Moved(moved) => {
                self.finish(std::slice::from_ref(&moved)).await;
                Ok(Restored::Back(moved.record))
            }
            Relocated::Unchanged(record) => Ok(Restored::Back(record)),
            Relocated::Restoring(record) => Ok(Restored::Restoring(record)),
            Relocated::Lost(record) => Err(lost(&record)),
            Relocated::Gone => Err(not_found(artifact)),
        }
    }

    /// Where [`archive`](Self::archive) or [`restore`](Self::restore) would move a version to, or
    /// the error that they would give as far as the record tells; none if it is there.
    ///
    /// # Errors
    /// `NotFound`, `Expired`, `Integrity` for one that is marked as lost.
    pub async fn plan_move(&self, artifact: &ArtifactRef, tier: Tier) -> Result<Option<Move>> {
        let record = self.show(artifact).await?;
        if is_marked(&record) {
            return Err(lost(&record));
        }
        let is_there = record.tier == tier && record.state == tier.state();
        Ok((!is_there).then_some(Move { record, tier }))
    }

    /// What [`move_all`](Self::move_all) would move, newest first, those marked as lost left out.
    /// Changes nothing. Memory: a page of records.
    ///
    /// # Errors
    /// `InvalidInput` for moves by age where no age is set; those of the index.
    pub fn move_plan(&self, scope: MoveScope) -> BoxStream<'static, Result<Move>> {
        self.candidates(scope)
            .try_filter(|one| std::future::ready(!is_marked(&one.record)))
            .boxed()
    }

    /// Every version that a scope moves, those marked as lost too.
    fn candidates(&self, scope: MoveScope) -> BoxStream<'static, Result<Move>> {
        let now = self.now();
        let policy = self.options.tiers;
        let (mut filter, goal) = match scope {
            MoveScope::Archive(filter) => (filter, Some(Tier::Cold)),
            MoveScope::Restore(filter, _) => (filter, Some(Tier::Hot)),
            MoveScope::ByAge(filter) => (filter, None),
        };
        filter.versions = Versions::All;
        // What is archived already is not archived again.
        let may_move = |state: &State| match goal {
            Some(Tier::Hot) => state.is_live(),
            _ => *state == State::Active,
        };
        filter.states.retain(may_move);
        if filter.states.is_empty() {
            return stream::empty().boxed();
        }
        if goal.is_none() {
            let Some(last) = policy.last_due(now) else {
                return stream::iter([Err(no_policy())]).boxed();
            };
            // Of the same instant too.
            let before = Timestamp::from_micros(last.as_micros().saturating_add(1));
            let before = before.unwrap_or(Timestamp::MAX);
            let given = filter.created_before.unwrap_or(Timestamp::MAX);
            filter.created_before = Some(given.min(before));
        }
        self.pages(Query::new(*filter, now))
            .try_filter_map(move |record| {
                let tier = match goal {
                    Some(Tier::Hot) if record.tier == Tier::Hot => None,
                    Some(tier) => Some(tier),
                    None => policy.due(&record, now),
                };
                std::future::ready(Ok(tier.map(|tier| Move { record, tier })))
            })
            .boxed()
    }

    /// Moves many versions, batch by batch; one failure never keeps the rest. `observe` is told of
    /// each. Safe beside anything, to be cut off, and to be run again. Memory: a page of records.
    ///
    /// # Errors
    /// Those of [`move_plan`](Self::move_plan); `InvalidInput` for no days. What fails for one
    /// version is an event.
    pub async fn move_all(
        &self,
        scope: MoveScope,
        mut observe: impl FnMut(MoveEvent) + Send,
    ) -> Result<MoveReport> {
        let mut report = MoveReport::default();
        let days = match &scope {
            MoveScope::Restore(_, options) => {
                check_days(*options)?;
                options.days
            }
            MoveScope::Archive(_) | MoveScope::ByAge(_) => 0,
        };
        let mut candidates = self.candidates(scope).fuse().boxed();
        loop {
            let (batch, failure) = next_batch(&mut candidates).await;
            if batch.is_empty() && failure.is_none() {
                return Ok(report);
            }
            let mut moved: Vec<Moved> = Vec::with_capacity(batch.len());
            let outcomes: Vec<_> = stream::iter(batch)
                .map(|one| async move {
                    let uri = one.record.version_uri();
                    (uri, self.relocate(one.record, one.tier, days).await)
                })
                .buffer_unordered(CONCURRENCY)
                .collect()
                .await;
            for (uri, outcome) in outcomes {
                match outcome {
                    Ok(Relocated::Moved(one)) => moved.push(one),
                    Ok(Relocated::Restoring(record)) => {
                        report.restoring += 1;
                        observe(MoveEvent::Restoring(record));
                    }
                    Ok(Relocated::Lost(record)) => {
                        report.lost += 1;
                        observe(MoveEvent::Lost(record));
                    }
                    // Somebody else was quicker.
                    Ok(Relocated::Unchanged(_) | Relocated::Gone) => {}
                    Err(error) => {
                        report.failed += 1;
                        observe(MoveEvent::Failed(uri, error));
                    }
                }
            }
            self.finish(&moved).await;
            for Moved { record, .. } in moved {
                report.moved += 1;
                report.stored_size_bytes += record.stored_content()?.stored_size_bytes;
                observe(MoveEvent::Moved(record));
            }
            failure.map_or(Ok(()), Err)?;
        }
    }
}

/// What moves before anything is cleared, and the failure that ended it.
async fn next_batch(
    candidates: &mut BoxStream<'static, Result<Move>>,
) -> (Vec<Move>, Option<Error>) {
    let (mut batch, mut bytes) = (Vec::new(), 0_u64);
    while batch.len() < BATCH && bytes < BATCH_BYTES {
        match candidates.next().await {
            Some(Ok(one)) => {
                let content = one.record.content.as_ref();
                bytes =
                    bytes.saturating_add(content.map_or(0, |content| content.stored_size_bytes));
                batch.push(one);
            }
            Some(Err(failure)) => return (batch, Some(failure)),
            None => break,
        }
    }
    (batch, None)
}

fn lost(record: &ArtifactRecord) -> Error {
    let uri = record.version_uri();
    let message = format!("{uri} is marked as lost and is not moved");
    Error::new(ErrorKind::Integrity, message)
        .with_hint("`artifact verify --repair` takes the mark away if its bytes are sound")
}

fn check_days(options: RestoreOptions) -> Result<()> {
    if options.days > 0 {
        return Ok(());
    }
    Err(Error::invalid_input(
        "what is restored is to be read for at least a day",
    ))
}

fn no_policy() -> Error {
    Error::invalid_input("nothing moves by age: no age is set")
        .with_hint("set tiers.warm_after_days or tiers.cold_after_days")
}

#[cfg(test)]
mod tests {
    use artifact_testkit::sample;

    use super::*;

    const MIB: u64 = 1 << 20;

    async fn batches(sizes: &[u64]) -> Vec<usize> {
        let of_size = |size: &u64| {
            let mut record = sample::record("demo", "1", "log", "a");
            let content = record.content.as_mut().unwrap();
            content.stored_size_bytes = *size;
            let tier = Tier::Cold;
            Ok(Move { record, tier })
        };
        let moves: Vec<_> = sizes.iter().map(of_size).collect();
        let mut candidates = stream::iter(moves).boxed();
        let mut found = Vec::new();
        loop {
            let (batch, failure) = next_batch(&mut candidates).await;
            assert!(failure.is_none());
            if batch.is_empty() {
                return found;
            }
            found.push(batch.len());
        }
    }

    #[tokio::test]
    async fn a_batch_ends_by_count_and_by_bytes() {
        assert_eq!(batches(&[1; 70]).await, [32, 32, 6]);
        assert_eq!(batches(&[100 * MIB; 8]).await, [3, 3, 2]);
        assert_eq!(batches(&[9_000 * MIB; 2]).await, [1, 1]);
        assert_eq!(batches(&[MIB, 9_000 * MIB, MIB]).await, [2, 1]);
    }

    #[tokio::test]
    async fn what_was_found_before_a_failure_moves_before_it_is_told() {
        let record = sample::record("demo", "1", "log", "a");
        let tier = Tier::Cold;
        let found = vec![Ok(Move { record, tier }), Err(no_policy())];
        let mut candidates = stream::iter(found).boxed();
        let (batch, failure) = next_batch(&mut candidates).await;
        assert_eq!((batch.len(), failure.is_some()), (1, true));
    }
}
