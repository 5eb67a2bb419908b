//! The only place that turns what the file system says into the store's error, and that words the
//! error of a lock that was not free in time.

use std::io;
use std::path::Path;
use std::time::Duration;

use artifact_domain::port::{LockHolder, LockKey};
use artifact_domain::{Error, ErrorKind};

/// Says what could not be done with a path: `cannot {action} {path}: {cause}`.
pub(crate) fn from_io(action: &str, path: &Path, cause: io::Error) -> Error {
    let (kind, hint) = match cause.raw_os_error() {
        // `EMFILE` and `ENFILE`, which have no kind of their own.
        Some(23 | 24) => (
            ErrorKind::Unavailable,
            Some("raise the limit of open files (`ulimit -n`)"),
        ),
        _ => meaning(cause.kind()),
    };
    let error = Error::new(kind, format!("cannot {action} {}: {cause}", path.display()));
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
    .with_source(cause)
}

/// The map. Kinds that are not named are faults that nothing here can explain.
fn meaning(kind: io::ErrorKind) -> (ErrorKind, Option<&'static str>) {
    use io::ErrorKind as Io;
    match kind {
        Io::PermissionDenied | Io::ReadOnlyFilesystem => (
            ErrorKind::PermissionDenied,
            Some("the directory of the locks must be writable for whoever writes artifacts"),
        ),
        Io::StorageFull | Io::QuotaExceeded => (
            ErrorKind::StorageFull,
            Some("free some room on the device that keeps the locks"),
        ),
        Io::NotADirectory | Io::AlreadyExists => (
            ErrorKind::Internal,
            Some(
                "something that is not a directory is in the way; move it or set another base path",
            ),
        ),
        Io::IsADirectory => (
            ErrorKind::Internal,
            Some("something that is not a file is in the way; move it"),
        ),
        Io::Unsupported => (
            ErrorKind::Internal,
            Some("this file system has no locks; keep them on a local disk"),
        ),
        _ => (ErrorKind::Internal, None),
    }
}

/// Says that a task of the runtime did not come to its end: the runtime is shutting down.
pub(crate) fn cut_off(cause: tokio::task::JoinError) -> Error {
    Error::new(
        ErrorKind::Internal,
        "the runtime ended during work on a lock",
    )
    .with_source(cause)
}

/// Says that a lock could not be taken away, since others were freeing theirs all the time.
pub(crate) fn gate_busy(path: &Path) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!(
            "cannot take away lock file {}: other locks are being freed",
            path.display()
        ),
    )
    .with_hint("try again")
}

/// Says that a lock was not free in time.
pub(crate) fn locked(
    key: &LockKey,
    holder: Option<&LockHolder>,
    attempts: u32,
    waited: Duration,
) -> Error {
    let by = holder.map_or_else(String::new, |LockHolder { pid, host, since }| {
        format!(" by process {pid} on {host} since {since}")
    });
    let tries = if attempts == 1 { "attempt" } else { "attempts" };
    let message = format!(
        "{key} is locked{by}: gave up after {attempts} {tries} in {:.1} s",
        waited.as_secs_f64()
    );
    let hint = if key.as_str().starts_with("artifact://") {
        format!(
            "`artifact lock status {key}` shows who holds it, `artifact lock unlock {key}` takes \
             it away from a holder that hangs"
        )
    } else {
        "another process is at this work; try again when it is done".to_owned()
    };
    Error::new(ErrorKind::Locked, message).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use artifact_domain::ArtifactUri;

    use super::*;

    #[test]
    fn every_kind_of_the_port_has_its_causes() {
        use io::ErrorKind as Io;
        for (cause, kind, hinted) in [
            (Io::PermissionDenied, ErrorKind::PermissionDenied, true),
            (Io::ReadOnlyFilesystem, ErrorKind::PermissionDenied, true),
            (Io::StorageFull, ErrorKind::StorageFull, true),
            (Io::QuotaExceeded, ErrorKind::StorageFull, true),
            (Io::NotADirectory, ErrorKind::Internal, true),
            (Io::AlreadyExists, ErrorKind::Internal, true),
            (Io::IsADirectory, ErrorKind::Internal, true),
            (Io::Unsupported, ErrorKind::Internal, true),
            (Io::NotFound, ErrorKind::Internal, false),
            (Io::InvalidFilename, ErrorKind::Internal, false),
            (Io::Interrupted, ErrorKind::Internal, false),
            (Io::Other, ErrorKind::Internal, false),
        ] {
            let error = from_io("open lock file", Path::new("/locks/a.lock"), cause.into());
            assert_eq!(
                (error.kind(), error.hint().is_some()),
                (kind, hinted),
                "{cause}"
            );
            assert!(
                error
                    .message()
                    .starts_with("cannot open lock file /locks/a.lock: ")
            );
        }
        // What the system itself says of a full disk, of a quota and of a disk gone read-only.
        for (number, kind) in [
            (28, ErrorKind::StorageFull),
            (30, ErrorKind::PermissionDenied),
            (13, ErrorKind::PermissionDenied),
            (1, ErrorKind::PermissionDenied),
        ] {
            let cause = io::Error::from_raw_os_error(number);
            assert_eq!(
                from_io("open lock file", Path::new("/l"), cause).kind(),
                kind,
                "{number}"
            );
        }
    }

    #[test]
    fn who_waited_in_vain_learns_for_whom_how_long_and_what_to_do() {
        let uri: ArtifactUri = "artifact://demo/1/log/a.txt".parse().unwrap();
        let holder = LockHolder {
            pid: 4711,
            host: "ci-3".into(),
            since: "2026-03-01T12:00:00Z".parse().unwrap(),
        };
        let key = LockKey::artifact(uri.coordinate());
        let error = locked(&key, Some(&holder), 12, Duration::from_millis(30_020));
        assert_eq!(
            error.to_string(),
            "artifact://demo/1/log/a.txt is locked by process 4711 on ci-3 since \
             2026-03-01T12:00:00Z: gave up after 12 attempts in 30.0 s"
        );
        assert!(
            error
                .hint()
                .unwrap()
                .contains("`artifact lock unlock artifact://demo/1/log/a.txt`")
        );

        let error = locked(&LockKey::job("gc"), None, 1, Duration::ZERO);
        assert_eq!(
            error.to_string(),
            "job://gc is locked: gave up after 1 attempt in 0.0 s"
        );
        assert!(!error.hint().unwrap().contains("lock unlock"));
    }
}
