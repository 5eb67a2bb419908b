//! Why an artifact is still there, or is not, and until when.

use artifact_domain::policy::{LatestGroup, Ruling};
use artifact_domain::query::{Filter, Glob, PageSize, Query, Versions};
use artifact_domain::{ArtifactRecord, ArtifactRef, Hold, Result, State, Timestamp};

use super::latest::Latest;
use crate::Store;
use crate::find::not_found;

/// What keeps a version, or takes it away.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// It is on hold.
    Held(Hold),
    /// It is among the latest of a group, at this place, counted from one.
    Latest(LatestGroup, u32),
    /// Nothing lets it expire.
    Unending,
    /// It goes at this instant.
    Ends(Timestamp),
    /// Its time was over at this instant; it waits for cleanup.
    Expired(Timestamp),
    /// It is deleted; its bytes and its record are about to go.
    Deleted,
    /// It is on its way still.
    Uploading,
}

/// What is known of how long a version is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Retained {
    /// The version, whatever its state.
    pub record: ArtifactRecord,
    /// Which rule decides.
    pub ruling: Ruling,
    /// What becomes of it.
    pub fate: Fate,
    /// When it goes, or went, by its rule: for one that is on hold, once that is released.
    pub expires_at: Option<Timestamp>,
}

impl Retained {
    /// Whether its record says another time than the rules in force: cleanup will write it anew.
    /// Until then reads follow the record.
    pub fn is_stale(&self) -> bool {
        self.record.state.is_live() && self.record.expires_at != self.expires_at
    }
}

impl Store {
    /// When and by which rule a version goes, or what keeps it: the newest, or the one that the
    /// address or the id names; also one that has expired, or is deleted and not purged.
    ///
    /// # Errors
    /// `NotFound` for what was never there, or is purged.
    pub async fn why(&self, artifact: &ArtifactRef) -> Result<Retained> {
        let now = self.now();
        let found = match self.look_up(artifact, now).await? {
            Some(record) => Some(record),
            None => self.last_deleted(artifact).await?,
        };
        let record = found.ok_or_else(|| not_found(artifact))?;
        let policy = &self.options.retention;
        let ruling = policy.ruling(&record.coordinate, record.retention_days);
        let kept = match (record.state.is_live(), ruling.days) {
            (true, Some(_)) if !ruling.is_own() => self.place(&record, now).await?,
            _ => None,
        };
        let expires_at = policy.expires_at(&record, kept.is_some());
        let fate = match (record.state, &record.hold, kept, expires_at) {
            (State::Uploading, ..) => Fate::Uploading,
            (State::Deleted, ..) => Fate::Deleted,
            (_, Some(hold), ..) => Fate::Held(hold.clone()),
            (_, None, Some((group, rank)), _) => Fate::Latest(group, rank),
            (_, None, None, None) => Fate::Unending,
            (_, None, None, Some(end)) if end <= now => Fate::Expired(end),
            (_, None, None, Some(end)) => Fate::Ends(end),
        };
        Ok(Retained {
            record,
            ruling,
            fate,
            expires_at,
        })
    }

    /// The first of its groups that a version is among the latest of, and its place there.
    async fn place(
        &self,
        record: &ArtifactRecord,
        now: Timestamp,
    ) -> Result<Option<(LatestGroup, u32)>> {
        let latest = Latest::new(self.clone(), now);
        for group in self.options.retention.groups_of(record.coordinate.task()) {
            if let Some(rank) = latest.rank(record, &group).await? {
                return Ok(Some((group, rank)));
            }
        }
        Ok(None)
    }

    /// The newest version of an address that is marked as deleted and not purged yet.
    async fn last_deleted(&self, artifact: &ArtifactRef) -> Result<Option<ArtifactRecord>> {
        let ArtifactRef::Uri(uri) = artifact else {
            return Ok(None);
        };
        let at = uri.coordinate();
        let filter = Filter {
            spec: Some(Glob::exactly(at.spec().as_str())),
            task: Some(Glob::exactly(at.task().as_str())),
            name: Some(Glob::exactly(at.name().as_str())),
            types: vec![at.artifact_type().clone()],
            states: vec![State::Deleted],
            versions: Versions::All,
            ..Filter::default()
        };
        let query = Query {
            limit: PageSize::new(1)?,
            ..Query::new(filter, self.now())
        };
        let index = &self.ports.index;
        let page = self
            .retrying("query", || index.query(query.clone()))
            .await?;
        Ok(page.items.into_iter().next())
    }
}
