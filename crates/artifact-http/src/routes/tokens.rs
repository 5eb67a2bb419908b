//! Tokens, and the keys of URLs that the server signs: made, listed and taken back by admins of the whole store.

use artifact_api::{TokenItems, TokenRequest};
use artifact_bootstrap::TokenDesk;
use artifact_domain::access::Target;
use artifact_domain::{Error, Result};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::reply;
use crate::api::schemas::Problems;
use crate::body::{Document, document};
use crate::gate::Caller;
use crate::params::Params;
use crate::problem::Problem;

/// Every token, the oldest first, without their secrets.
#[utoipa::path(
    get,
    path = "/api/v1/tokens",
    tag = "access",
    operation_id = "list_tokens",
    responses(
        (status = 200, description = "`items`, each with `id`, `name`, `grants`, `created_at`, `expires_at`, `expired`, `accepted`, `last_used_at` and `made_by`", body = serde_json::Map<String, serde_json::Value>),
        Problems,
    ),
)]
pub(crate) async fn list(caller: Caller) -> Result<Response, Problem> {
    let now = caller.at(Target::Store).await?.now();
    let items = caller.app().desk.list(now).await?;
    Ok(reply::json(StatusCode::OK, &TokenItems { items }))
}

/// Makes a token, which ends with the one that asks for it: not later, and when that one is revoked.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    tag = "access",
    operation_id = "create_token",
    request_body(content = serde_json::Map<String, serde_json::Value>, content_type = "application/json", description = "`name`; `grants`, each with `actions` and the patterns `spec` and `task` (without them everywhere); `expires_in_days` or `never_expires`"),
    responses(
        (status = 201, description = "What is known of it, and this once the `token` itself", body = serde_json::Map<String, serde_json::Value>),
        Problems,
    ),
)]
pub(crate) async fn create(caller: Caller, Document(body): Document) -> Result<Response, Problem> {
    let request: TokenRequest = document(&body)?;
    let about = format!("token {}", TokenDesk::name_of(&request.name));
    let now = caller.at(Target::Part(&about)).await?.now();
    let maker = caller.token()?.to_owned();
    let desk = caller.app().desk.clone();
    let made = async move { desk.create(request, Some(&maker), now).await };
    let made = caller.app().finish(made).await?;
    caller.did([format!("token {} ({})", made.about.name, made.about.id)]);
    Ok(reply::secret(StatusCode::CREATED, &made))
}

/// Which token.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RevokeParams {
    /// Its name or id
    #[param(required = true)]
    token: Option<String>,
}

/// Takes a token away, and those that were made by it.
#[utoipa::path(
    delete,
    path = "/api/v1/tokens",
    tag = "access",
    operation_id = "revoke_token",
    params(RevokeParams),
    responses(
        (status = 200, description = "`items`, each with `id` and `name`: the token, and those that were made by it", body = serde_json::Map<String, serde_json::Value>),
        Problems,
    ),
)]
pub(crate) async fn revoke(
    caller: Caller,
    Params(params): Params<RevokeParams>,
) -> Result<Response, Problem> {
    let named = params.token;
    let named = named.ok_or_else(|| Error::invalid_input("no token was named"))?;
    let about = format!("token {}", TokenDesk::name_of(&named));
    let now = caller.at(Target::Part(&about)).await?.now();
    let (desk, by) = (
        caller.app().desk.clone(),
        caller.token().ok().map(str::to_owned),
    );
    let revoked = async move { desk.revoke(&named, by.as_deref(), now).await };
    let items = caller.app().finish(revoked).await?;
    let gone = items.iter();
    caller.did(gone.map(|token| format!("token {} ({})", token.name, token.id)));
    Ok(reply::json(StatusCode::OK, &TokenItems { items }))
}

/// Takes back every URL that the server has signed. Those that a bucket has signed are not among them.
#[utoipa::path(
    delete,
    path = "/api/v1/signing-keys",
    tag = "access",
    operation_id = "rotate_key",
    responses(
        (status = 200, description = "`rotated_at`", body = serde_json::Map<String, serde_json::Value>),
        Problems,
    ),
)]
pub(crate) async fn rotate_key(caller: Caller) -> Result<Response, Problem> {
    let now = caller
        .at(Target::Part("the keys of signed URLs"))
        .await?
        .now();
    let (desk, by) = (
        caller.app().desk.clone(),
        caller.token().ok().map(str::to_owned),
    );
    let rotated = async move { desk.rotate_key(by.as_deref(), now).await };
    let rotated = caller.app().finish(rotated).await?;
    Ok(reply::json(StatusCode::OK, &rotated))
}
