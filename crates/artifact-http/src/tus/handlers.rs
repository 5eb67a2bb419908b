//! The requests of tus: headers in, what is done with an upload, headers out.

use std::future::Future;

use artifact_domain::access::Target;
use artifact_domain::{Error, ErrorKind, Result};
use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, LOCATION};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use hyper::body::Body as HttpBody;
use utoipa::IntoParams;

use super::checksum::Algorithm;
use super::headers::{self, Length};
use super::id::UploadId;
use super::info::Info;
use super::progress::{Current, Progress, Sent, find, finished, take, wait_for};
use super::receive::saved;
use super::{about, blocking};
use crate::api::schemas::{ArtifactDocument, ProblemDocument, Problems};
use crate::body::{announced_length, incoming};
use crate::gate::Caller;
use crate::headers::date::http_date;
use crate::headers::encoding::refuse_coded;
use crate::headers::warning;
use crate::params::path;
use crate::problem::Problem;
use crate::routes::reply;
use crate::state::App;

/// What is spoken beside the core of the protocol.
const EXTENSIONS: HeaderValue = HeaderValue::from_static(
    "creation,creation-with-upload,creation-defer-length,termination,checksum,expiration",
);

/// Which upload, for the description.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it is made for the description alone")]
struct OfUpload {
    /// The id of the upload, from its `Location`
    #[param(pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")]
    id: String,
}

/// What every request says, for the description.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is made for the description alone")]
struct Spoken {
    /// The version of the protocol: 1.0.0
    #[param(rename = "Tus-Resumable", pattern = r"^1\.0\.0$")]
    version: String,
}

impl<S: Send + Sync> FromRequestParts<S> for UploadId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text: String = path(parts, state).await?;
        Self::parse(&text).ok_or_else(|| super::progress::unknown().into())
    }
}

/// Says what the server can of tus.
#[utoipa::path(
    options,
    path = "/api/v1/uploads",
    tag = "uploads",
    operation_id = "uploads_options",
    responses(
        (status = 204, description = "What it can",
            headers(
                ("Tus-Version" = String, description = "1.0.0"),
                ("Tus-Extension" = String, description = "The extensions that it knows"),
                ("Tus-Max-Size" = u64, description = "The most bytes that an upload may have"),
                ("Tus-Checksum-Algorithm" = String, description = "`sha1,sha256`"),
            )),
        Problems,
    ),
)]
pub(crate) async fn options(State(app): State<App>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(headers::VERSION, headers::TUS_1);
    headers.insert(headers::EXTENSION, EXTENSIONS);
    let algorithms = HeaderValue::from_static(Algorithm::NAMES);
    headers.insert(headers::CHECKSUM_ALGORITHM, algorithms);
    headers.insert(headers::MAX_SIZE, app.uploads.most_bytes.into());
    response
}

/// Says the same of one upload.
#[utoipa::path(
    options,
    path = "/api/v1/uploads/{id}",
    tag = "uploads",
    operation_id = "upload_options",
    params(
        OfUpload,
    ),
    responses(
        (status = 204, description = "What it can",
            headers(
                ("Tus-Version" = String, description = "1.0.0"),
                ("Tus-Extension" = String, description = "The extensions that it knows"),
                ("Tus-Max-Size" = u64, description = "The most bytes that an upload may have"),
                ("Tus-Checksum-Algorithm" = String, description = "`sha1,sha256`"),
            )),
        Problems,
    ),
)]
pub(crate) async fn options_of_one(app: State<App>, _: UploadId) -> Response {
    options(app).await
}

/// Begins an upload, maybe with its first bytes. With its last byte it becomes an artifact.
#[utoipa::path(
    post,
    path = "/api/v1/uploads",
    tag = "uploads",
    operation_id = "create_upload",
    params(
        Spoken,
        ("Upload-Length" = Option<u64>, Header, minimum = 0, description = "How many bytes it will have, unless that is said later"),
        ("Upload-Defer-Length" = Option<u8>, Header, minimum = 1, maximum = 1, description = "1: how many bytes it will have is said later"),
        ("Upload-Metadata" = String, Header, description = "What it will be: keys, each with a value in base64, with commas between; `name` is needed"),
        ("Upload-Checksum" = Option<String>, Header, description = "`sha1` or `sha256`, a space, and the checksum of the body in base64"),
    ),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream", description = "Its first bytes, or none"),
    responses(
        (status = 201, description = "It is begun",
            headers(
                ("Location" = String, description = "Where it is"),
                ("Upload-Offset" = u64, description = "Where bytes came along: how many bytes are there"),
                ("Upload-Expires" = String, description = "When the upload is thrown away if it stands still, as a date of HTTP"),
                ("X-Artifact-Id" = String, description = "The version that it has become"),
                ("X-Artifact-Location" = String, description = "Where that is"),
                ("Artifact-Warning" = String, description = "What in it looks like a secret: rule and line of each"),
            )),
        (status = 400, description = "A header is missing or makes no sense", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 408, description = "Nothing came for `http.idle_timeout_s`; what came is kept", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 412, description = "`Tus-Resumable` is not 1.0.0", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 413, description = "More bytes than there may be", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 415, description = "The body has another `Content-Type`, or a `Content-Encoding`", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "The bytes do not have the announced `sha256`", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 460, description = "The bytes do not have their `Upload-Checksum`; none was kept", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 507, description = "The quota is used up, or the disk of the server is full", body = ProblemDocument, content_type = "application/problem+json"),
        Problems,
    ),
)]
pub(crate) async fn create(
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let length = match headers::length(&headers)? {
        Length::Known(length) => Some(length),
        Length::Deferred => None,
    };
    let metadata = headers::metadata(&headers)?;
    let app = allowed(&caller, &metadata).await?;
    let sent = if body.is_end_stream() {
        None
    } else {
        Some(sent(&app, &headers, body)?)
    };
    let with_bytes = sent.is_some();
    app.own_store().admit(length).await?;
    let created = finish(app.clone(), async move {
        let info = Info::new(metadata, length, app.own_store().now());
        let spool = app.uploads.spool.clone();
        let held = blocking(move || spool.create(info)).await?;
        let id = held.id;
        let progress = match sent {
            Some(sent) => take(&app, held, sent).await,
            None => finished(&app, held).await,
        };
        if progress.is_err() {
            // Nobody was told where it is, so nobody can go on with it.
            if let Ok(current) = find(&app, id).await {
                remove(&app, current, id).await?;
            }
        }
        Ok((id, progress?))
    });
    let (id, progress) = created.await?;
    let mut response = StatusCode::CREATED.into_response();
    let headers = response.headers_mut();
    set(headers, LOCATION, &format!("/api/v1/uploads/{id}"));
    if with_bytes {
        headers.insert(headers::OFFSET, progress.offset.into());
    }
    tell(headers, &progress);
    Ok(response)
}

/// Tells how far an upload is. Where all its bytes are there and it is no artifact yet, it becomes one.
#[utoipa::path(
    head,
    path = "/api/v1/uploads/{id}",
    tag = "uploads",
    operation_id = "upload_progress",
    params(
        OfUpload,
        Spoken,
    ),
    responses(
        (status = 200, description = "How far it is",
            headers(
                ("Upload-Offset" = u64, description = "How many bytes are there"),
                ("Upload-Length" = u64, description = "How many bytes it will have, if that is said"),
                ("Upload-Defer-Length" = u8, description = "1 where that is not said yet"),
                ("Upload-Metadata" = String, description = "As it was sent"),
                ("Upload-Expires" = String, description = "When the upload is thrown away if it stands still, as a date of HTTP"),
                ("X-Artifact-Id" = String, description = "The version that it has become"),
                ("X-Artifact-Location" = String, description = "Where that is"),
                ("Artifact-Warning" = String, description = "What in it looks like a secret: rule and line of each"),
            )),
        (status = 404, description = "There is no such upload"),
        (status = 410, description = "The upload has expired"),
        (status = 412, description = "`Tus-Resumable` is not 1.0.0"),
        (status = 422, description = "The bytes do not have the announced `sha256`"),
        (status = 423, description = "Another request works on the upload"),
        (status = 507, description = "The quota is used up, or the disk of the server is full"),
        (status = "4XX", description = "A problem"),
        (status = "5XX", description = "A problem"),
    ),
)]
pub(crate) async fn head(caller: Caller, id: UploadId) -> Result<Response, Problem> {
    let app = caller.app().clone();
    let progress = finish(app.clone(), async move {
        allowed_before(&caller, id).await?;
        let current = wait_for(&app, id).await?;
        allowed(&caller, current.metadata()).await?;
        match current.settled().await? {
            Current::Held(held) => finished(&app, held).await,
            Current::Done(done) => Ok(done.into()),
        }
    });
    let progress = progress.await?;
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    headers.insert(headers::OFFSET, progress.offset.into());
    match progress.length {
        Some(length) => headers.insert(headers::LENGTH, length.into()),
        None => headers.insert(headers::DEFER_LENGTH, HeaderValue::from_static("1")),
    };
    if !progress.metadata.is_empty() {
        set(headers, headers::METADATA, &progress.metadata);
    }
    tell(headers, &progress);
    Ok(response)
}

/// Shows the artifact that an upload has become, as the answer of a `PUT` does.
#[utoipa::path(
    get,
    path = "/api/v1/uploads/{id}",
    tag = "uploads",
    operation_id = "uploaded_artifact",
    params(
        OfUpload,
        Spoken,
    ),
    responses(
        (status = 200, description = "The artifact", body = ArtifactDocument),
        (status = 404, description = "There is no such upload", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "It has not become one yet", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 410, description = "The upload has expired", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 412, description = "`Tus-Resumable` is not 1.0.0", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 423, description = "Another request works on the upload", body = ProblemDocument, content_type = "application/problem+json"),
        Problems,
    ),
)]
pub(crate) async fn show(caller: Caller, id: UploadId) -> Result<Response, Problem> {
    let current = find(caller.app(), id).await?;
    let app = allowed(&caller, current.metadata()).await?;
    let Current::Done(done) = current else {
        let message = "the upload has not become an artifact yet";
        let error = Error::new(ErrorKind::Conflict, message);
        return Err(error
            .with_hint("send the bytes that are missing; HEAD tells from where")
            .into());
    };
    let record = app.own_store().outcome(done.artifact).await?;
    let record = record.ok_or_else(|| {
        let message = format!("the artifact {} is gone altogether", done.artifact);
        Error::new(ErrorKind::NotFound, message)
    })?;
    Ok(reply::details(StatusCode::OK, &record))
}

/// Adds bytes to an upload. With the last one it becomes an artifact.
#[utoipa::path(
    patch,
    path = "/api/v1/uploads/{id}",
    tag = "uploads",
    operation_id = "append_to_upload",
    params(
        OfUpload,
        Spoken,
        ("Upload-Offset" = u64, Header, minimum = 0, description = "Where the bytes belong: how many are there"),
        ("Upload-Length" = Option<u64>, Header, minimum = 0, description = "How many bytes it will have, where that was not said yet"),
        ("Upload-Checksum" = Option<String>, Header, description = "`sha1` or `sha256`, a space, and the checksum of the body in base64"),
    ),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream", description = "The bytes"),
    responses(
        (status = 204, description = "They are there",
            headers(
                ("Upload-Offset" = u64, description = "How many bytes are there"),
                ("Upload-Expires" = String, description = "When the upload is thrown away if it stands still, as a date of HTTP"),
                ("X-Artifact-Id" = String, description = "The version that it has become"),
                ("X-Artifact-Location" = String, description = "Where that is"),
                ("Artifact-Warning" = String, description = "What in it looks like a secret: rule and line of each"),
            )),
        (status = 400, description = "A header is missing or makes no sense", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "There is no such upload", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 408, description = "Nothing came for `http.idle_timeout_s`; what came is kept", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "The upload has another offset, which the answer names", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 410, description = "The upload has expired", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 412, description = "`Tus-Resumable` is not 1.0.0", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 413, description = "More bytes than there may be", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 415, description = "The body has another `Content-Type`, or a `Content-Encoding`", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "The bytes do not have the announced `sha256`", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 423, description = "Another request works on the upload", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 460, description = "The bytes do not have their `Upload-Checksum`; none was kept", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 507, description = "The quota is used up, or the disk of the server is full", body = ProblemDocument, content_type = "application/problem+json"),
        Problems,
    ),
)]
pub(crate) async fn patch(
    caller: Caller,
    id: UploadId,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let offset = headers::offset(&headers)?;
    let late_length = headers::late_length(&headers)?;
    let app = caller.app().clone();
    let sent = sent(&app, &headers, body)?;
    let progress = finish(app.clone(), async move {
        let current = find(&app, id).await?;
        allowed(&caller, current.metadata()).await?;
        match current.settled().await? {
            Current::Done(done) => {
                let progress = Progress::from(done);
                progress.require_offset(offset)?;
                sent.require_at_most(0)?;
                Ok(progress)
            }
            Current::Held(mut held) => {
                Progress::of(&held)?.require_offset(offset)?;
                if let Some(length) = late_length
                    && held.set_length(length)?
                {
                    app.own_store().admit(Some(length)).await?;
                    held = saved(held).await?;
                }
                take(&app, held, sent).await
            }
        }
    });
    let progress = progress.await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(headers::OFFSET, progress.offset.into());
    tell(headers, &progress);
    Ok(response)
}

/// Gives an upload up. An artifact that it has become stays.
#[utoipa::path(
    delete,
    path = "/api/v1/uploads/{id}",
    tag = "uploads",
    operation_id = "give_upload_up",
    params(
        OfUpload,
        Spoken,
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "There is no such upload", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 410, description = "The upload has expired", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 412, description = "`Tus-Resumable` is not 1.0.0", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 423, description = "Another request works on the upload", body = ProblemDocument, content_type = "application/problem+json"),
        Problems,
    ),
)]
pub(crate) async fn terminate(caller: Caller, id: UploadId) -> Result<Response, Problem> {
    let app = caller.app().clone();
    let removed = finish(app.clone(), async move {
        allowed_before(&caller, id).await?;
        let current = wait_for(&app, id).await?;
        allowed(&caller, current.metadata()).await?;
        remove(&app, current, id).await
    });
    removed.await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn remove(app: &App, current: Current, id: UploadId) -> Result<(), Problem> {
    let spool = app.uploads.spool.clone();
    let removed = blocking(move || match current {
        Current::Held(held) => held.remove(),
        Current::Done(_) => spool.forget(id),
    });
    Ok(removed.await?)
}

/// Lets whoever asks work on an upload that becomes what its metadata say.
async fn allowed(caller: &Caller, metadata: &str) -> Result<App> {
    let request = about::request(metadata)?;
    caller.at(Target::Artifact(&request.coordinate)).await?;
    Ok(caller.app().clone())
}

/// The same of an upload that somebody may work on, who is asked to leave it only by those who may.
async fn allowed_before(caller: &Caller, id: UploadId) -> Result<()> {
    let spool = caller.app().uploads.spool.clone();
    if let Some(metadata) = blocking(move || spool.metadata(id)).await? {
        allowed(caller, &metadata).await?;
    }
    Ok(())
}

/// The bytes of a request, and what its headers say of them.
fn sent(app: &App, headers: &HeaderMap, body: Body) -> Result<Sent, Problem> {
    refuse_coded(headers)?;
    let said = headers
        .get(CONTENT_TYPE)
        .and_then(|said| said.to_str().ok());
    if !said.is_some_and(|said| said.eq_ignore_ascii_case(headers::CHUNK)) {
        let message = format!(
            "the bytes of an upload have the Content-Type {}",
            headers::CHUNK
        );
        let error = Error::invalid_input(message);
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error));
    }
    Ok(Sent {
        checksum: headers::checksum(headers)?,
        announced_bytes: announced_length(headers)?,
        bytes: incoming(body, app.patience),
    })
}

/// What every answer says of an upload.
fn tell(headers: &mut HeaderMap, progress: &Progress) {
    warning::set(headers, &progress.findings);
    set(headers, headers::EXPIRES, &http_date(progress.expires_at));
    if let Some(artifact) = progress.artifact {
        set(headers, headers::ARTIFACT_ID, &artifact.to_string());
        let location = format!("/api/v1/artifacts/{artifact}");
        set(headers, headers::ARTIFACT_LOCATION, &location);
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Runs what is not to be cut off because a client goes away.
async fn finish<T: Send + 'static>(
    app: App,
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    app.finish_as(work, Problem::status).await?
}
