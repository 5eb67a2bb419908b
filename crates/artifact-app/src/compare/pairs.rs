//! Two tasks side by side: what both have of one name and type, name after name. Memory: a page of
//! records of each task, and the types of one name.

use std::cmp::Ordering;
use std::pin::Pin;

use artifact_domain::query::{Filter, Glob, Order};
use artifact_domain::{ArtifactName, ArtifactRecord, ArtifactType, Result};
use futures::{Stream, StreamExt, TryStreamExt};

use super::TaskRef;
use crate::Store;

/// What two tasks have of one name and type; at least one of them has it.
pub(super) type Pair = (Option<ArtifactRecord>, Option<ArtifactRecord>);

/// Goes through two tasks at once.
pub(super) struct Pairs {
    baseline: Names,
    current: Names,
}

impl Pairs {
    pub(super) fn new(baseline: Names, current: Names) -> Self {
        Self { baseline, current }
    }

    /// What there is of the next name, by type; nothing at the end.
    pub(super) async fn next(&mut self) -> Result<Vec<Pair>> {
        let names = [self.baseline.peek().await?, self.current.peek().await?];
        let Some(name) = names.into_iter().flatten().min() else {
            return Ok(Vec::new());
        };
        let baseline = self.baseline.take(&name).await?;
        let current = self.current.take(&name).await?;
        Ok(by_type(baseline, current))
    }
}

/// The newest versions of a task, by name.
pub(super) struct Names {
    records: Pin<Box<dyn Stream<Item = Result<ArtifactRecord>> + Send>>,
    ahead: Option<ArtifactRecord>,
}

impl Names {
    pub(super) fn of(
        store: &Store,
        task: &TaskRef,
        types: &[ArtifactType],
        name: Option<&Glob>,
    ) -> Self {
        let filter = Filter {
            types: types.to_vec(),
            name: name.cloned(),
            ..task.filter()
        };
        Self {
            records: Box::pin(store.search_all(filter, Order::Name).fuse()),
            ahead: None,
        }
    }

    /// The next name.
    async fn peek(&mut self) -> Result<Option<ArtifactName>> {
        if self.ahead.is_none() {
            self.ahead = self.records.try_next().await?;
        }
        let name = |record: &ArtifactRecord| record.coordinate.name().clone();
        Ok(self.ahead.as_ref().map(name))
    }

    /// Everything of that name, if it is the next, by type. A type that was uploaded again while the
    /// pages were read may come twice; the newer counts.
    async fn take(&mut self, name: &ArtifactName) -> Result<Vec<ArtifactRecord>> {
        let mut taken: Vec<ArtifactRecord> = Vec::new();
        while self.peek().await?.as_ref() == Some(name) {
            taken.extend(self.ahead.take());
        }
        taken.sort_by(|a, b| {
            let (of_a, of_b) = (type_of(a), type_of(b));
            of_a.cmp(of_b).then(b.version.cmp(&a.version))
        });
        taken.dedup_by(|later, kept| type_of(later) == type_of(kept));
        Ok(taken)
    }
}

fn type_of(record: &ArtifactRecord) -> &ArtifactType {
    record.coordinate.artifact_type()
}

/// Joins two lists that are sorted by type, without repetitions.
fn by_type(baseline: Vec<ArtifactRecord>, current: Vec<ArtifactRecord>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let (mut baseline, mut current) = (
        baseline.into_iter().peekable(),
        current.into_iter().peekable(),
    );
    loop {
        let order = match (baseline.peek(), current.peek()) {
            (None, None) => return pairs,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => type_of(old).cmp(type_of(new)),
        };
        let old = (order != Ordering::Greater).then(|| baseline.next());
        let new = (order != Ordering::Less).then(|| current.next());
        pairs.push((old.flatten(), new.flatten()));
    }
}
