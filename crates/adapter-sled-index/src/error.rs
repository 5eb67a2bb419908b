//! Maps the errors of sled and of the files beside it to those of the domain, and nothing else.

use std::io;

use artifact_domain::{Error, ErrorKind};

const RESTORE_HINT: &str = "restore the index from a backup, or rebuild it from what is stored: \
     `artifact reindex --rebuild`";

/// The domain's error for one of sled's, `action` being what was tried.
pub(crate) fn from_sled(action: &str, error: sled::Error) -> Error {
    let message = |what: &str| format!("{action} the sled index: {what}");
    match error {
        sled::Error::Io(error) => from_io(&format!("{action} the sled index"), error),
        sled::Error::Corruption { .. } => {
            damaged(message("its file is corrupt")).with_source(error)
        }
        sled::Error::CollectionNotFound(_) => {
            damaged(message("a collection is missing")).with_source(error)
        }
        sled::Error::Unsupported(ref why) => Error::new(ErrorKind::Unsupported, message(why))
            .with_hint("the index was written by another version or setting of sled; use that one"),
        sled::Error::ReportableBug(ref what) => {
            Error::new(ErrorKind::Internal, message(what)).with_source(error)
        }
    }
}

/// The domain's error for one of the file system's, `context` naming what was tried on what.
pub(crate) fn from_io(context: &str, error: io::Error) -> Error {
    use io::ErrorKind as Io;
    let kind = match error.kind() {
        Io::StorageFull | Io::QuotaExceeded => ErrorKind::StorageFull,
        Io::PermissionDenied | Io::ReadOnlyFilesystem => ErrorKind::PermissionDenied,
        Io::Interrupted | Io::TimedOut | Io::WouldBlock | Io::ResourceBusy => {
            ErrorKind::Unavailable
        }
        Io::UnexpectedEof | Io::InvalidData => ErrorKind::Integrity,
        // The last is what making a directory gives where a file is.
        Io::NotADirectory | Io::IsADirectory | Io::AlreadyExists => ErrorKind::InvalidInput,
        _ => ErrorKind::Internal,
    };
    let mapped = Error::new(kind, format!("{context}: {error}")).with_source(error);
    match kind {
        ErrorKind::StorageFull => mapped.with_hint("free some space on the device of the index"),
        ErrorKind::PermissionDenied => {
            mapped.with_hint("make the index directory writable, or choose another base path")
        }
        ErrorKind::Integrity => mapped.with_hint(RESTORE_HINT),
        ErrorKind::InvalidInput => mapped.with_hint("the index needs a directory of its own"),
        _ => mapped,
    }
}

/// An `Integrity` error that says how to go on.
pub(crate) fn damaged(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Integrity, message).with_hint(RESTORE_HINT)
}

/// Whether sled refused because its own lock is still held. That is so for a moment after another
/// index was closed: a thread of sled's may outlive its database by a little.
pub(crate) fn is_engine_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error)
        if error.kind() == io::ErrorKind::Other
            && error.to_string().starts_with("could not acquire lock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(error: sled::Error) -> ErrorKind {
        from_sled("open", error).kind()
    }

    #[test]
    fn every_error_of_sled_has_its_kind() {
        let corruption = sled::Error::Corruption { at: None, bt: () };
        assert_eq!(kind_of(corruption), ErrorKind::Integrity);
        let missing = sled::Error::CollectionNotFound(b"x".into());
        assert_eq!(kind_of(missing), ErrorKind::Integrity);
        let unsupported = sled::Error::Unsupported("pagecache version".to_owned());
        assert_eq!(kind_of(unsupported), ErrorKind::Unsupported);
        let bug = sled::Error::ReportableBug("oops".to_owned());
        assert_eq!(kind_of(bug), ErrorKind::Internal);
    }

    #[test]
    fn errors_of_the_file_system_have_theirs() {
        use io::ErrorKind as Io;
        let cases = [
            (Io::StorageFull, ErrorKind::StorageFull),
            (Io::QuotaExceeded, ErrorKind::StorageFull),
            (Io::PermissionDenied, ErrorKind::PermissionDenied),
            (Io::ReadOnlyFilesystem, ErrorKind::PermissionDenied),
            (Io::TimedOut, ErrorKind::Unavailable),
            (Io::UnexpectedEof, ErrorKind::Integrity),
            (Io::NotADirectory, ErrorKind::InvalidInput),
            (Io::AlreadyExists, ErrorKind::InvalidInput),
            (Io::Other, ErrorKind::Internal),
        ];
        for (io_kind, expected) in cases {
            assert_eq!(
                kind_of(sled::Error::Io(io_kind.into())),
                expected,
                "{io_kind}"
            );
        }
    }

    #[test]
    fn a_mapped_error_says_what_was_tried_and_keeps_its_source() {
        let error = from_sled("open", sled::Error::Corruption { at: None, bt: () });
        assert_eq!(error.message(), "open the sled index: its file is corrupt");
        assert!(std::error::Error::source(&error).is_some());
        assert!(error.hint().is_some());
    }

    #[test]
    fn the_lock_of_the_engine_is_told_from_other_faults() {
        let dir = tempfile::tempdir().unwrap();
        let first = sled::open(dir.path()).unwrap();
        let second = sled::open(dir.path()).unwrap_err();
        assert!(is_engine_locked(&second), "{second}");
        drop(first);
        assert!(!is_engine_locked(&sled::Error::Io(
            io::ErrorKind::Other.into()
        )));
    }
}
