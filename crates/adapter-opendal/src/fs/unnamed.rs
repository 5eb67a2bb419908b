//! Files without a name: made, and given one, by calls that `std` does not have. Knows nothing of
//! what they are for.

use std::fs::File;
use std::io;
use std::path::Path;

/// A new file on the file system of `folder`. `Unsupported` where there are no such files.
#[cfg(target_os = "linux")]
pub(super) fn create(folder: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open};

    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    // The system takes from it what the process does not give to new files.
    let mode = Mode::from_raw_mode(0o666);
    open(folder, flags, mode).map(File::from).map_err(|cause| {
        let cause = io::Error::from(cause);
        match cause.kind() {
            // What old systems and odd file systems say to a flag that they do not know.
            io::ErrorKind::IsADirectory | io::ErrorKind::InvalidInput => {
                io::Error::new(io::ErrorKind::Unsupported, cause)
            }
            _ => cause,
        }
    })
}

/// Gives the file a name that nothing has yet.
#[cfg(target_os = "linux")]
pub(super) fn link(file: &File, place: &Path) -> io::Result<()> {
    use std::os::fd::AsRawFd;

    use rustix::fs::{AtFlags, CWD, linkat};

    let own = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(linkat(CWD, own, CWD, place, AtFlags::SYMLINK_FOLLOW)?)
}

/// Whether the system can name them later, for which it must show a process its own files.
#[cfg(target_os = "linux")]
pub(super) fn can_be_linked() -> bool {
    Path::new("/proc/self/fd").is_dir()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn create(_: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn link(_: &File, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn can_be_linked() -> bool {
    false
}
