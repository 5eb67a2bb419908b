//! Listing: every file below a directory, a page at a time. Knows no keys: what does not parse as
//! one is listed too.

use std::fs::{self, DirEntry, ReadDir};
use std::io;
use std::path::Path;
use std::sync::Arc;

use artifact_domain::port::{BlobListing, ListedBlob};
use artifact_domain::{BlobPrefix, Error, Result};
use futures::{StreamExt, TryStreamExt, stream};

use super::{FileStore, blocking, is_absence, stat_of};
use crate::error::from_io;

/// How many files one trip to the blocking pool gives. No more are held.
const PAGE_FILES: usize = 1_000;

/// How many steps one trip takes at most: folders without files cost time too.
const PAGE_STEPS: usize = 10 * PAGE_FILES;

/// How many folders are open at once. Deeper ones wait for their turn by name, since names may
/// nest hundreds deep and open files are few.
const MAX_OPEN: usize = 16;

impl FileStore {
    /// Symbolic links to files count as files, as they do when they are read; links to folders are
    /// not followed.
    pub(crate) fn list(&self, prefix: &BlobPrefix) -> BlobListing {
        let walk = Walk::new(Arc::clone(&self.root), prefix.as_str());
        stream::try_unfold(walk, |mut walk| {
            blocking(move || Ok(walk.page()?.map(|page| (page, walk))))
        })
        .map_ok(|page| stream::iter(page).map(Ok))
        .try_flatten()
        .boxed()
    }
}

/// A walk, depth first. Paths are relative to the root.
struct Walk {
    root: Arc<Path>,
    stack: Vec<Folder>,
    open: usize,
}

enum Folder {
    Waiting(String),
    Open(String, ReadDir),
}

enum Found {
    File(ListedBlob),
    Folder(String),
    Nothing,
}

impl Walk {
    fn new(root: Arc<Path>, top: &str) -> Self {
        Self {
            root,
            stack: vec![Folder::Waiting(top.trim_end_matches('/').to_owned())],
            open: 0,
        }
    }

    /// The next files, which may be none for once; nothing at the end.
    fn page(&mut self) -> Result<Option<Vec<ListedBlob>>> {
        if self.stack.is_empty() {
            return Ok(None);
        }
        let mut page = Vec::new();
        for _ in 0..PAGE_STEPS {
            match self.step()? {
                Found::File(file) => page.push(file),
                Found::Folder(path) => self.enter(path),
                Found::Nothing => {}
            }
            if page.len() >= PAGE_FILES || self.stack.is_empty() {
                break;
            }
        }
        Ok(Some(page))
    }

    /// Opens a folder or looks at one entry. A folder that is gone, from the start or meanwhile,
    /// has nothing to list.
    fn step(&mut self) -> Result<Found> {
        match self.stack.pop() {
            None => {}
            Some(Folder::Waiting(path)) => match fs::read_dir(self.root.join(&path)) {
                Ok(entries) => {
                    self.open += 1;
                    self.stack.push(Folder::Open(path, entries));
                }
                Err(cause) if is_absence(&cause) => {}
                Err(cause) => return Err(failed(&path, cause)),
            },
            Some(Folder::Open(path, mut entries)) => match entries.next() {
                Some(Ok(entry)) => {
                    let found = look_at(&path, &entry);
                    let found = found.map_err(|cause| failed(&path, cause));
                    self.stack.push(Folder::Open(path, entries));
                    return found;
                }
                Some(Err(cause)) if !is_absence(&cause) => return Err(failed(&path, cause)),
                _ => self.open -= 1,
            },
        }
        Ok(Found::Nothing)
    }

    /// Has a folder walked at once, or after the one that it was found in.
    fn enter(&mut self, path: String) {
        let beneath_current = self.stack.len().saturating_sub(1);
        let place = if self.open < MAX_OPEN {
            self.stack.len()
        } else {
            beneath_current
        };
        self.stack.insert(place, Folder::Waiting(path));
    }
}

fn look_at(folder: &str, entry: &DirEntry) -> io::Result<Found> {
    let name = entry.file_name();
    let Some(name) = name.to_str() else {
        tracing::warn!(path = %entry.path().display(), "skipped in a listing: its name is not UTF-8");
        return Ok(Found::Nothing);
    };
    let path = format!("{folder}/{name}");
    match metadata_of(entry) {
        Ok(Some(metadata)) if metadata.is_file() => Ok(Found::File(ListedBlob {
            path,
            stat: stat_of(&metadata),
        })),
        Ok(Some(_)) => Ok(Found::Nothing),
        Ok(None) => Ok(Found::Folder(path)),
        // Gone since the folder named it.
        Err(cause) if is_absence(&cause) => Ok(Found::Nothing),
        Err(cause) => Err(cause),
    }
}

/// What is known of a file, or of the file that a link leads to; nothing for a folder.
fn metadata_of(entry: &DirEntry) -> io::Result<Option<fs::Metadata>> {
    let file_type = entry.file_type()?;
    if file_type.is_dir() {
        Ok(None)
    } else if file_type.is_symlink() {
        // A link that leads nowhere, or round in circles, is no file: the link itself says so.
        fs::metadata(entry.path())
            .or_else(|_| entry.metadata())
            .map(Some)
    } else {
        entry.metadata().map(Some)
    }
}

fn failed(path: &str, cause: io::Error) -> Error {
    from_io(format_args!("list blobs in `{path}`"), cause)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn list(root: &Path, top: &str) -> Vec<String> {
        let mut walk = Walk::new(root.into(), top);
        let mut paths = Vec::new();
        while let Some(page) = walk.page().unwrap() {
            assert!(page.len() <= PAGE_FILES && walk.open <= MAX_OPEN);
            paths.extend(page.into_iter().map(|file| file.path));
        }
        assert_eq!(walk.open, 0);
        paths
    }

    #[test]
    fn wide_and_deep_trees_are_listed_exactly_once_with_few_folders_open() {
        let temp = tempfile::tempdir().unwrap();
        let mut expected = BTreeSet::new();
        let mut add = |folder: String, name: String| {
            fs::create_dir_all(temp.path().join(&folder)).unwrap();
            fs::write(temp.path().join(&folder).join(&name), "x").unwrap();
            assert!(expected.insert(format!("{folder}/{name}")));
        };
        let mut deep = "top".to_owned();
        for level in 0..60 {
            deep += "/d";
            add(deep.clone(), "file".to_owned());
            add(format!("{deep}/beside"), format!("{level}"));
        }
        for n in 0..2_500 {
            add(format!("top/wide/{}", n % 3), n.to_string());
        }
        fs::create_dir_all(temp.path().join("top/empty/empty")).unwrap();
        fs::write(temp.path().join("topmost"), "not below top").unwrap();
        let found = list(temp.path(), "top/");
        assert_eq!(found.len(), expected.len());
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    }

    #[test]
    fn what_is_gone_or_no_folder_lists_nothing() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("file"), "x").unwrap();
        for top in ["none/", "file/", "file/none/"] {
            assert_eq!(list(temp.path(), top), [""; 0]);
        }
    }

    #[test]
    fn folders_that_vanish_meanwhile_end_nothing() {
        let temp = tempfile::tempdir().unwrap();
        for folder in ["a", "b"] {
            fs::create_dir_all(temp.path().join("top").join(folder)).unwrap();
            fs::write(temp.path().join("top").join(folder).join("x"), "x").unwrap();
        }
        let mut walk = Walk::new(temp.path().into(), "top");
        // Opens the top, and finds one of the folders.
        let mut found = Vec::new();
        while found.is_empty() {
            if let Found::Folder(path) = walk.step().unwrap() {
                found.push(path.clone());
                walk.enter(path);
            }
        }
        fs::remove_dir_all(temp.path().join("top")).unwrap();
        assert!(walk.page().unwrap().unwrap().is_empty());
        assert!(walk.page().unwrap().is_none());
    }

    #[cfg(unix)]
    #[test]
    fn odd_things_in_the_tree_break_nothing() {
        use std::os::unix::ffi::OsStrExt;
        use std::os::unix::fs::symlink;

        let temp = tempfile::tempdir().unwrap();
        let top = temp.path().join("top");
        fs::create_dir_all(top.join("real")).unwrap();
        fs::write(top.join("real/file"), "12345").unwrap();
        let bad = |bytes: &[u8]| top.join(std::ffi::OsStr::from_bytes(bytes));
        fs::write(bad(b"not \xff utf-8"), "x").unwrap();
        fs::create_dir(bad(b"folder \xff")).unwrap();
        fs::write(bad(b"folder \xff").join("inside"), "x").unwrap();
        fs::create_dir(top.join("real ")).unwrap();
        fs::write(top.join("real /file"), "x").unwrap();
        symlink("real/file", top.join("link to file")).unwrap();
        symlink("real", top.join("link to folder")).unwrap();
        symlink("nowhere", top.join("broken link")).unwrap();
        symlink("circle", top.join("circle")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(top.join("socket")).unwrap();
        let mut found = list(temp.path(), "top");
        found.sort();
        let expected = ["top/link to file", "top/real /file", "top/real/file"];
        assert_eq!(found, expected);
    }
}
