//! What a URI or an id names, wherever a person could write either.

use artifact_api::Artifact;
use artifact_app::view;
use artifact_domain::access::Action;
use artifact_domain::{ArtifactRef, Error, Result};
use axum::response::Response;
use futures::TryStreamExt;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use super::{lines, reply};
use crate::api::schemas::{ArtifactDocument, Problems};
use crate::gate::Caller;
use crate::params::{Params, parsed};
use crate::problem::Problem;

/// Which artifact.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ResolveParams {
    /// `artifact://SPEC/TASK/TYPE/NAME`, maybe with `?version=N`, or an id
    #[param(required = true)]
    artifact: Option<String>,
}

/// Which artifact is taken away.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TakenParams {
    /// `artifact://SPEC/TASK/TYPE/NAME`, maybe with `?version=N`, or an id
    #[param(required = true)]
    artifact: Option<String>,
    /// Says what would be done, and does nothing
    dry_run: bool,
}

/// What is known of the artifact that a URI or an id names.
#[utoipa::path(
    get,
    path = "/api/v1/resolve",
    tag = "artifacts",
    operation_id = "resolve",
    params(ResolveParams),
    responses(
        (status = 200, description = "What is known of it", body = ArtifactDocument),
        Problems,
    ),
)]
pub(crate) async fn show(
    caller: Caller,
    Params(params): Params<ResolveParams>,
) -> Result<Response, Problem> {
    let artifact = named(params.artifact.as_deref())?;
    let record = caller.with(&artifact).await?.show(&artifact).await?;
    Ok(reply::details(StatusCode::OK, &record))
}

/// Takes the artifact away that a URI or an id names, and says what it was.
#[utoipa::path(
    delete,
    path = "/api/v1/resolve",
    tag = "artifacts",
    operation_id = "resolve_and_delete",
    params(TakenParams),
    responses(
        (status = 200, description = "As it was left", body = ArtifactDocument),
        Problems,
    ),
)]
pub(crate) async fn delete(
    caller: Caller,
    Params(params): Params<TakenParams>,
) -> Result<Response, Problem> {
    let artifact = named(params.artifact.as_deref())?;
    let store = caller.with(&artifact).await?.clone();
    let record = if params.dry_run {
        caller.to(Action::Read).with(&artifact).await?;
        store.plan_delete(&artifact).await?
    } else {
        let delete = async move { store.delete(&artifact).await };
        let deleted = caller.app().finish(delete);
        deleted.await?
    };
    Ok(reply::json(StatusCode::OK, &caller.told(&record).await))
}

/// When and by which rule an artifact goes, or what keeps it; also what has expired, and what is deleted
/// as long as something is left of it.
#[utoipa::path(
    get,
    path = "/api/v1/why",
    tag = "artifacts",
    operation_id = "why",
    params(ResolveParams),
    responses(
        (status = 200, description = "When it goes, and by which rule", body = serde_json::Map<String, serde_json::Value>),
        Problems,
    ),
)]
pub(crate) async fn why(
    caller: Caller,
    Params(params): Params<ResolveParams>,
) -> Result<Response, Problem> {
    let artifact = named(params.artifact.as_deref())?;
    let retained = caller.with(&artifact).await?.why(&artifact).await?;
    Ok(reply::json(StatusCode::OK, &view::why::document(&retained)))
}

/// Tells of every version of an artifact, the newest first, line by line.
#[utoipa::path(
    get,
    path = "/api/v1/versions",
    tag = "artifacts",
    operation_id = "all_versions",
    params(ResolveParams),
    responses(
        (status = 200, description = "Each of them, a document per line: `item`, and last `sums` or `error`", content_type = "application/x-ndjson", body = Vec<u8>),
        Problems,
    ),
)]
pub(crate) async fn versions(
    caller: Caller,
    Params(params): Params<ResolveParams>,
) -> Result<Response, Problem> {
    let artifact = named(params.artifact.as_deref())?;
    let found = caller.with(&artifact).await?.versions(&artifact).await?;
    Ok(lines::answer(caller.app(), move |teller| async move {
        let mut count = 0_u64;
        let mut found = std::pin::pin!(found);
        while let Some(record) = found.try_next().await? {
            count += 1;
            if !teller.item(&Artifact::from(&record)).await {
                break;
            }
        }
        Ok(json!({ "versions": count }))
    }))
}

fn named(artifact: Option<&str>) -> Result<ArtifactRef> {
    parsed(artifact)?.ok_or_else(|| Error::invalid_input("no artifact was named"))
}
