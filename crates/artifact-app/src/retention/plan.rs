//! What is to be done so that everything stored stands as the rules say: found page by page, told
//! one by one. Changes nothing.
//!
//! Where the rules have changed since the last cleanup, every record is looked at. Otherwise only
//! those can stand wrong whose time is over, and those that came among the latest of their group
//! or are no longer: they are asked for.

use std::collections::VecDeque;
use std::time::Duration;

use artifact_domain::policy::{Decision, LatestGroup, Ruling};
use artifact_domain::port::DueCursor;
use artifact_domain::query::{Cursor, Expiry, Filter, PageSize, Query, Versions};
use artifact_domain::{
    ArtifactRecord, ArtifactType, Error, ErrorKind, Result, SpecName, Timestamp,
};
use futures::stream::{self, Stream};

use super::cleanup::CleanupOptions;
use super::latest::{Latest, Since, members};
use crate::Store;

/// How far the newest record may lie in the future: clocks differ, but not by days.
const TOLERANCE: Duration = Duration::from_hours(24);

/// What is to be done with a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CleanupAction {
    /// It goes: it was due at this instant.
    Expire(Timestamp),
    /// It stays, and its record says from now on that it expires then; or never.
    Restamp(Option<Timestamp>),
}

/// A version with which something is to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct CleanupItem {
    /// The version.
    pub record: ArtifactRecord,
    /// Which rule decides.
    pub ruling: Ruling,
    /// The group that it is among the latest of, if that keeps it.
    pub kept: Option<LatestGroup>,
    /// What is to be done.
    pub action: CleanupAction,
}

impl CleanupItem {
    /// How many bytes its blob has.
    pub fn stored_size_bytes(&self) -> u64 {
        let content = self.record.content.as_ref();
        content.map_or(0, |content| content.stored_size_bytes)
    }
}

impl Store {
    /// What [`cleanup`](Self::cleanup) would do now, item by item. Memory: a page of records, and
    /// a time for each spec, type and pattern of which the latest are kept.
    ///
    /// # Errors
    /// Those of [`cleanup`](Self::cleanup).
    pub fn cleanup_plan(
        &self,
        options: CleanupOptions,
    ) -> impl Stream<Item = Result<CleanupItem>> + Send + 'static {
        struct State {
            store: Store,
            options: CleanupOptions,
            walk: Option<Walk>,
            batch: std::vec::IntoIter<CleanupItem>,
        }
        let state = State {
            store: self.clone(),
            options,
            walk: None,
            batch: Vec::new().into_iter(),
        };
        stream::try_unfold(state, |mut state| async {
            loop {
                if let Some(item) = state.batch.next() {
                    return Ok(Some((item, state)));
                }
                let mut walk = match state.walk.take() {
                    Some(walk) => walk,
                    None => Walk::begin(&state.store, state.options).await?,
                };
                match walk.next().await? {
                    Some(batch) => state.batch = batch.into_iter(),
                    None => return Ok(None),
                }
                state.walk = Some(walk);
            }
        })
    }
}

/// Where records are found that may stand wrong.
#[derive(Debug, Clone)]
enum Source {
    /// All of them.
    Everything,
    /// Those whose time is over.
    Due,
    /// Those of a spec and type without an end.
    Unending(SpecName, ArtifactType),
    /// Those that are among the latest of a group and have an end.
    Latest(SpecName, ArtifactType, LatestGroup),
}

/// Where a page of a source ended.
#[derive(Debug)]
enum Place {
    Query(Cursor),
    Due(DueCursor),
}

/// A walk over what may stand wrong, at one instant.
#[derive(Debug)]
pub(super) struct Walk {
    store: Store,
    /// The instant at which everything is judged.
    pub(super) now: Timestamp,
    /// Whether every record is looked at.
    pub(super) is_full: bool,
    latest: Latest,
    sources: VecDeque<Source>,
    /// Specs and types that are yet to become sources.
    kinds: Vec<(SpecName, ArtifactType)>,
    place: Option<Place>,
}

impl Walk {
    /// Looks at the clock and at what was done before, and chooses where to look.
    pub(super) async fn begin(store: &Store, options: CleanupOptions) -> Result<Self> {
        let now = store.now();
        if !options.trust_clock {
            check_clock(store, now).await?;
        }
        let is_full = !store.is_marked().await?;
        let mut walk = Self {
            store: store.clone(),
            now,
            is_full,
            latest: Latest::new(store.clone(), now),
            sources: VecDeque::new(),
            kinds: Vec::new(),
            place: None,
        };
        if is_full {
            walk.sources.push_back(Source::Everything);
        } else {
            walk.sources.push_back(Source::Due);
            if store.options.retention.groups().next().is_some() {
                walk.kinds = kinds(store).await?;
            }
        }
        Ok(walk)
    }

    /// The next items, at most a page; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<CleanupItem>>> {
        loop {
            let Some(source) = self.sources.front().cloned() else {
                let Some((spec, artifact_type)) = self.kinds.pop() else {
                    return Ok(None);
                };
                let of_group = |group| Source::Latest(spec.clone(), artifact_type.clone(), group);
                let latest = self.store.options.retention.groups().map(of_group);
                self.sources.extend(latest);
                self.sources
                    .push_front(Source::Unending(spec, artifact_type));
                continue;
            };
            let (records, next) = self.page(&source).await?;
            self.place = next;
            if self.place.is_none() {
                self.sources.pop_front();
            }
            let mut items = Vec::new();
            for record in records {
                items.extend(self.judge(record, &source).await?);
            }
            if !items.is_empty() {
                return Ok(Some(items));
            }
        }
    }

    async fn page(&mut self, source: &Source) -> Result<(Vec<ArtifactRecord>, Option<Place>)> {
        let index = &self.store.ports.index;
        let query = match source {
            Source::Due => {
                let after = match &self.place {
                    Some(Place::Due(cursor)) => Some(*cursor),
                    _ => None,
                };
                let limit = PageSize::WALK.get();
                let due = || index.due_for_expiry(self.now, after, limit);
                let found = self.store.retrying("due_for_expiry", due).await?;
                let last = found.last().filter(|_| found.len() == limit);
                let next = last.and_then(DueCursor::after).map(Place::Due);
                return Ok((found, next));
            }
            Source::Everything => {
                let filter = Filter {
                    versions: Versions::All,
                    ..Filter::default()
                };
                // At the epoch nothing has expired, so what has is found too.
                Query::new(filter, Timestamp::UNIX_EPOCH)
            }
            Source::Unending(spec, artifact_type) => {
                let mut query = members(spec, artifact_type, None);
                query.filter.expiry = Expiry::Never;
                query
            }
            Source::Latest(spec, artifact_type, group) => {
                let mut query = members(spec, artifact_type, group.pattern.as_ref());
                query.filter.expiry = Expiry::Ends;
                let since = self.latest.since(spec, artifact_type, group).await?;
                if let Since::Version(created_at, _) = since {
                    query.filter.created_from = Some(created_at);
                }
                query
            }
        };
        let query = Query {
            cursor: match self.place.take() {
                Some(Place::Query(cursor)) => Some(cursor),
                _ => None,
            },
            limit: PageSize::WALK,
            ..query
        };
        let page = self
            .store
            .retrying("query", || index.query(query.clone()))
            .await?;
        Ok((page.items, page.next.map(Place::Query)))
    }

    async fn judge(
        &mut self,
        record: ArtifactRecord,
        source: &Source,
    ) -> Result<Option<CleanupItem>> {
        let policy = &self.store.options.retention;
        let ruling = policy.ruling(&record.coordinate, record.retention_days);
        let kept = if ruling.is_own() || ruling.days.is_none() {
            None
        } else {
            self.latest.keeping(&record).await?
        };
        if let Source::Latest(_, _, group) = source {
            // What is due was found by that, and what several groups keep by the first of them.
            let elsewhere = record.is_expired(self.now) || kept.as_ref() != Some(group);
            if elsewhere {
                return Ok(None);
            }
        }
        let policy = &self.store.options.retention;
        let action = match policy.decide(&record, kept.is_some(), self.now) {
            Decision::Keep => return Ok(None),
            Decision::Expire(since) => CleanupAction::Expire(since),
            Decision::Restamp(end) => CleanupAction::Restamp(end),
        };
        Ok(Some(CleanupItem {
            record,
            ruling,
            kept,
            action,
        }))
    }
}

/// The specs and types of which there is something that a rule can let expire.
async fn kinds(store: &Store) -> Result<Vec<(SpecName, ArtifactType)>> {
    let usage = store
        .retrying("usage", || store.ports.index.usage())
        .await?;
    let mut kinds: Vec<_> = usage
        .into_iter()
        .filter(|row| row.state.is_live() && store.options.retention.can_expire(&row.artifact_type))
        .map(|row| (row.spec, row.artifact_type))
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.reverse();
    Ok(kinds)
}

/// Refuses a clock that is earlier than what is stored: it, or that of an uploader, is wrong, and
/// with it which versions are the latest.
async fn check_clock(store: &Store, now: Timestamp) -> Result<()> {
    let filter = Filter {
        versions: Versions::All,
        ..Filter::default()
    };
    let newest = Query {
        limit: PageSize::new(1)?,
        ..Query::new(filter, Timestamp::UNIX_EPOCH)
    };
    let index = &store.ports.index;
    let page = store
        .retrying("query", || index.query(newest.clone()))
        .await?;
    match page.items.first() {
        Some(record) if now.until(record.created_at) > TOLERANCE => Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "the clock says {now}, but {} was stored at {}",
                record.version_uri(),
                record.created_at
            ),
        )
        .with_hint("set the clock right; if it is right, clean up with --force")),
        _ => Ok(()),
    }
}
