//! Whether the server runs, and whether it can serve.

use artifact_domain::Result;
use axum::extract::State;

use crate::problem::Problem;
use crate::state::App;

/// It runs.
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// Its index answers and its blob store does.
pub(crate) async fn ready(State(app): State<App>) -> Result<&'static str, Problem> {
    app.store.probe().await?;
    Ok("ok\n")
}
