//! The routes: paths, methods, what each may be used for. Every one passes the gate.

mod artifact;
mod bulk;
mod compare;
mod content;
mod export;
mod health;
mod list;
mod reply;
mod sums;
mod tiers;
mod upkeep;
mod upload;

use axum::Router;
use axum::routing::{self, MethodRouter, get, post};

use crate::gate::{self, Action};
use crate::problem::Problem;
use crate::state::App;
use artifact_domain::{Error, ErrorKind};
use http::StatusCode;

/// Every route of the server.
pub(crate) fn all(app: &App) -> Router {
    let allow = |action: Action, routes: MethodRouter<App>| gate::guard(app, action, routes);
    let read = |routes| allow(Action::Read, routes);
    let write = |routes| allow(Action::Write, routes);
    let delete = |routes| allow(Action::Delete, routes);
    let operate = |routes| allow(Action::Operate, routes);

    let named = read(get(content::newest).head(content::newest))
        .merge(write(routing::put(upload::put)))
        .merge(delete(routing::delete(artifact::delete_named)));
    let one = read(get(artifact::show))
        .merge(write(routing::patch(artifact::patch)))
        .merge(delete(routing::delete(artifact::delete)));
    let many = read(get(list::list)).merge(delete(routing::delete(bulk::delete)));
    let api = Router::new()
        .route("/specs/{spec}/tasks/{task}/{type}/{*name}", named)
        .route("/artifacts", many)
        .route("/artifacts/{id}", one)
        .route(
            "/artifacts/{id}/content",
            read(get(content::by_id).head(content::by_id)),
        )
        .route("/artifacts/{id}/versions", read(get(artifact::versions)))
        .route("/artifacts/{id}/archive", write(post(tiers::archive)))
        .route("/artifacts/{id}/restore", write(post(tiers::restore)))
        .route("/artifacts/{id}/presign", read(post(tiers::presign)))
        .route("/specs/{spec}/export", read(get(export::export)))
        .route(
            "/specs/{spec}/tasks/{task}/export",
            read(get(export::export)),
        )
        .route("/usage", read(get(sums::usage)))
        .route("/trend", read(get(sums::trend)))
        .route("/compare", read(get(compare::compare)))
        .route("/cleanup", operate(post(upkeep::cleanup)))
        .route("/gc", operate(post(upkeep::gc)))
        .route("/verify", operate(post(upkeep::verify)));
    Router::new()
        .nest("/api/v1", api)
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .with_state(app.clone())
}

async fn unknown() -> Problem {
    let message = "there is no such path";
    Error::new(ErrorKind::NotFound, message).into()
}

async fn wrong_method() -> Problem {
    let error = Error::invalid_input("this path has no such method");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, error)
}
