//! The files of a certificate and its key, and when they change: seen by their metadata every few
//! seconds, or said by SIGHUP. Must not know what is in them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use artifact_domain::{Error, ErrorKind, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(2);

/// Where a certificate and its key are.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// What tells one state of a file from another.
type State = Option<[i64; 5]>;

/// Changes of the files, one after another.
pub(super) struct Changes {
    files: Files,
    /// As they were when they were last found changed.
    seen: [State; 2],
    hangup: Signal,
}

impl Files {
    /// The changes from now on.
    pub(super) fn changes(&self) -> Result<Changes> {
        let hangup = signal(SignalKind::hangup()).map_err(|cause| {
            Error::new(ErrorKind::Internal, "SIGHUP cannot be listened for").with_source(cause)
        })?;
        Ok(Changes {
            seen: states(self),
            files: self.clone(),
            hangup,
        })
    }
}

impl Changes {
    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        loop {
            tokio::select! {
                _ = self.hangup.recv() => {
                    self.seen = self.look().await;
                    return;
                }
                () = tokio::time::sleep(INTERVAL) => {}
            }
            let now = self.look().await;
            if now != self.seen {
                self.seen = now;
                return;
            }
        }
    }

    /// As the files are now.
    async fn look(&self) -> [State; 2] {
        let files = self.files.clone();
        let looked = tokio::task::spawn_blocking(move || states(&files)).await;
        looked.unwrap_or(self.seen)
    }
}

fn states(files: &Files) -> [State; 2] {
    [state(&files.cert), state(&files.key)]
}

fn state(path: &Path) -> State {
    let metadata = fs::metadata(path).ok()?;
    Some([
        metadata.ino().cast_signed(),
        metadata.size().cast_signed(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime_nsec(),
    ])
}
