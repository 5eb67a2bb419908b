//! Reads small files that the system has in memory, by calls that do not wait until a disk has read: then a thread
//! that must not wait can do it. Whatever is not that simple gives nothing, and is read in the usual way. Knows no
//! blobs.

use std::fs::File;
use std::path::Path;

/// Whether `folder` is on a file system that tells what it has in memory. One that asks somebody else, over a
/// network or in another process, may wait for him with any call; tmpfs does not tell, and what lies below an
/// overlay is not known.
#[cfg(target_os = "linux")]
pub(super) fn is_possible(folder: &Path) -> bool {
    use rustix::fs::{FsWord, statfs};

    const EXT: FsWord = 0xEF53;
    const XFS: FsWord = 0x5846_5342;
    const BTRFS: FsWord = 0x9123_683E;

    let kind = statfs(folder).map(|about| about.f_type);
    kind.is_ok_and(|kind| [EXT, XFS, BTRFS].contains(&kind))
}

/// Opens a file if every part of its path is in memory. Nothing is written down of its being read, which could
/// wait for the journal of the file system; only its owner may ask for that. What is no file, or is kept from
/// others for a moment, is not waited for either.
#[cfg(target_os = "linux")]
pub(super) fn open(path: &Path) -> Option<File> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOATIME | OFlags::NONBLOCK;
    let opened = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED);
    opened.ok().map(File::from)
}

/// Reads exactly `length` bytes if all of them are in memory.
#[cfg(target_os = "linux")]
pub(super) fn read(file: &File, offset: u64, length: usize) -> Option<Vec<u8>> {
    use std::io::IoSliceMut;

    use rustix::io::{ReadWriteFlags, preadv2};

    let mut bytes = vec![0; length];
    let mut into = [IoSliceMut::new(&mut bytes)];
    let read = preadv2(file, &mut into, offset, ReadWriteFlags::NOWAIT);
    (read == Ok(length)).then_some(bytes)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn is_possible(_: &Path) -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
pub(super) fn open(_: &Path) -> Option<File> {
    None
}

#[cfg(not(target_os = "linux"))]
pub(super) fn read(_: &File, _: u64, _: usize) -> Option<Vec<u8>> {
    None
}
