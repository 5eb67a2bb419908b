//! `POST /changes`: one change to artifacts that are named, or to all that a filter selects.

use artifact_api::{Artifact, ChangeRequest, Changed};
use artifact_app::{Change, KeepFor, RetentionChange, Store};
use artifact_domain::access::Action;
use artifact_domain::query::Filter;
use artifact_domain::{ArtifactRef, Error, Result, require_exact_numbers};
use axum::extract::RawQuery;
use axum::response::Response;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use serde::Serialize;
use serde_json::json;

use super::lines::{self, Teller};
use crate::api::schemas::Problems;
use crate::body::Document;
use crate::filter::FilterParams;
use crate::gate::Caller;
use crate::params::Params;
use crate::problem::Problem;

/// How many of those that are named are changed at once.
const CONCURRENCY: usize = 16;

/// How many there were.
#[derive(Debug, Default, Serialize)]
struct Sums {
    changed: u64,
    unchanged: u64,
    failed: u64,
}

/// What is changed, as the store knows it.
#[derive(Debug, Clone)]
enum Asked {
    Change(Change),
    Keep(KeepFor),
}

type Outcomes<'a> = BoxStream<'a, Result<Changed>>;

/// Makes one change to artifacts, and tells of each line by line.
#[utoipa::path(
    post,
    path = "/api/v1/changes",
    tag = "artifacts",
    operation_id = "change",
    params(FilterParams),
    request_body(content = serde_json::Map<String, serde_json::Value>, content_type = "application/json", description = "`change` says what, `artifacts` names URIs or ids (without it the query selects), `dry_run` changes nothing"),
    responses(
        (status = 200, description = "What has become of each, a document per line: `item`, `failed`, and last `sums` or `error`", content_type = "application/x-ndjson", body = Vec<u8>),
        Problems,
    ),
)]
pub(crate) async fn change(
    caller: Caller,
    RawQuery(query): RawQuery,
    Params(params): Params<FilterParams>,
    Document(body): Document,
) -> Result<Response, Problem> {
    let request = parse(&body)?;
    let filter = params.filter(caller.aside())?;
    let artifacts: Vec<ArtifactRef> = request
        .artifacts
        .iter()
        .map(|artifact| artifact.parse())
        .collect::<Result<_>>()?;
    if artifacts.is_empty() == query.is_none_or(|query| query.is_empty()) {
        let message = "either artifacts are named or a query selects some, and not both";
        return Err(Error::invalid_input(message).into());
    }
    let asked = Asked::of(request.change);
    let (store, filter) = if artifacts.is_empty() {
        asked.among(&caller, filter).await?
    } else {
        (caller.aside().clone(), filter)
    };
    Ok(lines::answer(
        &caller.app().clone(),
        move |teller| async move {
            let outcomes = if artifacts.is_empty() {
                asked.all(&store, filter, request.dry_run)
            } else {
                asked.each(&caller, artifacts, request.dry_run)
            };
            Ok(tell(outcomes, &teller, request.dry_run).await)
        },
    ))
}

/// Tells of the versions that are on hold, line by line.
#[utoipa::path(
    get,
    path = "/api/v1/holds",
    tag = "artifacts",
    operation_id = "holds",
    params(FilterParams),
    responses(
        (status = 200, description = "Each of them, a document per line: `item`, and last `sums` or `error`", content_type = "application/x-ndjson", body = Vec<u8>),
        Problems,
    ),
)]
pub(crate) async fn holds(
    caller: Caller,
    Params(params): Params<FilterParams>,
) -> Result<Response, Problem> {
    let (store, filter) = caller.among(params.filter(caller.aside())?).await?;
    let store = store.clone();
    Ok(lines::answer(caller.app(), move |teller| async move {
        let mut count = 0_u64;
        let mut found = std::pin::pin!(store.held(filter));
        while let Some(record) = found.try_next().await? {
            count += 1;
            if !teller.item(&Artifact::from(&record)).await {
                break;
            }
        }
        Ok(json!({ "held": count }))
    }))
}

fn parse(body: &[u8]) -> Result<ChangeRequest> {
    let wrong = |why: &str| Error::invalid_input(format!("the change can't be read: {why}"));
    let text = std::str::from_utf8(body).map_err(|_| wrong("it is not UTF-8"))?;
    let request = serde_json::from_str(text).map_err(|cause| wrong(&cause.to_string()))?;
    require_exact_numbers(text)?;
    Ok(request)
}

/// What was begun is done to its end; what is only planned ends with whoever asked.
async fn tell(mut outcomes: Outcomes<'_>, teller: &Teller, dry_run: bool) -> Sums {
    let mut sums = Sums::default();
    while let Some(outcome) = outcomes.next().await {
        let is_heard = match outcome {
            Ok(changed) => {
                sums.changed += u64::from(changed.changed);
                sums.unchanged += u64::from(!changed.changed);
                teller.item(&changed).await
            }
            Err(error) => {
                sums.failed += 1;
                teller.failed(&error).await
            }
        };
        if dry_run && !is_heard {
            break;
        }
    }
    sums
}

impl Asked {
    /// What a filter selects of that to which the caller may do it.
    async fn among(&self, caller: &Caller, filter: Filter) -> Result<(Store, Filter)> {
        let mut actions = vec![Action::Write, Action::Read];
        if self.may_take_away() {
            actions.push(Action::Delete);
        }
        let (store, filter) = caller.among_seen(&actions, filter).await?;
        Ok((store.clone(), filter))
    }

    /// Whether it may take artifacts away, be it later: an earlier end, a released hold.
    fn may_take_away(&self) -> bool {
        matches!(
            self,
            Self::Change(Change::ReleaseHold) | Self::Keep(KeepFor::Days(_) | KeepFor::Rules)
        )
    }

    fn of(change: artifact_api::Change) -> Self {
        use artifact_api::Change as Said;
        Self::Change(match change {
            Said::AddTags(tags) => Change::AddTags(tags),
            Said::SetTags(tags) => Change::SetTags(tags),
            Said::RemoveTags(asked) => {
                Change::RemoveTags(asked.into_iter().map(Into::into).collect())
            }
            Said::SetMetadata(entries) => Change::SetMetadata(entries),
            Said::RemoveMetadata(keys) => Change::RemoveMetadata(keys),
            Said::PatchMetadata(patch) => Change::PatchMetadata(patch),
            Said::Hold { reason, by } => Change::Hold { reason, by },
            Said::ReleaseHold => Change::ReleaseHold,
            Said::KeepDays(days) => return Self::Keep(KeepFor::Days(days)),
            Said::KeepForever => return Self::Keep(KeepFor::Ever),
            Said::KeepByRules => return Self::Keep(KeepFor::Rules),
        })
    }

    fn all(self, store: &Store, filter: Filter, dry_run: bool) -> Outcomes<'_> {
        match (self, dry_run) {
            (Self::Change(change), false) => each_told(store.change_all(filter, change), changed),
            (Self::Change(change), true) => {
                each_told(store.plan_change_all(filter, change), changed)
            }
            (Self::Keep(keep), false) => each_told(store.set_retention_all(filter, keep), kept),
            (Self::Keep(keep), true) => each_told(store.plan_set_retention_all(filter, keep), kept),
        }
    }

    fn each(self, caller: &Caller, artifacts: Vec<ArtifactRef>, dry_run: bool) -> Outcomes<'_> {
        let one = move |artifact: ArtifactRef| {
            let (asked, caller) = (self.clone(), caller.item(&artifact));
            async move {
                let outcome = asked.one(&caller, &artifact, dry_run).await;
                caller.ended(&outcome);
                outcome
            }
        };
        Box::pin(stream::iter(artifacts).map(one).buffered(CONCURRENCY))
    }

    async fn one(self, caller: &Caller, artifact: &ArtifactRef, dry_run: bool) -> Result<Changed> {
        let store = caller.with(artifact).await?;
        if self.may_take_away() {
            caller.to(Action::Delete).with(artifact).await?;
        }
        if dry_run {
            caller.to(Action::Read).with(artifact).await?;
        }
        let changed = match (self, dry_run) {
            (Self::Change(change), false) => changed(&store.change(artifact, &change).await?),
            (Self::Change(change), true) => changed(&store.plan_change(artifact, &change).await?),
            (Self::Keep(keep), false) => kept(&store.set_retention(artifact, keep).await?),
            (Self::Keep(keep), true) => kept(&store.plan_set_retention(artifact, keep).await?),
        };
        Ok(told(caller, changed).await)
    }
}

/// What the caller is told of it.
async fn told(caller: &Caller, changed: Changed) -> Changed {
    if caller.sees(changed.artifact.uri.coordinate()).await {
        return changed;
    }
    Changed {
        artifact: changed.artifact.outline(),
        expires_at_before: None,
        ..changed
    }
}

/// What became of each, as it is told.
fn each_told<'a, T: 'a>(
    outcomes: impl Stream<Item = Result<T>> + Send + 'a,
    tell: fn(&T) -> Changed,
) -> Outcomes<'a> {
    Box::pin(outcomes.map_ok(move |one| tell(&one)))
}

fn changed(changed: &artifact_app::Changed) -> Changed {
    Changed {
        artifact: Artifact::from(&changed.record),
        changed: changed.is_changed,
        expires_at_before: None,
    }
}

fn kept(change: &RetentionChange) -> Changed {
    Changed {
        artifact: Artifact::from(&change.record),
        changed: change.is_changed,
        expires_at_before: change.before,
    }
}
