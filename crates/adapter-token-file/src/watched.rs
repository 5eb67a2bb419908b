//! A file that is read anew whenever it has changed. Knows nothing of what is in it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use artifact_domain::{Error, ErrorKind, Result};

use crate::file::{self, Stamp};

/// How long a change of the file may go unseen.
const GLANCE: Duration = Duration::from_secs(1);

/// A file, and what it said when it was looked at last.
pub(crate) struct Watched<T> {
    path: PathBuf,
    parse: fn(&[u8]) -> Result<T>,
    seen: Mutex<Seen<T>>,
}

struct Seen<T> {
    looked: Option<Instant>,
    stamp: Option<Stamp>,
    content: Result<Arc<T>, Arc<Error>>,
}

impl<T: Default> Watched<T> {
    /// Reads nothing yet. A file that is not there is like the default.
    pub(crate) fn new(path: PathBuf, parse: fn(&[u8]) -> Result<T>) -> Self {
        Self {
            path,
            parse,
            seen: Mutex::new(Seen {
                looked: None,
                stamp: None,
                content: Ok(Arc::default()),
            }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says now.
    pub(crate) fn load(&self) -> Result<T> {
        match file::read(&self.path)? {
            None => Ok(T::default()),
            Some(text) => (self.parse)(&text).map_err(|error| {
                let message = format!("what is in {} can't be read", self.path.display());
                Error::new(ErrorKind::Internal, message)
                    .with_hint("put back what it was before it was changed by hand")
                    .with_source(error)
            }),
        }
    }

    /// What it said a moment ago. Reads it where it has changed; that is rare, and it is short.
    pub(crate) fn seen(&self) -> Result<Arc<T>> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.looked.is_none_or(|looked| looked.elapsed() >= GLANCE) {
            match file::stamp(&self.path) {
                Ok(stamp) if seen.looked.is_some() && stamp == seen.stamp => {}
                Ok(stamp) => {
                    seen.stamp = stamp;
                    seen.content = self.load().map(Arc::new).map_err(Arc::new);
                }
                Err(error) => {
                    seen.stamp = None;
                    seen.content = Err(Arc::new(error));
                }
            }
            seen.looked = Some(Instant::now());
        }
        seen.content.clone().map_err(|cause| {
            Error::new(
                ErrorKind::Internal,
                "what the server lets people in by can't be read",
            )
            .with_source(cause)
        })
    }

    /// Looks at the file the next time, however short ago the last look was.
    pub(crate) fn look_again(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.looked = None;
        seen.stamp = None;
    }
}

impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
