//! Moving the bytes of one version to another tier: copied, read back, then named by the record,
//! and only then taken away where they were. Must not know which versions move, nor why.
//!
//! Every copy is an attempt of its own, so no two writers, and no writer and deleter, ever mean the
//! same blob: who wakes up late can neither overwrite nor take away what somebody else has put
//! there. Cut off anywhere, a move leaves one copy too many, never one too few; `gc` clears it. A store
//! that keeps several tiers makes the copy itself.

mod copy;
mod finish;

use std::time::Duration;

use artifact_domain::{ArtifactId, ArtifactRecord, BlobKey, Error, ErrorKind, Result, Tier};

use self::copy::Copy;
use crate::Store;
use crate::edit::Edited;
use crate::verify::is_marked;

/// How often a move begins anew because somebody else changed the version meanwhile.
const ROUNDS: usize = 8;

/// A copy that was begun longer ago than this when a record comes to name it may be garbage to a
/// collector, whose grace is at least an hour: its source is not taken away at once.
const STALE: Duration = Duration::from_mins(45);

/// What became of a version that was to move.
#[derive(Debug)]
pub(crate) enum Relocated {
    /// It is in its new tier now.
    Moved(Moved),
    /// It was there.
    Unchanged(ArtifactRecord),
    /// Its store has been asked for its bytes, and does not have them at hand yet.
    Restoring(ArtifactRecord),
    /// Its bytes are known to be lost.
    Lost(ArtifactRecord),
    /// It was deleted meanwhile, or has expired.
    Gone,
}

/// A version that is in its new tier.
#[derive(Debug)]
pub(crate) struct Moved {
    pub(crate) record: ArtifactRecord,
    /// The copy that its record named before.
    pub(crate) former: Option<(Tier, BlobKey)>,
}

impl Store {
    /// Moves a version to a tier, up to the point where its record says so. What it leaves is for
    /// [`finish`](Self::finish). What its store must get out first is asked for, to be read for
    /// `restored_days`.
    ///
    /// Errors: `Integrity` where its bytes, or the copy's, are not what was uploaded; those of the
    /// ports, `StorageFull` of the new place among them. After an error the version is where it
    /// was.
    pub(crate) async fn relocate(
        &self,
        mut record: ArtifactRecord,
        tier: Tier,
        restored_days: u32,
    ) -> Result<Relocated> {
        let uri = record.version_uri();
        for _ in 0..ROUNDS {
            if !record.is_visible(self.now()) {
                return Ok(Relocated::Gone);
            }
            if is_marked(&record) {
                return Ok(Relocated::Lost(record));
            }
            let id = record.id;
            let moved = self.move_once(record, tier, restored_days).await;
            if let Some(relocated) = moved.map_err(|error| error.context(&uri))? {
                return Ok(relocated);
            }
            match self.find(id).await? {
                Some(current) => record = current,
                None => return Ok(Relocated::Gone),
            }
        }
        let message = format!(
            "each time before {uri} had moved, others changed it or took its copy for garbage"
        );
        Err(Error::new(ErrorKind::Conflict, message).with_hint("try it again in a while"))
    }

    /// None if somebody else changed the version.
    async fn move_once(
        &self,
        record: ArtifactRecord,
        tier: Tier,
        restored_days: u32,
    ) -> Result<Option<Relocated>> {
        let is_one_store = self.places().len() == 1;
        let from = match self.whereabouts_in(&record, is_one_store).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return self.missing(&record, error).await;
            }
            from => from?,
        };
        let to = self.place_of(tier);
        let is_there = record.tier == tier && record.state == tier.state();
        if from == to && is_there {
            return self.thaw_in_place(record, from, restored_days).await;
        }
        if from == to && !self.blobs_of(to).capabilities().tiers {
            return self.rename(record, tier).await;
        }
        let copied = match self.thaw(&record, from, tier, restored_days).await {
            Ok(true) => {
                let copying = || self.copy(&record, from, (to, tier));
                self.retrying("move", copying).await
            }
            Ok(false) => return Ok(Some(Relocated::Restoring(record))),
            Err(error) => Err(error),
        };
        let (attempt, begun) = match copied {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return self.missing(&record, error).await;
            }
            copied => copied?,
        };
        let copy = Copy {
            attempt,
            tier,
            place: to,
            made_from: record.clone(),
        };
        let Some(named) = self.name(&copy, record).await? else {
            return Ok(None);
        };
        // However long it took to copy and to read back, the copy is sound. But a collector may have
        // looked at it before the record named it.
        if self.now().saturating_sub(STALE) >= begun {
            return self.keep_both(&copy, named).await;
        }
        Ok(Some(Relocated::Moved(Moved {
            former: Some((from, copy.made_from.blob_key()?)),
            record: named,
        })))
    }

    async fn whereabouts_in(&self, record: &ArtifactRecord, is_one_store: bool) -> Result<Tier> {
        if is_one_store {
            return Ok(Tier::Hot);
        }
        self.whereabouts(record).await
    }

    /// Asks for what must be restored before it can be copied to a tier that is read from; true once
    /// it can be. What is to be archived is not asked for: it is to be read at once.
    async fn thaw(
        &self,
        record: &ArtifactRecord,
        from: Tier,
        tier: Tier,
        days: u32,
    ) -> Result<bool> {
        let blobs = self.blobs_of(from);
        if tier == Tier::Cold || !blobs.capabilities().restore {
            return Ok(true);
        }
        let key = record.blob_key()?;
        self.retrying("restore", || blobs.restore(key.clone(), days))
            .await
    }

    /// What is where it belongs may be frozen all the same, by a rule of the bucket's own: whoever wants
    /// it restored has it asked for.
    async fn thaw_in_place(
        &self,
        record: ArtifactRecord,
        place: Tier,
        days: u32,
    ) -> Result<Option<Relocated>> {
        if days == 0 {
            return Ok(Some(Relocated::Unchanged(record)));
        }
        match self.thaw(&record, place, record.tier, days).await {
            Ok(true) => Ok(Some(Relocated::Unchanged(record))),
            Ok(false) => Ok(Some(Relocated::Restoring(record))),
            Err(error) if error.kind() == ErrorKind::NotFound => self.missing(&record, error).await,
            Err(error) => Err(error),
        }
    }

    /// Bytes that are not there are lost, unless the version has gone or moved meanwhile.
    async fn missing(&self, record: &ArtifactRecord, missing: Error) -> Result<Option<Relocated>> {
        match self.find(record.id).await? {
            Some(now) if now.state.is_live() && !now.has_moved(record) => {
                let message = "its bytes are missing from the store";
                Err(Error::new(ErrorKind::Integrity, message).with_source(missing))
            }
            _ => Ok(None),
        }
    }

    /// Both tiers are kept in one store, and alike: only the record changes.
    async fn rename(&self, record: ArtifactRecord, tier: Tier) -> Result<Option<Relocated>> {
        let before = record.clone();
        let edited = self.edit(record, |record| {
            let is_there = record.tier == tier && record.state == tier.state();
            if is_there || !record.state.is_live() || record.has_moved(&before) {
                return Ok(false);
            }
            *record = record.clone().moved(tier, record.attempt, self.now());
            Ok(true)
        });
        Ok(match edited.await? {
            Edited::Changed(record) => Some(Relocated::Moved(Moved {
                record,
                former: None,
            })),
            Edited::Unchanged(_) => None,
            Edited::Gone => Some(Relocated::Gone),
        })
    }

    /// Lets the record name the copy. None if somebody else moved or deleted the version; then the
    /// copy is gone.
    async fn name(
        &self,
        copy: &Copy,
        mut record: ArtifactRecord,
    ) -> Result<Option<ArtifactRecord>> {
        for _ in 0..ROUNDS {
            let changed = record.clone().moved(copy.tier, copy.attempt, self.now());
            let updated = self
                .retrying("update", || self.ports.index.update(changed.clone()))
                .await;
            let error = match updated {
                Ok(named) => return Ok(Some(named)),
                Err(error) => error,
            };
            let is_certain = matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound);
            if !is_certain && !self.undo(&record).await {
                // Nobody knows which copy is named. What the other one is, `gc` will see.
                return Err(error);
            }
            match self.find(copy.made_from.id).await? {
                // Its answer was lost.
                Some(now) if now.attempt == copy.attempt => {
                    self.let_marks_last().await?;
                    return Ok(Some(now));
                }
                // Somebody has changed something else of it.
                Some(now) if is_certain && now.state.is_live() && !now.has_moved(&record) => {
                    record = now;
                }
                _ => {
                    self.discard(copy).await;
                    return if is_certain { Ok(None) } else { Err(error) };
                }
            }
        }
        self.discard(copy).await;
        Ok(None)
    }

    /// Makes sure that a change which failed for an unknown reason has happened, or never will: one
    /// of two changes of the same revision is refused. False if that failed too.
    async fn undo(&self, record: &ArtifactRecord) -> bool {
        match self.ports.index.update(record.clone()).await {
            Ok(unchanged) => {
                self.note(&unchanged, None).await;
                true
            }
            Err(error) => matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound),
        }
    }

    /// The copy is named, but so late that a collector may have taken it for garbage. The former
    /// one stays, for `gc`, which takes none that is the only one; and if the new one has gone, the
    /// record names the former one again.
    async fn keep_both(&self, copy: &Copy, named: ArtifactRecord) -> Result<Option<Relocated>> {
        let key = named.blob_key()?;
        match self.blobs_of(copy.place).stat(key).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.name_again(named, &copy.made_from).await?;
                Ok(None)
            }
            _ => {
                self.note(&named, None).await;
                Ok(Some(Relocated::Moved(Moved {
                    record: named,
                    former: None,
                })))
            }
        }
    }

    /// Lets a record whose copy has gone name the `former` one again, unless it has moved on.
    pub(crate) async fn name_again(
        &self,
        named: ArtifactRecord,
        former: &ArtifactRecord,
    ) -> Result<()> {
        let lost = named.attempt;
        self.edit(named, |record| {
            if record.attempt != lost || !record.state.is_live() {
                return Ok(false);
            }
            (record.attempt, record.tier, record.state) =
                (former.attempt, former.tier, former.state);
            record.archived_at = former.archived_at;
            Ok(true)
        })
        .await
        .map(drop)
    }

    async fn find(&self, id: ArtifactId) -> Result<Option<ArtifactRecord>> {
        self.retrying("find", || self.ports.index.find(id)).await
    }
}
