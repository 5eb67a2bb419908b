//! Everything of a spec or a task as one archive, as a stream.

use artifact_app::{ArchiveFormat, ExportOptions};
use artifact_domain::query::{Filter, Glob, Versions};
use artifact_domain::{Error, Result};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;

use crate::body::outgoing;
use crate::headers::disposition;
use crate::params::{Params, Scope};
use crate::problem::Problem;
use crate::state::App;

/// Into what, and what of each artifact.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ExportParams {
    format: Option<String>,
    metadata: bool,
    all_versions: bool,
}

/// An archive of what the path names.
pub(crate) async fn export(
    State(app): State<App>,
    scope: Scope,
    Params(params): Params<ExportParams>,
) -> Result<Response, Problem> {
    let (format, mime_type, ending) = match params.format.as_deref() {
        None | Some("zip") => (ArchiveFormat::Zip, "application/zip", "zip"),
        Some("tar.gz") => (ArchiveFormat::TarGz, "application/gzip", "tar.gz"),
        Some(_) => {
            return Err(Error::invalid_input("the format is zip or tar.gz").into());
        }
    };
    let mut filter = Filter {
        spec: Some(Glob::exactly(scope.spec.as_str())),
        task: scope.task.as_ref().map(|task| Glob::exactly(task.as_str())),
        ..Filter::default()
    };
    if params.all_versions {
        filter.versions = Versions::All;
    }
    let options = ExportOptions {
        format,
        metadata: params.metadata,
        verification: app.verification,
        left_out: None,
        temporary_folder: app.temporary_folder.clone(),
    };
    let export = app.store.export(filter, options).await?;
    let name = match &scope.task {
        Some(task) => format!("{}-{task}.{ending}", scope.spec),
        None => format!("{}.{ending}", scope.spec),
    };
    let name = name.replace('/', "-");
    let body = outgoing(export.body, format!("the archive {name}"));
    let mut response = (StatusCode::OK, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(mime_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let way = disposition::of(mime_type, &name, Some(true));
    if let Ok(way) = HeaderValue::from_str(&way) {
        headers.insert(CONTENT_DISPOSITION, way);
    }
    Ok(response)
}
