//! Why a report cannot be used. Knows no format.

use std::io;

/// A report that is not what it should be, or is more than can be held: nothing may be concluded
/// from what it lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

impl Unreadable {
    /// With this reason: lower case, without a final period.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// The error of a reader that has found more than a report may have.
pub(crate) fn refuse(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
