//! Errors as a client sees them: `application/problem+json`, RFC 9457. One table gives each kind its
//! status; it is documented and frozen.

use std::error::Error as StdError;

use artifact_app::{DigestMismatch, PreconditionFailed};
use artifact_domain::{Error, ErrorKind};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::json;

use crate::body::Stalled;

/// What problem types begin with; the kind follows.
const TYPE: &str = "urn:artifact-store:error:";

/// When to come again after what passes.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("1");

/// An answer that says what went wrong.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    error: Error,
    headers: HeaderMap,
}

/// What the log says of a request that failed; rides on the answer.
#[derive(Debug, Clone)]
pub(crate) struct Failed {
    pub(crate) kind: ErrorKind,
    /// The message and every cause behind it.
    pub(crate) message: String,
}

/// The status of every kind.
pub(crate) const fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::InvalidInput => StatusCode::BAD_REQUEST,
        ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorKind::PermissionDenied => StatusCode::FORBIDDEN,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::AlreadyExists | ErrorKind::Conflict | ErrorKind::Held => StatusCode::CONFLICT,
        ErrorKind::Expired => StatusCode::GONE,
        ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Locked => StatusCode::LOCKED,
        ErrorKind::Internal | ErrorKind::Integrity => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StatusCode::INSUFFICIENT_STORAGE,
    }
}

/// The type of problems of a kind.
pub(crate) fn type_of(kind: ErrorKind) -> String {
    format!("{TYPE}{kind}")
}

impl Problem {
    /// A problem with another status than that of its kind, where HTTP has one for it.
    pub(crate) fn new(status: StatusCode, error: Error) -> Self {
        Self {
            status,
            error,
            headers: HeaderMap::new(),
        }
    }

    /// Its status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Adds a header.
    #[must_use]
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// A condition that does not hold.
    pub(crate) fn precondition(message: impl Into<String>) -> Self {
        let error = Error::new(ErrorKind::Conflict, message);
        Self::new(StatusCode::PRECONDITION_FAILED, error)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = if has_source::<PreconditionFailed>(&error) {
            StatusCode::PRECONDITION_FAILED
        } else if has_source::<DigestMismatch>(&error) {
            StatusCode::UNPROCESSABLE_ENTITY
        } else if has_source::<Stalled>(&error) {
            StatusCode::REQUEST_TIMEOUT
        } else {
            status(error.kind())
        };
        Self::new(status, error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let kind = self.error.kind();
        let mut object = json!({
            "type": type_of(kind),
            "title": title(self.status),
            "status": self.status.as_u16(),
            "detail": self.error.message(),
        });
        if let Some(hint) = self.error.hint() {
            object["hint"] = hint.into();
        }
        let mut response = (self.status, object.to_string()).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, json);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // It repeats names, which can be anything.
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE || self.status == StatusCode::LOCKED {
            headers.insert(RETRY_AFTER, RETRY_AFTER_S);
        }
        headers.extend(self.headers);
        let message = with_causes(&self.error);
        response.extensions_mut().insert(Failed { kind, message });
        response
    }
}

/// The words for a status, those of one that tus alone has among them.
fn title(status: StatusCode) -> Option<&'static str> {
    match status.as_u16() {
        460 => Some("Checksum Mismatch"),
        _ => status.canonical_reason(),
    }
}

/// Whether an error was caused by this.
pub(crate) fn has_source<T: StdError + 'static>(error: &Error) -> bool {
    error.source().is_some_and(<dyn StdError>::is::<T>)
}

/// A message and all that led to it.
pub(crate) fn with_causes(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_frozen_one() {
        let numbers = ErrorKind::ALL.map(|kind| status(kind).as_u16());
        let frozen = [
            404, 410, 409, 409, 400, 413, 507, 507, 500, 403, 401, 423, 409, 501, 503, 500,
        ];
        assert_eq!(numbers, frozen);
    }

    #[test]
    fn what_the_client_has_announced_otherwise_is_its_own_fault() {
        let error = |kind| Error::new(kind, "x");
        let of = |error: Error| Problem::from(error).status.as_u16();
        assert_eq!(
            of(error(ErrorKind::Integrity).with_source(DigestMismatch)),
            422
        );
        assert_eq!(
            of(error(ErrorKind::Conflict).with_source(PreconditionFailed)),
            412
        );
        assert_eq!(of(error(ErrorKind::Conflict)), 409);
    }
}
