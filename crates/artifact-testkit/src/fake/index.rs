//! An index in memory: for tests that need an index and not a disk.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use artifact_domain::policy::Reservation;
use artifact_domain::port::{
    ArtifactIndex, CommitUpload, Committed, DueCursor, ImportVersion, Imported, NewUpload, Recount,
    Supersede, UsageRow,
};
use artifact_domain::query::{Page, PageBuilder, Query};
use artifact_domain::{
    ArtifactId, ArtifactRecord, Coordinate, Error, ErrorKind, Result, State, Timestamp, Version,
};
use async_trait::async_trait;
use bytes::Bytes;

use super::calls::Calls;
use super::index_state::IndexState;
use super::misuse;
use crate::IndexOperation;

/// An index in memory. It counts calls; one that is [`strict`](Self::strict) refuses what no
/// caller should do.
#[derive(Default)]
pub struct MemoryIndex {
    state: Mutex<IndexState>,
    calls: Calls<IndexOperation>,
    strict: bool,
}

impl MemoryIndex {
    /// An empty index.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses, with an `Internal` error that says `misuse`: an upload whose lease ends before it
    /// begins, or that expires before it begins; a lease that is made shorter; a commit of more
    /// bytes than were reserved; an update that deletes what is on hold, makes an upload visible
    /// without a commit, or changes nothing.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// How often an operation was called.
    pub fn calls(&self, operation: IndexOperation) -> u64 {
        self.calls.of(&operation)
    }

    /// Every record, in the order of ids.
    pub fn records(&self) -> Vec<ArtifactRecord> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.all().cloned().collect()
    }

    /// Lets every counter drift away from the records, by one version and so many stored bytes.
    pub fn let_counters_drift(&self, stored_bytes: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.let_counters_drift(stored_bytes);
    }

    /// The most bytes that were ever stored or reserved at one time.
    pub fn most_held_bytes(&self) -> u64 {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.most_held_bytes
    }

    fn transaction<T>(
        &self,
        operation: IndexOperation,
        act: impl FnOnce(&mut IndexState) -> T,
    ) -> T {
        self.calls.record(operation);
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn check(&self, wrong: bool, what: impl fmt::Display) -> Result<()> {
        if self.strict && wrong {
            return Err(misuse(what));
        }
        Ok(())
    }
}

impl fmt::Debug for MemoryIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryIndex")
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

fn known(state: &IndexState, id: ArtifactId) -> Result<ArtifactRecord> {
    state
        .get(id)
        .cloned()
        .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("no version has the id {id}")))
}

/// Sorts out what a commit leaves of the other versions, and whether it came too late itself.
fn supersede(state: &IndexState, record: &mut ArtifactRecord) -> Vec<ArtifactRecord> {
    let live = || {
        state
            .versions_of(&record.coordinate)
            .filter(|other| other.state.is_live())
    };
    let late = live().any(|other| other.version > record.version);
    let superseded = live()
        .filter(|other| other.version < record.version && other.hold.is_none())
        .map(|other| other.clone().superseded())
        .collect();
    if late {
        record.state = State::Deleted;
    }
    superseded
}

fn import(state: &mut IndexState, version: ImportVersion) -> Imported {
    let ImportVersion { record, seek_table } = version;
    if state.get(record.id).is_some() {
        return Imported::Known;
    }
    if state.version(&record.coordinate, record.version).is_some() {
        return Imported::VersionTaken;
    }
    if let Some(table) = seek_table {
        state.keep_seek_table(record.id, table);
    }
    state.store(record);
    Imported::Added
}

#[async_trait]
impl ArtifactIndex for MemoryIndex {
    async fn begin(&self, upload: NewUpload) -> Result<ArtifactRecord> {
        self.transaction(IndexOperation::Begin, |state| {
            let (id, began) = (upload.id, upload.created_at);
            self.check(
                upload.lease_until < began || upload.expires_at.is_some_and(|end| end < began),
                format!("{id} is over before it begins"),
            )?;
            if state.get(id).is_some() {
                return Err(Error::new(
                    ErrorKind::AlreadyExists,
                    format!("there is a version with the id {id} already"),
                ));
            }
            upload.reservation.admit(state.held_bytes())?;
            let highest = state.versions_of(&upload.coordinate).next();
            let version = highest.map_or(Ok(Version::FIRST), |record| record.version.next())?;
            let record = ArtifactRecord::begin(upload, version);
            state.store(record.clone());
            Ok(record)
        })
    }

    async fn renew(&self, id: ArtifactId, lease_until: Timestamp) -> Result<()> {
        self.transaction(IndexOperation::Renew, |state| {
            let old = known(state, id)?;
            let renewed = old.clone().renewed(lease_until)?;
            self.check(
                renewed.lease_until < old.lease_until,
                format!("the lease of {id} is made shorter"),
            )?;
            state.store(renewed);
            Ok(())
        })
    }

    async fn reserve(&self, id: ArtifactId, reservation: Reservation) -> Result<()> {
        self.transaction(IndexOperation::Reserve, |state| {
            let old = known(state, id)?;
            state.store(old.reserving(reservation, state.held_bytes())?);
            Ok(())
        })
    }

    async fn commit(&self, commit: CommitUpload) -> Result<Committed> {
        self.transaction(IndexOperation::Commit, |state| {
            let old = known(state, commit.id)?;
            let Some(mut record) = old.clone().committed(&commit)? else {
                return Ok(Committed {
                    record: old,
                    superseded: Vec::new(),
                });
            };
            self.check(
                record.held_bytes() > old.reserved_bytes,
                format!("{} stores more than it has reserved", commit.id),
            )?;
            let superseded = match commit.supersede {
                Supersede::Nothing => Vec::new(),
                Supersede::Older => supersede(state, &mut record),
            };
            state.store(record.clone());
            for other in &superseded {
                state.store(other.clone());
            }
            if let Some(table) = commit.seek_table {
                state.keep_seek_table(commit.id, table);
            }
            Ok(Committed { record, superseded })
        })
    }

    async fn update(&self, record: ArtifactRecord) -> Result<ArtifactRecord> {
        self.transaction(IndexOperation::Update, |state| {
            let old = known(state, record.id)?;
            let uri = old.version_uri();
            let step = (old.state, record.state);
            self.check(
                old.hold.is_some() && record.hold.is_some() && step.1 == State::Deleted,
                format!("{uri} is on hold and deleted"),
            )?;
            self.check(
                step == (State::Uploading, State::Active),
                format!("{uri} becomes visible without a commit"),
            )?;
            self.check(record == old, format!("{uri} does not change"))?;
            let new = old.replaced_by(record)?;
            state.store(new.clone());
            Ok(new)
        })
    }

    async fn remove(&self, id: ArtifactId) -> Result<()> {
        self.transaction(IndexOperation::Remove, |state| {
            if let Some(record) = state.get(id) {
                record.check_removable()?;
                state.forget(id);
            }
            Ok(())
        })
    }

    async fn find(&self, id: ArtifactId) -> Result<Option<ArtifactRecord>> {
        Ok(self.transaction(IndexOperation::Find, |state| state.get(id).cloned()))
    }

    async fn find_version(
        &self,
        coordinate: Coordinate,
        version: Version,
    ) -> Result<Option<ArtifactRecord>> {
        Ok(self.transaction(IndexOperation::FindVersion, |state| {
            state.version(&coordinate, version).cloned()
        }))
    }

    async fn find_newest(
        &self,
        coordinate: Coordinate,
        now: Timestamp,
    ) -> Result<Option<ArtifactRecord>> {
        Ok(self.transaction(IndexOperation::FindNewest, |state| {
            let mut versions = state.versions_of(&coordinate);
            versions.find(|record| record.is_visible(now)).cloned()
        }))
    }

    async fn query(&self, query: Query) -> Result<Page> {
        self.transaction(IndexOperation::Query, |state| {
            query.validate()?;
            let mut items = state.selected(&query.filter, query.now);
            if let Some(cursor) = &query.cursor {
                items.retain(|record| cursor.is_before(record));
            }
            items.sort_by(|a, b| query.order.compare(a, b));
            let mut page = PageBuilder::new(&query);
            let _fits = items.into_iter().all(|record| page.push(record));
            Ok(page.build())
        })
    }

    async fn usage(&self) -> Result<Vec<UsageRow>> {
        Ok(self.transaction(IndexOperation::Usage, |state| state.usage()))
    }

    async fn recount(&self, repair: bool) -> Result<Recount> {
        Ok(self.transaction(IndexOperation::Recount, |state| state.recount(repair)))
    }

    async fn due_for_expiry(
        &self,
        now: Timestamp,
        after: Option<DueCursor>,
        limit: usize,
    ) -> Result<Vec<ArtifactRecord>> {
        Ok(self.transaction(IndexOperation::DueForExpiry, |state| {
            let due = |record: &&ArtifactRecord| record.state.is_live() && record.is_expired(now);
            let mut due: Vec<_> = state.all().filter(due).cloned().collect();
            due.retain(|record| after.is_none_or(|last| DueCursor::after(record) > Some(last)));
            due.sort_by_key(DueCursor::after);
            due.truncate(limit);
            due
        }))
    }

    async fn abandoned_uploads(&self, now: Timestamp, limit: usize) -> Result<Vec<ArtifactRecord>> {
        Ok(self.transaction(IndexOperation::AbandonedUploads, |state| {
            let over = |record: &&ArtifactRecord| {
                record.state == State::Uploading && record.lease_until.is_some_and(|end| end <= now)
            };
            let mut over: Vec<_> = state.all().filter(over).cloned().collect();
            over.sort_by_key(|record| record.lease_until);
            over.truncate(limit);
            over
        }))
    }

    async fn seek_table(&self, id: ArtifactId) -> Result<Option<Bytes>> {
        Ok(self.transaction(IndexOperation::SeekTable, |state| state.seek_table(id)))
    }

    async fn import(&self, versions: Vec<ImportVersion>) -> Result<Vec<Imported>> {
        self.transaction(IndexOperation::Import, |state| {
            for version in &versions {
                version.record.check_importable()?;
            }
            Ok(versions.into_iter().map(|v| import(state, v)).collect())
        })
    }

    async fn is_complete(&self) -> Result<bool> {
        Ok(self.transaction(IndexOperation::IsComplete, |state| state.is_complete))
    }

    async fn mark_complete(&self) -> Result<()> {
        self.transaction(IndexOperation::MarkComplete, |state| {
            state.is_complete = true;
        });
        Ok(())
    }

    async fn retention_mark(&self) -> Result<Option<String>> {
        Ok(self.transaction(IndexOperation::RetentionMark, |state| {
            state.retention_mark.clone()
        }))
    }

    async fn set_retention_mark(
        &self,
        expected: Option<String>,
        mark: Option<String>,
    ) -> Result<bool> {
        self.transaction(IndexOperation::SetRetentionMark, |state| {
            let long = mark.as_ref().is_some_and(|mark| mark.len() > 1_024);
            self.check(long, "a mark of retention of more than 1 KiB")?;
            let is_expected = state.retention_mark == expected;
            if is_expected {
                state.retention_mark = mark;
            }
            Ok(is_expected)
        })
    }
}
