//! Answers whose length nobody knows before: over HTTP/1.0 their end is that of the connection, and nobody
//! could tell one that was cut off from a whole one.

use artifact_domain::{Error, ErrorKind};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_LENGTH;
use http::{StatusCode, Version};
use hyper::body::Body as _;

use crate::problem::Problem;

/// Refuses such an answer to whoever speaks HTTP/1.0. One in lines has a last line, and may pass.
pub(crate) async fn require_an_end(request: Request, next: Next) -> Response {
    let version = request.version();
    let response = next.run(request).await;
    let is_told = version > Version::HTTP_10
        || response.headers().contains_key(CONTENT_LENGTH)
        || response.body().size_hint().exact().is_some()
        || crate::routes::are_lines(response.headers());
    if is_told {
        return response;
    }
    let message = "the length of the answer is not known before, so over HTTP/1.0 nobody could tell \
                   whether it is whole";
    let error = Error::new(ErrorKind::Unsupported, message);
    let error = error.with_hint("use HTTP/1.1; with nginx: `proxy_http_version 1.1`");
    Problem::new(StatusCode::HTTP_VERSION_NOT_SUPPORTED, error).into_response()
}
