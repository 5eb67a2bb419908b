//! Looking for lines in the contents of artifacts: what is asked, and what is found.
#![expect(
    missing_docs,
    reason = "they are the words of the use case, which explains them"
)]

use artifact_domain::{ArtifactId, ArtifactUri};
use serde::{Deserialize, Serialize};

/// What to look for, and how far to go. What is searched is named, or else selected by the query.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
pub struct GrepRequest {
    pub pattern: String,
    /// Whether it is a text and no regular expression.
    pub fixed: bool,
    pub ignore_case: bool,
    pub words: bool,
    /// URIs or ids.
    pub artifacts: Vec<String>,
    /// `created`, `size` or `name`.
    pub sort: Option<String>,
    /// Only so many of the first artifacts.
    pub latest: Option<u64>,
    pub output: GrepOutput,
    pub invert: bool,
    pub binary_as_text: bool,
    pub max_count: Option<u64>,
    pub max_total: Option<u64>,
    pub max_bytes: Option<u64>,
    /// How many artifacts are searched at once.
    pub jobs: Option<u16>,
}

/// What is wanted of the lines that match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrepOutput {
    /// The lines.
    Lines {
        #[serde(default)]
        before: u16,
        #[serde(default)]
        after: u16,
        #[serde(default)]
        submatches: bool,
    },
    /// How many there are in each artifact.
    Counts,
    /// Which artifacts have one.
    Artifacts,
}

impl Default for GrepOutput {
    fn default() -> Self {
        Self::Lines {
            before: 0,
            after: 0,
            submatches: false,
        }
    }
}

/// Something that was found, or happened on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrepEvent {
    /// Lines of an artifact.
    Lines {
        id: ArtifactId,
        uri: ArtifactUri,
        lines: Vec<GrepLine>,
    },
    /// An artifact was searched.
    Ended {
        id: ArtifactId,
        uri: ArtifactUri,
        matches: u64,
        /// Where the first byte stands that no text has.
        binary_at: Option<u64>,
        cut_lines: u64,
    },
    /// So many bytes more were read.
    Read(u64),
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrepLine {
    /// Whether it stands only near one that matches.
    pub is_context: bool,
    pub number: u64,
    /// The line, if it is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The line in base64, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<String>,
    pub submatches: Vec<(u32, u32)>,
    pub is_cut: bool,
    pub after_gap: bool,
}

/// What was searched in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrepReport {
    pub artifacts: u64,
    pub binary_artifacts: u64,
    pub cut_lines: u64,
    pub cut_short: bool,
    pub failed_artifacts: u64,
    pub gone_artifacts: u64,
    pub left_out_artifacts: u64,
    pub left_out_bytes: u64,
    pub matches: u64,
    pub matching_artifacts: u64,
    pub size_bytes: u64,
}
