//! Changing a record: read it, change it, write it if nobody else has meanwhile, or else begin
//! again. The one way for every use case that changes what is stored of a version. Must not know
//! what is changed, nor why.

use std::time::Duration;

use artifact_domain::query::{Filter, Query};
use artifact_domain::{ArtifactRecord, ArtifactRef, Error, ErrorKind, Result, Timestamp};
use futures::{Stream, StreamExt};

use crate::Store;
use crate::find::not_found;
use crate::retry::jittered;

/// How many records are changed at once; their commits share what makes them durable.
const CONCURRENCY: usize = 32;

/// How often a change is begun again. Of those who change one record at once somebody succeeds in
/// every round, so this bounds how many of them are served for sure.
const ROUNDS: u32 = 100;

/// Waits between rounds begin with twice this and double up to [`LONGEST_WAIT`].
const SHORTEST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_millis(128);

/// How often the version that an address names is looked up again because it went meanwhile.
const LOOK_UPS: u32 = 16;

/// What became of a change.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Edited {
    /// It was made: the record as it is now.
    Changed(ArtifactRecord),
    /// There was nothing to be changed: the record as it was.
    Unchanged(ArtifactRecord),
    /// The version was deleted meanwhile.
    Gone,
}

/// Which versions can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those that can be read.
    Readable,
    /// Those that have expired too, as long as they are there.
    Stored,
}

impl Store {
    /// Changes `record` as it is by now, whoever else changes it meanwhile: `change` may be called
    /// several times, each time with what is stored then, and says whether it is to be written.
    /// What was written is noted for the metadata.
    ///
    /// # Errors
    /// Those of `change`, as they are; `Conflict` if others change it all the time, or for a step
    /// of state that is not legal; those of the index.
    pub(crate) async fn edit(
        &self,
        mut record: ArtifactRecord,
        mut change: impl FnMut(&mut ArtifactRecord) -> Result<bool>,
    ) -> Result<Edited> {
        let id = record.id;
        let mut wait = SHORTEST_WAIT;
        for _ in 0..ROUNDS {
            let mut changed = record.clone();
            if !change(&mut changed)? {
                return Ok(Edited::Unchanged(record));
            }
            let written = self
                .retrying("update", || self.ports.index.update(changed.clone()))
                .await;
            let conflict = match written {
                Ok(written) => {
                    self.note(&written, None).await;
                    return Ok(Edited::Changed(written));
                }
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Edited::Gone),
                Err(error) if error.kind() == ErrorKind::Conflict => error,
                Err(error) => return Err(error),
            };
            let found = self.retrying("find", || self.ports.index.find(id)).await?;
            let Some(current) = found else {
                return Ok(Edited::Gone);
            };
            if current.revision == record.revision {
                // Nobody has changed it: it is the step that is not legal.
                return Err(conflict);
            }
            if is_outcome(&changed, &current) {
                // The answer to an earlier try was lost, and nobody said that it is durable.
                self.let_marks_last().await?;
                self.note(&current, None).await;
                return Ok(Edited::Changed(current));
            }
            record = current;
            wait = wait.saturating_mul(2).min(LONGEST_WAIT);
            tokio::time::sleep(jittered(wait)).await;
        }
        Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "{} is being changed by others all the time",
                record.version_uri()
            ),
        )
        .with_hint("try it again in a while"))
    }

    /// Changes the version that `artifact` names: for an address without a version the newest at
    /// the moment of the change. Never gives [`Edited::Gone`].
    ///
    /// # Errors
    /// `NotFound`; `Expired` for what only [`Reach::Stored`] reaches; those of [`edit`](Self::edit).
    pub(crate) async fn edit_named(
        &self,
        artifact: &ArtifactRef,
        reach: Reach,
        mut change: impl FnMut(&mut ArtifactRecord) -> Result<bool>,
    ) -> Result<Edited> {
        for _ in 0..LOOK_UPS {
            let record = self.reach(artifact, reach).await?;
            let mut is_there = true;
            let edited = self
                .edit(record, |record| {
                    is_there = record.state.is_live();
                    if is_there { change(record) } else { Ok(false) }
                })
                .await?;
            if is_there && edited != Edited::Gone {
                return Ok(edited);
            }
        }
        Err(not_found(artifact))
    }

    /// The version that `artifact` names, if it can be changed.
    pub(crate) async fn reach(
        &self,
        artifact: &ArtifactRef,
        reach: Reach,
    ) -> Result<ArtifactRecord> {
        match reach {
            Reach::Readable => self.show(artifact).await,
            Reach::Stored => self
                .look_up(artifact, self.now())
                .await?
                .filter(|record| record.state.is_live())
                .ok_or_else(|| not_found(artifact)),
        }
    }

    /// Changes every live version that `filter` selects, in parallel. One that fails is an error of
    /// the stream and keeps no other; one that went, or is not selected any more, gives nothing.
    pub(crate) fn edit_selected(
        &self,
        filter: Filter,
        reach: Reach,
        change: impl Fn(&mut ArtifactRecord) -> Result<bool> + Send + Sync + 'static,
    ) -> impl Stream<Item = Result<Edited>> + Send {
        let (filter, now) = self.selection(filter, reach);
        let selected = self.pages(Query::new(filter.clone(), now));
        let change =
            move |record: &mut ArtifactRecord| Ok(filter.selects(record, now) && change(record)?);
        let change = std::sync::Arc::new(change);
        selected
            .map(move |record| {
                let change = change.clone();
                async move {
                    let record = record?;
                    let uri = record.version_uri();
                    let edited = self
                        .edit(record, |record| change(record))
                        .await
                        .map_err(|error| error.context(uri))?;
                    Ok(match edited {
                        Edited::Unchanged(record) if !record.state.is_live() => Edited::Gone,
                        edited => edited,
                    })
                }
            })
            .buffer_unordered(CONCURRENCY)
            .filter(|edited| std::future::ready(!matches!(edited, Ok(Edited::Gone))))
    }

    /// The filter that selects what can be changed, and the time at which expiry is judged.
    pub(crate) fn selection(&self, mut filter: Filter, reach: Reach) -> (Filter, Timestamp) {
        filter.states.retain(|state| state.is_live());
        let now = match reach {
            Reach::Readable => self.now(),
            // At the epoch nothing has expired.
            Reach::Stored => Timestamp::UNIX_EPOCH,
        };
        (filter, now)
    }
}

/// Whether `current` is what an update with `changed` stores.
fn is_outcome(changed: &ArtifactRecord, current: &ArtifactRecord) -> bool {
    current.revision == changed.revision.next()
        && *current
            == ArtifactRecord {
                revision: current.revision,
                ..changed.clone()
            }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use artifact_domain::State;
    use artifact_domain::port::ArtifactIndex;
    use artifact_testkit::{ManualClock, MemoryBlobStore, MemoryIndex, sample};

    use super::*;
    use crate::{Ports, StoreOptions};

    async fn stored() -> (Store, ArtifactRecord) {
        let index = Arc::new(MemoryIndex::new());
        let begun = index.begin(sample::upload("demo", "1", "log", "a")).await;
        let commit = sample::commit(begun.unwrap().id, 10);
        let record = index.commit(commit).await.unwrap().record;
        let ports = Ports {
            blobs: Arc::new(MemoryBlobStore::new()),
            tiers: crate::Tiers::default(),
            index,
            locks: None,
            clock: Arc::new(ManualClock::new(sample::now())),
        };
        (Store::new(ports, StoreOptions::default()), record)
    }

    #[tokio::test]
    async fn a_step_that_is_not_legal_is_refused_and_not_tried_again() {
        let (store, record) = stored().await;
        let mut calls = 0;
        let error = store
            .edit(record, |record| {
                calls += 1;
                record.state = State::Uploading;
                record.lease_until = Some(Timestamp::MAX);
                Ok(true)
            })
            .await
            .unwrap_err();
        assert_eq!((error.kind(), calls), (ErrorKind::Conflict, 1));
        assert!(error.message().contains("cannot become"), "{error}");
    }

    #[tokio::test]
    async fn a_record_that_was_read_long_ago_is_changed_as_it_is_now() {
        let (store, record) = stored().await;
        let tag = |name: &'static str| {
            move |record: &mut ArtifactRecord| record.tags.set(name.parse()?).map(|()| true)
        };
        let first = store.edit(record.clone(), tag("first")).await.unwrap();
        let second = store.edit(record.clone(), tag("second")).await.unwrap();
        assert!(matches!(first, Edited::Changed(_)));
        let Edited::Changed(now) = second else {
            panic!("{second:?}");
        };
        assert_eq!(now.tags, sample::tags(&["first", "second"]));
        let unchanged = store.edit(record, |_| Ok(false)).await.unwrap();
        assert!(matches!(unchanged, Edited::Unchanged(_)));
    }
}
