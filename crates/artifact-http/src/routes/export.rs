//! Everything of a spec or a task as one archive, as a stream.

use artifact_app::{ArchiveFormat, ExportOptions, Verification};
use artifact_domain::access::Target;
use artifact_domain::query::{Filter, Glob, Versions};
use artifact_domain::{Error, Result};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;

use super::export_parts::{self, Missing};
use crate::api::schemas::Problems;
use crate::body::{Document, begun, document, outgoing};
use crate::filter::FilterParams;
use crate::gate::Caller;
use crate::headers::disposition;
use crate::params::{Params, Scope};
use crate::problem::Problem;

/// Into what, and what of each artifact.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportParams {
    /// `zip` or `tar.gz`
    #[param(pattern = r"^(zip|tar\.gz)$")]
    format: Option<String>,
    /// Whether the archive begins with what is known of each artifact
    metadata: bool,
    /// All versions, not only the newest
    all_versions: bool,
}

/// An archive of a spec.
#[utoipa::path(
    get,
    path = "/api/v1/specs/{spec}/export",
    tag = "content",
    params(("spec" = String, Path, min_length = 1, max_length = 128, pattern = r"^[^\x00-\x20\x7f-\xa0]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0])?$", description = "The project"), ExportParams),
    responses(
        (status = 200, description = "The archive", content((Vec<u8> = "application/zip"), (Vec<u8> = "application/gzip"))),
        Problems,
    ),
)]
pub(crate) async fn export_spec(
    caller: Caller,
    scope: Scope,
    Params(params): Params<ExportParams>,
) -> Result<Response, Problem> {
    export(&caller, &scope, &params).await
}

/// An archive of a task.
#[utoipa::path(
    get,
    path = "/api/v1/specs/{spec}/tasks/{task}/export",
    tag = "content",
    params(("spec" = String, Path, min_length = 1, max_length = 128, pattern = r"^[^\x00-\x20\x7f-\xa0]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0])?$", description = "The project"), ("task" = String, Path, min_length = 1, max_length = 128, pattern = r"^[^\x00-\x20\x7f-\xa0]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0])?$", description = "The run"), ExportParams),
    responses(
        (status = 200, description = "The archive", content((Vec<u8> = "application/zip"), (Vec<u8> = "application/gzip"))),
        Problems,
    ),
)]
pub(crate) async fn export_task(
    caller: Caller,
    scope: Scope,
    Params(params): Params<ExportParams>,
) -> Result<Response, Problem> {
    export(&caller, &scope, &params).await
}

async fn export(
    caller: &Caller,
    scope: &Scope,
    params: &ExportParams,
) -> Result<Response, Problem> {
    let form = Form::of(params.format.as_deref())?;
    let mut filter = Filter {
        spec: Some(Glob::exactly(scope.spec.as_str())),
        task: scope.task.as_ref().map(|task| Glob::exactly(task.as_str())),
        ..Filter::default()
    };
    if params.all_versions {
        filter.versions = Versions::All;
    }
    let options = ExportOptions {
        metadata: params.metadata,
        ..form.options(caller)
    };
    let target = match &scope.task {
        Some(task) => Target::Task(&scope.spec, task),
        None => Target::Spec(&scope.spec),
    };
    let export = caller.at(target).await?.export(filter, options).await?;
    let name = match &scope.task {
        Some(task) => format!("{}-{task}.{}", scope.spec, form.ending),
        None => format!("{}.{}", scope.spec, form.ending),
    };
    let name = name.replace('/', "-");
    let body = outgoing(export.body, format!("the archive {name}"));
    let mut response = form.answer(body);
    let way = disposition::of(form.mime_type, &name, Some(true));
    if let Ok(way) = HeaderValue::from_str(&way) {
        response.headers_mut().insert(CONTENT_DISPOSITION, way);
    }
    Ok(response)
}

/// What kind of archive it is.
#[derive(Debug, Clone, Copy)]
struct Form {
    format: ArchiveFormat,
    mime_type: &'static str,
    ending: &'static str,
}

impl Form {
    fn of(format: Option<&str>) -> Result<Self> {
        let (format, mime_type, ending) = match format {
            None | Some("zip") => (ArchiveFormat::Zip, "application/zip", "zip"),
            Some("tar.gz") => (ArchiveFormat::TarGz, "application/gzip", "tar.gz"),
            Some(_) => return Err(Error::invalid_input("the format is zip or tar.gz")),
        };
        Ok(Self {
            format,
            mime_type,
            ending,
        })
    }

    /// Without metadata, and verified as the settings say.
    fn options(self, caller: &Caller) -> ExportOptions {
        ExportOptions {
            format: self.format,
            metadata: false,
            verification: caller.app().verification,
            left_out: None,
            temporary_folder: caller.app().temporary_folder.clone(),
        }
    }

    fn answer(self, body: Body) -> Response {
        let mut response = (StatusCode::OK, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.mime_type));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

/// What a selection is written to.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ExportRequest {
    format: Option<String>,
    metadata: bool,
    verify: Option<bool>,
    keep_going: bool,
}

/// Everything that a filter selects, as an archive.
#[utoipa::path(
    post,
    path = "/api/v1/export",
    tag = "content",
    operation_id = "export_selected",
    params(FilterParams),
    request_body(content = serde_json::Map<String, serde_json::Value>, content_type = "application/json", description = "`format` is `zip` or `tar.gz`; `metadata` adds tags, metadata and digests; `verify` false compares no SHA-256; with `keep_going` what can't be read is left out. Whoever accepts `multipart/mixed`, or goes on, gets a second part that tells line by line what was left out, and last `sums` or `error`"),
    responses(
        (status = 200, description = "The archive",
            headers(
                ("X-Export-Artifacts" = u64, description = "How many artifacts it has"),
                ("X-Export-Size-Bytes" = u64, description = "How many original bytes they have"),
                ("X-Export-Stored-Size-Bytes" = u64, description = "How many bytes they are stored in"),
            ),
            content((Vec<u8> = "application/zip"), (Vec<u8> = "application/gzip"), (Vec<u8> = "multipart/mixed"))),
        Problems,
    ),
)]
pub(crate) async fn export_selected(
    caller: Caller,
    Params(params): Params<FilterParams>,
    headers: HeaderMap,
    Document(body): Document,
) -> Result<Response, Problem> {
    let request: ExportRequest = document(&body)?;
    let form = Form::of(request.format.as_deref())?;
    let in_parts = request.keep_going || export_parts::are_wanted(&headers);
    let missing = in_parts.then(Missing::default);
    let mut options = ExportOptions {
        metadata: request.metadata,
        left_out: missing
            .as_ref()
            .filter(|_| request.keep_going)
            .map(Missing::teller),
        ..form.options(&caller)
    };
    if request.verify == Some(false) {
        options.verification = Verification::Skip;
    }
    let (store, filter) = caller.among(params.filter(caller.aside())?).await?;
    let export = store.export(filter, options).await?;
    let sums = [
        ("x-export-artifacts", export.artifacts),
        ("x-export-size-bytes", export.size_bytes),
        ("x-export-stored-size-bytes", export.stored_size_bytes),
    ];
    let mut response = if let Some(missing) = missing {
        export_parts::answer(export, form.mime_type, missing).await?
    } else {
        let body = begun(export.body, "an archive of what was selected".to_owned()).await?;
        form.answer(body)
    };
    for (name, sum) in sums {
        response.headers_mut().insert(name, sum.into());
    }
    Ok(response)
}
