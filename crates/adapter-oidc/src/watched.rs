//! The files of issuers and keys: watched, with a word in the log when they change. Must not know what is
//! in them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use artifact_domain::{Error, ErrorKind, Result};

/// The largest file that is read, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// What a file says.
#[derive(Debug)]
pub(crate) struct Watched<T>(artifact_watch::Watched<T>);

impl<T> Watched<T> {
    /// Reads the file at `path`. What is made of its text is given what was made of it before.
    ///
    /// # Errors
    /// `InvalidInput`, whatever is wrong with it.
    pub(crate) fn open(
        path: PathBuf,
        parse: impl Fn(&Path, &[u8], Option<&T>) -> Result<T> + Send + Sync + 'static,
    ) -> Result<Self> {
        let log = Log::default();
        let watched = artifact_watch::Watched::open([path.clone()], move |before| {
            let said = read(&path).and_then(|text| parse(&path, &text, before));
            // Whoever opens it is told.
            if before.is_some() {
                log.note(&path, said.as_ref().err());
            }
            said
        });
        watched.map(Self)
    }

    /// The same, but reads it when it is asked for: what is wrong with it then is in the log, and ends when it is
    /// mended.
    pub(crate) fn later(
        path: PathBuf,
        parse: impl Fn(&Path, &[u8], Option<&T>) -> Result<T> + Send + Sync + 'static,
    ) -> Self {
        let log = Log::default();
        let watched = artifact_watch::Watched::new([path.clone()], move |before| {
            let said = read(&path).and_then(|text| parse(&path, &text, before));
            log.note(&path, said.as_ref().err());
            said
        });
        Self(watched)
    }

    /// What it said a moment ago.
    ///
    /// # Errors
    /// `Internal` where it cannot be read any more; whatever is wrong with it is logged once.
    pub(crate) fn get(&self) -> Result<Arc<T>> {
        self.0.get().map_err(|fault| {
            let message = "a file that says who is let in can't be read";
            Error::new(ErrorKind::Internal, message).with_source(fault)
        })
    }
}

/// What the log was told of a file: what stays wrong with it is said once.
#[derive(Debug, Default)]
struct Log(Mutex<Option<String>>);

impl Log {
    fn note(&self, path: &Path, wrong: Option<&Error>) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match wrong {
            None => {
                tracing::info!(path = %path.display(), "read anew");
                *last = None;
            }
            Some(error) if *last != Some(error.to_string()) => {
                let hint = error.hint().unwrap_or_default();
                tracing::error!(%error, hint, "nobody comes in by it until it is mended");
                *last = Some(error.to_string());
            }
            Some(_) => {}
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let gone = || {
        let message = format!("{} can't be read: it is not there", path.display());
        Error::invalid_input(message)
    };
    match artifact_watch::read(path, MOST_BYTES) {
        Ok(text) => text.ok_or_else(gone),
        Err(fault) => {
            let wrong = Error::invalid_input(fault.to_string());
            Err(match fault.hint() {
                Some(hint) => wrong.with_hint(hint.to_owned()),
                None => wrong,
            }
            .with_source(fault))
        }
    }
}
