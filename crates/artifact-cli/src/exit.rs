//! The exit codes: frozen, one table.

use std::error::Error as StdError;
use std::process::ExitCode;

use artifact_domain::{Error, ErrorKind};

/// Everything was done.
pub(crate) const OK: ExitCode = ExitCode::SUCCESS;

/// The user stopped it: 128 and the number of SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// What an error of `kind` ends the process with.
pub(crate) fn code(kind: ErrorKind) -> ExitCode {
    ExitCode::from(number(kind))
}

fn number(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Internal => 1,
        ErrorKind::InvalidInput => 2,
        ErrorKind::NotFound | ErrorKind::Expired => 3,
        ErrorKind::PermissionDenied | ErrorKind::Unauthenticated => 4,
        ErrorKind::Integrity => 5,
        ErrorKind::Conflict | ErrorKind::AlreadyExists | ErrorKind::Held => 6,
        ErrorKind::Locked => 7,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::TooLarge => 8,
        ErrorKind::Unavailable => 9,
        ErrorKind::Unsupported => 10,
    }
}

/// An error of the process itself.
pub(crate) fn internal(
    what: &str,
    cause: impl Into<Box<dyn StdError + Send + Sync + 'static>>,
) -> Error {
    Error::new(ErrorKind::Internal, what).with_source(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_frozen_one() {
        let numbers: Vec<_> = ErrorKind::ALL.iter().map(|kind| number(*kind)).collect();
        assert_eq!(numbers, [3, 3, 6, 6, 2, 8, 8, 8, 5, 4, 4, 7, 6, 10, 9, 1]);
    }
}
