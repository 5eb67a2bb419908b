//! The routes: paths, methods, what each may be used for. Every one passes the gate.

pub(crate) mod artifact;
pub(crate) mod audit;
pub(crate) mod bucket;
pub(crate) mod bulk;
pub(crate) mod changes;
pub(crate) mod compare;
pub(crate) mod content;
pub(crate) mod export;
mod export_parts;
pub(crate) mod grep;
pub(crate) mod handover;
pub(crate) mod health;
pub(crate) mod import;
mod lines;
pub(crate) mod list;
pub(crate) mod machine;
pub(crate) mod moves;
pub(crate) mod presign;
pub(crate) mod reply;
pub(crate) mod resolve;
pub(crate) mod retention;
pub(crate) mod sums;
pub(crate) mod tiers;
pub(crate) mod tokens;
pub(crate) mod upkeep;
mod upkeep_lines;
pub(crate) mod upload;

pub(crate) use self::lines::are_lines;

use axum::Router;
use axum::extract::Request;
use axum::middleware;
use axum::routing::{self, get, post};

use crate::gate;
use crate::problem::Problem;
use crate::rate;
use crate::state::App;
use crate::tus;
use artifact_domain::access::Action;
use artifact_domain::{Error, ErrorKind};
use http::StatusCode;

/// Every route of the server.
pub(crate) fn all(app: &App) -> Router {
    let read = |routes| gate::guard(app, Action::Read, routes);
    let write = |routes| gate::guard(app, Action::Write, routes);
    let delete = |routes| gate::guard(app, Action::Delete, routes);
    let admin = |routes| gate::guard(app, Action::Admin, routes);

    let named = read(get(content::newest).head(content::head_of_newest))
        .merge(write(routing::put(upload::put).post(presign::upload)))
        .merge(delete(routing::delete(artifact::delete_named)));
    let one = read(get(artifact::show))
        .merge(write(routing::patch(artifact::patch)))
        .merge(delete(routing::delete(artifact::delete)));
    let many = read(get(list::list))
        .merge(write(post(handover::begin)))
        .merge(delete(routing::delete(bulk::delete)));
    let resolved = read(get(resolve::show)).merge(delete(routing::delete(resolve::delete)));
    let locks = admin(get(machine::lock_status).delete(machine::break_lock));
    let lifecycle = admin(get(bucket::lifecycle).put(bucket::set_lifecycle));
    let cors = admin(get(bucket::cors).put(bucket::set_cors));
    let tokens = admin(
        get(tokens::list)
            .post(tokens::create)
            .delete(tokens::revoke),
    );
    let policy = admin(get(bucket::policy).put(bucket::set_policy));
    let api = Router::new()
        .route("/specs/{spec}/tasks/{task}/{type}/{*name}", named)
        .route("/artifacts", many)
        .route("/artifacts/{id}", one)
        .route("/resolve", resolved)
        .route("/holds", read(get(changes::holds)))
        .route("/changes", write(post(changes::change)))
        .route(
            "/artifacts/{id}/content",
            read(get(content::by_id).head(content::head_by_id)),
        )
        .route("/artifacts/{id}/versions", read(get(artifact::versions)))
        .route("/artifacts/{id}/archive", write(post(tiers::archive)))
        .route("/artifacts/{id}/restore", write(post(tiers::restore)))
        .route("/artifacts/{id}/presign", read(post(presign::download)))
        .route("/artifacts/{id}/complete", write(post(handover::complete)))
        .route("/artifacts/{id}/abort", write(post(handover::abort)))
        .route("/specs/{spec}/export", read(get(export::export_spec)))
        .route(
            "/specs/{spec}/tasks/{task}/export",
            read(get(export::export_task)),
        )
        .route("/uploads", write(tus::all()))
        .route("/uploads/{id}", write(tus::one()))
        .route("/usage", read(get(sums::usage)))
        .route("/trend", read(get(sums::trend)))
        .route("/compare", read(get(compare::compare)))
        .route("/retention", read(get(retention::show)))
        .route("/why", read(get(resolve::why)))
        .route("/versions", read(get(resolve::versions)))
        .route("/export", read(post(export::export_selected)))
        .route("/import", write(post(import::import)))
        .route("/grep", read(post(grep::grep)))
        .route("/moves", write(post(moves::move_many)))
        .route("/prune", delete(post(moves::prune)))
        .route("/cleanup", admin(post(upkeep::cleanup)))
        .route("/gc", admin(post(upkeep::gc)))
        .route("/verify", admin(post(upkeep::verify)))
        .route("/reindex", admin(post(machine::reindex)))
        .route("/doctor", admin(post(machine::doctor)))
        .route("/audit", admin(get(audit::audit)))
        .route("/locks", locks)
        .route("/bucket/lifecycle", lifecycle)
        .route("/bucket/cors", cors)
        .route("/bucket/policy", policy)
        .route("/tokens", tokens)
        .route("/signing-keys", admin(routing::delete(tokens::rotate_key)));
    Router::new()
        .nest("/api/v1", api)
        .route("/metrics", read(get(health::metrics)))
        // They tell nothing of what is stored, and whoever asks them often has no token.
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route(
            "/openapi.json",
            get(health::openapi).layer(middleware::from_fn(rate::counted)),
        )
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .with_state(app.clone())
}

async fn unknown() -> Problem {
    let message = "there is no such path";
    Error::new(ErrorKind::NotFound, message).into()
}

async fn wrong_method(request: Request) -> Problem {
    if let Err(too_often) = rate::count(request.extensions()) {
        return too_often;
    }
    let error = Error::invalid_input("this path has no such method");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, error)
}
