//! Plays operations on an index and on the model, and compares what both say.

use std::collections::HashSet;
use std::fmt::Debug;

use artifact_domain::port::{ArtifactIndex, CommitUpload, DueCursor, NewUpload, Recount};
use artifact_domain::query::{Filter, Order, PageSize, Query, Versions};
use artifact_domain::{
    ArtifactId, ArtifactRecord, Coordinate, Hold, Result, State, Tier, Timestamp, Version,
};
use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::model::Model;
use super::operation::{Begin, Change, Commit, Operation, Question, Update, Which};
use crate::sample;

type Checked = std::result::Result<(), TestCaseError>;

/// Both sides, and every id that ever began.
struct Game<'a> {
    index: &'a dyn ArtifactIndex,
    model: Model,
    ids: Vec<ArtifactId>,
}

pub(super) async fn play(index: &dyn ArtifactIndex, operations: &[Operation]) -> Checked {
    let mut game = Game {
        index,
        model: Model::default(),
        ids: Vec::new(),
    };
    for (number, operation) in operations.iter().enumerate() {
        game.step(operation).await.map_err(|error| {
            TestCaseError::fail(format!("operation {number}, {operation:?}: {error}"))
        })?;
    }
    game.compare_everything().await
}

fn same<T: Debug + PartialEq>(found: &T, expected: &T) -> Checked {
    prop_assert!(
        found == expected,
        "the index says {found:#?}\nthe model says {expected:#?}"
    );
    Ok(())
}

/// The kind of an error is what both sides must agree on.
fn answer<T>(result: Result<T>) -> std::result::Result<T, artifact_domain::ErrorKind> {
    result.map_err(|error| error.kind())
}

fn coordinate(number: u8) -> Coordinate {
    match number % 6 {
        0 => sample::coordinate("s", "t1", "log", "a%"),
        1 => sample::coordinate("s", "t1", "log", "a_"),
        2 => sample::coordinate("s", "t1", "diff", "a%"),
        3 => sample::coordinate("s", "t2", "log", "b"),
        4 => sample::coordinate("s2", "t1", "code", "a%"),
        _ => sample::coordinate("S", "t1", "log", "a%"),
    }
}

impl Game<'_> {
    fn id(&self, which: Which) -> ArtifactId {
        let choices = self.ids.len() + 1;
        let chosen = self.ids.get(usize::from(which) % choices);
        chosen.copied().unwrap_or(sample::id(u32::MAX))
    }

    async fn step(&mut self, operation: &Operation) -> Checked {
        match operation {
            Operation::Begin(begin) => self.begin(begin).await,
            Operation::Renew(which, until) => {
                let (id, until) = (self.id(*which), sample::at(*until));
                let found = answer(self.index.renew(id, until).await);
                same(&found, &self.model.renew(id, until))
            }
            Operation::Reserve(which, reservation) => {
                let id = self.id(*which);
                let found = answer(self.index.reserve(id, *reservation).await);
                same(&found, &self.model.reserve(id, *reservation))
            }
            Operation::Commit(commit) => self.commit(commit).await,
            Operation::Update(update) => self.update(update).await,
            Operation::Remove(which) => {
                let id = self.id(*which);
                let found = answer(self.index.remove(id).await);
                same(&found, &self.model.remove(id))
            }
            Operation::Find(which) => {
                let id = self.id(*which);
                let found = answer(self.index.find(id).await);
                same(&found, &Ok(self.model.find(id)))
            }
            Operation::FindVersion(at, version) => {
                let (at, version) = (coordinate(*at), Version::new(*version).unwrap());
                let found = answer(self.index.find_version(at.clone(), version).await);
                same(&found, &Ok(self.model.find_version(&at, version)))
            }
            Operation::FindNewest(at, now) => {
                let (at, now) = (coordinate(*at), sample::at(*now));
                let found = answer(self.index.find_newest(at.clone(), now).await);
                same(&found, &Ok(self.model.find_newest(&at, now)))
            }
            Operation::Ask(question) => self.ask(question).await,
            Operation::Usage => {
                let found = answer(self.index.usage().await);
                same(&found, &Ok(self.model.usage()))
            }
            Operation::Recount(repair) => {
                let found = answer(self.index.recount(*repair).await);
                same(&found, &Ok(Recount::default()))
            }
            Operation::Due(now, limit) => self.due(sample::at(*now), *limit).await,
            Operation::Abandoned(now, limit) => self.abandoned(sample::at(*now), *limit).await,
            Operation::SeekTable(which) => {
                let id = self.id(*which);
                let found = answer(self.index.seek_table(id).await);
                same(&found, &Ok(self.model.seek_table(id)))
            }
        }
    }

    async fn begin(&mut self, begin: &Begin) -> Checked {
        let count = u32::try_from(self.ids.len()).unwrap();
        // Odd numbers come down, even ones go up: ids do not follow the order of their making.
        let fresh = sample::id(if count % 2 == 0 { count } else { 9_999 - count });
        let upload = NewUpload {
            id: begin.again.map_or(fresh, |which| self.id(which)),
            created_at: sample::at(begin.created),
            lease_until: sample::at(begin.lease),
            expires_at: begin.expires.map(sample::at),
            tags: sample::tags(&begin.tags),
            reservation: begin.reservation,
            ..sample::upload_to(coordinate(begin.coordinate))
        };
        if !self.ids.contains(&upload.id) {
            self.ids.push(upload.id);
        }
        let found = answer(self.index.begin(upload.clone()).await);
        same(&found, &self.model.begin(upload))
    }

    async fn commit(&mut self, commit: &Commit) -> Checked {
        let table = |byte| Bytes::from(vec![byte; usize::from(byte)]);
        let commit = CommitUpload {
            supersede: commit.supersede,
            seek_table: commit.table.map(table),
            ..sample::commit(self.id(commit.which), commit.size)
        };
        let mut found = answer(self.index.commit(commit.clone()).await);
        let mut expected = self.model.commit(&commit);
        // In which order they are given back is promised to nobody.
        for committed in [&mut found, &mut expected].into_iter().flatten() {
            committed.superseded.sort_by_key(|record| record.version);
        }
        same(&found, &expected)
    }

    async fn update(&mut self, update: &Update) -> Checked {
        let id = self.id(update.which);
        let known = self.model.find(id);
        let mut record = known.unwrap_or_else(|| ArtifactRecord {
            id,
            ..sample::record("s", "t1", "log", "a%")
        });
        apply(&update.change, &mut record);
        if update.stale {
            record.revision = record.revision.next();
        }
        let found = answer(self.index.update(record.clone()).await);
        same(&found, &self.model.update(record))
    }

    async fn ask(&self, question: &Question) -> Checked {
        let (filter, now) = (question.filter.clone(), sample::at(question.now));
        self.query(filter, question.order, question.page, now).await
    }

    /// Goes through every page.
    async fn query(&self, filter: Filter, order: Order, page: usize, now: Timestamp) -> Checked {
        let mut query = Query {
            order,
            limit: PageSize::new(page).unwrap(),
            ..Query::new(filter, now)
        };
        let expected = self.model.query(&query);
        let mut found = Vec::new();
        loop {
            let answer = answer(self.index.query(query.clone()).await);
            let Ok(answer) = answer else {
                return same(&answer.map(|page| page.items), &Ok(expected));
            };
            prop_assert!(answer.items.len() <= page, "a page has too many records");
            found.extend(answer.items);
            prop_assert!(found.len() <= expected.len(), "found too much: {found:#?}");
            prop_assert!(
                answer.next.is_some() == (found.len() < expected.len()),
                "{} of {} were found, the next page is {:?}\nfound: {found:#?}\nthe model says \
                 {expected:#?}",
                found.len(),
                expected.len(),
                answer.next
            );
            if answer.next.is_none() {
                return same(&found, &expected);
            }
            query.cursor = answer.next;
        }
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Checked {
        let expected = self.model.due_for_expiry(now);
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = answer(self.index.due_for_expiry(now, after, limit).await);
            let Ok(page) = page else {
                return same(&page, &Ok(expected));
            };
            prop_assert!(page.len() <= limit, "{} are too many", page.len());
            found.extend(page);
            if limit == 0 || found.len() > expected.len() {
                break;
            }
            let next = found.last().and_then(DueCursor::after);
            if next == after {
                break;
            }
            after = next;
        }
        same(
            &found,
            &expected[..if limit == 0 { 0 } else { expected.len() }].to_vec(),
        )
    }

    async fn abandoned(&self, now: Timestamp, limit: usize) -> Checked {
        let found = answer(self.index.abandoned_uploads(now, limit).await);
        let expected = self.model.abandoned_uploads(now);
        among(found, &expected, limit, |record| record.lease_until)
    }

    async fn compare_everything(&self) -> Checked {
        for id in &self.ids {
            same(
                &answer(self.index.find(*id).await),
                &Ok(self.model.find(*id)),
            )?;
            let table = answer(self.index.seek_table(*id).await);
            same(&table, &Ok(self.model.seek_table(*id)))?;
        }
        for at in 0..6 {
            let newest = self.index.find_newest(coordinate(at), sample::at(6)).await;
            let expected = self.model.find_newest(&coordinate(at), sample::at(6));
            same(&answer(newest), &Ok(expected))?;
        }
        same(&answer(self.index.usage().await), &Ok(self.model.usage()))?;
        let recount = answer(self.index.recount(false).await);
        same(&recount, &Ok(Recount::default()))?;
        self.due(Timestamp::MAX, 1_000).await?;
        self.abandoned(Timestamp::MAX, 1_000).await?;
        for order in [Order::Created, Order::Size, Order::Name] {
            for versions in [Versions::Newest, Versions::All] {
                let filter = Filter {
                    states: State::ALL.to_vec(),
                    versions,
                    ..Filter::default()
                };
                self.query(filter, order, 7, sample::at(6)).await?;
            }
        }
        Ok(())
    }
}

/// Compares a list cut at `limit`, in which those that are the same to `by` may stand in any
/// order.
fn among(
    found: std::result::Result<Vec<ArtifactRecord>, artifact_domain::ErrorKind>,
    expected: &[ArtifactRecord],
    limit: usize,
    by: impl Fn(&ArtifactRecord) -> Option<Timestamp>,
) -> Checked {
    let Ok(found) = found else {
        return same(&found, &Ok(expected.to_vec()));
    };
    let cut = &expected[..expected.len().min(limit)];
    let times = |records: &[ArtifactRecord]| records.iter().map(&by).collect::<Vec<_>>();
    same(&times(&found), &times(cut))?;
    let distinct: HashSet<_> = found.iter().map(|record| record.id).collect();
    prop_assert!(distinct.len() == found.len(), "one is twice in {found:#?}");
    let foreign = found.iter().find(|record| !expected.contains(record));
    prop_assert!(foreign.is_none(), "{foreign:#?} is none of {expected:#?}");
    Ok(())
}

fn apply(change: &Change, record: &mut ArtifactRecord) {
    match change {
        Change::Tags(tags) => record.tags = sample::tags(tags),
        Change::Expiry(expires) => record.expires_at = expires.map(sample::at),
        Change::Hold => {
            record.hold = record.state.is_live().then(|| Hold {
                reason: None,
                by: None,
                since: sample::now(),
            });
        }
        Change::Release => record.hold = None,
        Change::State(state) => become_state(*state, record),
        Change::Tier(tier) => record.tier = *tier,
        Change::Content(size) => {
            if record.state != State::Uploading {
                record.content = Some(sample::content(*size));
            }
        }
        Change::Created(seconds) => record.created_at = sample::at(*seconds),
    }
}

fn become_state(state: State, record: &mut ArtifactRecord) {
    record.state = state;
    if state != State::Uploading {
        record.lease_until = None;
    }
    let archived = state == State::Archived;
    record.archived_at = archived.then(sample::now);
    record.tier = if archived { Tier::Cold } else { Tier::Hot };
}
