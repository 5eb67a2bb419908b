//! Maps what SQLite says went wrong onto the kinds of the domain, once and for all. Must not know
//! what was being done.

use std::fs::File;
use std::io;
use std::path::Path;

use artifact_domain::{Error, ErrorKind};
use rusqlite::ffi::{self, ErrorCode};

/// What can go wrong inside this adapter: SQLite's errors travel as they are until the call that
/// met them ends, and only there become the domain's.
#[derive(Debug)]
pub(super) enum Failure {
    /// The driver said so.
    Sqlite(rusqlite::Error),
    /// A rule of the domain said so.
    Domain(Error),
}

pub(super) type Result<T> = std::result::Result<T, Failure>;

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Domain(error)
    }
}

impl Failure {
    /// Whether another connection is in the way, so that the same attempt may soon succeed.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Sqlite(error) if kind_of(error) == ErrorKind::Unavailable)
    }

    /// The error of a call to the index at `path`.
    pub(super) fn into_error(self, path: &Path) -> Error {
        match self {
            Self::Domain(error) => error,
            Self::Sqlite(error) => {
                if let Some(cause) = out_of_files(&error, path) {
                    return io_error(path, cause);
                }
                let kind = kind_of(&error);
                let what = explanation(kind);
                let mapped = Error::new(kind, format!("index {} {what}", path.display()));
                match hint(kind) {
                    Some(hint) => mapped.with_hint(hint),
                    None => mapped,
                }
                .with_source(error)
            }
        }
    }
}

/// The same error once more, for the next of several callers that it concerns.
pub(super) fn repeat(error: &Error) -> Error {
    let again = Error::new(error.kind(), error.message());
    let again = match error.hint() {
        Some(hint) => again.with_hint(hint),
        None => again,
    };
    match std::error::Error::source(error) {
        Some(source) => again.with_source(source.to_string()),
        None => again,
    }
}

/// The error of a stored record whose `column` holds what it never should.
pub(super) fn unreadable(column: &str, cause: Error) -> Error {
    Error::new(
        ErrorKind::Integrity,
        format!("a stored record cannot be read: its {column} is malformed"),
    )
    .with_hint(RESTORE_HINT)
    .with_source(cause)
}

/// SQLite says only that it could not open a file; asking again tells whether there are too many
/// open ones.
fn out_of_files(error: &rusqlite::Error, path: &Path) -> Option<io::Error> {
    let cannot_open = error.sqlite_error_code() == Some(ErrorCode::CannotOpen);
    let cause = cannot_open.then(|| File::open(path).err()).flatten()?;
    is_out_of_files(&cause).then_some(cause)
}

/// Whether this process or the system has as many files open as it may: `EMFILE`, `ENFILE`.
fn is_out_of_files(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}

/// Maps a failure of the file system around the database at `path`.
pub(super) fn io_error(path: &Path, error: io::Error) -> Error {
    if is_out_of_files(&error) {
        let message = format!("index {}: {error}", path.display());
        return Error::new(ErrorKind::Unavailable, message)
            .with_hint("raise the limit of open files (`ulimit -n`)")
            .with_source(error);
    }
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ErrorKind::PermissionDenied
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::StorageFull,
        io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::AlreadyExists
        | io::ErrorKind::InvalidFilename => ErrorKind::InvalidInput,
        io::ErrorKind::Unsupported => ErrorKind::Unsupported,
        _ => ErrorKind::Internal,
    };
    let mapped = Error::new(kind, format!("index {}: {error}", path.display()));
    match hint(kind) {
        Some(hint) => mapped.with_hint(hint),
        None => mapped,
    }
    .with_source(error)
}

/// What to do about an index that is no longer what was written.
pub(super) const RESTORE_HINT: &str = "restore the index from a backup, or rebuild it from what is stored: \
     `artifact reindex --rebuild`";

fn explanation(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unavailable => "is busy",
        ErrorKind::StorageFull => "cannot grow, the device is full",
        ErrorKind::PermissionDenied => "cannot be opened for writing",
        ErrorKind::Integrity => "is damaged or not a database",
        ErrorKind::InvalidInput => "has a path that cannot be used",
        ErrorKind::Unsupported => "is on a file system that cannot hold it",
        _ => "failed",
    }
}

fn hint(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::Unavailable => Some("try again once other processes have finished with it"),
        ErrorKind::StorageFull => Some("free some space on the device that holds the index"),
        ErrorKind::PermissionDenied => Some(
            "let this user read and write the file, those beside it that end in -wal and -shm, \
             and their directory",
        ),
        ErrorKind::Integrity => Some(RESTORE_HINT),
        ErrorKind::InvalidInput => Some("choose another path for the index"),
        ErrorKind::Unsupported => Some("put the index on a local file system"),
        _ => None,
    }
}

fn kind_of(error: &rusqlite::Error) -> ErrorKind {
    use rusqlite::Error as E;
    match error {
        E::SqliteFailure(error, _) | E::SqlInputError { error, .. } => kind_of_code(*error),
        // A stored value of a type or range that this adapter never writes.
        E::FromSqlConversionFailure(..)
        | E::IntegralValueOutOfRange(..)
        | E::Utf8Error(..)
        | E::InvalidColumnType(..) => ErrorKind::Integrity,
        E::NulError(_) | E::InvalidPath(_) => ErrorKind::InvalidInput,
        E::SqliteSingleThreadedMode => ErrorKind::Unsupported,
        // A fault of this adapter. The driver's list is open, so the rest counts as that.
        E::InvalidParameterName(_)
        | E::ExecuteReturnedResults
        | E::QueryReturnedNoRows
        | E::QueryReturnedMoreThanOneRow
        | E::InvalidColumnIndex(_)
        | E::InvalidColumnName(_)
        | E::StatementChangedRows(_)
        | E::InvalidFunctionParameterType(..)
        | E::UserFunctionError(_)
        | E::ToSqlConversionFailure(_)
        | E::InvalidQuery
        | E::UnwindingPanic
        | E::GetAuxWrongType
        | E::MultipleStatement
        | E::InvalidParameterCount(..)
        | E::InvalidDatabaseIndex(_)
        | _ => ErrorKind::Internal,
    }
}

fn kind_of_code(error: ffi::Error) -> ErrorKind {
    match error.code {
        // `PROTOCOL` is a race for the locks of the log, `SCHEMA` a migration by another process.
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::SchemaChanged => ErrorKind::Unavailable,
        ErrorCode::DiskFull => ErrorKind::StorageFull,
        ErrorCode::CannotOpen if error.extended_code == ffi::SQLITE_CANTOPEN_ISDIR => {
            ErrorKind::InvalidInput
        }
        ErrorCode::CannotOpen
        | ErrorCode::ReadOnly
        | ErrorCode::PermissionDenied
        | ErrorCode::AuthorizationForStatementDenied => ErrorKind::PermissionDenied,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => ErrorKind::Integrity,
        ErrorCode::SystemIoFailure => kind_of_io(error.extended_code),
        ErrorCode::NoLargeFileSupport => ErrorKind::Unsupported,
        // A fault of this adapter or of the machine. The driver's list is open, so the rest
        // counts as that.
        ErrorCode::InternalMalfunction
        | ErrorCode::OperationAborted
        | ErrorCode::OperationInterrupted
        | ErrorCode::OutOfMemory
        | ErrorCode::NotFound
        | ErrorCode::TooBig
        | ErrorCode::ConstraintViolation
        | ErrorCode::TypeMismatch
        | ErrorCode::ApiMisuse
        | ErrorCode::ParameterOutOfRange
        | ErrorCode::Unknown
        | _ => ErrorKind::Internal,
    }
}

fn kind_of_io(extended_code: i32) -> ErrorKind {
    match extended_code {
        // A page that should be there is not; the checksum of one is wrong.
        ffi::SQLITE_IOERR_SHORT_READ | ffi::SQLITE_IOERR_DATA | ffi::SQLITE_IOERR_CORRUPTFS => {
            ErrorKind::Integrity
        }
        // The file beside the log that processes share is made as large as it must be at once, so
        // this is how a full device first shows.
        ffi::SQLITE_IOERR_SHMSIZE => ErrorKind::StorageFull,
        ffi::SQLITE_IOERR_LOCK | ffi::SQLITE_IOERR_SHMOPEN | ffi::SQLITE_IOERR_SHMMAP => {
            ErrorKind::Unsupported
        }
        _ => ErrorKind::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_sqlite_has_its_kind() {
        let cases = [
            (ffi::SQLITE_BUSY, ErrorKind::Unavailable),
            (ffi::SQLITE_BUSY_SNAPSHOT, ErrorKind::Unavailable),
            (ffi::SQLITE_BUSY_RECOVERY, ErrorKind::Unavailable),
            (ffi::SQLITE_LOCKED, ErrorKind::Unavailable),
            (ffi::SQLITE_PROTOCOL, ErrorKind::Unavailable),
            (ffi::SQLITE_SCHEMA, ErrorKind::Unavailable),
            (ffi::SQLITE_FULL, ErrorKind::StorageFull),
            (ffi::SQLITE_IOERR_SHMSIZE, ErrorKind::StorageFull),
            (ffi::SQLITE_READONLY, ErrorKind::PermissionDenied),
            (ffi::SQLITE_READONLY_DIRECTORY, ErrorKind::PermissionDenied),
            (ffi::SQLITE_PERM, ErrorKind::PermissionDenied),
            (ffi::SQLITE_AUTH, ErrorKind::PermissionDenied),
            (ffi::SQLITE_CANTOPEN, ErrorKind::PermissionDenied),
            (ffi::SQLITE_CANTOPEN_ISDIR, ErrorKind::InvalidInput),
            (ffi::SQLITE_CORRUPT, ErrorKind::Integrity),
            (ffi::SQLITE_NOTADB, ErrorKind::Integrity),
            (ffi::SQLITE_IOERR_SHORT_READ, ErrorKind::Integrity),
            (ffi::SQLITE_IOERR_DATA, ErrorKind::Integrity),
            (ffi::SQLITE_IOERR_CORRUPTFS, ErrorKind::Integrity),
            (ffi::SQLITE_IOERR_LOCK, ErrorKind::Unsupported),
            (ffi::SQLITE_IOERR_SHMMAP, ErrorKind::Unsupported),
            (ffi::SQLITE_NOLFS, ErrorKind::Unsupported),
            (ffi::SQLITE_IOERR_WRITE, ErrorKind::Internal),
            (ffi::SQLITE_IOERR_FSYNC, ErrorKind::Internal),
            (ffi::SQLITE_INTERNAL, ErrorKind::Internal),
            (ffi::SQLITE_ABORT, ErrorKind::Internal),
            (ffi::SQLITE_INTERRUPT, ErrorKind::Internal),
            (ffi::SQLITE_NOMEM, ErrorKind::Internal),
            (ffi::SQLITE_NOTFOUND, ErrorKind::Internal),
            (ffi::SQLITE_TOOBIG, ErrorKind::Internal),
            (ffi::SQLITE_CONSTRAINT, ErrorKind::Internal),
            (ffi::SQLITE_MISMATCH, ErrorKind::Internal),
            (ffi::SQLITE_MISUSE, ErrorKind::Internal),
            (ffi::SQLITE_RANGE, ErrorKind::Internal),
            (ffi::SQLITE_ERROR, ErrorKind::Internal),
        ];
        for (code, kind) in cases {
            let driver = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let failure = Failure::from(driver);
            assert_eq!(failure.is_busy(), kind == ErrorKind::Unavailable, "{code}");
            let error = failure.into_error(Path::new("/i.sqlite"));
            assert_eq!(error.kind(), kind, "{code}");
            assert!(error.message().starts_with("index /i.sqlite "), "{error}");
            assert!(error.hint().is_some() || kind == ErrorKind::Internal);
        }
    }

    #[test]
    fn the_drivers_own_errors_have_their_kind() {
        use rusqlite::{Error as E, types::Type};
        let cases = [
            (
                E::InvalidColumnType(0, String::new(), Type::Null),
                ErrorKind::Integrity,
            ),
            (E::IntegralValueOutOfRange(0, -1), ErrorKind::Integrity),
            (E::InvalidPath("\0".into()), ErrorKind::InvalidInput),
            (E::SqliteSingleThreadedMode, ErrorKind::Unsupported),
            (E::QueryReturnedNoRows, ErrorKind::Internal),
            (E::InvalidQuery, ErrorKind::Internal),
        ];
        for (error, kind) in cases {
            assert_eq!(kind_of(&error), kind, "{error}");
        }
    }

    #[test]
    fn failures_of_the_file_system_have_their_kind() {
        let cases = [
            (io::ErrorKind::PermissionDenied, ErrorKind::PermissionDenied),
            (
                io::ErrorKind::ReadOnlyFilesystem,
                ErrorKind::PermissionDenied,
            ),
            (io::ErrorKind::StorageFull, ErrorKind::StorageFull),
            (io::ErrorKind::QuotaExceeded, ErrorKind::StorageFull),
            (io::ErrorKind::NotADirectory, ErrorKind::InvalidInput),
            (io::ErrorKind::Unsupported, ErrorKind::Unsupported),
            (io::ErrorKind::TimedOut, ErrorKind::Internal),
        ];
        for (from, to) in cases {
            assert_eq!(io_error(Path::new("/i"), from.into()).kind(), to, "{from}");
        }
    }

    #[test]
    fn a_repeated_error_says_the_same() {
        let first = Error::new(ErrorKind::StorageFull, "full")
            .with_hint("free some")
            .with_source("ENOSPC");
        let second = repeat(&first);
        assert_eq!(format!("{first:?}"), format!("{second:?}"));
    }
}
