//! The description of the server's interface, OpenAPI 3.1, made from the routes. It is served,
//! printed by `--openapi`, and kept in docs/openapi.json.

pub(crate) mod headers;
pub(crate) mod schemas;

use std::sync::OnceLock;

use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::routes;
use crate::tus;
use schemas::ProblemTypes;

/// What is said of the whole.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Artifact store",
        description = "Artifacts of CI jobs and coding agents: stored as streams, hashed, compressed, \
                       found again, checked on the way back. Every error is a problem of RFC 9457.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    modifiers(&Bearer, &ProblemTypes),
    // Without any token in its file the server asks nobody.
    security((), ("bearer" = [])),
    tags(
        (name = "content", description = "The bytes of artifacts"),
        (name = "artifacts", description = "What is known of artifacts"),
        (name = "uploads", description = "Resumable uploads by tus 1.0"),
        (name = "sums", description = "How much is stored, and what has changed"),
        (name = "access", description = "Who may do what"),
        (name = "upkeep", description = "Looking after the store"),
        (name = "server", description = "The server itself"),
    ),
    paths(
        routes::upload::put,
        routes::presign::upload,
        routes::content::newest,
        routes::content::head_of_newest,
        routes::artifact::delete_named,
        routes::content::by_id,
        routes::content::head_by_id,
        routes::list::list,
        routes::bulk::delete,
        routes::artifact::show,
        routes::artifact::patch,
        routes::artifact::delete,
        routes::artifact::versions,
        routes::resolve::show,
        routes::resolve::delete,
        routes::changes::change,
        routes::changes::holds,
        routes::retention::show,
        routes::resolve::why,
        routes::resolve::versions,
        routes::export::export_selected,
        routes::import::import,
        routes::grep::grep,
        routes::moves::move_many,
        routes::moves::prune,
        routes::tiers::archive,
        routes::tiers::restore,
        routes::presign::download,
        routes::handover::begin,
        routes::handover::complete,
        routes::handover::abort,
        routes::export::export_spec,
        routes::export::export_task,
        tus::handlers::options,
        tus::handlers::create,
        tus::handlers::options_of_one,
        tus::handlers::head,
        tus::handlers::show,
        tus::handlers::patch,
        tus::handlers::terminate,
        routes::sums::usage,
        routes::sums::trend,
        routes::compare::compare,
        routes::upkeep::cleanup,
        routes::upkeep::gc,
        routes::upkeep::verify,
        routes::machine::reindex,
        routes::machine::doctor,
        routes::audit::audit,
        routes::machine::lock_status,
        routes::machine::break_lock,
        routes::bucket::lifecycle,
        routes::bucket::set_lifecycle,
        routes::bucket::cors,
        routes::bucket::set_cors,
        routes::bucket::policy,
        routes::bucket::set_policy,
        routes::tokens::list,
        routes::tokens::create,
        routes::tokens::revoke,
        routes::tokens::rotate_key,
        routes::health::live,
        routes::health::ready,
        routes::health::metrics,
        routes::health::openapi,
    ),
)]
struct Description;

/// How a client shows who it is.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let token = Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token of `artifact token create`"))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(token));
    }
}

/// The document.
pub(crate) fn document() -> &'static str {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let mut text = Description::openapi().to_pretty_json().unwrap_or_default();
        text.push('\n');
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_that_is_kept_is_that_of_the_code() {
        let kept = include_str!("../../../../docs/openapi.json");
        assert!(
            kept == document(),
            "docs/openapi.json is old: `artifact-http --openapi > docs/openapi.json`"
        );
    }
}
