//! Where downloads are written: a file that appears whole or not at all, and a folder that
//! nothing can be written outside of.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use artifact_domain::{Coordinate, Error, ErrorKind, Result};
use tempfile::NamedTempFile;

/// A file on its way: written under another name beside its place, then put there in one step.
/// Dropped before that, it is gone.
#[derive(Debug)]
pub(super) struct PartFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl PartFile {
    /// Begins the file that is to appear at `path`.
    ///
    /// # Errors
    /// `InvalidInput` if a folder is there; `NotFound` if the folder it goes to is missing.
    pub(super) fn create(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Err(
                Error::invalid_input(format!("{} is a folder", path.display()))
                    .with_hint("name a file with -o, or use -D for everything of a task"),
            );
        }
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".artifact-").suffix(".part");
        // As any new file, not as secret as a temporary one; the umask takes away what it must.
        #[cfg(unix)]
        builder
            .permissions(<fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666));
        let file = builder
            .tempfile_in(folder)
            .map_err(|cause| unwritable(path, cause))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// Writes on.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all(bytes)
            .map_err(|cause| unwritable(&self.path, cause))
    }

    /// Puts the file in its place, in the place of what was there.
    pub(super) fn publish(self) -> Result<()> {
        let path = self.path;
        self.file
            .persist(&path)
            .map(drop)
            .map_err(|failed| unwritable(&path, failed.error))
    }
}

/// A folder that artifacts are written to by their names.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    by_task: bool,
    /// What was placed already: artifacts of two types may have one name.
    taken: Mutex<HashSet<PathBuf>>,
}

impl Tree {
    /// The folder `root`; with a folder per task where several tasks are written.
    pub(super) fn new(root: &Path, by_task: bool) -> Self {
        Self {
            root: root.to_owned(),
            by_task,
            taken: Mutex::default(),
        }
    }

    /// Where an artifact goes.
    ///
    /// # Errors
    /// `AlreadyExists` if another one went there before.
    pub(super) fn place(&self, coordinate: &Coordinate) -> Result<PathBuf> {
        let mut path = self.root.clone();
        if self.by_task {
            path.push(coordinate.task().encoded());
        }
        // A name's segments are neither empty nor `..`, so this stays below the root.
        path.extend(coordinate.name().segments());
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.insert(path.clone()) {
            return Ok(path);
        }
        Err(Error::new(
            ErrorKind::AlreadyExists,
            format!(
                "{} of type {} would overwrite one of another type",
                path.display(),
                coordinate.artifact_type()
            ),
        )
        .with_hint("download it by its URI, with -o"))
    }

    /// Begins a file at a place, with the folders above it. A link among those folders could lead
    /// out of the tree and is refused.
    pub(super) fn create(&self, path: &Path) -> Result<PartFile> {
        fs::create_dir_all(&self.root).map_err(|cause| unwritable(&self.root, cause))?;
        let parent = path.parent().unwrap_or(&self.root);
        let mut folder = self.root.clone();
        for component in parent.strip_prefix(&self.root).unwrap_or(parent) {
            folder.push(component);
            match fs::create_dir(&folder) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let there = fs::symlink_metadata(&folder)
                        .map_err(|cause| unwritable(&folder, cause))?;
                    if !there.is_dir() {
                        return Err(Error::new(
                            ErrorKind::Conflict,
                            format!("{} is in the way: it is not a folder", folder.display()),
                        )
                        .with_hint("download into an empty folder"));
                    }
                }
                Err(cause) => return Err(unwritable(&folder, cause)),
            }
        }
        PartFile::create(path)
    }
}

fn unwritable(path: &Path, cause: io::Error) -> Error {
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

    fn coordinate(artifact_type: &str, name: &str) -> Coordinate {
        Coordinate::new(
            "s".parse().unwrap(),
            "run/1".parse().unwrap(),
            artifact_type.parse().unwrap(),
            name.parse().unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut dropped = PartFile::create(&path).unwrap();
        dropped.write(b"half").unwrap();
        drop(dropped);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut part = PartFile::create(&path).unwrap();
        part.write(b"whole").unwrap();
        part.publish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn a_link_in_the_tree_leads_nowhere() {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(outside.path(), root.path().join("link")).unwrap();
        let tree = Tree::new(root.path(), false);
        let path = tree.place(&coordinate("data", "link/file")).unwrap();
        assert_eq!(tree.create(&path).unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn one_place_is_given_once() {
        let tree = Tree::new(Path::new("t"), true);
        let place = tree.place(&coordinate("data", "a/b")).unwrap();
        assert_eq!(place, Path::new("t/run%2F1/a/b"));
        let error = tree.place(&coordinate("log", "a/b")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    }
}
