//! The requests of tus: headers in, what is done with an upload, headers out.

use std::future::Future;

use artifact_domain::{Error, Result};
use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, LOCATION};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use hyper::body::Body as HttpBody;

use super::checksum::Algorithm;
use super::headers::{self, Length};
use super::id::UploadId;
use super::info::Info;
use super::progress::{Current, Progress, Sent, find, finished, take, wait_for};
use super::receive::saved;
use super::{about, blocking};
use crate::body::{announced_length, incoming};
use crate::headers::date::http_date;
use crate::params::path;
use crate::problem::Problem;
use crate::state::App;

/// What is spoken beside the core of the protocol.
const EXTENSIONS: HeaderValue = HeaderValue::from_static(
    "creation,creation-with-upload,creation-defer-length,termination,checksum,expiration",
);

impl<S: Send + Sync> FromRequestParts<S> for UploadId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text: String = path(parts, state).await?;
        Self::parse(&text).ok_or_else(|| super::progress::unknown().into())
    }
}

/// `OPTIONS`: what this server can.
pub(super) async fn options(State(app): State<App>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(headers::VERSION, headers::TUS_1);
    headers.insert(headers::EXTENSION, EXTENSIONS);
    let algorithms = HeaderValue::from_static(Algorithm::NAMES);
    headers.insert(headers::CHECKSUM_ALGORITHM, algorithms);
    headers.insert(headers::MAX_SIZE, app.uploads.most_bytes.into());
    response
}

/// `POST`: begins an upload, maybe with its first bytes.
pub(super) async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let length = match headers::length(&headers)? {
        Length::Known(length) => Some(length),
        Length::Deferred => None,
    };
    let metadata = headers::metadata(&headers)?;
    about::request(&metadata)?;
    let sent = if body.is_end_stream() {
        None
    } else {
        Some(sent(&app, &headers, body)?)
    };
    let with_bytes = sent.is_some();
    app.store.admit(length).await?;
    let created = finish(app.clone(), async move {
        let info = Info::new(metadata, length, app.store.now());
        let spool = app.uploads.spool.clone();
        let held = blocking(move || spool.create(info)).await?;
        let id = held.id;
        let progress = match sent {
            Some(sent) => take(&app, held, sent).await,
            None => finished(&app, held).await,
        };
        if progress.is_err() {
            // Nobody was told where it is, so nobody can go on with it.
            remove(&app, find(&app, id).await?, id).await?;
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

/// `HEAD`: how far an upload is. Where all its bytes are there and it is no artifact yet, it becomes one.
pub(super) async fn head(State(app): State<App>, id: UploadId) -> Result<Response, Problem> {
    let progress = finish(app.clone(), async move {
        match wait_for(&app, id).await? {
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

/// `PATCH`: more bytes of an upload. With the last one it becomes an artifact.
pub(super) async fn patch(
    State(app): State<App>,
    id: UploadId,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let offset = headers::offset(&headers)?;
    let late_length = headers::late_length(&headers)?;
    let sent = sent(&app, &headers, body)?;
    let progress = finish(app.clone(), async move {
        match find(&app, id).await? {
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
                    app.store.admit(Some(length)).await?;
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

/// `DELETE`: gives an upload up. An artifact that it has become stays.
pub(super) async fn terminate(State(app): State<App>, id: UploadId) -> Result<Response, Problem> {
    let removed = finish(app.clone(), async move {
        let current = wait_for(&app, id).await?;
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

/// The bytes of a request, and what its headers say of them.
fn sent(app: &App, headers: &HeaderMap, body: Body) -> Result<Sent, Problem> {
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
        bytes: incoming(body, headers, app.patience),
    })
}

/// What every answer says of an upload.
fn tell(headers: &mut HeaderMap, progress: &Progress) {
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
    app.finish(async move { Ok(work.await) }).await?
}
