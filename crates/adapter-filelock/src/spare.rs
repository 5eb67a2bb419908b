//! Lock files that are kept for the next lock, locked for as long as they are. Must not know which
//! locks there are.
//!
//! To make a file and to unlink it again is most of what a lock costs, and file systems take their
//! time to use again what was unlinked. So a process that takes lock after lock keeps some files:
//! a lock is taken by giving one of them a second name, and freed by taking that name away.

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fs4::FileExt;

use crate::lock_dir;

/// What the names of such files begin with. No lock file's does: theirs are made of a key.
const PREFIX: &str = ".spare-";

/// How many locks a process takes before it keeps files: one that takes few would do more work with
/// them than without.
const LOCKS_WITHOUT: u32 = 4;

/// The files that are kept and not in use.
#[derive(Debug, Default)]
pub(crate) struct Spares {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: u32,
    idle: Vec<Spare>,
}

/// A file of this process, which holds its exclusive lock until it is dropped.
#[derive(Debug)]
pub(crate) struct Spare {
    pub(crate) file: File,
    pub(crate) gate: File,
    path: PathBuf,
}

impl Spares {
    /// A file that is kept and not in use.
    pub(crate) fn idle(&self) -> Option<Spare> {
        self.lock().idle.pop()
    }

    /// A file for the next lock, made if none is idle; none as long as few locks were taken, or
    /// where there can't be any.
    pub(crate) fn take(&self, dir: &Path, gate: &Path) -> Option<Spare> {
        if let Some(spare) = self.idle() {
            return Some(spare);
        }
        {
            let mut state = self.lock();
            state.taken = state.taken.saturating_add(1);
            if state.taken <= LOCKS_WITHOUT {
                return None;
            }
            if state.taken == LOCKS_WITHOUT + 1 {
                sweep(dir, gate);
            }
        }
        make(dir, gate)
            .inspect_err(|cause| tracing::debug!(%cause, "no lock file can be kept"))
            .ok()
    }

    /// Keeps a file for the next lock. It has no name of a lock any more.
    pub(crate) fn give_back(&self, spare: Spare) {
        self.lock().idle.push(spare);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A push or a pop cannot leave the list half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spare {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        // One that stays is swept by whoever next keeps files.
        let _ = fs::remove_file(&self.path);
        let _ = FileExt::unlock(&self.file);
    }
}

fn make(dir: &Path, gate: &Path) -> io::Result<Spare> {
    let random = RandomState::new().hash_one(dir);
    let path = dir.join(format!("{PREFIX}{random:016x}"));
    let file = File::create_new(&path)?;
    let made = || {
        FileExt::try_lock(&file).map_err(io::Error::from)?;
        let gate = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(gate)?;
        // A sweep may have come before the lock.
        fs::symlink_metadata(&path)?;
        Ok(gate)
    };
    match made() {
        Ok(gate) => Ok(Spare { file, gate, path }),
        Err(cause) => {
            let _ = fs::remove_file(&path);
            Err(cause)
        }
    }
}

/// Removes what processes that were killed have left: whatever nobody has locked.
fn sweep(dir: &Path, gate: &Path) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            continue;
        };
        let (path, is_spare) = (entry.path(), name.starts_with(PREFIX));
        if (is_spare || name.ends_with(lock_dir::SUFFIX))
            && let Ok(file) = File::open(&path)
            && FileExt::try_lock(&file).is_ok()
        {
            let removed = if is_spare {
                fs::remove_file(&path)
            } else {
                // It is held now, by this process, and is freed as any other.
                lock_dir::remove_own(&file, &path, gate)
            };
            if let Err(cause) = removed {
                tracing::debug!(lock.path = %path.display(), %cause, "a lock file stays");
            }
            let _ = FileExt::unlock(&file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> usize {
        fs::read_dir(dir)
            .unwrap()
            .filter(|entry| {
                let name = entry.as_ref().unwrap().file_name();
                name.to_str().unwrap().starts_with(PREFIX)
            })
            .count()
    }

    #[test]
    fn files_are_kept_from_the_fifth_lock_on_used_again_and_removed_in_the_end() {
        let temp = tempfile::tempdir().unwrap();
        let gate = temp.path().join(".gate");
        let spares = Spares::default();
        for _ in 0..LOCKS_WITHOUT {
            assert!(spares.take(temp.path(), &gate).is_none());
        }
        let first = spares.take(temp.path(), &gate).unwrap();
        let second = spares.take(temp.path(), &gate).unwrap();
        assert_eq!(names(temp.path()), 2);
        let path = first.path().to_owned();
        spares.give_back(first);
        assert_eq!(spares.take(temp.path(), &gate).unwrap().path(), path);
        assert_eq!(names(temp.path()), 1, "the first is dropped");
        spares.give_back(second);
        drop(spares);
        assert_eq!(names(temp.path()), 0);
    }

    #[test]
    fn what_the_dead_left_is_swept_and_what_the_living_have_stays() {
        let temp = tempfile::tempdir().unwrap();
        let gate = temp.path().join(".gate");
        let living = make(temp.path(), &gate).unwrap();
        fs::write(temp.path().join(".spare-dead"), "left").unwrap();
        fs::write(temp.path().join("dead.lock"), "left").unwrap();
        let held = temp.path().join("held.lock");
        let holder = File::create(&held).unwrap();
        FileExt::try_lock(&holder).unwrap();
        sweep(temp.path(), &gate);
        assert_eq!(names(temp.path()), 1);
        assert!(living.path().exists() && held.exists());
        assert!(!temp.path().join("dead.lock").exists());
    }

    #[test]
    fn without_a_directory_none_is_kept() {
        let temp = tempfile::tempdir().unwrap();
        let missing = temp.path().join("missing");
        assert!(make(&missing, &missing.join(".gate")).is_err());
    }
}
