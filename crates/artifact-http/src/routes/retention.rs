//! The rules by which artifacts expire.

use artifact_domain::access::Target;
use axum::response::Response;
use http::StatusCode;

use super::reply;
use crate::api::schemas::{Problems, RetentionDocument};
use crate::gate::Caller;
use crate::problem::Problem;

/// The rules in force. They are about everything, so whoever asks may read everything.
#[utoipa::path(
    get,
    path = "/api/v1/retention",
    tag = "upkeep",
    operation_id = "retention",
    responses(
        (status = 200, description = "The rules", body = RetentionDocument),
        Problems,
    ),
)]
pub(crate) async fn show(caller: Caller) -> Result<Response, Problem> {
    caller.at(Target::Store).await?;
    let rules = &caller.app().settings.retention;
    Ok(reply::json(StatusCode::OK, rules))
}
