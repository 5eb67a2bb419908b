//! What is said of a fault in one short line: the reason in words, and the status or the system's word
//! for it. Must not show headers, bodies or URLs, which may be signed.

use std::error::Error as StdError;

use super::{meaning_of_opendal, service};

/// How many characters of somebody else's words are shown.
const LONGEST: usize = 120;

/// Why a call of OpenDAL failed.
pub(crate) fn of_opendal(cause: &opendal::Error) -> String {
    let meaning = service::meaning_of(cause).unwrap_or_else(|| meaning_of_opendal(cause));
    let network = service::network_fault(cause).map(innermost);
    let answered = || service::answered(cause).map(|(status, code)| of_status(status, code));
    // What was noticed here, such as an answer that ends too early.
    let own = || {
        let is_own =
            cause.source().is_none() && meaning.0 == artifact_domain::ErrorKind::Unavailable;
        is_own.then(|| cause.message().to_owned())
    };
    told(meaning.1, network.or_else(answered).or_else(own))
}

/// Why a service refused, by what it answered.
pub(crate) fn of_answer(status: u16, body: &str) -> String {
    let meaning = service::meaning_of_answer(status, body);
    let said = of_status(status, service::code_of(body));
    told(meaning.1, Some(said))
}

/// What was being done, by the name of the call and the key that the driver notes.
pub(crate) fn doing(call: &str, cause: &opendal::Error) -> String {
    let report = cause.to_string();
    let path = service::between(&report, "path: ", " ");
    let path = path.map(|path| path.trim_end_matches(','));
    path.map_or_else(|| call.to_owned(), |path| format!("{call} `{path}`"))
}

fn of_status(status: u16, code: Option<&str>) -> String {
    match code {
        Some(code) => format!("{status} {code}"),
        None => format!("status {status}"),
    }
}

/// The words of the system at the bottom of a fault of the network; what lies above repeats the URL.
fn innermost(fault: &reqwest::Error) -> String {
    let deepest = service::chain(fault).last();
    let deepest = deepest.filter(|error| !error.is::<reqwest::Error>());
    deepest.map(ToString::to_string).unwrap_or_default()
}

fn told(reason: &str, detail: Option<String>) -> String {
    let detail = detail.unwrap_or_default();
    let plain = detail.chars().filter(|c| !c.is_control());
    let detail: String = plain.take(LONGEST).collect();
    if detail.is_empty() {
        return reason.to_owned();
    }
    format!("{reason} ({detail})")
}

#[cfg(test)]
mod tests {
    use opendal::ErrorKind as Od;

    use super::*;

    #[test]
    fn an_answer_is_told_by_its_status_and_code() {
        let body = "<Error><Code>SlowDown</Code><Message>a\nb</Message></Error>";
        assert_eq!(
            of_answer(503, body),
            "the service asks to slow down (503 SlowDown)"
        );
        assert_eq!(
            of_answer(429, ""),
            "the service asks to slow down (status 429)"
        );
    }

    #[test]
    fn what_a_driver_reports_is_told_without_its_headers_and_its_url() {
        let cause = opendal::Error::new(
            Od::Unexpected,
            "S3Error { code: \"InternalError\", message: \"m\", resource: \"\", request_id: \"\" }",
        )
        .with_context("uri", "http://host/bucket/key?X-Amz-Signature=secret")
        .with_context(
            "response",
            "Parts { status: 500, headers: {\"x\": \"header\"} }",
        )
        .with_context("path", "artifacts/a")
        .with_context("size", 3)
        .set_temporary();
        let said = of_opendal(&cause);
        assert_eq!(said, "the service has a passing fault (500 InternalError)");
        assert_eq!(doing("write", &cause), "write `artifacts/a`");
    }

    #[test]
    fn what_was_noticed_here_is_told_in_its_own_words() {
        let early = opendal::Error::new(Od::Unexpected, "the answer ended\ntoo early");
        let said = of_opendal(&early.set_temporary());
        assert_eq!(
            said,
            "the backend does not answer (the answer endedtoo early)"
        );
        let long = opendal::Error::new(Od::Unexpected, "x".repeat(900)).set_temporary();
        assert!(of_opendal(&long).len() < 200);
    }
}
