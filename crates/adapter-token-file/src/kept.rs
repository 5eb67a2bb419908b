//! What is kept in a file: as it is now, or as it was a moment ago. Knows nothing of what that is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use artifact_domain::{Error, ErrorKind, Result};
use artifact_watch::Watched;

/// More than any such file has, in bytes.
const MOST_BYTES: u64 = 1 << 26;

/// How a file is read, up to so many bytes.
type Read = fn(&Path, u64) -> Result<Option<Vec<u8>>>;

/// A file, and what it said when it was looked at last.
#[derive(Debug)]
pub(crate) struct Kept<T> {
    path: PathBuf,
    read: Read,
    parse: fn(&[u8]) -> Result<T>,
    watched: Watched<T>,
}

impl<T: Default + 'static> Kept<T> {
    /// Reads nothing yet. A file that is not there is like the default.
    pub(crate) fn new(path: PathBuf, parse: fn(&[u8]) -> Result<T>) -> Self {
        Self::read_by(artifact_watch::read, path, parse)
    }

    /// The same for a file of secrets.
    pub(crate) fn secret(path: PathBuf, parse: fn(&[u8]) -> Result<T>) -> Self {
        Self::read_by(artifact_watch::read_secret, path, parse)
    }

    fn read_by(read: Read, path: PathBuf, parse: fn(&[u8]) -> Result<T>) -> Self {
        let file = path.clone();
        Self {
            watched: Watched::new([path.clone()], move |_| load(read, &file, parse)),
            path,
            read,
            parse,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says now.
    pub(crate) fn load(&self) -> Result<T> {
        load(self.read, &self.path, self.parse)
    }

    /// What it said a moment ago.
    pub(crate) fn seen(&self) -> Result<Arc<T>> {
        self.watched.get().map_err(|cause| {
            Error::new(
                ErrorKind::Internal,
                "what the server lets people in by can't be read",
            )
            .with_source(cause)
        })
    }

    /// Looks at the file the next time, however short ago the last look was.
    pub(crate) fn look_again(&self) {
        self.watched.look_again();
    }
}

/// The text of a file; none where it is not there.
pub(crate) fn text(path: &Path) -> Result<Option<Vec<u8>>> {
    artifact_watch::read(path, MOST_BYTES)
}

fn load<T: Default>(read: Read, path: &Path, parse: fn(&[u8]) -> Result<T>) -> Result<T> {
    match read(path, MOST_BYTES)? {
        None => Ok(T::default()),
        Some(text) => parse(&text).map_err(|error| {
            let message = format!("what is in {} can't be read", path.display());
            Error::new(ErrorKind::Internal, message)
                .with_hint("put back what it was before it was changed by hand")
                .with_source(error)
        }),
    }
}
