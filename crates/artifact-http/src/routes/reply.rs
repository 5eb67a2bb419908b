//! What answers have in common.

use artifact_api::Artifact;
use artifact_domain::{ArtifactDetails, ArtifactRecord, ArtifactView};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::gate::Caller;
use crate::headers::etag;

/// Where an artifact is found by its id.
pub(super) fn location(record: &ArtifactRecord) -> String {
    format!("/api/v1/artifacts/{}", record.id)
}

/// A JSON document.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    // What the surfaces show has text keys alone and always a JSON form.
    let text = serde_json::to_vec(value).unwrap_or_default();
    let mut response = (status, text).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // It repeats names, which can be anything.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A JSON document with a secret in it, which nobody on the way keeps.
pub(super) fn secret(status: StatusCode, value: &impl Serialize) -> Response {
    let mut response = json(status, value);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What is known of an artifact, with the tag of its revision.
pub(crate) fn details(status: StatusCode, record: &ArtifactRecord) -> Response {
    let mut response = json(status, &ArtifactDetails::from(record));
    etag::set(response.headers_mut(), &etag::of_revision(record.revision));
    response
}

/// The same for whoever has changed it: where he may not read it, he is told where it is alone.
pub(super) async fn changed(
    caller: &Caller,
    status: StatusCode,
    record: &ArtifactRecord,
) -> Response {
    if caller.sees(&record.coordinate).await {
        return details(status, record);
    }
    let mut response = json(status, &Artifact::from(record).outline());
    etag::set(response.headers_mut(), &etag::of_revision(record.revision));
    response
}

/// A page of artifacts, and where the next one begins.
#[derive(Debug, Serialize)]
pub(super) struct Items<'a> {
    items: Vec<ArtifactView<'a>>,
    next_cursor: Option<String>,
}

impl<'a> Items<'a> {
    pub(super) fn new(records: &'a [ArtifactRecord], next_cursor: Option<String>) -> Self {
        Self {
            items: records.iter().map(ArtifactView::from).collect(),
            next_cursor,
        }
    }
}
