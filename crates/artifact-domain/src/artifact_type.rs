//! What an artifact is: the types of design and the custom ones.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::segment::excerpt;
use crate::{Error, Result};

/// The longest name of a custom type, in bytes.
const MAX_CUSTOM_BYTES: usize = 64;

/// What an artifact is.
///
/// Parsing ignores case and takes `_` for `-`; a few aliases are accepted (`test_result`,
/// `build_logs`, `screenshots`, …). A type of one's own is written `custom:NAME`.
///
/// ```
/// use artifact_domain::ArtifactType;
///
/// let parsed: ArtifactType = "Test_Results".parse()?;
/// assert_eq!(parsed, ArtifactType::TestResults);
/// assert_eq!(parsed.to_string(), "test-results");
/// # Ok::<(), artifact_domain::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ArtifactType {
    /// A difference between two trees.
    Diff,
    /// A log of a run.
    Log,
    /// Results of tests.
    TestResults,
    /// Coverage of code by tests.
    CoverageReport,
    /// What a security scan found.
    SecurityFindings,
    /// Measurements of speed or size.
    PerformanceMetrics,
    /// A log of a build.
    BuildLog,
    /// What a static analysis found.
    StaticAnalysis,
    /// Reference documentation of an interface.
    ApiDocs,
    /// A picture of a screen.
    Screenshot,
    /// A film.
    Video,
    /// Source code.
    Code,
    /// Text for people.
    Document,
    /// Any other picture.
    Image,
    /// Structured data.
    Data,
    /// None of these.
    Other,
    /// A type of the user's own.
    Custom(CustomType),
}

/// The name of a custom type.
///
/// Invariants: 1 to 64 characters of `a-z 0-9 . -`, the first a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomType {
    /// With the `custom:`, as it is written everywhere.
    full: String,
}

impl CustomType {
    /// The name without the `custom:`.
    pub fn as_str(&self) -> &str {
        self.full.strip_prefix(CUSTOM_PREFIX).unwrap_or(&self.full)
    }
}

const CUSTOM_PREFIX: &str = "custom:";

impl ArtifactType {
    /// Every type but the custom ones.
    pub const BUILT_IN: [Self; 16] = [
        Self::Diff,
        Self::Log,
        Self::TestResults,
        Self::CoverageReport,
        Self::SecurityFindings,
        Self::PerformanceMetrics,
        Self::BuildLog,
        Self::StaticAnalysis,
        Self::ApiDocs,
        Self::Screenshot,
        Self::Video,
        Self::Code,
        Self::Document,
        Self::Image,
        Self::Data,
        Self::Other,
    ];

    const ALIASES: [(&str, Self); 6] = [
        ("test", Self::TestResults),
        ("test-result", Self::TestResults),
        ("test-results", Self::TestResults),
        ("build-logs", Self::BuildLog),
        ("screenshots", Self::Screenshot),
        ("videos", Self::Video),
    ];

    /// Whether its blobs are kept in the `logs/` folder of their task.
    pub fn is_log(&self) -> bool {
        matches!(self, Self::Log | Self::BuildLog)
    }

    fn built_in(name: &str) -> Option<Self> {
        let mut all = Self::BUILT_IN.into_iter();
        all.find(|candidate| candidate.as_str() == name)
    }

    /// The type as it is written: `log`, `custom:NAME`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Diff => "diff",
            Self::Log => "log",
            Self::TestResults => "test-results",
            Self::CoverageReport => "coverage-report",
            Self::SecurityFindings => "security-findings",
            Self::PerformanceMetrics => "performance-metrics",
            Self::BuildLog => "build-log",
            Self::StaticAnalysis => "static-analysis",
            Self::ApiDocs => "api-docs",
            Self::Screenshot => "screenshot",
            Self::Video => "video",
            Self::Code => "code",
            Self::Document => "document",
            Self::Image => "image",
            Self::Data => "data",
            Self::Other => "other",
            Self::Custom(name) => &name.full,
        }
    }
}

impl fmt::Display for ArtifactType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ArtifactType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // As it is written nearly always.
        if let Some(built_in) = Self::built_in(text) {
            return Ok(built_in);
        }
        let normal = text.to_lowercase().replace('_', "-");
        if let Some(name) = normal.strip_prefix(CUSTOM_PREFIX) {
            let first = name
                .chars()
                .next()
                .is_some_and(|c| c.is_ascii_alphanumeric());
            let rest = name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
            return if first && rest && name.len() <= MAX_CUSTOM_BYTES {
                Ok(Self::Custom(CustomType { full: normal }))
            } else {
                Err(Error::invalid_input(format!(
                    "custom type `{}` is not 1 to {MAX_CUSTOM_BYTES} letters, digits, dots and \
                     hyphens beginning with a letter or digit",
                    excerpt(text)
                )))
            };
        }
        Self::built_in(&normal)
            .or_else(|| {
                Self::ALIASES
                    .into_iter()
                    .find(|(alias, _)| *alias == normal)
                    .map(|(_, t)| t)
            })
            .ok_or_else(|| {
                let known: Vec<_> = Self::BUILT_IN.iter().map(ToString::to_string).collect();
                Error::invalid_input(format!("unknown artifact type `{}`", excerpt(text)))
                    .with_hint(format!("one of {}, or custom:NAME", known.join(", ")))
            })
    }
}

impl TryFrom<String> for ArtifactType {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ArtifactType> for String {
    fn from(value: ArtifactType) -> Self {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_parses_from_its_own_name_in_any_dress() {
        for expected in ArtifactType::BUILT_IN {
            let name = expected.to_string();
            for form in [name.clone(), name.to_uppercase(), name.replace('-', "_")] {
                assert_eq!(form.parse::<ArtifactType>().unwrap(), expected);
            }
        }
    }

    #[test]
    fn the_aliases_of_earlier_systems_are_taken() {
        let cases = [
            ("test", "test-results"),
            ("test_result", "test-results"),
            ("test_results", "test-results"),
            ("build_logs", "build-log"),
            ("screenshots", "screenshot"),
            ("videos", "video"),
        ];
        for (alias, name) in cases {
            assert_eq!(alias.parse::<ArtifactType>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn custom_types_are_normalised_and_checked() {
        let custom: ArtifactType = "Custom:My_Type.v2".parse().unwrap();
        assert_eq!(custom.to_string(), "custom:my-type.v2");
        for bad in [
            "custom:",
            "custom:-a",
            "custom:a/b",
            "custom:..",
            "custom:é",
            "custom:a b",
        ] {
            assert!(bad.parse::<ArtifactType>().is_err(), "{bad} was accepted");
        }
        assert!(
            format!("custom:{}", "x".repeat(65))
                .parse::<ArtifactType>()
                .is_err()
        );
    }

    #[test]
    fn an_unknown_type_names_the_known_ones() {
        let error = "lgo".parse::<ArtifactType>().unwrap_err();
        assert!(error.hint().unwrap().contains("test-results"));
        assert!("".parse::<ArtifactType>().is_err());
    }
}
