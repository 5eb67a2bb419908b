//! URLs for those who have no token: signed by the bucket, or else by this server and leading to it.

use std::time::Duration;

use artifact_app::{check_time, view};
use artifact_domain::access::Target;
use artifact_domain::{ArtifactUri, Error, ErrorKind, Result};
use axum::Extension;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use super::reply;
use crate::api::schemas::{Problems, SignedDocument, SignedUploadDocument};
use crate::client::Client;
use crate::gate::Caller;
use crate::params::{At, Id, IdParam, Params, RawCoordinate};
use crate::problem::Problem;

/// For how long a URL is signed where nobody says.
pub(super) const USUAL_S: u64 = 3_600;

/// For how long.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PresignParams {
    /// For how many seconds
    #[param(minimum = 1, maximum = 604_800)]
    expires_in_s: Option<u64>,
}

impl PresignParams {
    fn valid_for(&self) -> Duration {
        Duration::from_secs(self.expires_in_s.unwrap_or(USUAL_S))
    }
}

/// Signs a URL to download a version from.
#[utoipa::path(
    post,
    path = "/api/v1/artifacts/{id}/presign",
    tag = "artifacts",
    operation_id = "presign",
    params(IdParam, PresignParams),
    responses(
        (status = 200, description = "The URL", body = SignedDocument),
        Problems,
    ),
)]
pub(crate) async fn download(
    caller: Caller,
    Id(id): Id,
    Params(params): Params<PresignParams>,
    Extension(client): Extension<Client>,
) -> Result<Response, Problem> {
    let id = id.into();
    let store = caller.with(&id).await?;
    let server = own_url(&caller, &client)?;
    let urls = &caller.app().signer;
    let signed = urls
        .download(store, &id, params.valid_for(), Some(&server))
        .await?;
    Ok(reply::json(
        StatusCode::OK,
        &view::presign::download(&signed),
    ))
}

/// Signs a URL to upload the next version of what the path names to, by one or several `PUT`.
#[utoipa::path(
    post,
    path = "/api/v1/specs/{spec}/tasks/{task}/{type}/{name}",
    tag = "content",
    operation_id = "presign_upload",
    params(RawCoordinate, PresignParams),
    responses(
        (status = 200, description = "The URL", body = SignedUploadDocument),
        Problems,
    ),
)]
pub(crate) async fn upload(
    caller: Caller,
    At(at): At,
    Params(params): Params<PresignParams>,
    Extension(client): Extension<Client>,
) -> Result<Response, Problem> {
    let store = caller.at(Target::Artifact(&at)).await?;
    let (now, valid_for) = (store.now(), params.valid_for());
    check_time(valid_for)?;
    let valid_until = now.saturating_add(valid_for);
    let artifact = ArtifactUri::from(at);
    let target = path_of(&artifact)?;
    let urls = &caller.app().signer;
    let signed = urls.sign("PUT", &target, valid_until, now).await?;
    let url = format!("{}{signed}", own_url(&caller, &client)?);
    let document = json!({
        "uri": artifact,
        "method": "PUT",
        "url": url,
        "headers": {},
        "valid_until": valid_until,
    });
    Ok(reply::json(StatusCode::OK, &document))
}

/// The path of what a URI names, encoded as that is.
fn path_of(uri: &ArtifactUri) -> Result<String> {
    let text = uri.to_string();
    let parts = text.strip_prefix("artifact://");
    let mut parts = parts.into_iter().flat_map(|parts| parts.splitn(3, '/'));
    match (parts.next(), parts.next(), parts.next()) {
        (Some(spec), Some(task), Some(rest)) => {
            Ok(format!("/api/v1/specs/{spec}/tasks/{task}/{rest}"))
        }
        _ => Err(Error::new(
            ErrorKind::Internal,
            "a URI is not as it should be",
        )),
    }
}

/// Where this server is for whoever asks: as the settings say, or else as the request does.
fn own_url(caller: &Caller, client: &Client) -> Result<String> {
    if let Some(url) = caller.app().signer.public_url() {
        return Ok(url.to_owned());
    }
    let host = client.host.as_deref().ok_or_else(|| {
        Error::invalid_input("the header Host does not say where this server is")
            .with_hint("set http.public_url")
    })?;
    Ok(format!("{}://{host}", client.scheme))
}
