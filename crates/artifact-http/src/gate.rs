//! The one place that every request passes before its route: who may do what is asked here.

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::MethodRouter;

use crate::problem::Problem;
use crate::state::App;

/// What a route may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Sees artifacts, their content and sums of them.
    Read,
    /// Stores and changes artifacts.
    Write,
    /// Takes artifacts away.
    Delete,
    /// Looks after the store as a whole.
    Operate,
    /// Sees that the server runs, what it does and what it is.
    Watch,
}

/// What the gate knows of a route.
#[derive(Debug, Clone)]
struct Guard {
    action: Action,
}

/// Puts the gate before routes.
pub(crate) fn guard(action: Action, routes: MethodRouter<App>) -> MethodRouter<App> {
    routes.layer(middleware::from_fn_with_state(Guard { action }, pass))
}

/// Lets everybody through: the server listens on the loopback interface alone, so whoever comes may use
/// the machine.
async fn pass(
    State(guard): State<Guard>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    request.extensions_mut().insert(guard.action);
    Ok(next.run(request).await)
}
