//! Where downloads are written to: a folder that nothing can be written outside of, and the place
//! of each in it.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use artifact_domain::{ArtifactName, Coordinate, Error, ErrorKind, Result};

use super::links::Link;
use super::part_file::{PartFile, There, builder, folder_of, unwritable};

/// Gives every artifact its place in a folder, in the order of their names.
#[derive(Debug)]
pub(super) struct Places {
    root: PathBuf,
    by_task: bool,
    /// What was placed already of one name: artifacts of two types may share it.
    taken: HashSet<PathBuf>,
    name: Option<ArtifactName>,
}

impl Places {
    /// In the folder `root`; with a folder per task where there are several.
    pub(super) fn new(root: &Path, by_task: bool) -> Self {
        Self {
            root: root.to_owned(),
            by_task,
            taken: HashSet::new(),
            name: None,
        }
    }

    /// Where an artifact goes. Those of one name come one after another.
    ///
    /// # Errors
    /// `AlreadyExists` if another one went there before.
    pub(super) fn place(&mut self, coordinate: &Coordinate) -> Result<PathBuf> {
        let mut path = self.root.clone();
        if self.by_task {
            path.push(coordinate.task().encoded());
        }
        // A name's segments are neither empty nor `..`, so this stays below the root.
        path.extend(coordinate.name().segments());
        if self.name.as_ref() != Some(coordinate.name()) {
            self.taken.clear();
            self.name = Some(coordinate.name().clone());
        }
        if self.taken.insert(path.clone()) {
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
}

/// A folder that nothing is written outside of.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    /// The folder that was written to last, known to be one: the next file is likely to go there.
    last: Mutex<PathBuf>,
}

impl Tree {
    /// The folder `root`, which is made when it is needed.
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            last: Mutex::default(),
        }
    }

    /// The folder.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Begins a file at a place, with the folders above it.
    pub(super) fn create(&self, path: &Path, executable: bool) -> Result<PartFile> {
        self.make_way(path)?;
        PartFile::create_as(path, executable, There::Replaced)
    }

    /// Makes a link, in the place of a file or link that was there. Whether it may be made is for
    /// the caller to know.
    pub(super) fn link(&self, link: &Link) -> Result<()> {
        use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT, utimensat};

        self.make_way(&link.path)?;
        let failed = |cause| unwritable(&link.path, cause);
        let made = builder()
            .make_in(folder_of(&link.path), |temporary| {
                std::os::unix::fs::symlink(&link.target, temporary)
            })
            .map_err(failed)?;
        if let Some(time) = link.modified {
            let nanoseconds = time.as_nanosecond();
            let times = Timestamps {
                last_access: Timespec {
                    tv_sec: 0,
                    tv_nsec: UTIME_OMIT,
                },
                last_modification: Timespec {
                    // A time is between the years ±9999, so both parts fit.
                    tv_sec: i64::try_from(nanoseconds.div_euclid(1_000_000_000)).unwrap_or(0),
                    tv_nsec: i64::try_from(nanoseconds.rem_euclid(1_000_000_000)).unwrap_or(0),
                },
            };
            utimensat(CWD, made.path(), &times, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|cause| failed(cause.into()))?;
        }
        made.persist(&link.path)
            .map_err(|refused| failed(refused.error))
    }

    /// Makes the folder that a link is to stand in. What is in the way is said when it is made.
    pub(super) fn prepare(&self, link: &Link) {
        let _ = self.make_way(&link.path);
    }

    /// Makes the folders above a place. A link among those folders could lead out of the tree and
    /// is refused.
    fn make_way(&self, path: &Path) -> Result<()> {
        let parent = path.parent().unwrap_or(&self.root);
        let last = || self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // What is a folder once stays one: no link takes the place of a folder.
        if *last() == parent {
            return Ok(());
        }
        fs::create_dir_all(&self.root).map_err(|cause| unwritable(&self.root, cause))?;
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
        parent.clone_into(&mut last());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

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
    fn a_link_in_the_tree_leads_nowhere() {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(outside.path(), root.path().join("link")).unwrap();
        let tree = Tree::new(root.path());
        let path = root.path().join("link/file");
        let refused = tree.create(&path, false).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Conflict);
        let link = Link {
            path,
            target: "x".to_owned(),
            modified: None,
        };
        assert_eq!(tree.link(&link).unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn one_place_is_given_once() {
        let mut places = Places::new(Path::new("t"), true);
        let place = places.place(&coordinate("data", "a/b")).unwrap();
        assert_eq!(place, Path::new("t/run%2F1/a/b"));
        let error = places.place(&coordinate("log", "a/b")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert!(places.place(&coordinate("log", "a/c")).is_ok());
    }

    #[test]
    fn a_link_takes_the_place_of_a_file_and_never_of_a_folder() {
        let root = tempfile::tempdir().unwrap();
        let tree = Tree::new(root.path());
        fs::write(root.path().join("file"), "x").unwrap();
        fs::create_dir(root.path().join("folder")).unwrap();
        let link = |name: &str| Link {
            path: root.path().join(name),
            target: "nowhere".to_owned(),
            modified: Some("2001-02-03T04:05:06.123456789Z".parse().unwrap()),
        };
        tree.link(&link("file")).unwrap();
        let made = fs::symlink_metadata(root.path().join("file")).unwrap();
        assert!(made.is_symlink());
        let modified: Timestamp = made.modified().unwrap().try_into().unwrap();
        assert_eq!(Some(modified), link("file").modified);
        assert!(tree.link(&link("folder")).is_err());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
    }
}
