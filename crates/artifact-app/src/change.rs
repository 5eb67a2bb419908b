//! Changing what is said of an artifact: its tags, its free metadata, its hold. Its bytes, its
//! state and its place stay as they are. How a record is changed beside others who do is not known
//! here.

use artifact_domain::query::{Filter, Query, TagFilter, Versions};
use artifact_domain::{ArtifactRecord, ArtifactRef, Hold, Result, Tags, Timestamp};
use futures::{Stream, StreamExt, TryStreamExt};
use serde_json::{Map, Value};

use crate::Store;
use crate::edit::{Edited, Reach};
use crate::find::not_found;

/// What is to be changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Adds tags; each replaces the tag of its key.
    AddTags(Tags),
    /// Replaces all tags.
    SetTags(Tags),
    /// Takes tags away: by key, or only if they have that value. One that is not there is no error.
    RemoveTags(Vec<TagFilter>),
    /// Sets keys of the metadata, each replacing what stood under it.
    SetMetadata(Map<String, Value>),
    /// Takes keys of the metadata away. One that is not there is no error.
    RemoveMetadata(Vec<String>),
    /// Changes the metadata by a JSON merge patch, RFC 7396.
    PatchMetadata(Map<String, Value>),
    /// Puts it on hold: until that is released it neither expires nor can be deleted. A hold that
    /// is there keeps its beginning and gets the new reason and name.
    Hold {
        /// Why.
        reason: Option<String>,
        /// Who says so.
        by: Option<String>,
    },
    /// Releases the hold. Where there is none, nothing is to be done.
    ReleaseHold,
}

/// What a change has done to one version.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    /// The version as it is now.
    pub record: ArtifactRecord,
    /// Whether it was another before.
    pub is_changed: bool,
}

impl Change {
    /// What has expired and is still there can be held, so that an audit that comes a day too late
    /// finds what is left; nothing else can be said of it.
    pub(crate) fn reach(&self) -> Reach {
        match self {
            Self::Hold { .. } | Self::ReleaseHold => Reach::Stored,
            _ => Reach::Readable,
        }
    }

    /// Makes the change; false if there was nothing to be done.
    pub(crate) fn apply(&self, record: &mut ArtifactRecord, now: Timestamp) -> Result<bool> {
        let before = (
            record.tags.clone(),
            record.metadata.clone(),
            record.hold.clone(),
        );
        match self {
            Self::AddTags(tags) => record.tags.add(tags)?,
            Self::SetTags(tags) => record.tags.clone_from(tags),
            Self::RemoveTags(asked) => record.tags.remove_matching(asked),
            Self::SetMetadata(entries) => record.metadata = record.metadata.with(entries)?,
            Self::RemoveMetadata(keys) => record.metadata = record.metadata.without(keys)?,
            Self::PatchMetadata(patch) => record.metadata = record.metadata.patched(patch)?,
            Self::Hold { reason, by } => {
                let since = record.hold.as_ref().map_or(now, |hold| hold.since);
                record.hold = Some(Hold::new(reason.clone(), by.clone(), since)?);
            }
            Self::ReleaseHold => record.hold = None,
        }
        Ok(before.0 != record.tags || before.1 != record.metadata || before.2 != record.hold)
    }
}

impl Store {
    /// Changes one version: the newest, or the one that the address or the id names. Whoever else
    /// changes it at once, no change is lost.
    ///
    /// # Errors
    /// `NotFound`; `Expired`, but for a hold, which takes what is there; `InvalidInput` if it would
    /// get too many tags or too much metadata; `Conflict` if others change it all the time.
    pub async fn change(&self, artifact: &ArtifactRef, change: &Change) -> Result<Changed> {
        let now = self.now();
        let edited = self
            .edit_named(artifact, change.reach(), |record| change.apply(record, now))
            .await?;
        changed(edited).ok_or_else(|| not_found(artifact))
    }

    /// What [`change`](Self::change) would do now, or the error it would give.
    pub async fn plan_change(&self, artifact: &ArtifactRef, change: &Change) -> Result<Changed> {
        let record = self.reach(artifact, change.reach()).await?;
        self.planned(record, change)
    }

    /// Changes everything that `filter` selects, in parallel and in no order. One that fails is an
    /// error of the stream and keeps no other. Memory: one page of records.
    ///
    /// Expiry is judged once, at the beginning; a hold takes what has expired and is there.
    pub fn change_all(
        &self,
        filter: Filter,
        change: Change,
    ) -> impl Stream<Item = Result<Changed>> + Send {
        let now = self.now();
        self.edit_selected(filter, change.reach(), move |record| {
            change.apply(record, now)
        })
        .filter_map(|edited| std::future::ready(edited.map(changed).transpose()))
    }

    /// What [`change_all`](Self::change_all) would do now.
    pub fn plan_change_all(
        &self,
        filter: Filter,
        change: Change,
    ) -> impl Stream<Item = Result<Changed>> + Send {
        let (filter, now) = self.selection(filter, change.reach());
        self.pages(Query::new(filter, now))
            .and_then(move |record| std::future::ready(self.planned(record, &change)))
    }

    /// The versions on hold among all versions that `filter` selects, of each artifact all. Looks
    /// at every one that it selects. Memory: one page of records.
    pub fn held(&self, filter: Filter) -> impl Stream<Item = Result<ArtifactRecord>> + Send {
        let all = Filter {
            versions: Versions::All,
            ..filter
        };
        let (filter, now) = self.selection(all, Reach::Readable);
        self.pages(Query::new(filter, now))
            .try_filter(|record| std::future::ready(record.hold.is_some()))
    }

    fn planned(&self, mut record: ArtifactRecord, change: &Change) -> Result<Changed> {
        let uri = record.version_uri();
        let applied = change.apply(&mut record, self.now());
        applied
            .map(|is_changed| Changed { record, is_changed })
            .map_err(|error| error.context(uri))
    }
}

pub(crate) fn changed(edited: Edited) -> Option<Changed> {
    let (record, is_changed) = match edited {
        Edited::Changed(record) => (record, true),
        Edited::Unchanged(record) => (record, false),
        Edited::Gone => return None,
    };
    Some(Changed { record, is_changed })
}
