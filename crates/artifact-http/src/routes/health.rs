//! Whether the server runs, and whether it can serve.

use artifact_domain::Result;
use artifact_domain::access::Target;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderName;
use http::header::CONTENT_TYPE;

use crate::api;
use crate::metrics;

use crate::api::schemas::Problems;
use crate::gate::Caller;
use crate::problem::Problem;
use crate::state::App;

/// It runs.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "server",
    responses(
        (status = 200, description = "It is", body = String, content_type = "text/plain"),
        Problems,
    ),
)]
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// Its index answers and its blob store does.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "server",
    responses(
        (status = 200, description = "It is", body = String, content_type = "text/plain"),
        Problems,
    ),
)]
pub(crate) async fn ready(State(app): State<App>) -> Result<&'static str, Problem> {
    app.readiness.of(app.own_store()).await?;
    Ok("ok\n")
}

/// Numbers for those who watch the server, in the text format of OpenMetrics.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "server",
    responses(
        (status = 200, description = "They are", body = String, content_type = "application/openmetrics-text"),
        Problems,
    ),
)]
pub(crate) async fn metrics(caller: Caller) -> Result<Response, Problem> {
    let usage = caller.at(Target::Store).await?.usage().await?;
    let text = caller.app().metrics.text(&usage)?;
    Ok(([(CONTENT_TYPE, metrics::MEDIA_TYPE)], text).into_response())
}

/// This description.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "server",
    responses(
        (status = 200, description = "OpenAPI 3.1"),
        Problems,
    ),
)]
pub(crate) async fn openapi() -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(CONTENT_TYPE, "application/json")], api::document())
}
