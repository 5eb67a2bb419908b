//! What went wrong on the way to the server or was answered by it, as the domain's error. The one map.

use std::time::Duration;

use artifact_api::Problem;
use artifact_domain::{Error, ErrorKind};
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use crate::address::Address;

/// The largest problem that is read.
const MOST_PROBLEM_BYTES: usize = 64 << 10;

/// How far a request has come that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reached {
    /// Nothing was done: it never arrived, or was turned away.
    Nothing,
    /// It may have been done.
    Maybe,
}

/// Why a request failed, and whether to try again.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) error: Error,
    pub(crate) reached: Reached,
    /// Whether it is of those that pass.
    pub(crate) passes: bool,
    /// When the server wants to be asked again.
    pub(crate) wait: Option<Duration>,
}

/// What failed on the way.
pub(crate) fn on_the_way(server: &Address, cause: reqwest::Error) -> Fault {
    // Its URL says nothing new, and may have more in it than is to be seen.
    let cause = cause.without_url();
    if let Some(broken) = tls_fault(&cause) {
        let message = format!("no TLS connection to {server} can be made: {broken}");
        let error = Error::new(ErrorKind::Unavailable, message).lasting();
        return Fault {
            error: error.with_hint(
                "is it https there, with a certificate for this name that this machine trusts?",
            ),
            reached: Reached::Nothing,
            passes: false,
            wait: None,
        };
    }
    let (message, reached) = if cause.is_connect() {
        (format!("{server} can't be reached"), Reached::Nothing)
    } else if cause.is_builder() {
        let error = Error::new(ErrorKind::Internal, "the request can't be made");
        return Fault {
            error: error.with_source(cause),
            reached: Reached::Nothing,
            passes: false,
            wait: None,
        };
    } else {
        (format!("the connection to {server} broke"), Reached::Maybe)
    };
    let error = Error::new(ErrorKind::Unavailable, message)
        .with_hint("is the server running there? `--server` and ARTIFACT_SERVER say where it is")
        .with_source(cause);
    Fault {
        error,
        reached,
        passes: true,
        wait: None,
    }
}

/// What TLS has against a connection, if it has.
fn tls_fault(cause: &reqwest::Error) -> Option<&rustls::Error> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(cause);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An error of a stream does not name what it carries as its source.
        let carried = error.downcast_ref::<std::io::Error>();
        next = match carried.and_then(std::io::Error::get_ref) {
            Some(carried) => Some(carried),
            None => error.source(),
        };
    }
    None
}

/// A server that says nothing.
pub(crate) fn silent(server: &Address) -> Fault {
    let message = format!("{server} does not answer");
    Fault {
        error: Error::new(ErrorKind::Unavailable, message)
            .with_hint("is an artifact-http there, and not busy with something else?"),
        reached: Reached::Maybe,
        passes: true,
        wait: None,
    }
}

/// Bytes that ended too early.
pub(crate) fn cut_off(server: &Address) -> Error {
    let message = format!("the connection to {server} broke in the middle of the answer");
    Error::new(ErrorKind::Unavailable, message)
}

/// An answer that makes no sense.
pub(crate) fn nonsense(
    server: &Address,
    cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("{server} answers what no artifact-http of this version does"),
    )
    .with_hint("look at `--server`, and at the version of what runs there")
    .with_source(cause)
}

/// What an answer says that is no success.
pub(crate) async fn answered(server: &Address, response: Response) -> Fault {
    let status = response.status();
    let wait = retry_after(response.headers());
    let passes = matches!(status.as_u16(), 408 | 423 | 429 | 502..=504);
    let mut reached = Reached::Nothing;
    let error = if status.is_redirection() {
        Error::invalid_input(format!("{server} sends its clients to another address"))
            .with_hint("if you trust that address, give it to --server")
    } else {
        let problem = problem(response).await;
        // What is between here and the server says so of answers that it has lost, too.
        if problem.is_none() && matches!(status.as_u16(), 502..=504) {
            reached = Reached::Maybe;
        }
        problem.map_or_else(|| unexplained(server, status), Problem::into_error)
    };
    Fault {
        error,
        reached,
        passes,
        wait,
    }
}

async fn problem(mut response: Response) -> Option<Problem> {
    let said = response.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    if !said.starts_with("application/problem+json") {
        return None;
    }
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MOST_PROBLEM_BYTES {
            return None;
        }
    }
    serde_json::from_slice(&bytes).ok()
}

/// What somebody says who is no artifact-http: a proxy on the way, or another server.
fn unexplained(server: &Address, status: StatusCode) -> Error {
    let kind = match status.as_u16() {
        401 | 407 => ErrorKind::Unauthenticated,
        403 => ErrorKind::PermissionDenied,
        404 => ErrorKind::NotFound,
        413 | 414 | 431 => ErrorKind::TooLarge,
        408 | 429 | 502..=504 => ErrorKind::Unavailable,
        501 | 505 => ErrorKind::Unsupported,
        507 => ErrorKind::StorageFull,
        _ => ErrorKind::Internal,
    };
    let error = Error::new(kind, format!("{server} answers {status} and no more"));
    match kind {
        ErrorKind::Unavailable => error,
        _ => error.with_hint("is an artifact-http there, or something before it?"),
    }
}

/// When the server wants to be asked again, in seconds. A date is passed over: it needs a clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    seconds.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_problem_explains_has_the_kind_of_its_status() {
        let server = Address::parse("http://a.example").unwrap();
        let kind = |code: u16| unexplained(&server, StatusCode::from_u16(code).unwrap()).kind();
        let kinds = [401, 403, 404, 413, 429, 501, 502, 503, 504, 507, 500].map(kind);
        let expected = [
            ErrorKind::Unauthenticated,
            ErrorKind::PermissionDenied,
            ErrorKind::NotFound,
            ErrorKind::TooLarge,
            ErrorKind::Unavailable,
            ErrorKind::Unsupported,
            ErrorKind::Unavailable,
            ErrorKind::Unavailable,
            ErrorKind::Unavailable,
            ErrorKind::StorageFull,
            ErrorKind::Internal,
        ];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn seconds_are_followed_and_dates_passed_over() {
        let of = |text: &str| {
            retry_after(&HeaderMap::from_iter([(
                RETRY_AFTER,
                text.parse().unwrap(),
            )]))
        };
        assert_eq!(of("2"), Some(Duration::from_secs(2)));
        assert_eq!(of("Wed, 21 Oct 2015 07:28:00 GMT"), None);
    }
}
