//! Several changes of one version at once: all of them or none, and only if nobody has changed it
//! since the caller looked. What each change does is not known here.

use artifact_domain::{ArtifactRef, Result, Revision};

use crate::change::changed;
use crate::condition::require_revision;
use crate::edit::Reach;
use crate::find::not_found;
use crate::{Change, Changed, KeepFor, Store};

/// What is to be changed of one version.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Patch {
    /// Made one after the other.
    pub changes: Vec<Change>,
    /// For how long it is kept; as before where that is not said.
    pub keep: Option<KeepFor>,
    /// The revision that it must have, if the caller has seen one.
    pub expected_revision: Option<Revision>,
}

impl Patch {
    /// Whether what it says may take the artifact away, be it later: an earlier end, a released hold.
    pub fn may_take_away(&self) -> bool {
        let releases = |change: &Change| matches!(change, Change::ReleaseHold);
        let ends = matches!(self.keep, Some(KeepFor::Days(_) | KeepFor::Rules));
        ends || self.changes.iter().any(releases)
    }
}

impl Store {
    /// Makes all changes of a patch in one step: of the newest version, or the one that the address or
    /// the id names.
    ///
    /// # Errors
    /// Those of [`change`](Self::change), then nothing is changed; `Conflict` with the source
    /// [`PreconditionFailed`](crate::PreconditionFailed) for another revision.
    pub async fn patch(&self, artifact: &ArtifactRef, patch: &Patch) -> Result<Changed> {
        let now = self.now();
        let is_hold = |change: &Change| change.reach() == Reach::Stored;
        let reach = if patch.changes.iter().all(is_hold) {
            Reach::Stored
        } else {
            Reach::Readable
        };
        if patch.keep.is_some() {
            self.take_mark_ahead().await;
        }
        let edited = self
            .edit_named(artifact, reach, |record| {
                require_revision(record, patch.expected_revision)?;
                let before = record.clone();
                for change in &patch.changes {
                    change.apply(record, now)?;
                }
                if let Some(keep) = patch.keep {
                    *record = self.kept_for(record.clone(), keep).record;
                }
                Ok(*record != before)
            })
            .await?;
        if patch.keep.is_some() {
            self.compare_retention_mark().await;
        }
        changed(edited).ok_or_else(|| not_found(artifact))
    }
}
