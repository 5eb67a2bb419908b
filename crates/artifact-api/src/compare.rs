//! What a comparison of two tasks shows, object by object. The keys stand in the order of the alphabet, and
//! are explained in docs/compare.md.
#![expect(
    missing_docs,
    reason = "they are the words of the use case, which explains them"
)]

use artifact_domain::{ArtifactId, Version};
use serde::{Deserialize, Serialize};

/// Something that a comparison shows: one thing that differs, or the sums of a kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CompareItem {
    /// An artifact of either task.
    Artifact(ComparedArtifact),
    /// A report that was read, or could not be.
    Report(ComparedReport),
    /// A test whose outcome differs, or that is slower or flaky.
    Test(Box<ComparedTest>),
    /// All tests.
    Tests(TestSums),
    /// A file of which another part is covered.
    File(ComparedFile),
    /// All files.
    Coverage(CoverageComparison),
    /// A finding that one of the tasks has more often.
    Finding(ComparedFinding),
    /// All findings.
    Findings(FindingSums),
    /// All artifacts.
    Totals(CompareTotals),
    /// A condition that is met, though it must not be.
    Fails(Breach),
}

/// The newest version that a task has of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparedVersion {
    pub id: ArtifactId,
    pub sha256: String,
    pub size_bytes: u64,
    pub version: Version,
}

/// How many bytes more there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct SizeChange {
    pub size_difference_bytes: i64,
    pub size_difference_percent: Option<f64>,
    pub size_increased: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedArtifact {
    pub baseline: Option<ComparedVersion>,
    /// `added`, `removed`, `changed` or `same`.
    pub change: String,
    pub current: Option<ComparedVersion>,
    pub name: String,
    #[serde(flatten)]
    pub sizes: SizeChange,
    #[serde(rename = "type")]
    pub artifact_type: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparedReport {
    pub format: Option<String>,
    pub reason: Option<String>,
    /// `baseline` or `current`.
    pub side: String,
    /// `read`, `other` or `unreadable`.
    pub state: String,
    pub uri: String,
}

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestRun {
    pub outcome: String,
    pub seconds: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedTest {
    pub baseline: Option<TestRun>,
    /// `newly-failing`, `still-failing`, `fixed`, `gone`, `skipped`, `new` or `unchanged`.
    pub change: String,
    pub current: Option<TestRun>,
    pub flaky: bool,
    pub id: String,
    pub message: Option<String>,
    /// How many times as long it takes, where that counts as slower.
    pub slower: Option<f64>,
}

/// How many tests there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestCounts {
    pub failed: u64,
    pub passed: u64,
    pub skipped: u64,
    pub total: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestSums {
    pub baseline: TestCounts,
    pub current: TestCounts,
    pub fixed: u64,
    pub flaky: u64,
    pub gone: u64,
    pub new: u64,
    pub newly_failing: u64,
    pub reasons: Vec<String>,
    pub skipped: u64,
    pub slower: u64,
    /// `known`, `unknown` or `absent`.
    pub state: String,
    pub still_failing: u64,
}

/// How much is covered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct CoverageSums {
    pub branch_percent: Option<f64>,
    pub branches: u64,
    pub branches_covered: u64,
    pub line_percent: Option<f64>,
    pub lines: u64,
    pub lines_covered: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedFile {
    pub baseline: Option<CoverageSums>,
    pub current: Option<CoverageSums>,
    pub line_percent_change: Option<f64>,
    pub path: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CoverageComparison {
    pub baseline: CoverageSums,
    pub branch_percent_change: Option<f64>,
    pub current: CoverageSums,
    pub line_percent_change: Option<f64>,
    pub reasons: Vec<String>,
    /// `known`, `unknown` or `absent`.
    pub state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparedFinding {
    /// `new` or `fixed`.
    pub change: String,
    pub count: u64,
    pub level: String,
    pub line: Option<u64>,
    pub message: String,
    pub path: String,
    pub rule: String,
    pub tool: String,
}

/// How many findings there are of each level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelCounts {
    pub error: u64,
    pub none: u64,
    pub note: u64,
    pub warning: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingSums {
    pub baseline: LevelCounts,
    pub current: LevelCounts,
    pub fixed: u64,
    pub new: u64,
    pub reasons: Vec<String>,
    /// `known`, `unknown` or `absent`.
    pub state: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct CompareTotals {
    pub added: u64,
    pub baseline_size_bytes: u64,
    pub changed: u64,
    pub current_size_bytes: u64,
    pub removed: u64,
    pub same: u64,
    #[serde(flatten)]
    pub sizes: SizeChange,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breach {
    pub condition: String,
    pub reason: String,
}

/// A whole comparison as one document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Whether a condition is met that must not be.
    pub fails: bool,
    pub items: Vec<CompareItem>,
    /// How many more there are of what has no end.
    pub left_out: u64,
}

/// What a comparison comes to that is told line by line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompareVerdict {
    /// Whether a condition is met that must not be.
    pub fails: bool,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_says_of_which_kind_it_is_and_comes_back() {
        let totals = CompareTotals {
            added: 1,
            sizes: SizeChange {
                size_difference_bytes: -3,
                size_difference_percent: Some(-1.5),
                size_increased: false,
            },
            ..CompareTotals::default()
        };
        let item = CompareItem::Totals(totals);
        let value = serde_json::to_value(&item).unwrap();
        assert_eq!(
            value,
            json!({
                "kind": "totals", "added": 1, "removed": 0, "changed": 0, "same": 0,
                "baseline_size_bytes": 0, "current_size_bytes": 0,
                "size_difference_bytes": -3, "size_difference_percent": -1.5,
                "size_increased": false,
            })
        );
        assert_eq!(serde_json::from_value::<CompareItem>(value).unwrap(), item);
    }
}
