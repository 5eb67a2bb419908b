//! The id of an upload on its way. What is not exactly one names nothing, so that no id can name a
//! file of anybody else.

use std::fmt;

use uuid::Uuid;

/// Random, and written in one way alone: hyphenated, in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct UploadId(Uuid);

impl UploadId {
    /// One that nobody can guess.
    pub(super) fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// The id that is written so.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let id = Self(Uuid::try_parse(text).ok()?);
        (id.0.get_version_num() == 4 && id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_in_one_way() {
        let id = UploadId::random();
        assert_eq!(UploadId::parse(&id.to_string()), Some(id));
        let text = "6fa459ea-ee8a-4ca4-894e-db77e160355e";
        assert!(UploadId::parse(text).is_some());
        for other in [
            &text.to_uppercase(),
            &text.replace('-', ""),
            &format!("{{{text}}}"),
            &format!("urn:uuid:{text}"),
            &format!("{text}.json"),
            &format!("../{text}"),
            "",
            "..",
            ".",
            "../../etc/passwd",
            "..%2f..",
            "6fa459ea-ee8a-7ca4-894e-db77e160355e",
        ] {
            assert_eq!(UploadId::parse(other), None, "{other}");
        }
    }
}
