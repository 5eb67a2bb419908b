//! What lies below a folder, in the order of the names that its files will have. Holds the names of
//! the folders it is in and no more, and reads no file's content.

use std::cmp::Ordering;
use std::fs::{self, FileType};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use artifact_domain::{ArtifactName, Error};
use walkdir::{DirEntry, WalkDir};

use super::sources::{Origin, Source, name_of, unreadable};

/// One thing that a walk has come upon. Nothing is passed over in silence.
#[derive(Debug)]
pub(super) enum Found {
    /// Something to upload.
    Source(Source),
    /// Something that is not uploaded by design.
    LeftOut(LeftOut, PathBuf),
    /// Something that should be uploaded and cannot be.
    Failed(Error),
}

/// What is not uploaded by design.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LeftOut {
    EmptyFolder,
    NamedPipe,
    Socket,
    Device,
    Store,
    Unknown,
}

impl LeftOut {
    /// What it is, for a person.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::EmptyFolder => "an empty folder",
            Self::NamedPipe => "a named pipe",
            Self::Socket => "a socket",
            Self::Device => "a device",
            Self::Store => "the store itself",
            Self::Unknown => "not a file",
        }
    }

    fn of(kind: FileType) -> Self {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            Self::NamedPipe
        } else if kind.is_socket() {
            Self::Socket
        } else if kind.is_block_device() || kind.is_char_device() {
            Self::Device
        } else {
            Self::Unknown
        }
    }
}

/// Tells `emit` of everything below `folder` until it has enough. The names of the sources come in
/// ascending order of their bytes. The folder `store`, if it lies in there, is left out: a walk
/// must not come upon what the upload of its own finds has written.
///
/// Links are found as links, but `folder` itself may be one.
pub(super) fn walk(
    folder: &Path,
    store: Option<&Path>,
    mut emit: impl FnMut(Found) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let store = StoreFolder::in_or_above(folder, store);
    if store.holds_root {
        return emit(Found::LeftOut(LeftOut::Store, folder.to_owned()));
    }
    let mut entries = WalkDir::new(folder)
        .min_depth(1)
        .sort_by(compare)
        .into_iter();
    // A folder below which nothing has been found yet.
    let mut bare: Option<(PathBuf, usize)> = None;
    while let Some(entry) = entries.next() {
        let depth = match &entry {
            Ok(entry) => entry.depth(),
            Err(error) => error.depth(),
        };
        if let Some((path, of)) = bare.take()
            && depth <= of
            && entry.is_ok()
        {
            emit(Found::LeftOut(LeftOut::EmptyFolder, path))?;
        }
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {
                if store.is(entry.path()) {
                    entries.skip_current_dir();
                    emit(Found::LeftOut(LeftOut::Store, entry.into_path()))?;
                } else {
                    let depth = entry.depth();
                    bare = Some((entry.into_path(), depth));
                }
            }
            Ok(entry) => emit(look_at(folder, &entry))?,
            Err(error) => {
                let path = error.path().unwrap_or(folder).to_owned();
                emit(Found::Failed(unreadable(&path, cause_of(error))))?;
            }
        }
    }
    match bare {
        Some((path, _)) => emit(Found::LeftOut(LeftOut::EmptyFolder, path)),
        None => ControlFlow::Continue(()),
    }
}

/// The cause alone, since whoever tells of it names the path.
fn cause_of(error: walkdir::Error) -> io::Error {
    let loops = || io::Error::other("it leads back to itself");
    error.into_io_error().unwrap_or_else(loops)
}

/// The order of whole names: a folder stands where its own name and a slash do.
fn compare(a: &DirEntry, b: &DirEntry) -> Ordering {
    fn key(entry: &DirEntry) -> impl Iterator<Item = u8> {
        let slash = entry.file_type().is_dir().then_some(b'/');
        let name = entry.file_name().as_encoded_bytes();
        name.iter().copied().chain(slash)
    }
    key(a).cmp(key(b))
}

fn look_at(folder: &Path, entry: &DirEntry) -> Found {
    let path = entry.path();
    let kind = entry.file_type();
    if !kind.is_file() && !kind.is_symlink() {
        return Found::LeftOut(LeftOut::of(kind), path.to_owned());
    }
    match source(folder, entry) {
        Ok(source) => Found::Source(source),
        Err(error) => Found::Failed(error),
    }
}

fn source(folder: &Path, entry: &DirEntry) -> Result<Source, Error> {
    let path = entry.path();
    // The walk begins at the folder, so every path in it begins with it.
    let relative = path.strip_prefix(folder).unwrap_or(path);
    let name: ArtifactName = name_of(Some(relative.as_os_str()), path)?;
    let metadata = entry
        .metadata()
        .map_err(|error| unreadable(path, cause_of(error)))?;
    let path = path.to_owned();
    let origin = if entry.file_type().is_symlink() {
        Origin::Link(path)
    } else {
        Origin::Found(path)
    };
    Ok(Source {
        name,
        origin,
        size_bytes: Some(metadata.len()),
    })
}

/// Where the store keeps its files, as far as a walk is concerned.
struct StoreFolder {
    /// Its place if it is below the root of the walk, in the walk's own paths.
    below: Option<PathBuf>,
    /// Whether the walk would begin in it.
    holds_root: bool,
}

impl StoreFolder {
    fn in_or_above(folder: &Path, store: Option<&Path>) -> Self {
        let none = Self {
            below: None,
            holds_root: false,
        };
        // What cannot be looked at is found by nobody.
        let (Some(Ok(store)), Ok(root)) = (store.map(fs::canonicalize), fs::canonicalize(folder))
        else {
            return none;
        };
        if let Ok(below) = store.strip_prefix(&root) {
            let is_root = below.as_os_str().is_empty();
            return Self {
                below: (!is_root).then(|| folder.join(below)),
                holds_root: is_root,
            };
        }
        Self {
            holds_root: root.starts_with(store.join(BLOBS)),
            ..none
        }
    }

    fn is(&self, path: &Path) -> bool {
        self.below.as_deref() == Some(path)
    }
}

/// The folder of the store that grows by an upload.
const BLOBS: &str = "artifacts";

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use artifact_domain::ErrorKind;
    use tempfile::TempDir;

    use super::*;

    fn folder(files: &[&str]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        folder
    }

    fn found(folder: &Path, store: Option<&Path>) -> Vec<Found> {
        let mut all = Vec::new();
        let end = walk(folder, store, |found| {
            all.push(found);
            ControlFlow::Continue(())
        });
        assert!(end.is_continue());
        all
    }

    fn names(found: &[Found]) -> Vec<&str> {
        let found = found.iter().filter_map(|found| match found {
            Found::Source(source) => Some(source.name.as_str()),
            _ => None,
        });
        found.collect()
    }

    fn left_out(found: &[Found]) -> Vec<(LeftOut, &Path)> {
        let found = found.iter().filter_map(|found| match found {
            Found::LeftOut(what, path) => Some((*what, path.as_path())),
            _ => None,
        });
        found.collect()
    }

    #[test]
    fn names_come_in_the_order_of_their_bytes() {
        let files = ["a/z", "a.txt", "a-b", "a0", "a/b/c", "a/b.c", "é", "b"];
        let folder = folder(&files);
        let found = found(folder.path(), None);
        let mut expected = files.to_vec();
        expected.sort_unstable();
        assert_eq!(names(&found), expected);
    }

    #[test]
    fn a_link_is_a_source_wherever_it_points() {
        let folder = folder(&["file"]);
        let link = |target: &str, name: &str| symlink(target, folder.path().join(name)).unwrap();
        link("file", "to-file");
        link("nowhere", "broken");
        link(".", "to-folder");
        let found = found(folder.path(), None);
        assert_eq!(names(&found), ["broken", "file", "to-file", "to-folder"]);
        let is_link = |found: &&Found| matches!(found, Found::Source(source) if matches!(source.origin, Origin::Link(_)));
        assert_eq!(found.iter().filter(is_link).count(), 3);
    }

    #[test]
    fn a_folder_that_is_a_link_is_walked() {
        let folder = folder(&["real/file"]);
        let link = folder.path().join("link");
        symlink("real", &link).unwrap();
        assert_eq!(names(&found(&link, None)), ["file"]);
    }

    #[test]
    fn what_is_left_out_is_said() {
        let folder = folder(&["full/file"]);
        for empty in ["empty", "full/empty", "last/inner"] {
            fs::create_dir_all(folder.path().join(empty)).unwrap();
        }
        let socket = folder.path().join("socket");
        let _listening = UnixListener::bind(&socket).unwrap();
        let found = found(folder.path(), None);
        let at = |path: &str| folder.path().join(path);
        let expected = [
            (LeftOut::EmptyFolder, &*at("empty")),
            (LeftOut::EmptyFolder, &*at("full/empty")),
            (LeftOut::EmptyFolder, &*at("last/inner")),
            (LeftOut::Socket, &*socket),
        ];
        assert_eq!(left_out(&found), expected);
        assert_eq!(names(&found), ["full/file"]);
    }

    #[test]
    fn a_name_that_is_not_utf8_fails_alone() {
        let folder = folder(&["good"]);
        let bad = folder.path().join(OsStr::from_bytes(b"bad\xff"));
        fs::write(bad, "x").unwrap();
        let found = found(folder.path(), None);
        assert_eq!(names(&found), ["good"]);
        let failed = |found: &Found| matches!(found, Found::Failed(error) if error.kind() == ErrorKind::InvalidInput);
        assert_eq!(found.iter().filter(|found| failed(found)).count(), 1);
    }

    #[test]
    fn the_store_is_left_out_of_its_own_upload() {
        let folder = folder(&["a", "sub/store/artifacts/x/blob", "sub/z"]);
        let store = folder.path().join("sub/../sub/store");
        let all = found(folder.path(), Some(&store));
        assert_eq!(names(&all), ["a", "sub/z"]);
        let expected = (LeftOut::Store, &*folder.path().join("sub/store"));
        assert_eq!(left_out(&all), [expected]);
        for inside in ["sub/store", "sub/store/artifacts", "sub/store/artifacts/x"] {
            let inside = folder.path().join(inside);
            let all = found(&inside, Some(&store));
            assert_eq!(left_out(&all), [(LeftOut::Store, &*inside)]);
            assert_eq!(all.len(), 1);
        }
        // beside its blobs a person may keep what is theirs
        let all = found(&folder.path().join("sub"), Some(folder.path()));
        assert_eq!(names(&all), ["store/artifacts/x/blob", "z"]);
    }

    #[test]
    fn a_walk_ends_when_nobody_listens() {
        let folder = folder(&["a", "b", "c"]);
        let mut count = 0;
        let end = walk(folder.path(), None, |_| {
            count += 1;
            ControlFlow::Break(())
        });
        assert!(end.is_break());
        assert_eq!(count, 1);
    }
}
