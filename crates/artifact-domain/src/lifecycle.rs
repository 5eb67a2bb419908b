//! The rules of every change to a record, in one place, so that no index can have its own. Reads
//! and writes nothing: an index calls these inside its transaction.

use crate::port::{CommitUpload, NewUpload};
use crate::{
    ArtifactRecord, AttemptId, Error, ErrorKind, Result, Revision, State, Tier, Timestamp, Version,
};

impl ArtifactRecord {
    /// The record of an upload that begins.
    pub fn begin(upload: NewUpload, version: Version) -> Self {
        Self {
            id: upload.id,
            attempt: upload.id.into(),
            coordinate: upload.coordinate,
            version,
            state: State::Uploading,
            revision: Revision::default(),
            content: None,
            mime_type: upload.mime_type,
            tier: Tier::default(),
            created_at: upload.created_at,
            lease_until: Some(upload.lease_until),
            retention_days: upload.retention_days,
            expires_at: upload.expires_at,
            archived_at: None,
            hold: None,
            tags: upload.tags,
            metadata: upload.metadata,
        }
    }

    /// The record with a longer lease; a `Conflict` once it is no longer uploading.
    pub fn renewed(mut self, lease_until: Timestamp) -> Result<Self> {
        if self.state != State::Uploading {
            return Err(self.no_longer_uploading());
        }
        self.lease_until = Some(lease_until);
        Ok(self)
    }

    /// The record once its bytes are stored, or nothing if it was committed with the same content
    /// before; a `Conflict` if it was reaped, or committed with other content.
    pub fn committed(mut self, commit: &CommitUpload) -> Result<Option<Self>> {
        if self.state == State::Uploading {
            self.state = State::Active;
            self.content = Some(commit.content.clone());
            self.lease_until = None;
            self.revision = self.revision.next();
            return Ok(Some(self));
        }
        if self.content.as_ref() == Some(&commit.content) {
            return Ok(None);
        }
        Err(self.no_longer_uploading())
    }

    /// The record as superseded by another version. Only for live ones that are not held.
    #[must_use]
    pub fn superseded(mut self) -> Self {
        self.state = State::Deleted;
        self.revision = self.revision.next();
        self
    }

    /// The record once its bytes are kept in `tier`, as `attempt` wrote them. Only for live ones.
    #[must_use]
    pub fn moved(mut self, tier: Tier, attempt: AttemptId, now: Timestamp) -> Self {
        self.archived_at = match tier.state() {
            State::Archived => self.archived_at.or(Some(now)),
            _ => None,
        };
        self.state = tier.state();
        self.tier = tier;
        self.attempt = attempt;
        self
    }

    /// What is stored when `changed` replaces this record, with the next revision.
    ///
    /// A `Conflict` if `changed` was made from another revision or its state cannot follow;
    /// `InvalidInput` if it changes what cannot change, or its state disagrees with its content.
    pub fn replaced_by(&self, mut changed: Self) -> Result<Self> {
        let uri = self.version_uri();
        if changed.revision != self.revision {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("{uri} was changed by somebody else meanwhile"),
            )
            .with_hint("read it again and repeat the change"));
        }
        let same = changed.id == self.id
            && changed.coordinate == self.coordinate
            && changed.version == self.version
            && changed.created_at == self.created_at;
        if !same {
            return Err(Error::invalid_input(format!(
                "{uri}: id, coordinate, version and time of creation cannot change"
            )));
        }
        if !self.state.may_become(changed.state) {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "{uri} is {} and cannot become {}",
                    self.state, changed.state
                ),
            ));
        }
        let content = changed.content.is_some() || !changed.state.is_live();
        let lease = changed.lease_until.is_some() == (changed.state == State::Uploading);
        if !content || !lease {
            return Err(Error::invalid_input(format!(
                "{uri}: content or lease disagree with the state {}",
                changed.state
            )));
        }
        changed.revision = self.revision.next();
        Ok(changed)
    }

    /// Refuses to forget a version that is not deleted.
    pub fn check_removable(&self) -> Result<()> {
        if self.state == State::Deleted {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "{} is {}, only deleted versions are removed",
                self.version_uri(),
                self.state
            ),
        ))
    }

    /// Refuses to import an upload on its way, or a record whose state disagrees with its content.
    pub fn check_importable(&self) -> Result<()> {
        let stored = self.content.is_some() || self.state == State::Deleted;
        if self.state != State::Uploading && stored && self.lease_until.is_none() {
            return Ok(());
        }
        Err(Error::invalid_input(format!(
            "{} is {} and cannot be imported: its content or its lease disagree with that",
            self.version_uri(),
            self.state
        )))
    }

    fn no_longer_uploading(&self) -> Error {
        Error::new(
            ErrorKind::Conflict,
            format!(
                "the upload of {} is over, it is {}",
                self.version_uri(),
                self.state
            ),
        )
        .with_hint("upload it again; what this attempt wrote is not used")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Supersede;
    use crate::record::tests::record;

    fn uploading() -> ArtifactRecord {
        let mut record = record();
        record.state = State::Uploading;
        record.content = None;
        record.lease_until = Some(Timestamp::MAX);
        record
    }

    fn commit() -> CommitUpload {
        let record = record();
        CommitUpload {
            id: record.id,
            content: record.content.unwrap(),
            supersede: Supersede::Nothing,
            seek_table: None,
        }
    }

    #[test]
    fn a_commit_happens_once() {
        let first = uploading().committed(&commit()).unwrap().unwrap();
        assert_eq!((first.state, first.lease_until), (State::Active, None));
        assert_eq!(first.revision, Revision::new(1));
        assert_eq!(first.clone().committed(&commit()).unwrap(), None);
        let mut other = commit();
        other.content.size_bytes += 1;
        assert_eq!(
            first.committed(&other).unwrap_err().kind(),
            ErrorKind::Conflict
        );
    }

    #[test]
    fn a_reaped_upload_can_be_neither_renewed_nor_committed() {
        let reaped = uploading().into_deleted().unwrap();
        assert_eq!(
            reaped.clone().committed(&commit()).unwrap_err().kind(),
            ErrorKind::Conflict
        );
        assert_eq!(
            reaped.renewed(Timestamp::MAX).unwrap_err().kind(),
            ErrorKind::Conflict
        );
    }

    #[test]
    fn a_replacement_must_come_from_the_same_revision_and_keep_what_cannot_change() {
        let old = record();
        assert_eq!(
            old.replaced_by(old.clone()).unwrap().revision,
            old.revision.next()
        );
        let kind = |change: fn(&mut ArtifactRecord)| {
            let mut changed = old.clone();
            change(&mut changed);
            old.replaced_by(changed).unwrap_err().kind()
        };
        assert_eq!(kind(|r| r.revision = Revision::new(9)), ErrorKind::Conflict);
        assert_eq!(kind(|r| r.state = State::Uploading), ErrorKind::Conflict);
        assert_eq!(
            kind(|r| r.version = Version::new(9).unwrap()),
            ErrorKind::InvalidInput
        );
        assert_eq!(
            kind(|r| r.created_at = Timestamp::MAX),
            ErrorKind::InvalidInput
        );
        assert_eq!(kind(|r| r.content = None), ErrorKind::InvalidInput);
        assert_eq!(
            kind(|r| r.lease_until = Some(Timestamp::MAX)),
            ErrorKind::InvalidInput
        );
    }

    #[test]
    fn a_move_is_a_legal_change_of_state_tier_and_attempt() {
        let old = record();
        let attempt = AttemptId::of_move(old.id);
        let then = Timestamp::UNIX_EPOCH;
        let archived = old.clone().moved(Tier::Cold, attempt, then);
        let archived = old.replaced_by(archived).unwrap();
        let shown = (archived.state, archived.tier, archived.archived_at);
        assert_eq!(shown, (State::Archived, Tier::Cold, Some(then)));
        assert_eq!(archived.attempt, attempt);
        let again = archived.clone().moved(Tier::Cold, attempt, Timestamp::MAX);
        assert_eq!(again.archived_at, Some(then), "it is archived since then");
        let back = archived.clone().moved(Tier::Hot, old.attempt, then);
        let back = archived.replaced_by(back).unwrap();
        let shown = (back.state, back.tier, back.archived_at);
        assert_eq!(shown, (State::Active, Tier::Hot, None));
        assert_eq!(old.moved(Tier::Warm, attempt, then).state, State::Active);
    }

    #[test]
    fn only_deleted_versions_are_removed() {
        assert!(record().check_removable().is_err());
        assert!(record().into_deleted().unwrap().check_removable().is_ok());
    }
}
