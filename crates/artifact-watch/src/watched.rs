//! What files say, remembered until they change. Knows nothing of what is in them.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use artifact_domain::{Error, Result};

use crate::file::{self, State};

/// How long a change may go unseen by who asks.
const GLANCE: Duration = Duration::from_secs(1);

/// What the files say, given what they said when they were last sound.
type Read<T> = Box<dyn Fn(Option<&T>) -> Result<T> + Send + Sync>;

/// What was read: shared, since many ask and it is read once.
type Said<T> = Result<Arc<T>, Arc<Error>>;

/// Files, and what they said when they were looked at last.
pub struct Watched<T> {
    paths: Vec<PathBuf>,
    read: Read<T>,
    seen: Mutex<Option<Seen<T>>>,
}

/// The files as they were seen last.
struct Seen<T> {
    /// When; never where they are to be read again whatever they are like.
    looked: Option<Instant>,
    states: Vec<State>,
    said: Said<T>,
    /// What they said when they were sound.
    sound: Option<Arc<T>>,
}

impl<T> Watched<T> {
    /// Watches the files at `paths` and makes of them what `read` does, which runs again whenever one of
    /// them has changed. Reads nothing yet.
    pub fn new(
        paths: impl Into<Vec<PathBuf>>,
        read: impl Fn(Option<&T>) -> Result<T> + Send + Sync + 'static,
    ) -> Self {
        Self {
            paths: paths.into(),
            read: Box::new(read),
            seen: Mutex::new(None),
        }
    }

    /// The same, but reads them at once.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn open(
        paths: impl Into<Vec<PathBuf>>,
        read: impl Fn(Option<&T>) -> Result<T> + Send + Sync + 'static,
    ) -> Result<Self> {
        let this = Self::new(paths, read);
        // What changes while they are read is seen the next time.
        let states = this.states();
        let sound = Arc::new((this.read)(None)?);
        let seen = Seen {
            looked: Some(Instant::now()),
            states,
            said: Ok(sound.clone()),
            sound: Some(sound),
        };
        Ok(Self {
            seen: Mutex::new(Some(seen)),
            ..this
        })
    }

    /// What they said a second ago, or later. Reads them where they have changed: that is rare, and short.
    ///
    /// # Errors
    /// Those of `read`, until they change again; where the system could not read them, only until the next
    /// look, since that may pass without a change.
    pub fn get(&self) -> Result<Arc<T>, Arc<Error>> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let looked = seen.as_ref().and_then(|seen| seen.looked);
        match &*seen {
            Some(seen) if looked.is_some_and(|looked| looked.elapsed() < GLANCE) => {
                seen.said.clone()
            }
            _ => self.look(&mut seen).0,
        }
    }

    /// What they say now, if they have changed since they were last looked at. A fault of the system that
    /// lasts is told of once.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn changed(&self) -> Option<Result<Arc<T>, Arc<Error>>> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (said, is_new) = self.look(&mut seen);
        is_new.then_some(said)
    }

    /// Reads them the next time, however short ago the last look was and whether or not they have changed.
    pub fn look_again(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = &mut *seen {
            seen.looked = None;
        }
    }

    fn states(&self) -> Vec<State> {
        self.paths.iter().map(|path| file::state(path)).collect()
    }

    /// Looks at them, and says whether what they say is new.
    fn look(&self, seen: &mut Option<Seen<T>>) -> (Said<T>, bool) {
        let states = self.states();
        let mut is_same = false;
        if let Some(seen) = seen
            && seen.looked.is_some()
            && seen.states == states
        {
            if !is_fault(&seen.said) {
                seen.looked = Some(Instant::now());
                return (seen.said.clone(), false);
            }
            is_same = true;
        }
        let before = seen.take().and_then(|seen| seen.sound);
        let said = (self.read)(before.as_deref())
            .map(Arc::new)
            .map_err(Arc::new);
        let sound = said.as_ref().ok().cloned().or(before);
        *seen = Some(Seen {
            looked: Some(Instant::now()),
            states,
            said: said.clone(),
            sound,
        });
        let is_new = !(is_same && is_fault(&said));
        (said, is_new)
    }
}

/// Whether the system could not read them, which says nothing of what is in them: no descriptor was left, or
/// the disk did not answer.
fn is_fault<T>(said: &Said<T>) -> bool {
    let mut cause = match said {
        Ok(_) => None,
        Err(error) => error.source(),
    };
    while let Some(one) = cause {
        if one.is::<io::Error>() {
            return true;
        }
        cause = one.source();
    }
    false
}

impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Watched");
        shown.field("paths", &self.paths).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use super::*;

    /// Says what is in both files, and how what they said before began.
    fn read(paths: [PathBuf; 2]) -> impl Fn(Option<&String>) -> Result<String> {
        move |before| {
            let mut said = String::new();
            for path in &paths {
                let text = file::read(path, 100)?.unwrap_or_default();
                said.push_str(&String::from_utf8_lossy(&text));
            }
            if said.contains("damaged") {
                return Err(Error::invalid_input("it is damaged"));
            }
            Ok(format!("{said}<{}", before.map_or("", |it| &it[..1])))
        }
    }

    fn paths(folder: &Path) -> [PathBuf; 2] {
        [folder.join("a"), folder.join("b")]
    }

    fn after_a_glance<T>(watched: &Watched<T>) -> Said<T> {
        let mut seen = watched.seen.lock().unwrap();
        let looked = &mut seen.as_mut().unwrap().looked;
        *looked = Some(looked.unwrap().checked_sub(GLANCE).unwrap());
        drop(seen);
        watched.get()
    }

    #[test]
    fn a_change_of_any_file_is_seen_and_damage_ends_with_its_mending() {
        let folder = tempfile::tempdir().unwrap();
        let paths = paths(folder.path());
        let [a, b] = &paths;
        fs::write(a, "damaged").unwrap();
        assert!(Watched::open(paths.clone(), read(paths.clone())).is_err());
        fs::write(a, "1").unwrap();
        let watched = Watched::open(paths.clone(), read(paths.clone())).unwrap();
        fs::write(b, "2").unwrap();
        assert_eq!(*watched.get().unwrap(), "1<", "it was looked at just now");
        assert_eq!(*after_a_glance(&watched).unwrap(), "12<1");
        let same = after_a_glance(&watched).unwrap();
        assert!(Arc::ptr_eq(&same, &watched.get().unwrap()), "read again");
        fs::write(a, "damaged").unwrap();
        for _ in 0..2 {
            assert!(after_a_glance(&watched).is_err());
            assert!(watched.get().is_err());
        }
        fs::remove_file(a).unwrap();
        assert_eq!(*after_a_glance(&watched).unwrap(), "2<1");
    }

    #[test]
    fn what_has_not_changed_is_read_once_whatever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let paths = paths(folder.path());
        let times = Arc::new(AtomicU32::new(0));
        let (counted, read) = (Arc::clone(&times), read(paths.clone()));
        let watched = Watched::new(paths.clone(), move |before| {
            counted.fetch_add(1, Ordering::Relaxed);
            read(before)
        });
        assert_eq!(times.load(Ordering::Relaxed), 0, "nobody has asked");
        for said in [None, Some("1"), Some("damaged")] {
            if let Some(said) = said {
                fs::write(&paths[0], said).unwrap();
            }
            let before = times.load(Ordering::Relaxed);
            assert!(watched.changed().is_some());
            for _ in 0..3 {
                let _ = after_a_glance(&watched);
                assert!(watched.changed().is_none());
            }
            assert_eq!(times.load(Ordering::Relaxed), before + 1);
        }
        watched.look_again();
        assert!(matches!(watched.changed(), Some(Err(_))));
        assert!(watched.changed().is_none());
    }

    #[test]
    fn a_fault_of_the_system_ends_though_nobody_touches_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let [path, _] = paths(folder.path());
        fs::write(&path, "1").unwrap();
        let is_faulty = Arc::new(AtomicBool::new(true));
        let read = {
            let (is_faulty, path) = (Arc::clone(&is_faulty), path.clone());
            move |_: Option<&Vec<u8>>| {
                if is_faulty.load(Ordering::Relaxed) {
                    let cause = io::Error::other("too many open files");
                    let fault = Error::invalid_input("it can't be read").with_source(cause);
                    // Whoever reads may say more of it.
                    return Err(Error::invalid_input("nobody comes in").with_source(fault));
                }
                file::read(&path, 100).map(Option::unwrap_or_default)
            }
        };
        let watched = Watched::new([path.clone()], read);
        assert!(watched.get().is_err());
        assert!(after_a_glance(&watched).is_err());
        is_faulty.store(false, Ordering::Relaxed);
        assert!(watched.get().is_err(), "it was looked at just now");
        assert_eq!(*after_a_glance(&watched).unwrap(), b"1");
        is_faulty.store(true, Ordering::Relaxed);
        assert!(watched.changed().is_none(), "it has not changed");
        fs::write(&path, "22").unwrap();
        assert!(matches!(watched.changed(), Some(Err(_))));
        assert!(watched.changed().is_none(), "it is told of once");
        is_faulty.store(false, Ordering::Relaxed);
        assert!(matches!(watched.changed(), Some(Ok(text)) if *text == b"22"));
        assert!(watched.changed().is_none());
    }
}
