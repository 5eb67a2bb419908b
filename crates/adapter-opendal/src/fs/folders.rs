//! Directories: made when a blob needs them, made durable with it, removed when they are empty.
//! Knows no blobs.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{BLOB_FOLDER, Durability};

/// The directories below a root.
///
/// A directory survives a loss of power once its parent was synced. Whoever makes one does that,
/// but another put may find it there before that is done and must not rely on it. So it is marked
/// from before it is made until its parent was synced, and whoever publishes below a marked
/// directory syncs its parent too. Between processes the same holds only by the file system's own
/// order of changes, which the journals of ext4, xfs and btrfs give.
#[derive(Debug)]
pub(super) struct Folders {
    root: Arc<Path>,
    durability: Durability,
    unsynced: Mutex<Marks>,
}

/// Each marking has a number, so that one that is done does not wipe out a later one.
#[derive(Debug, Default)]
struct Marks {
    last: u64,
    of: HashMap<PathBuf, u64>,
}

impl Folders {
    pub(super) fn new(root: Arc<Path>, durability: Durability) -> Self {
        Self {
            root,
            durability,
            unsynced: Mutex::default(),
        }
    }

    /// Makes a directory and those above it, up to the root, where they are missing.
    ///
    /// # Errors
    /// `NotFound` where the root is gone, or another removed a directory just now: then it is to
    /// be tried again.
    pub(super) fn create(&self, folder: &Path) -> io::Result<()> {
        match self.create_one(folder) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound && folder != &*self.root => {
                self.create(folder.parent().unwrap_or(&self.root))?;
                self.create_one(folder)
            }
            done => done,
        }
    }

    fn create_one(&self, folder: &Path) -> io::Result<()> {
        if folder == &*self.root {
            return fs::metadata(folder).map(|_| ());
        }
        let mark = self.mark(folder);
        match fs::create_dir(folder) {
            // Who made it may not have come to sync it: the mark stays.
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(cause) => {
                self.unmark(folder, mark);
                Err(cause)
            }
            Ok(()) => Ok(()),
        }
    }

    /// Makes durable what was put into a directory, and every directory above it that was made
    /// for that.
    pub(super) fn sync(&self, folder: &Path) -> io::Result<()> {
        if self.durability == Durability::Relaxed {
            return Ok(());
        }
        sync_folder(folder)?;
        for (made, mark) in self.marked_above(folder) {
            sync_folder(made.parent().unwrap_or(&self.root))?;
            self.unmark(&made, Some(mark));
        }
        Ok(())
    }

    /// Makes durable what was removed from a directory that may be gone by now itself.
    pub(super) fn sync_removal(&self, folder: &Path) -> io::Result<()> {
        if self.durability == Durability::Relaxed {
            return Ok(());
        }
        let below_root = |folder: &&Path| folder.starts_with(&self.root);
        let mut above = folder.ancestors().take_while(below_root);
        above
            .find(|folder| folder.is_dir())
            .map_or(Ok(()), sync_folder)
    }

    /// Forgets that a directory was made, for a put that need not survive a loss of power. The
    /// next durable put into it makes sure of the directory only by the file system's own order.
    pub(super) fn leave_unsynced(&self, folder: &Path) {
        let mark = self.marks().of.get(folder).copied();
        self.unmark(folder, mark);
    }

    /// Removes a directory and those above it, up to where blobs are kept, as far as they are
    /// empty. What can't be removed stays.
    pub(super) fn prune(&self, folder: &Path) {
        let top = self.root.join(BLOB_FOLDER);
        let below_top = |folder: &&Path| folder.starts_with(&top) && *folder != top;
        for folder in folder.ancestors().take_while(below_top) {
            let mark = self.marks().of.get(folder).copied();
            match fs::remove_dir(folder) {
                Ok(()) => self.unmark(folder, mark),
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
                Err(_) => return,
            }
        }
    }

    fn mark(&self, folder: &Path) -> Option<u64> {
        if self.durability == Durability::Relaxed {
            return None;
        }
        let mut marks = self.marks();
        marks.last += 1;
        let mark = marks.last;
        marks.of.insert(folder.to_owned(), mark);
        Some(mark)
    }

    fn unmark(&self, folder: &Path, mark: Option<u64>) {
        let mut marks = self.marks();
        if mark.is_some() && marks.of.get(folder).copied() == mark {
            marks.of.remove(folder);
        }
    }

    fn marked_above(&self, folder: &Path) -> Vec<(PathBuf, u64)> {
        let marks = self.marks();
        if marks.of.is_empty() {
            return Vec::new();
        }
        folder
            .ancestors()
            .take_while(|folder| *folder != &*self.root)
            .filter_map(|folder| Some((folder.to_owned(), *marks.of.get(folder)?)))
            .collect()
    }

    /// Every change is one insert or remove, so a panic elsewhere leaves the marks whole.
    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.unsynced.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the root and what is missing above it; gives back its real path.
pub(super) fn create_root(root: &Path, durability: Durability) -> io::Result<PathBuf> {
    let root = std::path::absolute(root)?;
    let missing: Vec<_> = root
        .ancestors()
        .take_while(|folder| !folder.exists())
        .collect();
    fs::create_dir_all(&root)?;
    if durability == Durability::Full {
        for made in missing {
            made.parent().map_or(Ok(()), sync_folder)?;
        }
    }
    root.canonicalize()
}

/// Makes the entries of a directory durable. One that is gone has none to lose.
///
/// File systems that can't sync a directory say so, and keep its entries safe in their own way;
/// other systems than Unix give no way to ask.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(cause)
            if matches!(
                cause.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(durability: Durability) -> (tempfile::TempDir, Folders) {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        (temp, Folders::new(root.into(), durability))
    }

    fn marked(folders: &Folders) -> usize {
        folders.marks().of.len()
    }

    #[test]
    fn what_was_made_is_marked_until_it_is_synced() {
        let (_temp, folders) = folders(Durability::Full);
        let deep = folders.root.join("artifacts/s/t");
        folders.create(&deep).unwrap();
        assert_eq!(marked(&folders), 3);
        // A sibling syncs what they share, and leaves what is not above it.
        folders.sync(&folders.root.join("artifacts/s")).unwrap();
        assert_eq!(marked(&folders), 1);
        folders.sync(&deep).unwrap();
        assert_eq!(marked(&folders), 0);
        folders.create(&deep).unwrap();
        folders.sync(&deep).unwrap();
        assert_eq!(marked(&folders), 0);
    }

    #[test]
    fn a_mark_that_is_done_leaves_a_later_one() {
        let (_temp, folders) = folders(Durability::Full);
        let folder = folders.root.join("artifacts");
        let first = folders.mark(&folder);
        let second = folders.mark(&folder);
        folders.unmark(&folder, first);
        assert_eq!(marked(&folders), 1);
        folders.unmark(&folder, second);
        assert_eq!(marked(&folders), 0);
    }

    #[test]
    fn empty_directories_are_removed_up_to_the_top_and_forgotten() {
        let (_temp, folders) = folders(Durability::Full);
        let (deep, full) = (
            folders.root.join("artifacts/s/t/u"),
            folders.root.join("artifacts/x"),
        );
        folders.create(&deep).unwrap();
        folders.create(&full).unwrap();
        fs::write(full.join("blob"), "x").unwrap();
        folders.prune(&deep);
        folders.prune(&full);
        assert!(!folders.root.join("artifacts/s").exists());
        assert!(full.exists());
        assert_eq!(marked(&folders), 2, "artifacts and x");
        // Not above the top, and nothing outside of it.
        fs::remove_file(full.join("blob")).unwrap();
        folders.prune(&full);
        let other = folders.root.join("locks");
        fs::create_dir(&other).unwrap();
        folders.prune(&other);
        assert!(folders.root.join("artifacts").exists() && other.exists());
    }

    #[test]
    fn what_is_relaxed_marks_nothing() {
        let (_temp, folders) = folders(Durability::Relaxed);
        folders.create(&folders.root.join("artifacts/s/t")).unwrap();
        assert_eq!(marked(&folders), 0);
    }

    #[test]
    fn a_failure_leaves_no_mark() {
        let (_temp, folders) = folders(Durability::Full);
        fs::write(folders.root.join("artifacts"), "a file").unwrap();
        let cause = folders.create(&folders.root.join("artifacts/s/t"));
        assert_eq!(cause.unwrap_err().kind(), io::ErrorKind::NotADirectory);
        assert_eq!(marked(&folders), 0);
    }

    #[test]
    fn a_root_is_made_with_all_above_it_and_its_link_resolved() {
        let temp = tempfile::tempdir().unwrap();
        let real = temp.path().canonicalize().unwrap().join("a/b/c");
        assert_eq!(create_root(&real, Durability::Full).unwrap(), real);
        assert_eq!(create_root(&real, Durability::Full).unwrap(), real);
        #[cfg(unix)]
        {
            let link = temp.path().join("link");
            std::os::unix::fs::symlink(&real, &link).unwrap();
            assert_eq!(create_root(&link, Durability::Relaxed).unwrap(), real);
        }
    }
}
