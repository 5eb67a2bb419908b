//! How a command fails: at once, or after it has tried the rest.

use std::io;

use artifact_domain::{Error, ErrorKind};

use crate::exit;
use crate::ui::Ui;

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// This error, not yet shown.
    Error(Error),
    /// Errors that were shown already; the first was of this kind.
    Reported(ErrorKind),
    /// The user stopped it.
    Interrupted,
    /// Whoever reads our output has stopped reading.
    BrokenPipe,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<io::Error> for Failure {
    /// For writing to standard output, the only I/O that a command does without a domain error.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            io::ErrorKind::StorageFull => Error::new(
                ErrorKind::StorageFull,
                "writing to standard output: no space left",
            )
            .with_source(error)
            .into(),
            _ => exit::internal("writing to standard output failed", error).into(),
        }
    }
}

/// How many failed, behind other numbers; nothing where none did.
pub(crate) fn and_failed(count: u64) -> String {
    match count {
        0 => String::new(),
        count => format!(", {count} failed"),
    }
}

/// Collects the failures of a command that does many things and tries them all.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    first: Option<ErrorKind>,
    count: u64,
}

impl Failures {
    /// Shows an error and remembers that there was one.
    pub(crate) fn add(&mut self, ui: &Ui, error: &Error) {
        ui.error(error);
        self.first.get_or_insert(error.kind());
        self.count += 1;
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Success if there were none, else a failure of the first one's kind.
    pub(crate) fn into_result(self) -> Result<(), Failure> {
        self.first
            .map_or(Ok(()), |kind| Err(Failure::Reported(kind)))
    }
}
