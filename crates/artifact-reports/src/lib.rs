#![doc = include_str!("../README.md")]

mod budget;
mod cobertura;
mod comparison;
mod coverage;
mod error;
mod findings;
mod format;
mod junit;
mod lcov;
mod libtest;
mod sarif;
mod side;
mod test_runs;
mod text;
mod xml;

pub use comparison::{Comparison, Standing};
pub use coverage::{ComparedFile, CoverageSums, Covered};
pub use error::Unreadable;
pub use findings::{ComparedFinding, Level};
pub use format::{Format, HEAD_BYTES, Kind};
pub use side::Side;
pub use test_runs::{ComparedTest, SlowerRule, TestChange, TestCounts, TestOutcome, TestRun};
