//! The lines of a long answer, `application/x-ndjson`: what happens as it happens, the sums last. An
//! answer without a last line was cut off. An empty line says that work goes on, and nothing else.

use artifact_domain::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

use crate::problem::{error_of, kind_of};

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line<I, S> {
    /// Something that was found or done.
    Item(I),
    /// Something that could not be done; the rest goes on.
    Failed(Fault),
    /// The sums of all, the last line.
    Sums(S),
    /// Why there is no more, the last line instead.
    Error(Fault),
}

/// What went wrong in the middle of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The name of the kind.
    pub kind: String,
    /// What failed, and on which artifact.
    pub detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<&Error> for Fault {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind().as_str().to_owned(),
            detail: error.message().to_owned(),
            hint: error.hint().map(str::to_owned),
        }
    }
}

impl Fault {
    /// The error that the server had. One of a kind that is not known here is `Internal`.
    pub fn into_error(self) -> Error {
        let kind = kind_of(&self.kind).unwrap_or(ErrorKind::Internal);
        error_of(kind, &self.detail, self.hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_it_is() {
        type Numbers = Line<u8, u8>;
        let error = Error::new(ErrorKind::Held, "x is on hold").with_hint("release it");
        let lines: [(Numbers, &str); 4] = [
            (Line::Item(1), r#"{"item":1}"#),
            (Line::Sums(2), r#"{"sums":2}"#),
            (
                Line::Failed((&error).into()),
                r#"{"failed":{"kind":"held","detail":"x is on hold","hint":"release it"}}"#,
            ),
            (
                Line::Error((&Error::new(ErrorKind::Internal, "y")).into()),
                r#"{"error":{"kind":"internal","detail":"y"}}"#,
            ),
        ];
        for (line, text) in lines {
            assert_eq!(serde_json::to_string(&line).unwrap(), text);
            assert_eq!(serde_json::from_str::<Numbers>(text).unwrap(), line);
        }
        let back = Fault::from(&error).into_error();
        assert_eq!(
            (back.kind(), back.hint()),
            (ErrorKind::Held, Some("release it"))
        );
    }
}
