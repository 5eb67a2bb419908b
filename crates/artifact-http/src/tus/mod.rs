//! Resumable uploads by the protocol tus 1.0: bytes are gathered in files of the server's own until all
//! are there, and then stored as any upload is.

mod about;
mod checksum;
mod complete;
mod files;
pub(crate) mod handlers;
mod headers;
mod id;
mod info;
mod keeper;
mod progress;
mod receive;
mod spool;
mod sweep;
mod through;
mod working;

use std::io;
use std::path::Path;

use artifact_bootstrap::settings::Settings;
use artifact_domain::{Error, ErrorKind, Result};
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{self, MethodRouter};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Method};

use crate::problem::Problem;
use crate::state::App;
use headers::{RESUMABLE, TUS_1, VERSION};
pub(crate) use sweep::keep_swept;

/// What the routes of resumable uploads work with beside the store.
#[derive(Debug, Clone)]
pub(crate) struct Uploads {
    spool: spool::Spool,
    working: working::Working,
    /// The most bytes that an upload may have.
    most_bytes: u64,
}

impl Uploads {
    pub(crate) fn new(settings: &Settings) -> Self {
        let folder = settings.base_path.join("uploads");
        Self {
            spool: spool::Spool::new(folder, settings.upload.resumable_expiry()),
            working: working::Working::default(),
            most_bytes: settings.quota.max_artifact_size.bytes(),
        }
    }
}

/// What can be asked of all uploads together.
pub(crate) fn all() -> MethodRouter<App> {
    routing::post(handlers::create)
        .options(handlers::options)
        .route_layer(middleware::from_fn(speak))
}

/// What can be asked of one upload.
pub(crate) fn one() -> MethodRouter<App> {
    routing::get(handlers::show)
        .head(handlers::head)
        .patch(handlers::patch)
        .delete(handlers::terminate)
        .options(handlers::options_of_one)
        .route_layer(middleware::from_fn(speak))
}

/// Answers in the version of the protocol, and refuses those who speak another one.
async fn speak(request: Request, next: Next) -> Response {
    let version = request.headers().get(RESUMABLE);
    let is_understood = request.method() == Method::OPTIONS || version == Some(&TUS_1);
    let mut response = if is_understood {
        next.run(request).await
    } else {
        let message = "the version of tus is not said or not known here";
        Problem::precondition(message)
            .with_header(VERSION, TUS_1)
            .into_response()
    };
    let headers = response.headers_mut();
    headers.insert(RESUMABLE, TUS_1);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Runs what blocks.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(stopped)?
}

fn stopped(fault: tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::Internal, "work on a file of an upload stopped").with_source(fault)
}

/// What a fault of the server's own disk means.
fn fault(path: &Path, error: io::Error) -> Error {
    let name = path.file_name().unwrap_or(path.as_os_str());
    let what = format!("the spooled upload `{}`", name.to_string_lossy());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::new(
            ErrorKind::StorageFull,
            format!("no space is left for {what}"),
        )
        .with_hint("make room below base_path of the server, and go on from the offset"),
        _ => Error::new(ErrorKind::Internal, format!("{what} can't be worked with")),
    }
    .with_source(error)
}
