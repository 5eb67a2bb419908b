//! The versions of an artifact: all of them, and pruning the old ones. Which ones go is the
//! domain's to say.

use std::collections::HashMap;
use std::future::ready;

use artifact_domain::policy::{PruneRule, Ranking, Verdict};
use artifact_domain::query::{Filter, PageSize, Query, Versions};
use artifact_domain::{
    ArtifactRecord, ArtifactRef, ArtifactUri, Coordinate, Error, ErrorKind, Result, Timestamp,
};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt, stream};

use crate::Store;
use crate::find::not_found;

/// How many versions are deleted at once; their commits share what makes them durable. Also how
/// many are deleted after their artifacts were last looked at.
const ROUND: usize = 32;

/// Of which artifacts versions are pruned.
#[derive(Debug, Clone)]
pub enum PruneScope {
    /// Of one.
    One(ArtifactRef),
    /// Only what the filter selects goes; what stays is counted among all versions of its artifact.
    Selected(Box<Filter>),
}

/// An old version.
#[derive(Debug, Clone, PartialEq)]
pub enum OldVersion {
    /// It goes, or is gone.
    Goes(ArtifactRecord),
    /// It would go, but is on hold.
    Held(ArtifactRecord),
}

impl Store {
    /// Every version of an artifact that can be read, the newest first; `artifact` may name any of
    /// them.
    ///
    /// # Errors
    /// `NotFound`; `Expired` if all of them have expired; those of the index.
    pub async fn versions(
        &self,
        artifact: &ArtifactRef,
    ) -> Result<impl Stream<Item = Result<ArtifactRecord>> + Send + 'static> {
        let coordinate = self.coordinate(artifact).await?;
        Ok(self.pages(versions_of(&coordinate, self.now())))
    }

    /// What [`prune`](Self::prune) would do now.
    ///
    /// # Errors
    /// For one artifact `NotFound`, `Expired`, and `InvalidInput` for the address of one version;
    /// those of the index.
    pub async fn plan_prune(
        &self,
        scope: PruneScope,
        rule: PruneRule,
    ) -> Result<BoxStream<'_, Result<OldVersion>>> {
        let now = self.now();
        match scope {
            PruneScope::One(artifact) => {
                let versions = versions_of(&self.prunable(&artifact).await?, now);
                Ok(self.old_versions(versions, rule, None).boxed())
            }
            PruneScope::Selected(filter) => Ok(self.old_selected(*filter, rule, now).boxed()),
        }
    }

    /// Deletes old versions. One that fails is an error of the stream and keeps no other. Can be
    /// cut off and repeated. Before each round of 32 their artifacts are looked at again, so what
    /// others delete meanwhile leaves no fewer than are kept, unless they do it during a round.
    /// Memory: two pages of records.
    ///
    /// # Errors
    /// Those of [`plan_prune`](Self::plan_prune).
    pub async fn prune(
        &self,
        scope: PruneScope,
        rule: PruneRule,
    ) -> Result<impl Stream<Item = Result<OldVersion>> + Send> {
        let plan = self.plan_prune(scope, rule).await?;
        Ok(self.delete_old(plan, rule))
    }

    /// Prunes behind the upload of `newest` what the settings do not keep. It is not what the
    /// uploader waits for, so a failure is only logged: the next upload tries again.
    pub(crate) async fn prune_behind(&self, newest: &ArtifactRecord) {
        let Some(rule) = self.options.prune else {
            return;
        };
        if !rule.may_take_from(newest.version) {
            return;
        }
        let versions = versions_of(&newest.coordinate, self.now());
        let old = self.old_versions(versions, rule, None);
        let mut outcomes = std::pin::pin!(self.delete_old(old.boxed(), rule));
        while let Some(outcome) = outcomes.next().await {
            if let Err(error) = outcome {
                tracing::warn!(error = %error, "an old version waits to be pruned");
            }
        }
    }

    fn delete_old<'a>(
        &'a self,
        plan: BoxStream<'a, Result<OldVersion>>,
        rule: PruneRule,
    ) -> impl Stream<Item = Result<OldVersion>> + Send + 'a {
        // Not `ready_chunks`: the plan must have no question under way while the round asks its own.
        plan.chunks(ROUND)
            .then(move |round| self.still_old(round, rule))
            .flat_map(move |round| {
                stream::iter(round)
                    .map(move |old| async move {
                        match old? {
                            OldVersion::Goes(record) => self.delete_one_old(record).await,
                            held @ OldVersion::Held(_) => Ok(Some(held)),
                        }
                    })
                    .buffer_unordered(ROUND)
            })
            .filter_map(|outcome| ready(outcome.transpose()))
    }

    /// What is to go by the rule still, now that somebody may have deleted newer versions. Each
    /// artifact of the round is looked at once. An artifact that can't be is an error, in the place
    /// of its versions.
    async fn still_old(
        &self,
        round: Vec<Result<OldVersion>>,
        rule: PruneRule,
    ) -> Vec<Result<OldVersion>> {
        let now = self.now();
        let mut still = Vec::with_capacity(round.len());
        let mut artifacts: HashMap<Coordinate, Vec<ArtifactRecord>> = HashMap::new();
        for old in round {
            match old {
                Ok(OldVersion::Goes(record)) => {
                    let of_artifact = artifacts.entry(record.coordinate.clone()).or_default();
                    of_artifact.push(record);
                }
                other => still.push(other),
            }
        }
        for (coordinate, records) in artifacts {
            match self
                .rank_until_all_go(&coordinate, rule, &records, now)
                .await
            {
                Ok(ranking) => {
                    let old = records
                        .into_iter()
                        .filter(|record| ranking.verdict(record, now) == Verdict::Goes);
                    still.extend(old.map(|record| Ok(OldVersion::Goes(record))));
                }
                Err(error) => still.push(Err(error.context(ArtifactUri::from(coordinate)))),
            }
        }
        still
    }

    /// Looks at the versions of an artifact, the newest first, until it is sure that all of
    /// `records` go: what is not seen makes none of them stay.
    async fn rank_until_all_go(
        &self,
        coordinate: &Coordinate,
        rule: PruneRule,
        records: &[ArtifactRecord],
        now: Timestamp,
    ) -> Result<Ranking> {
        let mut ranking = rule.ranking();
        let enough = usize::try_from(rule.keep()).unwrap_or(usize::MAX);
        let mut query = Some(Query {
            limit: PageSize::new(enough.clamp(1, PageSize::WALK.get()))?,
            ..versions_of(coordinate, now)
        });
        let goes = |ranking: &Ranking, record| ranking.verdict(record, now) == Verdict::Goes;
        while let Some(asked) = query.take() {
            let index = &self.ports.index;
            let page = self
                .retrying("query", || index.query(asked.clone()))
                .await?;
            page.items.iter().for_each(|record| ranking.see(record));
            if records.iter().all(|record| goes(&ranking, record)) {
                break;
            }
            query = page.next.map(|cursor| Query {
                cursor: Some(cursor),
                limit: PageSize::WALK,
                ..asked
            });
        }
        Ok(ranking)
    }

    /// None if somebody else was quicker.
    async fn delete_one_old(&self, record: ArtifactRecord) -> Result<Option<OldVersion>> {
        let uri = record.version_uri();
        match self.mark_deleted(record.clone()).await {
            Ok(None) => Ok(None),
            Ok(Some(deleted)) => {
                self.purge_quietly(vec![deleted]).await;
                Ok(Some(OldVersion::Goes(record)))
            }
            // Since it was planned.
            Err(error) if error.kind() == ErrorKind::Held => Ok(Some(OldVersion::Held(record))),
            Err(error) => Err(error.context(format_args!("pruning {uri}"))),
        }
    }

    /// The old versions of every artifact of which `filter` may select some, one artifact after
    /// another.
    fn old_selected(
        &self,
        mut filter: Filter,
        rule: PruneRule,
        now: Timestamp,
    ) -> impl Stream<Item = Result<OldVersion>> + Send + '_ {
        filter.states.retain(|state| state.is_live());
        let artifacts = Filter {
            spec: filter.spec.clone(),
            task: filter.task.clone(),
            name: filter.name.clone(),
            types: filter.types.clone(),
            within: filter.within.clone(),
            versions: Versions::Newest,
            ..Filter::default()
        };
        self.pages(Query::new(artifacts, now))
            .try_filter(move |newest| ready(rule.may_take_from(newest.version)))
            .map_ok(move |newest| {
                let versions = versions_of(&newest.coordinate, now);
                self.old_versions(versions, rule, Some(filter.clone()))
            })
            .try_flatten()
    }

    /// The old ones among the versions of one artifact, of them those that `filter` selects.
    fn old_versions(
        &self,
        versions: Query,
        rule: PruneRule,
        filter: Option<Filter>,
    ) -> impl Stream<Item = Result<OldVersion>> + Send + '_ {
        let now = versions.now;
        let ranked = async move {
            let (ranking, versions) = self.rank(versions, rule).await?;
            Ok::<_, Error>(versions.try_filter_map(move |record| {
                let is_selected = filter.as_ref().is_none_or(|one| one.selects(&record, now));
                let old = match ranking.verdict(&record, now) {
                    Verdict::Goes if is_selected => Some(OldVersion::Goes(record)),
                    Verdict::Held if is_selected => Some(OldVersion::Held(record)),
                    _ => None,
                };
                ready(Ok(old))
            }))
        };
        stream::once(ranked).try_flatten()
    }

    /// Looks at all versions, and gives them: again from the index, if they are more than a page.
    async fn rank(
        &self,
        query: Query,
        rule: PruneRule,
    ) -> Result<(Ranking, BoxStream<'static, Result<ArtifactRecord>>)> {
        let mut ranking = rule.ranking();
        let index = &self.ports.index;
        let first = self
            .retrying("query", || index.query(query.clone()))
            .await?;
        first.items.iter().for_each(|record| ranking.see(record));
        let Some(cursor) = first.next else {
            let versions = stream::iter(first.items.into_iter().map(Ok));
            return Ok((ranking, versions.boxed()));
        };
        let rest = Query {
            cursor: Some(cursor),
            ..query.clone()
        };
        let mut rest = std::pin::pin!(self.pages(rest));
        while let Some(record) = rest.try_next().await? {
            ranking.see(&record);
        }
        Ok((ranking, self.pages(query).boxed()))
    }

    /// The artifact whose old versions are to go.
    async fn prunable(&self, artifact: &ArtifactRef) -> Result<Coordinate> {
        if let ArtifactRef::Uri(uri) = artifact
            && uri.version().is_some()
        {
            return Err(
                Error::invalid_input(format!("{uri} is one version, not an artifact"))
                    .with_hint("leave out ?version=…; `artifact delete` takes one version away"),
            );
        }
        self.coordinate(artifact).await
    }

    /// The coordinate that `artifact` names by any of its versions, if one can be read.
    async fn coordinate(&self, artifact: &ArtifactRef) -> Result<Coordinate> {
        let coordinate = match artifact {
            ArtifactRef::Uri(uri) => uri.coordinate().clone(),
            ArtifactRef::Id(_) => self
                .look_up(artifact, self.now())
                .await?
                .map(|record| record.coordinate)
                .ok_or_else(|| not_found(artifact))?,
        };
        let newest = ArtifactRef::Uri(coordinate.clone().into());
        self.show(&newest).await?;
        Ok(coordinate)
    }
}

/// Asks for the versions of one coordinate that can be read at `now`.
fn versions_of(coordinate: &Coordinate, now: Timestamp) -> Query {
    Query {
        limit: PageSize::WALK,
        ..Query::new(Filter::versions_of(coordinate), now)
    }
}
