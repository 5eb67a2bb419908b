//! Uploads whose bytes go to the bucket itself: begun here with a signed URL, completed here once they are
//! there, or given up.

use std::time::Duration;

use artifact_api::{BeginRequest, CompleteRequest};
use artifact_app::{Compression, UploadRequest, view};
use artifact_domain::access::Target;
use artifact_domain::{Coordinate, Error, Result};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::de::DeserializeOwned;

use super::presign::USUAL_S;
use super::reply;
use crate::api::schemas::{
    ArtifactDocument, BeginDocument, CompleteDocument, Problems, SignedDocument,
};
use crate::body::Document;
use crate::gate::Caller;
use crate::params::{Id, IdParam};
use crate::problem::Problem;

/// Reserves the next version of an artifact, and signs a URL of the bucket that its bytes can be put to.
#[utoipa::path(
    post,
    path = "/api/v1/artifacts",
    tag = "artifacts",
    operation_id = "begin_upload",
    request_body(content = BeginDocument, content_type = "application/json", description = "What the bytes will be"),
    responses(
        (status = 201, description = "Where to put them. `…/artifacts/{id}/complete` checks them then and makes them visible", body = SignedDocument),
        Problems,
    ),
)]
pub(crate) async fn begin(caller: Caller, Document(body): Document) -> Result<Response, Problem> {
    let begin: BeginRequest = parse(&body)?;
    if begin
        .retention_days
        .is_some_and(|days| !(1..=36_500).contains(&days))
    {
        return Err(Error::invalid_input("retention_days is 1 to 36500").into());
    }
    let guess = artifact_guess::guess(&begin.name, &[]);
    let artifact_type = begin.artifact_type.unwrap_or(guess.artifact_type);
    let coordinate = Coordinate::new(begin.spec, begin.task, artifact_type, begin.name)?;
    let store = caller.at(Target::Artifact(&coordinate)).await?.clone();
    let request = UploadRequest {
        mime_type: begin.mime_type.unwrap_or(guess.mime_type),
        tags: begin.tags,
        metadata: begin.metadata,
        retention_days: begin.retention_days,
        size_hint_bytes: begin.size_bytes,
        ..UploadRequest::new(coordinate)
    };
    let valid_for = Duration::from_secs(begin.expires_in_s.unwrap_or(USUAL_S));
    let handover = caller
        .app()
        .finish(async move { store.begin_upload(request, valid_for).await })
        .await?;
    Ok(reply::json(
        StatusCode::CREATED,
        &view::presign::upload(&handover),
    ))
}

/// Checks the bytes that were put to the URL of an upload, stores them as any upload, and makes them visible.
/// To complete it again changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/artifacts/{id}/complete",
    tag = "artifacts",
    operation_id = "complete_upload",
    params(IdParam),
    request_body(content = CompleteDocument, content_type = "application/json", description = "What the bytes must be"),
    responses(
        (status = 200, description = "It is stored", body = ArtifactDocument),
        Problems,
    ),
)]
pub(crate) async fn complete(
    caller: Caller,
    Id(id): Id,
    Document(body): Document,
) -> Result<Response, Problem> {
    let asked: CompleteRequest = parse(&body)?;
    let store = caller.with(&id.into()).await?.clone();
    let request = artifact_app::CompleteRequest {
        id,
        expected_digest: asked.sha256,
        expected_size_bytes: asked.size_bytes,
        compression: match asked.compress {
            Some(false) => Compression::Off,
            _ => Compression::AsConfigured,
        },
    };
    let record = caller
        .app()
        .finish(async move { store.complete_upload(request).await })
        .await?;
    Ok(reply::changed(&caller, StatusCode::OK, &record).await)
}

/// Gives an upload up that was begun and not completed, and takes away what was put.
#[utoipa::path(
    post,
    path = "/api/v1/artifacts/{id}/abort",
    tag = "artifacts",
    operation_id = "abort_upload",
    params(IdParam),
    responses(
        (status = 204, description = "It is given up"),
        Problems,
    ),
)]
pub(crate) async fn abort(caller: Caller, Id(id): Id) -> Result<Response, Problem> {
    let store = caller.with(&id.into()).await?.clone();
    caller
        .app()
        .finish(async move { store.abort_upload(id).await })
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body)
        .map_err(|cause| Error::invalid_input(format!("the request can't be read: {cause}")))
}
