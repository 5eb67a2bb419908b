//! What an admin asks of the store as a whole: its index, its locks, and whether everything works that its
//! settings name.

use std::sync::{Mutex, PoisonError};

use artifact_api::{HealthCheck, HealthReport, ReindexEvent, ReindexReport};
use artifact_app::{ReindexFinding, ReindexOptions, view};
use artifact_domain::access::Target;
use artifact_domain::query::{Filter, Order, PageSize};
use artifact_domain::{ArtifactRef, Check, CheckOutcome, Error, Result};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{lines, reply};
use crate::api::schemas::Problems;
use crate::gate::Caller;
use crate::params::{Params, parsed};
use crate::problem::Problem;

/// After how many more versions it is told how far rebuilding is.
const TOLD_VERSIONS: u64 = 64;

/// How to rebuild.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReindexParams {
    /// Takes in blobs that no metadata names, even if the index was complete
    recover: bool,
}

/// Takes into the index what lies in the store and is not in it. What is in it stays as it is.
#[utoipa::path(
    post,
    path = "/api/v1/reindex",
    tag = "upkeep",
    operation_id = "reindex",
    params(ReindexParams),
    responses(
        (status = 200, description = "What is found, a document per line: `item` with `finding` or `progress`, and last `sums` or `error`", content_type = "application/x-ndjson", body = Vec<u8>),
        Problems,
    ),
)]
pub(crate) async fn reindex(
    caller: Caller,
    Params(params): Params<ReindexParams>,
) -> Result<Response, Problem> {
    let store = caller.at(Target::Store).await?.clone();
    let options = ReindexOptions {
        recover: params.recover,
        media_type: |name, head| artifact_guess::guess(name, head).mime_type,
    };
    Ok(lines::answer(caller.app(), move |teller| async move {
        let told = Mutex::new(0);
        let tell = |finding: Option<&ReindexFinding>, report: &_| {
            let report = view::upkeep::reindex_report(report);
            if let Some(finding) = finding {
                let finding = view::upkeep::reindex_finding(finding);
                teller.item_now(&ReindexEvent::Finding(Box::new(finding)));
            }
            let is_news = {
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                let seen = seen(&report);
                let is_news = seen.saturating_sub(*told) >= TOLD_VERSIONS;
                if is_news {
                    *told = seen;
                }
                is_news
            };
            if is_news {
                teller.item_now(&ReindexEvent::Progress(report));
            }
        };
        let report = store.reindex(options, tell).await?;
        Ok(view::upkeep::reindex_report(&report))
    }))
}

fn seen(report: &ReindexReport) -> u64 {
    report.restored + report.recovered + report.known + report.missing + report.failed
}

/// Whose lock.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LockParams {
    /// `artifact://SPEC/TASK/TYPE/NAME`, or an id
    #[param(required = true)]
    artifact: Option<String>,
}

/// Whose lock is broken.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UnlockParams {
    /// `artifact://SPEC/TASK/TYPE/NAME`, or an id
    #[param(required = true)]
    artifact: Option<String>,
    /// Says what would be done, and does nothing
    dry_run: bool,
}

/// Whether an artifact is locked, and by whom.
#[utoipa::path(
    get,
    path = "/api/v1/locks",
    tag = "upkeep",
    operation_id = "lock_status",
    params(LockParams),
    responses(
        (status = 200, description = "`locked`, and `holder` with `pid`, `host` and `since` where that is known", body = serde_json::Map<String, serde_json::Value>),
        Problems,
    ),
)]
pub(crate) async fn lock_status(
    caller: Caller,
    Params(params): Params<LockParams>,
) -> Result<Response, Problem> {
    let artifact = named(params.artifact.as_deref())?;
    let store = caller.at(Target::Store).await?;
    let status = store.lock_status(&artifact).await?;
    let document = view::upkeep::lock_status(&status);
    Ok(reply::json(StatusCode::OK, &document))
}

/// Takes the lock of an artifact away from a writer that hangs; what it writes is not lost nor mixed up.
#[utoipa::path(
    delete,
    path = "/api/v1/locks",
    tag = "upkeep",
    operation_id = "break_lock",
    params(UnlockParams),
    responses(
        (status = 200, description = "`was_locked`, and whether it is `unlocked` now", body = serde_json::Map<String, serde_json::Value>),
        Problems,
    ),
)]
pub(crate) async fn break_lock(
    caller: Caller,
    Params(params): Params<UnlockParams>,
) -> Result<Response, Problem> {
    let (artifact, dry_run) = (named(params.artifact.as_deref())?, params.dry_run);
    let store = caller.at(Target::Store).await?.clone();
    let broken = async move { store.break_lock(&artifact, dry_run).await };
    let broken = caller.app().finish(broken).await?;
    let document = view::upkeep::unlocked(&broken, dry_run);
    Ok(reply::json(StatusCode::OK, &document))
}

fn named(artifact: Option<&str>) -> Result<ArtifactRef> {
    parsed(artifact)?.ok_or_else(|| Error::invalid_input("no artifact was named"))
}

/// Tries whether everything works that the settings of the server name. What is tried is taken away again.
#[utoipa::path(
    post,
    path = "/api/v1/doctor",
    tag = "upkeep",
    operation_id = "doctor",
    responses(
        (status = 200, description = "What is tried, a document per line: `item` with `check`, `outcome` and `message`, and last `sums` or `error`", content_type = "application/x-ndjson", body = Vec<u8>),
        Problems,
    ),
)]
pub(crate) async fn doctor(caller: Caller) -> Result<Response, Problem> {
    let store = caller.at(Target::Store).await?.clone();
    let app = caller.app().clone();
    Ok(lines::answer(&app.clone(), move |teller| async move {
        let mut report = HealthReport::default();
        let mut tell = |check: Check| {
            report.checks += 1;
            report.failed += u64::from(matches!(check.outcome, CheckOutcome::Fail(_)));
            teller.item_now(&HealthCheck::from(&check));
        };
        // It is open: an engine that only one may have open would keep everybody else waiting.
        let own = async || {
            let one = PageSize::new(1)?;
            let looked = store.search(Filter::default(), Order::default(), None, one);
            looked.await.map(|_| store.clone())
        };
        artifact_bootstrap::examine(&app.settings, own, &|| false, &mut tell).await;
        Ok(report)
    }))
}
