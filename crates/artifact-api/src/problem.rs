//! What went wrong, as RFC 9457 has it. Which status goes with which kind is for the server to know.

use artifact_domain::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

/// What the types of problems begin with; the kind follows.
pub const PROBLEM_TYPE: &str = "urn:artifact-store:error:";

/// What went wrong, RFC 9457.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// [`PROBLEM_TYPE`] and the kind.
    pub r#type: String,
    /// The name of the status
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true, nullable = false))]
    pub title: Option<String>,
    /// The status
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true, nullable = false))]
    pub status: Option<u16>,
    /// What failed, and on which artifact
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub detail: String,
    /// What to do about it
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Problem {
    /// The error that the server had. One of a kind that is not known here is `Internal`.
    pub fn into_error(self) -> Error {
        let kind = self.r#type.strip_prefix(PROBLEM_TYPE).and_then(kind_of);
        error_of(kind.unwrap_or(ErrorKind::Internal), &self.detail, self.hint)
    }
}

/// An error with the words of somebody else, who is to steer no terminal and to forge no line.
pub(crate) fn error_of(kind: ErrorKind, detail: &str, hint: Option<String>) -> Error {
    let tame = |text: &str| text.replace(char::is_control, " ");
    let error = Error::new(kind, tame(detail));
    match hint {
        Some(hint) => error.with_hint(tame(&hint)),
        None => error,
    }
}

/// The kind of this name.
pub fn kind_of(name: &str) -> Option<ErrorKind> {
    let mut kinds = ErrorKind::ALL.into_iter();
    kinds.find(|kind| kind.as_str() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_back() {
        for kind in ErrorKind::ALL {
            let problem = Problem {
                r#type: format!("{PROBLEM_TYPE}{kind}"),
                title: None,
                status: None,
                detail: "what".to_owned(),
                hint: Some("do this".to_owned()),
            };
            let error = problem.into_error();
            let found = (error.kind(), error.message(), error.hint());
            assert_eq!(found, (kind, "what", Some("do this")));
        }
    }

    #[test]
    fn what_is_said_stays_on_its_line() {
        let error = error_of(
            ErrorKind::Held,
            "a\nerror: b",
            Some("\u{1b}[2Jc".to_owned()),
        );
        assert_eq!(
            (error.message(), error.hint()),
            ("a error: b", Some(" [2Jc"))
        );
    }

    #[test]
    fn an_unknown_kind_is_internal() {
        for text in [
            r#"{"type":"about:blank"}"#,
            r#"{"type":"urn:artifact-store:error:new"}"#,
        ] {
            let problem: Problem = serde_json::from_str(text).unwrap();
            assert_eq!(problem.into_error().kind(), ErrorKind::Internal, "{text}");
        }
    }
}
