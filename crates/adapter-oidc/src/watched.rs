//! A file that is read anew when it has changed. Blocking, without a runtime: it is rare, and short.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use artifact_domain::{Error, ErrorKind, Result};

/// How long a change may go unseen.
const GLANCE: Duration = Duration::from_secs(1);

/// The largest file that is read, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// What is made of a file's text; given along is what was made of it before.
type Parse<T> = Box<dyn Fn(&Path, &[u8], Option<&T>) -> Result<T> + Send + Sync>;

/// What a file says.
pub(crate) struct Watched<T> {
    path: PathBuf,
    parse: Parse<T>,
    seen: Mutex<Seen<T>>,
}

/// The file as it was seen last.
struct Seen<T> {
    looked: Instant,
    stamp: Option<Stamp>,
    said: Result<Arc<T>, Arc<Error>>,
    /// What it said when it was sound.
    sound: Arc<T>,
}

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

impl<T> Watched<T> {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub(crate) fn open(
        path: PathBuf,
        parse: impl Fn(&Path, &[u8], Option<&T>) -> Result<T> + Send + Sync + 'static,
    ) -> Result<Self> {
        let stamp = stamp(&path)?;
        let sound = Arc::new(parse(&path, &read(&path)?, None)?);
        Ok(Self {
            path,
            parse: Box::new(parse),
            seen: Mutex::new(Seen {
                looked: Instant::now(),
                stamp: Some(stamp),
                said: Ok(sound.clone()),
                sound,
            }),
        })
    }

    /// What it said a moment ago.
    ///
    /// # Errors
    /// `Internal` where it cannot be read any more; whatever is wrong with it is logged once.
    pub(crate) fn get(&self) -> Result<Arc<T>> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.looked.elapsed() >= GLANCE {
            self.look(&mut seen);
        }
        seen.said.clone().map_err(|fault| {
            let message = "a file that says who is let in can't be read";
            Error::new(ErrorKind::Internal, message).with_source(fault)
        })
    }

    fn look(&self, seen: &mut Seen<T>) {
        let now = stamp(&self.path);
        if !matches!((&now, seen.stamp), (Ok(now), Some(before)) if *now == before) {
            let was_sound = seen.said.is_ok();
            seen.stamp = now.as_ref().ok().copied();
            let text = now.and_then(|_| read(&self.path));
            let said = text.and_then(|text| (self.parse)(&self.path, &text, Some(&seen.sound)));
            match &said {
                Ok(_) => tracing::info!(path = %self.path.display(), "read anew"),
                // One that is gone is looked for every second, and missed once.
                Err(error) if was_sound || seen.stamp.is_some() => {
                    let hint = error.hint().unwrap_or_default();
                    tracing::error!(%error, hint, "nobody comes in by it until it is mended");
                }
                Err(_) => {}
            }
            seen.said = said.map(Arc::new).map_err(Arc::new);
            if let Ok(sound) = &seen.said {
                seen.sound = sound.clone();
            }
        }
        seen.looked = Instant::now();
    }
}

impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Watched");
        shown.field("path", &self.path).finish_non_exhaustive()
    }
}

fn stamp(path: &Path) -> Result<Stamp> {
    let metadata = fs::metadata(path).map_err(|fault| unreadable(path, fault))?;
    Ok(Stamp {
        inode: metadata.ino(),
        length: metadata.len(),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    })
}

/// Reads a file. One that others can change is not believed.
fn read(path: &Path) -> Result<Vec<u8>> {
    let metadata = fs::metadata(path).map_err(|fault| unreadable(path, fault))?;
    if metadata.mode() & 0o022 != 0 {
        let message = format!("{} can be changed by others", path.display());
        return Err(
            Error::invalid_input(message).with_hint(format!("`chmod go-w {}`", path.display()))
        );
    }
    if metadata.len() > MOST_BYTES {
        let message = format!("{} is over {MOST_BYTES} bytes long", path.display());
        return Err(Error::invalid_input(message));
    }
    fs::read(path).map_err(|fault| unreadable(path, fault))
}

fn unreadable(path: &Path, fault: std::io::Error) -> Error {
    let message = format!("{} can't be read", path.display());
    Error::invalid_input(message).with_source(fault)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn watch(path: &Path) -> Result<Watched<String>> {
        Watched::open(path.to_owned(), |path, text, before: Option<&String>| {
            let text = String::from_utf8_lossy(text).into_owned();
            if text == "damaged" {
                return Err(Error::invalid_input(format!(
                    "{} is damaged",
                    path.display()
                )));
            }
            Ok(format!(
                "{text}<{}",
                before.map_or("", |before| &before[..1])
            ))
        })
    }

    fn after_a_glance<T>(watched: &Watched<T>) -> Result<Arc<T>> {
        let mut seen = watched.seen.lock().unwrap();
        seen.looked = seen.looked.checked_sub(GLANCE).unwrap();
        drop(seen);
        watched.get()
    }

    #[test]
    fn a_change_is_seen_and_damage_ends_with_its_mending() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        assert!(watch(&path).is_err(), "it is not there");
        fs::write(&path, "damaged").unwrap();
        assert!(watch(&path).is_err());
        fs::write(&path, "1").unwrap();
        let watched = watch(&path).unwrap();
        fs::write(&path, "22").unwrap();
        assert_eq!(*watched.get().unwrap(), "1<", "it was looked at just now");
        assert_eq!(*after_a_glance(&watched).unwrap(), "22<1");
        let same = after_a_glance(&watched).unwrap();
        assert!(
            Arc::ptr_eq(&same, &watched.get().unwrap()),
            "it was read again"
        );
        let damages: [&dyn Fn(); 3] = [
            &|| fs::write(&path, "damaged").unwrap(),
            &|| fs::remove_file(&path).unwrap(),
            &|| {
                fs::write(&path, "x").unwrap();
                fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
            },
        ];
        for damage in damages {
            damage();
            for _ in 0..2 {
                let error = after_a_glance(&watched).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Internal);
            }
        }
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        fs::write(&path, "333").unwrap();
        assert_eq!(*after_a_glance(&watched).unwrap(), "333<2");
    }
}
