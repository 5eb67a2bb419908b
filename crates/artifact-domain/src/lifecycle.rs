//! The rules of every change to a record, in one place, so that no index can have its own. Reads
//! and writes nothing: an index calls these inside its transaction.

use crate::policy::Reservation;
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
            reserved_bytes: upload.reservation.bytes,
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

    /// The record with other bytes reserved, where that is admitted beside all that is stored or
    /// reserved, `all_bytes`, in which its own are counted. A `Conflict` once it is no longer
    /// uploading; `QuotaExceeded` for more than fit.
    pub fn reserving(mut self, reservation: Reservation, all_bytes: u64) -> Result<Self> {
        if self.state != State::Uploading {
            return Err(self.no_longer_uploading());
        }
        if reservation.bytes > self.reserved_bytes {
            reservation.admit(all_bytes.saturating_sub(self.reserved_bytes))?;
        }
        self.reserved_bytes = reservation.bytes;
        Ok(self)
    }

    /// The record once its bytes are stored, or nothing if it was committed with the same content
    /// before; a `Conflict` if it was reaped, taken over by another attempt, or committed with
    /// other content.
    pub fn committed(mut self, commit: &CommitUpload) -> Result<Option<Self>> {
        if self.state == State::Uploading {
            if self.attempt != commit.attempt {
                return Err(self.taken_over());
            }
            self.state = State::Active;
            self.content = Some(commit.content.clone());
            self.lease_until = None;
            self.reserved_bytes = 0;
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
        // Reserving does not change the revision, so what was read may be out of date.
        changed.reserved_bytes = match changed.state {
            State::Uploading => self.reserved_bytes,
            _ => 0,
        };
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
        let is_over = self.lease_until.is_none() && self.reserved_bytes == 0;
        if self.state != State::Uploading && stored && is_over {
            return Ok(());
        }
        Err(Error::invalid_input(format!(
            "{} is {} and cannot be imported: its content or its lease disagree with that",
            self.version_uri(),
            self.state
        )))
    }

    fn taken_over(&self) -> Error {
        let uri = self.version_uri();
        let message = format!("the upload of {uri} was taken over by another attempt");
        Error::new(ErrorKind::Conflict, message).with_hint("what this attempt wrote is not used")
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
            attempt: record.attempt,
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
    fn an_attempt_that_was_replaced_by_another_cannot_commit() {
        let mut upload = uploading();
        upload.attempt = AttemptId::of_move(upload.id);
        let error = upload.clone().committed(&commit()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let mut own = commit();
        own.attempt = upload.attempt;
        let committed = upload.committed(&own).unwrap().unwrap();
        assert_eq!(committed.attempt, own.attempt);
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
    fn a_reservation_grows_as_far_as_it_fits_beside_the_others_and_ends_with_the_upload() {
        let reserve = |bytes| Reservation {
            bytes,
            limit_bytes: Some(100),
        };
        let upload = uploading().reserving(reserve(30), 0).unwrap();
        assert_eq!(upload.held_bytes(), 30);
        let grown = |bytes, all| {
            let grown = upload.clone().reserving(reserve(bytes), all);
            grown.map(|r| r.held_bytes()).map_err(|e| e.kind())
        };
        assert_eq!(grown(60, 70), Ok(60));
        assert_eq!(grown(61, 70), Err(ErrorKind::QuotaExceeded));
        assert_eq!((grown(30, 170), grown(10, 170)), (Ok(30), Ok(10)));
        let committed = upload.clone().committed(&commit()).unwrap().unwrap();
        assert_eq!(committed.held_bytes(), 7);
        let late = committed.reserving(reserve(1), 0).unwrap_err();
        assert_eq!(late.kind(), ErrorKind::Conflict);
        assert_eq!(upload.into_deleted().unwrap().held_bytes(), 0);
    }

    #[test]
    fn a_replacement_leaves_a_reservation_as_it_is_or_gives_it_back() {
        let mut upload = uploading();
        upload.reserved_bytes = 30;
        let mut stale = upload.clone();
        stale.reserved_bytes = 10;
        assert_eq!(upload.replaced_by(stale).unwrap().reserved_bytes, 30);
        let mut reaped = upload.clone().into_deleted().unwrap();
        reaped.reserved_bytes = 30;
        assert_eq!(upload.replaced_by(reaped).unwrap().reserved_bytes, 0);
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
