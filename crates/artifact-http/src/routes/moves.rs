//! `POST /moves` and `POST /prune`: many versions to other tiers, and old versions away, told line by line.

use std::time::Duration;

use artifact_api::{Artifact, MoveEvent, OldVersion};
use artifact_app::{MoveReport, MoveScope, PruneScope, RestoreOptions, Restored, Store, view};
use artifact_domain::access::Action;
use artifact_domain::policy::PruneRule;
use artifact_domain::query::Versions;
use artifact_domain::{ArtifactRecord, ArtifactRef, Error, Result, Tier};
use axum::extract::RawQuery;
use axum::response::Response;
use futures::{StreamExt, TryStreamExt};
use serde::Deserialize;
use serde_json::json;

use super::lines::{self, Teller};
use crate::api::schemas::Problems;
use crate::body::{Document, document};
use crate::filter::FilterParams;
use crate::gate::Caller;
use crate::params::{Params, all_parsed, parsed};
use crate::problem::Problem;

/// What is moved, and where to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct MoveRequest {
    #[serde(rename = "move")]
    way: Way,
    #[serde(default)]
    artifacts: Vec<String>,
    #[serde(default)]
    keep_days: Option<u32>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    Archive,
    ByAge,
    Restore,
}

/// Which old versions go.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct PruneRequest {
    #[serde(default)]
    artifact: Option<String>,
    #[serde(default)]
    keep: Option<u32>,
    #[serde(default)]
    older_than_days: Option<u32>,
    #[serde(default)]
    dry_run: bool,
}

/// Moves artifacts that are named, or all that a filter selects, to another tier.
#[utoipa::path(
    post,
    path = "/api/v1/moves",
    tag = "upkeep",
    operation_id = "move_many",
    params(FilterParams),
    request_body(content = serde_json::Map<String, serde_json::Value>, content_type = "application/json", description = "`move` is `archive`, `by_age` or `restore` (with `keep_days`), `artifacts` names URIs or ids (without it the query selects), `dry_run` moves nothing"),
    responses(
        (status = 200, description = "What becomes of each, a document per line: `item` with `planned`, `moved`, `restoring` or `lost`; `failed`; and last `sums` or `error`", content_type = "application/x-ndjson", body = Vec<u8>),
        Problems,
    ),
)]
pub(crate) async fn move_many(
    caller: Caller,
    RawQuery(query): RawQuery,
    Params(params): Params<FilterParams>,
    Document(body): Document,
) -> Result<Response, Problem> {
    let request: MoveRequest = document(&body)?;
    let has_query = query.is_some_and(|query| !query.is_empty());
    let artifacts = all_parsed::<ArtifactRef>(&request.artifacts)?;
    let is_named = !artifacts.is_empty();
    let wants_all = request.way == Way::ByAge && !is_named;
    if is_named == has_query && !wants_all || is_named && request.way == Way::ByAge {
        let message = "either artifacts are named or a query selects some, and not both";
        return Err(Error::invalid_input(message).into());
    }
    let filter = params.filter(caller.aside())?;
    let usual = RestoreOptions::default();
    let options = RestoreOptions {
        days: request.keep_days.unwrap_or(usual.days),
    };
    let (store, filter) = if is_named {
        (caller.aside().clone(), Box::new(filter))
    } else {
        let both = [Action::Write, Action::Read];
        let (store, filter) = caller.among_seen(&both, filter).await?;
        (store.clone(), Box::new(filter))
    };
    Ok(lines::answer(
        &caller.app().clone(),
        move |teller| async move {
            let report = if is_named {
                move_each(&caller, &artifacts, &request, options, &teller).await
            } else {
                let scope = match request.way {
                    Way::Archive => MoveScope::Archive(filter),
                    Way::ByAge => MoveScope::ByAge(filter),
                    Way::Restore => MoveScope::Restore(filter, options),
                };
                move_all(&store, scope, request.dry_run, &teller).await?
            };
            Ok(view::tiers::report(&report, request.dry_run))
        },
    ))
}

async fn move_each(
    caller: &Caller,
    artifacts: &[ArtifactRef],
    request: &MoveRequest,
    options: RestoreOptions,
    teller: &Teller,
) -> MoveReport {
    let mut report = MoveReport::default();
    for artifact in artifacts {
        let caller = caller.item(artifact);
        let outcome = move_one(&caller, artifact, request, options).await;
        caller.ended(&outcome);
        match outcome {
            Ok(Some(event)) => {
                teller.item(&event).await;
            }
            Ok(None) => {}
            Err(error) => {
                report.failed += 1;
                teller.failed(&error).await;
            }
        }
    }
    report
}

async fn move_one(
    caller: &Caller,
    artifact: &ArtifactRef,
    request: &MoveRequest,
    options: RestoreOptions,
) -> Result<Option<MoveEvent>> {
    let is_restore = request.way == Way::Restore;
    let store = caller.with(artifact).await?;
    if request.dry_run {
        caller.to(Action::Read).with(artifact).await?;
        let tier = if is_restore { Tier::Hot } else { Tier::Cold };
        let planned = store.plan_move(artifact, tier).await?;
        return Ok(planned.map(|planned| MoveEvent::Planned {
            artifact: boxed(&planned.record),
            tier,
        }));
    }
    Ok(Some(if is_restore {
        match store.restore(artifact, options).await? {
            Restored::Back(record) => MoveEvent::Moved(caller.told(&record).await.into()),
            Restored::Restoring(record) => MoveEvent::Restoring(caller.told(&record).await.into()),
        }
    } else {
        let record = store.archive(artifact).await?;
        MoveEvent::Moved(caller.told(&record).await.into())
    }))
}

async fn move_all(
    store: &Store,
    scope: MoveScope,
    dry_run: bool,
    teller: &Teller,
) -> Result<MoveReport> {
    use artifact_app::MoveEvent as Event;
    if dry_run {
        let mut report = MoveReport::default();
        let mut plan = store.move_plan(scope);
        while let Some(one) = plan.try_next().await? {
            let content = one.record.content.as_ref();
            report.moved += 1;
            report.stored_size_bytes += content.map_or(0, |content| content.stored_size_bytes);
            let event = MoveEvent::Planned {
                artifact: boxed(&one.record),
                tier: one.tier,
            };
            if !teller.item(&event).await {
                break;
            }
        }
        return Ok(report);
    }
    let tell = |event: Event| match event {
        Event::Moved(record) => teller.item_now(&MoveEvent::Moved(boxed(&record))),
        Event::Restoring(record) => teller.item_now(&MoveEvent::Restoring(boxed(&record))),
        Event::Lost(record) => teller.item_now(&MoveEvent::Lost(boxed(&record))),
        Event::Failed(_, error) => teller.failed_now(&error),
    };
    store.move_all(scope, tell).await
}

/// Takes old versions away: of one artifact, or of all that a filter selects.
#[utoipa::path(
    post,
    path = "/api/v1/prune",
    tag = "upkeep",
    operation_id = "prune",
    params(FilterParams),
    request_body(content = serde_json::Map<String, serde_json::Value>, content_type = "application/json", description = "`keep` so many of the newest, or those that are not `older_than_days`; `artifact` is a URI or an id (without it the query selects), `dry_run` takes nothing away"),
    responses(
        (status = 200, description = "What becomes of each, a document per line: `item` with `goes` or `held`; `failed`; and last `sums` or `error`", content_type = "application/x-ndjson", body = Vec<u8>),
        Problems,
    ),
)]
pub(crate) async fn prune(
    caller: Caller,
    RawQuery(query): RawQuery,
    Params(params): Params<FilterParams>,
    Document(body): Document,
) -> Result<Response, Problem> {
    let request: PruneRequest = document(&body)?;
    let has_query = query.is_some_and(|query| !query.is_empty());
    if request.artifact.is_some() == has_query {
        let message = "either an artifact is named or a query selects some, and not both";
        return Err(Error::invalid_input(message).into());
    }
    let artifact = parsed::<ArtifactRef>(request.artifact.as_deref())?;
    let days = Duration::from_hours(24);
    let older_than = request.older_than_days;
    let rule = PruneRule::new(request.keep, older_than.map(|n| days.saturating_mul(n)))?;
    let mut filter = params.filter(caller.aside())?;
    filter.versions = Versions::All;
    let (store, filter) = if let Some(artifact) = &artifact {
        if request.dry_run {
            caller.to(Action::Read).with(artifact).await?;
        }
        (caller.with(artifact).await?.clone(), filter)
    } else {
        let both = [Action::Delete, Action::Read];
        let (store, filter) = caller.among_seen(&both, filter).await?;
        (store.clone(), filter)
    };
    Ok(lines::answer(
        &caller.app().clone(),
        move |teller| async move {
            let scope = match artifact {
                Some(artifact) => PruneScope::One(artifact),
                None => PruneScope::Selected(Box::new(filter)),
            };
            let mut outcomes = if request.dry_run {
                store.plan_prune(scope, rule).await?
            } else {
                store.prune(scope, rule).await?.boxed()
            };
            let (mut pruned, mut held, mut failed) = (0_u64, 0_u64, 0_u64);
            while let Some(outcome) = outcomes.next().await {
                let is_heard = match outcome {
                    Ok(artifact_app::OldVersion::Goes(record)) => {
                        pruned += 1;
                        let told = caller.told(&record).await.into();
                        teller.item(&OldVersion::Goes(told)).await
                    }
                    Ok(artifact_app::OldVersion::Held(record)) => {
                        held += 1;
                        let told = caller.told(&record).await.into();
                        teller.item(&OldVersion::Held(told)).await
                    }
                    Err(error) => {
                        failed += 1;
                        teller.failed(&error).await
                    }
                };
                if request.dry_run && !is_heard {
                    break;
                }
            }
            Ok(json!({ "pruned": pruned, "held": held, "failed": failed }))
        },
    ))
}

fn boxed(record: &ArtifactRecord) -> Box<Artifact> {
    Box::new(Artifact::from(record))
}
