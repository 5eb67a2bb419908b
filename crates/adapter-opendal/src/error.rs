//! The map from what the system and OpenDAL report to kinds of the domain. Nothing else maps
//! errors, and no caller sees a driver's. What services say in their own words is in `service`.

#[cfg(feature = "remote")]
pub(crate) mod brief;
#[cfg(feature = "remote")]
mod service;

use std::fmt::Display;
use std::io;

use artifact_domain::{BlobKey, Error, ErrorKind};

/// What a report of the system means: the kind, the reason in words, and what a person can do.
type Meaning = (ErrorKind, &'static str, Option<&'static str>);

/// The error that says there is no such blob.
pub(crate) fn absent(key: &BlobKey) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no blob `{key}`"))
}

/// The error of a stream that had fewer bytes than it should.
pub(crate) fn too_short(key: &BlobKey, missing_bytes: u64) -> Error {
    Error::new(
        ErrorKind::Integrity,
        format!("blob `{key}` ended {missing_bytes} bytes too early"),
    )
}

/// What the system reported while `doing` something: `"{doing}: {reason}"`.
#[cfg(feature = "fs")]
pub(crate) fn from_io(doing: impl Display, cause: io::Error) -> Error {
    build(doing, meaning_of_io(&cause), cause)
}

/// What OpenDAL reported while `doing` something: the system's own report where it holds one,
/// since OpenDAL calls most of those "unexpected, temporary", a full disk too.
#[cfg(any(feature = "memory", feature = "remote"))]
pub(crate) fn from_opendal(doing: impl Display, cause: opendal::Error) -> Error {
    let reported = std::error::Error::source(&cause)
        .and_then(|source| source.downcast_ref::<io::Error>())
        .map(meaning_of_io)
        .filter(|(kind, ..)| *kind != ErrorKind::Internal);
    #[cfg(feature = "remote")]
    let reported = reported.or_else(|| service::meaning_of(&cause));
    let meaning = reported.unwrap_or_else(|| meaning_of_opendal(&cause));
    // Whoever made the call again marks what he gives back so.
    let is_retried = cause.is_persistent();
    #[cfg(feature = "remote")]
    let region_hint = region_hint(&meaning, &cause.to_string());
    let error = build(doing, meaning, cause);
    #[cfg(feature = "remote")]
    let error = match region_hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    };
    if is_retried { error.lasting() } else { error }
}

/// What OpenDAL reported while it listed. An empty prefix is no error, so what is not found then is
/// the bucket.
#[cfg(any(feature = "memory", feature = "remote"))]
pub(crate) fn from_listing(doing: impl Display, cause: opendal::Error) -> Error {
    #[cfg(feature = "remote")]
    if cause.kind() == opendal::ErrorKind::NotFound {
        return build(doing, service::NO_BUCKET, cause);
    }
    from_opendal(doing, cause)
}

/// What OpenDAL reported of a bucket, where calls were made again here: nobody above is to.
#[cfg(feature = "remote")]
pub(crate) fn from_remote(doing: impl Display, cause: opendal::Error) -> Error {
    from_opendal(doing, cause).lasting()
}

/// The error that says there is no such bucket.
#[cfg(feature = "gcs")]
pub(crate) fn no_bucket(
    doing: impl Display,
    cause: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    build(doing, service::NO_BUCKET, cause).lasting()
}

/// What a service answered itself: a status, and its words.
#[cfg(feature = "remote")]
pub(crate) fn from_service(
    doing: impl Display,
    status: u16,
    body: &str,
    cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    let meaning = service::meaning_of_answer(status, body);
    let cause = cause.into();
    let region = region_hint(&meaning, &cause.to_string());
    let (kind, reason, hint) = meaning;
    let error = Error::new(kind, format!("{doing}: {reason}")).with_source(cause);
    let error = error.lasting();
    match region.or(hint.map(str::to_owned)) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// What to do about a wrong region, where the service says which one is right.
#[cfg(feature = "remote")]
fn region_hint(meaning: &Meaning, said: &str) -> Option<String> {
    let is_region = *meaning == service::WRONG_REGION;
    let region = service::region_in(said).filter(|_| is_region)?;
    Some(format!(
        "set `s3.region` to `{region}`, which is where the bucket is"
    ))
}

fn build(
    doing: impl Display,
    (kind, reason, hint): Meaning,
    cause: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    let error = Error::new(kind, format!("{doing}: {reason}")).with_source(cause);
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// `io::ErrorKind` may grow, and some numbers have no kind of their own: what is not named here is
/// `Internal`, with the system's words as its source.
fn meaning_of_io(cause: &io::Error) -> Meaning {
    use io::ErrorKind as Io;
    match cause.kind() {
        Io::NotFound => (ErrorKind::NotFound, "not found", None),
        Io::PermissionDenied => (
            ErrorKind::PermissionDenied,
            "the system denies permission",
            Some("look at the owner and the mode of the store's directory and of those above it"),
        ),
        Io::ReadOnlyFilesystem => (
            ErrorKind::PermissionDenied,
            "the file system is read-only",
            Some("mount it writable, or choose another directory for the store"),
        ),
        Io::StorageFull => (
            ErrorKind::StorageFull,
            "no space is left on the device",
            Some("free some space, or let the store clean up what has expired"),
        ),
        Io::QuotaExceeded => (
            ErrorKind::StorageFull,
            "the disk quota is used up",
            Some("free some space, or ask for a larger quota"),
        ),
        Io::FileTooLarge => (
            ErrorKind::TooLarge,
            "the file system takes no file of that size",
            None,
        ),
        Io::NotADirectory => (
            ErrorKind::InvalidInput,
            "a file is where a directory must be",
            Some("something other than this software wrote below the store's directory"),
        ),
        Io::IsADirectory => (
            ErrorKind::InvalidInput,
            "a directory is where the file must be",
            Some("something other than this software wrote below the store's directory"),
        ),
        Io::InvalidFilename => (
            ErrorKind::InvalidInput,
            "the path is longer than the file system takes",
            Some("choose a shorter name, or a directory for the store with a shorter path"),
        ),
        Io::CrossesDevices => (
            ErrorKind::InvalidInput,
            "the store's directory is spread over several file systems",
            Some("keep `artifacts` and `.tmp` on one file system: blobs are renamed into place"),
        ),
        Io::InvalidInput => (ErrorKind::InvalidInput, "the system refuses the path", None),
        Io::AlreadyExists => (ErrorKind::AlreadyExists, "it exists already", None),
        Io::InvalidData | Io::UnexpectedEof => {
            (ErrorKind::Integrity, "the bytes are damaged", None)
        }
        Io::Unsupported => (
            ErrorKind::Unsupported,
            "the file system can't do that",
            None,
        ),
        Io::Interrupted
        | Io::WouldBlock
        | Io::TimedOut
        | Io::ResourceBusy
        | Io::ExecutableFileBusy
        | Io::Deadlock
        | Io::OutOfMemory
        | Io::StaleNetworkFileHandle
        | Io::NetworkDown
        | Io::NetworkUnreachable
        | Io::HostUnreachable
        | Io::NotConnected
        | Io::ConnectionRefused
        | Io::ConnectionReset
        | Io::ConnectionAborted
        | Io::BrokenPipe => (ErrorKind::Unavailable, "the storage does not answer", None),
        _ if is_out_of_descriptors(cause) => (
            ErrorKind::Unavailable,
            "too many files are open",
            Some("raise the limit of open files (`ulimit -n`), or do less at once"),
        ),
        _ => (ErrorKind::Internal, "the storage reports a fault", None),
    }
}

/// `EMFILE` and `ENFILE`, which have no kind in the standard library.
fn is_out_of_descriptors(cause: &io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    cfg!(unix) && matches!(cause.raw_os_error(), Some(ENFILE | EMFILE))
}

/// Every kind of OpenDAL 0.59. It may add some: those are `Internal` until they are named here.
#[cfg(any(feature = "memory", feature = "remote"))]
fn meaning_of_opendal(cause: &opendal::Error) -> Meaning {
    use opendal::ErrorKind as Od;
    match cause.kind() {
        Od::NotFound => (ErrorKind::NotFound, "not found", None),
        Od::PermissionDenied => (
            ErrorKind::PermissionDenied,
            "the backend denies permission",
            Some("look at what the credentials allow"),
        ),
        Od::ConfigInvalid => (
            ErrorKind::InvalidInput,
            "the backend is configured wrongly",
            Some("check the settings of the backend"),
        ),
        Od::Unsupported => (ErrorKind::Unsupported, "the backend can't do that", None),
        Od::IsADirectory => (
            ErrorKind::InvalidInput,
            "a directory is where the blob must be",
            None,
        ),
        Od::NotADirectory => (
            ErrorKind::InvalidInput,
            "a blob is where a directory must be",
            None,
        ),
        Od::IsSameFile => (
            ErrorKind::InvalidInput,
            "source and target are the same",
            None,
        ),
        Od::AlreadyExists => (ErrorKind::AlreadyExists, "it exists already", None),
        Od::ConditionNotMatch | Od::Conflict => {
            (ErrorKind::Conflict, "another writer was first", None)
        }
        Od::RangeNotSatisfied => (
            ErrorKind::Integrity,
            "it has fewer bytes than it should",
            None,
        ),
        Od::RateLimited => (
            ErrorKind::Unavailable,
            "the backend asks to slow down",
            None,
        ),
        Od::Unexpected if cause.is_temporary() => {
            (ErrorKind::Unavailable, "the backend does not answer", None)
        }
        // Unexpected, and what later versions add.
        _ => (ErrorKind::Internal, "the backend reports a fault", None),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// Linux's numbers, and what each must become.
    const SYSTEM: [(i32, ErrorKind); 16] = [
        (1, ErrorKind::PermissionDenied),  // EPERM
        (2, ErrorKind::NotFound),          // ENOENT
        (5, ErrorKind::Internal),          // EIO: a disk that fails gets no better by retrying
        (11, ErrorKind::Unavailable),      // EAGAIN
        (13, ErrorKind::PermissionDenied), // EACCES
        (18, ErrorKind::InvalidInput),     // EXDEV
        (20, ErrorKind::InvalidInput),     // ENOTDIR
        (21, ErrorKind::InvalidInput),     // EISDIR
        (23, ErrorKind::Unavailable),      // ENFILE
        (24, ErrorKind::Unavailable),      // EMFILE
        (27, ErrorKind::TooLarge),         // EFBIG
        (28, ErrorKind::StorageFull),      // ENOSPC
        (30, ErrorKind::PermissionDenied), // EROFS
        (36, ErrorKind::InvalidInput),     // ENAMETOOLONG
        (116, ErrorKind::Unavailable),     // ESTALE
        (122, ErrorKind::StorageFull),     // EDQUOT
    ];

    #[cfg(all(feature = "fs", target_os = "linux"))]
    #[test]
    fn each_report_of_the_system_has_its_kind() {
        for (number, kind) in SYSTEM {
            let error = from_io("put blob `k`", io::Error::from_raw_os_error(number));
            assert_eq!(error.kind(), kind, "errno {number}: {error}");
            assert!(error.message().starts_with("put blob `k`: "), "{error}");
            assert!(!error.message().ends_with('.'), "{error}");
            assert!(std::error::Error::source(&error).is_some());
        }
    }

    #[cfg(all(feature = "fs", target_os = "linux"))]
    #[test]
    fn a_full_disk_is_not_retried_and_says_what_to_do() {
        for number in [28, 122] {
            let error = from_io("put blob `k`", io::Error::from_raw_os_error(number));
            assert!(!error.is_transient());
            assert!(error.hint().is_some_and(|hint| hint.contains("free some")));
        }
    }

    #[cfg(feature = "memory")]
    mod of_opendal {
        use super::*;

        fn mapped(cause: opendal::Error) -> Error {
            let error = from_opendal("get blob `k`", cause);
            assert!(error.message().starts_with("get blob `k`: "), "{error}");
            error
        }

        #[test]
        fn each_kind_of_opendal_has_its_kind() {
            use opendal::ErrorKind as Od;
            for (theirs, ours) in [
                (Od::Unexpected, ErrorKind::Internal),
                (Od::Unsupported, ErrorKind::Unsupported),
                (Od::ConfigInvalid, ErrorKind::InvalidInput),
                (Od::NotFound, ErrorKind::NotFound),
                (Od::PermissionDenied, ErrorKind::PermissionDenied),
                (Od::IsADirectory, ErrorKind::InvalidInput),
                (Od::NotADirectory, ErrorKind::InvalidInput),
                (Od::AlreadyExists, ErrorKind::AlreadyExists),
                (Od::RateLimited, ErrorKind::Unavailable),
                (Od::IsSameFile, ErrorKind::InvalidInput),
                (Od::ConditionNotMatch, ErrorKind::Conflict),
                (Od::RangeNotSatisfied, ErrorKind::Integrity),
                (Od::Conflict, ErrorKind::Conflict),
            ] {
                assert_eq!(mapped(opendal::Error::new(theirs, "x")).kind(), ours);
            }
            let passing = opendal::Error::new(Od::Unexpected, "502").set_temporary();
            assert!(mapped(passing).is_transient());
        }

        #[cfg(target_os = "linux")]
        #[test]
        fn the_systems_own_report_counts_more_than_the_word_unexpected() {
            for (number, kind) in SYSTEM {
                let cause = io::Error::from_raw_os_error(number);
                let wrapped =
                    opendal::Error::new(opendal::ErrorKind::Unexpected, "io").set_source(cause);
                assert_eq!(mapped(wrapped).kind(), kind, "errno {number}");
            }
            let full = io::Error::from_raw_os_error(28);
            let wrapped = opendal::Error::new(opendal::ErrorKind::Unexpected, "io")
                .set_source(full)
                .set_temporary();
            assert_eq!(mapped(wrapped).kind(), ErrorKind::StorageFull);
        }
    }
}
