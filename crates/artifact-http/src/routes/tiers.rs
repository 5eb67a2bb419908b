//! Moving an artifact to the cold tier and back.

use artifact_app::{RestoreOptions, Restored, view};
use artifact_domain::Result;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::reply;
use crate::api::schemas::{ArtifactDocument, Problems};
use crate::gate::Caller;
use crate::params::{Id, IdParam, Params};
use crate::problem::Problem;

/// How a store is asked for what is frozen.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RestoreParams {
    /// For how many days a bucket keeps at hand what was frozen
    #[param(minimum = 1, maximum = 3650)]
    keep_days: Option<u32>,
}

/// Moves a version to the cold tier.
#[utoipa::path(
    post,
    path = "/api/v1/artifacts/{id}/archive",
    tag = "artifacts",
    operation_id = "archive",
    params(IdParam),
    responses(
        (status = 200, description = "As it is now", body = ArtifactDocument),
        Problems,
    ),
)]
pub(crate) async fn archive(caller: Caller, Id(id): Id) -> Result<Response, Problem> {
    let id = id.into();
    let store = caller.with(&id).await?.clone();
    let record = caller
        .app()
        .finish(async move { store.archive(&id).await })
        .await?;
    Ok(reply::changed(&caller, StatusCode::OK, &record).await)
}

/// Brings a version back; says 202 where its store needs time for that.
#[utoipa::path(
    post,
    path = "/api/v1/artifacts/{id}/restore",
    tag = "artifacts",
    operation_id = "restore",
    params(IdParam, RestoreParams),
    responses(
        (status = 200, description = "As it is now", body = ArtifactDocument),
        (status = 202, description = "Its store needs time", body = ArtifactDocument),
        Problems,
    ),
)]
pub(crate) async fn restore(
    caller: Caller,
    Id(id): Id,
    Params(params): Params<RestoreParams>,
) -> Result<Response, Problem> {
    let usual = RestoreOptions::default();
    let options = RestoreOptions {
        days: params.keep_days.unwrap_or(usual.days),
    };
    let id = id.into();
    let store = caller.with(&id).await?.clone();
    let restored = caller
        .app()
        .finish(async move { store.restore(&id, options).await })
        .await?;
    Ok(match restored {
        Restored::Back(record) => reply::changed(&caller, StatusCode::OK, &record).await,
        Restored::Restoring(record) if caller.sees(&record.coordinate).await => {
            reply::json(StatusCode::ACCEPTED, &view::tiers::restoring(&record))
        }
        Restored::Restoring(record) => reply::changed(&caller, StatusCode::ACCEPTED, &record).await,
    })
}
