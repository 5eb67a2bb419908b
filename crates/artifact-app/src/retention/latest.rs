//! Which versions are the latest of their group, asked of the index group by group. Must not know
//! what follows from that.

use std::collections::HashMap;

use artifact_domain::policy::LatestGroup;
use artifact_domain::query::{Filter, Glob, PageSize, Query, Versions};
use artifact_domain::{ArtifactId, ArtifactRecord, ArtifactType, Result, SpecName, Timestamp};

use crate::Store;

/// Where the latest versions of a group begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    /// There are no more than are kept.
    TheFirst,
    /// With the oldest of those that are kept.
    Version(Timestamp, ArtifactId),
}

impl Since {
    fn has(self, record: &ArtifactRecord) -> bool {
        match self {
            Self::TheFirst => true,
            Self::Version(created_at, id) => (record.created_at, record.id) >= (created_at, id),
        }
    }
}

type GroupKey = (SpecName, ArtifactType, Option<String>);

/// Knows the latest versions of each group at one instant, each asked for when it is first needed.
/// Memory: a time and an id for each group.
#[derive(Debug)]
pub(super) struct Latest {
    store: Store,
    now: Timestamp,
    known: HashMap<GroupKey, Since>,
}

impl Latest {
    pub(super) fn new(store: Store, now: Timestamp) -> Self {
        Self {
            store,
            now,
            known: HashMap::new(),
        }
    }

    /// The first of its groups that a version is among the latest of.
    pub(super) async fn keeping(&mut self, record: &ArtifactRecord) -> Result<Option<LatestGroup>> {
        let at = &record.coordinate;
        let store = self.store.clone();
        for group in store.options.retention.groups_of(at.task()) {
            let since = self.since(at.spec(), at.artifact_type(), &group).await?;
            if since.has(record) {
                return Ok(Some(group));
            }
        }
        Ok(None)
    }

    /// Where the latest versions of a group begin.
    pub(super) async fn since(
        &mut self,
        spec: &SpecName,
        artifact_type: &ArtifactType,
        group: &LatestGroup,
    ) -> Result<Since> {
        let pattern = group.pattern.as_ref().map(ToString::to_string);
        let key = (spec.clone(), artifact_type.clone(), pattern);
        if let Some(since) = self.known.get(&key) {
            return Ok(*since);
        }
        let since = self.ask(spec, artifact_type, group).await?;
        self.known.insert(key, since);
        Ok(since)
    }

    async fn ask(
        &self,
        spec: &SpecName,
        artifact_type: &ArtifactType,
        group: &LatestGroup,
    ) -> Result<Since> {
        let mut left = group.keep;
        let query = members(spec, artifact_type, group.pattern.as_ref());
        let mut query = Some(query);
        while let Some(asked) = query.take() {
            let limit = usize::try_from(left).unwrap_or(usize::MAX);
            let asked = Query {
                limit: PageSize::new(limit.min(PageSize::WALK.get()))?,
                ..asked
            };
            let index = &self.store.ports.index;
            let page = self
                .store
                .retrying("query", || index.query(asked.clone()))
                .await?;
            for record in &page.items {
                if self.store.options.retention.counts(record, self.now) {
                    left -= 1;
                    if left == 0 {
                        return Ok(Since::Version(record.created_at, record.id));
                    }
                }
            }
            query = page.next.map(|cursor| Query {
                cursor: Some(cursor),
                ..asked
            });
        }
        Ok(Since::TheFirst)
    }

    /// At which place of its group a version is, counted from one; none if it takes no place among
    /// those that are kept.
    pub(super) async fn rank(
        &self,
        record: &ArtifactRecord,
        group: &LatestGroup,
    ) -> Result<Option<u32>> {
        let at = &record.coordinate;
        let mut query = Some(members(
            at.spec(),
            at.artifact_type(),
            group.pattern.as_ref(),
        ));
        let mut rank = 0;
        while let Some(asked) = query.take() {
            let index = &self.store.ports.index;
            let page = self
                .store
                .retrying("query", || index.query(asked.clone()))
                .await?;
            for member in &page.items {
                if self.store.options.retention.counts(member, self.now) {
                    rank += 1;
                    if member.id == record.id {
                        return Ok(Some(rank));
                    }
                    if rank == group.keep {
                        return Ok(None);
                    }
                }
            }
            query = page.next.map(|cursor| Query {
                cursor: Some(cursor),
                ..asked
            });
        }
        Ok(None)
    }
}

/// The live versions of a spec and type, of the tasks of a pattern, the newest first, expired or
/// not: at the epoch nothing has.
pub(super) fn members(
    spec: &SpecName,
    artifact_type: &ArtifactType,
    pattern: Option<&Glob>,
) -> Query {
    let filter = Filter {
        spec: Some(Glob::exactly(spec.as_str())),
        task: pattern.cloned(),
        types: vec![artifact_type.clone()],
        versions: Versions::All,
        ..Filter::default()
    };
    Query {
        limit: PageSize::WALK,
        ..Query::new(filter, Timestamp::UNIX_EPOCH)
    }
}
