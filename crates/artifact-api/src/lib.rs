//! The documents that cross the wire.
#![doc = include_str!("../README.md")]

mod artifact;
mod changes;
mod grep;
mod lines;
mod problem;
mod reports;

pub use artifact::{Artifact, Page};
pub use changes::{Change, ChangeRequest, Changed, Deletion, TagQuery};
pub use grep::{GrepEvent, GrepLine, GrepOutput, GrepReport, GrepRequest};
pub use lines::{Fault, Line};
pub use problem::{PROBLEM_TYPE, Problem, kind_of};
pub use reports::{
    CleanupItem, CleanupReport, CounterSums, Finding, GcItem, GcReport, Latest, MoveEvent,
    MoveReport, OldVersion, TrendDay, UsageGroup, UsageSummary, VerifyEvent, VerifyReport, Why,
};
