//! The documents that cross the wire.
#![doc = include_str!("../README.md")]

mod artifact;
mod changes;
mod compare;
mod grep;
mod import;
mod lines;
mod problem;
mod reports;
mod signed;
mod tokens;
mod upkeep;
mod warning;

pub use artifact::{Artifact, Page};
pub use changes::{Change, ChangeRequest, Changed, Deletion, TagQuery};
pub use compare::{
    Breach, CompareItem, CompareTotals, CompareVerdict, ComparedArtifact, ComparedFile,
    ComparedFinding, ComparedReport, ComparedTest, ComparedVersion, Comparison, CoverageComparison,
    CoverageSums, FindingSums, LevelCounts, SizeChange, TestCounts, TestRun, TestSums,
};
pub use grep::{GrepEvent, GrepLine, GrepOutput, GrepReport, GrepRequest};
pub use import::{ImportItem, ImportOutcome, ImportReport};
pub use lines::{Fault, Line};
pub use problem::{PROBLEM_TYPE, Problem, kind_of};
pub use reports::{
    CleanupItem, CleanupReport, CounterSums, ExportSums, Finding, GcItem, GcReport, Latest,
    MoveEvent, MoveReport, OldVersion, TrendDay, UsageGroup, UsageSummary, VerifyEvent,
    VerifyReport, Why,
};
pub use signed::{BeginRequest, CompleteRequest, SignedUrl};
pub use tokens::{
    AccessToken, MadeToken, RevokedToken, RotatedKey, TokenGrant, TokenItems, TokenRequest,
};
pub use upkeep::{
    BucketReport, HealthCheck, HealthReport, LockHolder, LockStatus, ReindexEvent, ReindexFinding,
    ReindexReport, RuleDifference, Unlocked,
};
pub use warning::{ARTIFACT_WARNING, SecretWarning};
