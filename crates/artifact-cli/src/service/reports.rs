//! Answers to questions, from either place, as documents: sums, versions, what keeps what, moves.
//! Prints nothing.

use artifact_api::{
    Artifact, MoveEvent, MoveReport, OldVersion, TrendDay, UsageGroup, UsageSummary, Why,
};
use artifact_app::{MoveScope, PruneScope, RestoreOptions, Restored, UsageKey, view};
use artifact_client::{Lines, decode, query_of};
use artifact_domain::access::{AuditEntry, AuditFilter};
use artifact_domain::policy::PruneRule;
use artifact_domain::query::Filter;
use artifact_domain::{ArtifactRecord, ArtifactRef, Error, Result, SpecName, Tier};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use serde::Deserialize;
use serde_json::{Value, json};

use super::upkeep::{Told, tell};
use super::{Local, Records, Remote, Service};

/// How much is stored.
#[derive(Debug, Deserialize)]
pub(crate) struct Usage {
    #[serde(flatten)]
    pub(crate) summary: UsageSummary,
    pub(crate) groups: Vec<UsageGroup>,
}

impl Service {
    pub(crate) async fn why(&self, artifact: &ArtifactRef) -> Result<Why> {
        match self {
            Self::Local(local) => Ok(view::why::document(&local.store.why(artifact).await?)),
            Self::Remote(remote) => remote.client.get("/why", &[named(artifact)]).await,
        }
    }

    /// Every version, the newest first.
    pub(crate) async fn versions(&self, artifact: &ArtifactRef) -> Result<Records<'static>> {
        match self {
            Self::Local(local) => Ok(local.store.versions(artifact).await?.boxed()),
            Self::Remote(remote) => {
                let pairs = [named(artifact)];
                let lines = remote.client.read_lines("/versions", &pairs, None).await?;
                Ok(decode(lines, Artifact::into_record).boxed())
            }
        }
    }

    /// Takes old versions away, or tells what would go.
    pub(crate) async fn prune(
        &self,
        scope: PruneScope,
        rule: PruneRule,
        dry_run: bool,
    ) -> Result<BoxStream<'_, Result<artifact_app::OldVersion>>> {
        match (self, dry_run) {
            (Self::Local(local), true) => local.store.plan_prune(scope, rule).await,
            (Self::Local(local), false) => Ok(local.store.prune(scope, rule).await?.boxed()),
            (Self::Remote(remote), _) => remote.prune(scope, rule, dry_run).await,
        }
    }

    pub(crate) async fn usage(&self, by: &[UsageKey], spec: Option<&SpecName>) -> Result<Usage> {
        match self {
            Self::Local(local) => {
                let usage = local.store.usage().await?;
                let groups = match by {
                    [] => Vec::new(),
                    by => usage.by(by, spec),
                };
                let groups = groups.iter();
                Ok(Usage {
                    groups: groups
                        .map(|(group, sum)| view::usage::group(group, sum))
                        .collect(),
                    summary: view::usage::summary(&usage, spec),
                })
            }
            Self::Remote(remote) => {
                let by = by
                    .iter()
                    .map(|key| ("by".to_owned(), word(*key).to_owned()));
                let spec = spec.map(|spec| ("spec".to_owned(), spec.to_string()));
                let pairs: Vec<_> = by.chain(spec).collect();
                remote.client.get("/usage", &pairs).await
            }
        }
    }

    pub(crate) async fn trend(&self, filter: Filter, days: u32) -> Result<Vec<TrendDay>> {
        #[derive(Deserialize)]
        struct Trend {
            days: Vec<TrendDay>,
        }
        match self {
            Self::Local(local) => {
                let days = local.store.trend(filter, days).await?;
                Ok(days.iter().map(view::trend::day).collect())
            }
            Self::Remote(remote) => {
                let mut pairs = query_of(&filter)?;
                pairs.push(("days".to_owned(), days.to_string()));
                let trend: Trend = remote.client.get("/trend", &pairs).await?;
                Ok(trend.days)
            }
        }
    }

    /// Moves all that a scope has to another tier, or tells what would be moved.
    pub(crate) async fn move_all(
        &self,
        scope: MoveScope,
        dry_run: bool,
        told: &mut dyn Told<Moving>,
    ) -> Result<MoveReport> {
        match self {
            Self::Local(local) => local.move_all(scope, dry_run, told).await,
            Self::Remote(remote) => {
                let mut told = AsRecords(told);
                remote.move_many(&scope, dry_run, &mut told).await
            }
        }
    }

    /// Moves one version to the cold tier, or back with the days that a bucket keeps it at hand, or
    /// tells whether it would be moved.
    pub(crate) async fn move_one(
        &self,
        artifact: &ArtifactRef,
        restore: Option<RestoreOptions>,
        dry_run: bool,
    ) -> Result<Option<Restored>> {
        match self {
            Self::Local(local) => local.move_one(artifact, restore, dry_run).await,
            Self::Remote(remote) => {
                let days = restore.map(|options| options.days);
                let event = remote.move_one(artifact, days, dry_run).await?;
                Ok(match event {
                    None | Some(MoveEvent::Lost(_)) => None,
                    Some(MoveEvent::Restoring(artifact)) => {
                        Some(Restored::Restoring(artifact.into_record()?))
                    }
                    Some(MoveEvent::Moved(artifact) | MoveEvent::Planned { artifact, .. }) => {
                        Some(Restored::Back(artifact.into_record()?))
                    }
                })
            }
        }
    }
}

/// What becomes of a version that is moved.
pub(crate) enum Moving {
    Planned(ArtifactRecord, Tier),
    Moved(ArtifactRecord),
    Restoring(ArtifactRecord),
    Lost(ArtifactRecord),
}

/// Who is told of documents and wants records.
struct AsRecords<'a>(&'a mut dyn Told<Moving>);

impl Told<MoveEvent> for AsRecords<'_> {
    fn item(&mut self, event: MoveEvent) {
        let event = match event {
            MoveEvent::Planned { artifact, tier } => artifact
                .into_record()
                .map(|record| Moving::Planned(record, tier)),
            MoveEvent::Moved(artifact) => artifact.into_record().map(Moving::Moved),
            MoveEvent::Restoring(artifact) => artifact.into_record().map(Moving::Restoring),
            MoveEvent::Lost(artifact) => artifact.into_record().map(Moving::Lost),
        };
        match event {
            Ok(event) => self.0.item(event),
            Err(error) => self.0.failed(error),
        }
    }

    fn failed(&mut self, error: Error) {
        self.0.failed(error);
    }
}

impl Local {
    async fn move_all(
        &self,
        scope: MoveScope,
        dry_run: bool,
        told: &mut dyn Told<Moving>,
    ) -> Result<MoveReport> {
        use artifact_app::MoveEvent as Event;
        let mut report = artifact_app::MoveReport::default();
        if dry_run {
            let mut plan = self.store.move_plan(scope);
            while let Some(one) = plan.try_next().await? {
                let content = one.record.content.as_ref();
                report.moved += 1;
                report.stored_size_bytes += content.map_or(0, |content| content.stored_size_bytes);
                told.item(Moving::Planned(one.record, one.tier));
            }
        } else {
            let observe = |event| match event {
                Event::Moved(record) => told.item(Moving::Moved(record)),
                Event::Restoring(record) => told.item(Moving::Restoring(record)),
                Event::Lost(record) => told.item(Moving::Lost(record)),
                Event::Failed(_, error) => told.failed(error),
            };
            report = self.store.move_all(scope, observe).await?;
        }
        Ok(view::tiers::report(&report, dry_run))
    }

    async fn move_one(
        &self,
        artifact: &ArtifactRef,
        restore: Option<RestoreOptions>,
        dry_run: bool,
    ) -> Result<Option<Restored>> {
        let store = &self.store;
        Ok(match (dry_run, restore) {
            (true, _) => {
                let tier = restore.map_or(Tier::Cold, |_| Tier::Hot);
                let planned = store.plan_move(artifact, tier).await?;
                planned.map(|planned| Restored::Back(planned.record))
            }
            (false, Some(options)) => Some(store.restore(artifact, options).await?),
            (false, None) => Some(Restored::Back(store.archive(artifact).await?)),
        })
    }
}

impl Remote {
    /// Who did what on the server.
    pub(crate) async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>> {
        let mut pairs = Vec::new();
        let mut add = |key: &str, value: String| pairs.push((key.to_owned(), value));
        for (key, glob) in [("who", &filter.who), ("target", &filter.target)] {
            if let Some(glob) = glob {
                add(key, glob.to_string());
            }
        }
        for action in &filter.actions {
            add("action", action.as_str().to_owned());
        }
        for outcome in &filter.outcomes {
            add("outcome", outcome.as_str().to_owned());
        }
        for (key, time) in [("after", filter.after), ("before", filter.before)] {
            if let Some(time) = time {
                add(key, time.to_string());
            }
        }
        add("limit", filter.limit.to_string());
        let lines = self.client.read_lines("/audit", &pairs, None).await?;
        decode(lines, Ok).try_collect().await
    }

    async fn prune(
        &self,
        scope: PruneScope,
        rule: PruneRule,
        dry_run: bool,
    ) -> Result<BoxStream<'_, Result<artifact_app::OldVersion>>> {
        let mut body = json!({ "dry_run": dry_run });
        if rule.keep() > 0 {
            body["keep"] = rule.keep().into();
        }
        if let Some(age) = rule.older_than() {
            body["older_than_days"] = (age.as_secs() / 86_400).into();
        }
        let pairs = match scope {
            PruneScope::One(artifact) => {
                body["artifact"] = artifact.to_string().into();
                Vec::new()
            }
            PruneScope::Selected(filter) => query_of(&filter)?,
        };
        let lines = self.client.post_lines("/prune", &pairs, Some(body)).await?;
        let outcomes = decode(lines, |one: OldVersion| {
            Ok(match one {
                OldVersion::Goes(artifact) => {
                    artifact_app::OldVersion::Goes(artifact.into_record()?)
                }
                OldVersion::Held(artifact) => {
                    artifact_app::OldVersion::Held(artifact.into_record()?)
                }
            })
        });
        Ok(outcomes.boxed())
    }

    /// Moves what is named, or what a scope has; tells of each.
    pub(crate) async fn move_many(
        &self,
        scope: &MoveScope,
        dry_run: bool,
        told: &mut dyn Told<MoveEvent>,
    ) -> Result<MoveReport> {
        let (filter, mut body) = match scope {
            MoveScope::Archive(filter) => (filter, json!({ "move": "archive" })),
            MoveScope::ByAge(filter) => (filter, json!({ "move": "by_age" })),
            MoveScope::Restore(filter, options) => (
                filter,
                json!({ "move": "restore", "keep_days": options.days }),
            ),
        };
        body["dry_run"] = dry_run.into();
        let lines = self.moves(&query_of(filter)?, body).await?;
        tell(lines, told).await
    }

    /// Moves one artifact; nothing where it is there already and nothing is planned.
    pub(crate) async fn move_one(
        &self,
        artifact: &ArtifactRef,
        restore_days: Option<u32>,
        dry_run: bool,
    ) -> Result<Option<MoveEvent>> {
        let way = restore_days.map_or("archive", |_| "restore");
        let body = json!({
            "move": way,
            "keep_days": restore_days,
            "artifacts": [artifact.to_string()],
            "dry_run": dry_run,
        });
        let lines = self.moves(&[], body).await?;
        std::pin::pin!(decode(lines, Ok)).try_next().await
    }

    async fn moves(&self, pairs: &[(String, String)], body: Value) -> Result<Lines> {
        self.client.post_lines("/moves", pairs, Some(body)).await
    }
}

pub(super) fn named(artifact: &ArtifactRef) -> (String, String) {
    ("artifact".to_owned(), artifact.to_string())
}

fn word(key: UsageKey) -> &'static str {
    match key {
        UsageKey::Spec => "spec",
        UsageKey::Type => "type",
        UsageKey::State => "state",
        UsageKey::Tier => "tier",
    }
}
