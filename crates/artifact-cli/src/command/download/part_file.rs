//! A file that appears whole or not at all. Must not know what it holds.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use artifact_domain::{Error, ErrorKind, Result};
use jiff::Timestamp;
use tempfile::NamedTempFile;

/// What is to be done with what is in the place of a file already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::command) enum There {
    /// It is replaced.
    Replaced,
    /// It is kept, and the file is refused.
    Kept,
}

/// How much is written with one call. For more of it Linux takes larger blocks of memory, which a virtual
/// machine may have to get from its host first: that takes up to ten times as long as the copy.
const PIECE_BYTES: usize = 128 << 10;

/// How to replace what is there.
pub(super) const REPLACING: &str = "name the file with -o; one named there is replaced";

/// A file on its way: written under another name beside its place, then put there in one step.
/// Dropped before that, it is gone. What is no file but takes bytes, such as a pipe, is written to
/// as it is.
#[derive(Debug)]
pub(in crate::command) struct PartFile {
    sink: Sink,
    path: PathBuf,
    there: There,
}

#[derive(Debug)]
enum Sink {
    Beside(NamedTempFile),
    Direct(File),
}

impl PartFile {
    /// Begins the file that is to appear at `path`. A link is followed, so that what it leads to
    /// is replaced and not the link.
    ///
    /// # Errors
    /// `InvalidInput` if a folder is there; `NotFound` if the folder it goes to is missing.
    pub(in crate::command) fn create(path: &Path, there: There) -> Result<Self> {
        // Where the standard streams and the shell's own pipes are: none of it is to be replaced.
        let of_system = ["/dev", "/proc"].map(|root| path.starts_with(root));
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => Err(is_folder(path)),
            Ok(found) if !found.is_file() || of_system.contains(&true) => Self::open(path),
            Ok(_) => match fs::canonicalize(path) {
                Ok(path) if path.starts_with("/proc") => Self::open(&path),
                Ok(path) => Self::create_as(&path, false, there),
                Err(cause) => Err(unwritable(path, cause)),
            },
            Err(_) => Self::create_as(path, false, there),
        }
    }

    /// Begins to write to what is there.
    fn open(path: &Path) -> Result<Self> {
        let file = File::options().write(true).open(path);
        Ok(Self {
            sink: Sink::Direct(file.map_err(|cause| unwritable(path, cause))?),
            path: path.to_owned(),
            there: There::Replaced,
        })
    }

    /// As any file of a folder: a link in its place is replaced.
    pub(super) fn create_as(path: &Path, executable: bool, there: There) -> Result<Self> {
        if path.is_dir() {
            return Err(is_folder(path));
        }
        let mode = if executable { 0o777 } else { 0o666 };
        let mut builder = builder();
        // As any new file, not as secret as a temporary one; the umask takes away what it must.
        #[cfg(unix)]
        builder
            .permissions(<fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(mode));
        let file = builder
            .tempfile_in(folder_of(path))
            .map_err(|cause| unwritable(path, cause))?;
        Ok(Self {
            sink: Sink::Beside(file),
            path: path.to_owned(),
            there,
        })
    }

    /// Whether a file will be there, and not something else that takes bytes.
    pub(in crate::command) fn is_file(&self) -> bool {
        matches!(self.sink, Sink::Beside(_))
    }

    fn file(&mut self) -> &mut File {
        match &mut self.sink {
            Sink::Beside(file) => file.as_file_mut(),
            Sink::Direct(file) => file,
        }
    }

    /// Writes on.
    pub(in crate::command) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let mut pieces = bytes.chunks(PIECE_BYTES);
        let written = pieces.try_for_each(|piece| self.file().write_all(piece));
        written.map_err(|cause| unwritable(&self.path, cause))
    }

    /// Says when it was last written, where that is known. Comes after the last byte.
    pub(super) fn set_modified(&mut self, time: Option<Timestamp>) -> Result<()> {
        let Some(time) = time else {
            return Ok(());
        };
        let set = self.file().set_modified(time.into());
        set.map_err(|cause| unwritable(&self.path, cause))
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// `AlreadyExists` if something came to be there that is to be kept.
    pub(in crate::command) fn publish(self) -> Result<()> {
        let path = self.path;
        let put = match (self.sink, self.there) {
            (Sink::Direct(_), _) => return Ok(()),
            (Sink::Beside(file), There::Replaced) => file.persist(&path),
            (Sink::Beside(file), There::Kept) => file.persist_noclobber(&path),
        };
        put.map(drop).map_err(|failed| {
            let error = unwritable(&path, failed.error);
            match self.there {
                There::Kept => error.with_hint(REPLACING),
                There::Replaced => error,
            }
        })
    }
}

fn is_folder(path: &Path) -> Error {
    Error::invalid_input(format!("{} is a folder", path.display()))
        .with_hint("name a file with -o, or use -D for everything of a task")
}

/// How a file that is not in its place yet is called.
pub(super) fn builder<'a>() -> tempfile::Builder<'a, 'a> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".artifact-").suffix(".part");
    builder
}

pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Says which place cannot be written and why.
pub(super) fn unwritable(path: &Path, cause: io::Error) -> Error {
    let kind = match cause.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ErrorKind::PermissionDenied
        }
        io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::StorageFull,
        io::ErrorKind::IsADirectory
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::InvalidFilename => ErrorKind::InvalidInput,
        _ => ErrorKind::Internal,
    };
    Error::new(
        kind,
        format!("{} cannot be written: {cause}", path.display()),
    )
    .with_source(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut dropped = PartFile::create(&path, There::Replaced).unwrap();
        dropped.write(b"half").unwrap();
        drop(dropped);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut part = PartFile::create(&path, There::Replaced).unwrap();
        part.write(b"whole").unwrap();
        part.publish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn what_came_meanwhile_is_kept_where_nothing_is_to_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut part = PartFile::create(&path, There::Kept).unwrap();
        part.write(b"late").unwrap();
        fs::write(&path, "early").unwrap();
        let refused = part.publish().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"early");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_stays_and_what_it_leads_to_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (link, file) = (folder.path().join("link"), folder.path().join("file"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        let mut part = PartFile::create(&link, There::Replaced).unwrap();
        part.write(b"new").unwrap();
        part.publish().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
    }
}
