//! One file: in which state it is, and what is in it. Must not know what that means.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use artifact_domain::{Error, ErrorKind, Result};

/// Bits of a mode that let others than the owner change a file.
const CHANGED_BY_OTHERS: u32 = 0o022;

/// Bits of a mode that let others than the owner read it.
const READ_BY_OTHERS: u32 = 0o044;

/// In which state a file is: nothing where it is not there, a fault where that cannot be told.
pub(crate) type State = std::result::Result<Option<Stamp>, io::ErrorKind>;

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    length_bytes: u64,
    changed: (i64, i64),
}

/// How the file is at present.
pub(crate) fn state(path: &Path) -> State {
    let metadata = absent_is_none(fs::metadata(path)).map_err(|fault| fault.kind())?;
    Ok(metadata.map(|metadata| Stamp {
        inode: metadata.ino(),
        length_bytes: metadata.len(),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    }))
}

/// Whether a file is there. Where that cannot be told it counts as there.
pub fn is_there(path: &Path) -> bool {
    state(path).map_or(true, |stamp| stamp.is_some())
}

/// Reads a file that says who is let in; none where it is not there. Blocking.
///
/// # Errors
/// `Internal` for one that others can change or that belongs to somebody else, which is not believed, and
/// for one that is longer than `most_bytes`; `PermissionDenied` and `Internal` for faults.
pub fn read(path: &Path, most_bytes: u64) -> Result<Option<Vec<u8>>> {
    read_unless(path, most_bytes, 0)
}

/// The same for a file of secrets, which nobody else may read either. Blocking.
///
/// # Errors
/// Those of [`read`]; `Internal` for one that others can read.
pub fn read_secret(path: &Path, most_bytes: u64) -> Result<Option<Vec<u8>>> {
    read_unless(path, most_bytes, READ_BY_OTHERS)
}

fn read_unless(path: &Path, most_bytes: u64, refused: u32) -> Result<Option<Vec<u8>>> {
    let metadata = absent_is_none(fs::metadata(path)).map_err(|fault| unreadable(path, fault))?;
    let Some(metadata) = metadata else {
        return Ok(None);
    };
    let shown = path.display();
    let refuse = |why: &str, hint: String| {
        let message = format!("{shown} {why}");
        Err(Error::new(ErrorKind::Internal, message).with_hint(hint))
    };
    if metadata.mode() & CHANGED_BY_OTHERS != 0 {
        return refuse("can be changed by others", format!("`chmod go-w {shown}`"));
    }
    if metadata.mode() & refused != 0 {
        let hint = format!("`chmod go-r {shown}`, and exchange what is in it");
        return refuse("is secret and can be read by others", hint);
    }
    if !is_own(metadata.uid()) {
        let hint = format!("`chown` {shown} to who runs the program, or run it as its owner");
        return refuse("belongs to somebody else", hint);
    }
    if metadata.len() > most_bytes {
        let message = format!("{} is over {most_bytes} bytes long", path.display());
        return Err(Error::new(ErrorKind::Internal, message));
    }
    absent_is_none(fs::read(path)).map_err(|fault| unreadable(path, fault))
}

/// Whether this user is the one that runs the program, or the machine's own.
fn is_own(user: u32) -> bool {
    user == 0 || user == rustix::process::geteuid().as_raw()
}

fn absent_is_none<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn unreadable(path: &Path, fault: io::Error) -> Error {
    let kind = match fault.kind() {
        io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        _ => ErrorKind::Internal,
    };
    let message = format!("{} can't be read", path.display());
    Error::new(kind, message).with_source(fault)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_what_others_cannot_change_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        assert_eq!(read(&path, 9).unwrap(), None);
        fs::write(&path, "123456789").unwrap();
        for (mode, is_read) in [
            (0o600, true),
            (0o644, true),
            (0o620, false),
            (0o602, false),
            (0o666, false),
        ] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            match read(&path, 9) {
                Ok(text) => assert!(is_read && text.unwrap() == b"123456789", "{mode:o}"),
                Err(error) => {
                    assert!(!is_read && error.kind() == ErrorKind::Internal, "{error}");
                    assert!(error.hint().unwrap().contains("chmod go-w"), "{error}");
                }
            }
        }
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert!(read(&path, 8).is_err(), "it is longer");
        let error = read(folder.path(), 1 << 20).unwrap_err();
        assert!(error.to_string().contains("can't be read"), "{error}");
    }

    #[test]
    fn secrets_are_read_where_nobody_else_can_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        fs::write(&path, "1").unwrap();
        for (mode, is_read) in [
            (0o600, true),
            (0o400, true),
            (0o640, false),
            (0o604, false),
            (0o620, false),
        ] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(read_secret(&path, 9).is_ok(), is_read, "{mode:o}");
        }
    }

    #[test]
    fn what_belongs_to_somebody_else_is_not_believed() {
        let own = rustix::process::geteuid().as_raw();
        assert!(is_own(0) && is_own(own) && !is_own(own + 12_345));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        fs::write(&path, "1").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read(&path, 9).unwrap().unwrap(), b"1");
        // Nobody but root can give a file away.
        if own == 0 {
            std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
            let error = read(&path, 9).unwrap_err();
            assert!(
                error.message().contains("belongs to somebody else"),
                "{error}"
            );
        }
    }

    #[test]
    fn every_change_is_another_state() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let mut states = vec![state(&path)];
        assert!(!is_there(&path));
        let mut note = || {
            let state = state(&path);
            assert!(!states.contains(&state), "{state:?} is in {states:?}");
            assert_eq!(self::state(&path), state);
            states.push(state);
        };
        fs::write(&path, "1").unwrap();
        assert!(is_there(&path));
        note();
        fs::write(&path, "22").unwrap();
        note();
        fs::write(folder.path().join("g"), "33").unwrap();
        fs::rename(folder.path().join("g"), &path).unwrap();
        note();
        let below = path.join("below");
        assert!(is_there(&below), "a file is no folder");
        assert_eq!(state(&below), Err(io::ErrorKind::NotADirectory));
    }
}
