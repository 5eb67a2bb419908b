//! One source: opened, guessed, compared with what is stored, and stored itself.

use artifact_app::{Compression, UploadRequest};
use artifact_domain::{
    ArtifactRecord, ArtifactRef, ArtifactUri, Coordinate, Error, ErrorKind, Result,
};
use artifact_guess::Guess;
use tokio::sync::Semaphore;

use super::open::Opened;
use super::queue::{Before, Job};
use super::report::Outcome;
use super::sources::Source;
use super::unchanged::{Comparison, compare};
use crate::about::About;
use crate::exit;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::service::{Service, Stored};

/// The media type of symbolic links, by the shared MIME-info specification of freedesktop.org.
const SYMLINK: &str = "inode/symlink";

/// Files of more bytes are large: they are read as streams, each of which holds some MiB.
const LARGE_BYTES: u64 = 1 << 20;

/// How many large files are on their way at once. One alone keeps every core busy.
pub(super) const LARGE_AT_ONCE: usize = 4;

/// What all uploads of one command have in common.
pub(super) struct Plan {
    pub(super) service: Service,
    pub(super) about: About,
    pub(super) compression: Compression,
    pub(super) skip_unchanged: bool,
    pub(super) interrupt: Interrupt,
    pub(super) progress: Progress,
    /// One permit for each large file that may be on its way.
    pub(super) large: Semaphore,
}

impl Plan {
    /// Does a job.
    pub(super) async fn outcome_of(&self, job: Job) -> Outcome {
        let (source, before) = match job {
            Job::Upload(source, before) => (source, before),
            Job::LeftOut(what, path) => return Outcome::LeftOut(what, path),
            Job::Failed(error) => return Outcome::Failed(error),
        };
        match self.upload(source, before).await {
            Ok(Some(uploaded)) => Outcome::Stored(Box::new(uploaded)),
            Ok(None) => Outcome::Unchanged,
            // What the user stopped is no failure of its own.
            Err(_) if self.interrupt.is_requested() => Outcome::Stopped,
            Err(error) => Outcome::Failed(error),
        }
    }

    /// Stores a source, unless it is stored already as it is and that is enough.
    async fn upload(&self, source: Source, before: Before) -> Result<Option<Stored>> {
        if self.interrupt.is_requested() {
            return Err(Interrupt::error());
        }
        let Source { name, origin, .. } = source;
        let (name, mut opened, guess) = blocking(move || {
            let opened = Opened::open(&origin)?;
            let guess = artifact_guess::guess(&name, opened.telling_bytes());
            Ok((name, opened, guess))
        })
        .await?;
        let Guess {
            artifact_type,
            mime_type,
        } = guess;
        let mime_type = match (&self.about.mime_type, &opened.attributes.symlink) {
            (Some(given), _) => given.clone(),
            (None, Some(_)) => SYMLINK.parse()?,
            (None, None) => mime_type,
        };
        let artifact_type = self.about.artifact_type.clone().unwrap_or(artifact_type);
        let coordinate = Coordinate::new(
            self.about.spec.clone(),
            self.about.task.clone(),
            artifact_type,
            name,
        )?;
        if let Some(record) = self.newest(before, &coordinate).await? {
            let unchanged;
            (opened, unchanged) = blocking(move || is_unchanged(&record, opened)).await?;
            if unchanged {
                self.progress.add_bytes(opened.size_bytes.unwrap_or(0));
                self.progress.add_file();
                return Ok(None);
            }
        }
        let request = UploadRequest {
            mime_type,
            tags: self.about.tags.clone(),
            metadata: opened
                .attributes
                .add_to(&self.about.metadata)
                .map_err(|error| error.context(coordinate.name()))?,
            retention_days: self.about.retention_days,
            compression: self.compression,
            size_hint_bytes: opened.size_bytes,
            condition: None,
            ..UploadRequest::new(coordinate)
        };
        let is_large = opened.size_bytes.is_none_or(|size| size > LARGE_BYTES);
        let _turn = if is_large {
            // It is never closed.
            self.large.acquire().await.ok()
        } else {
            None
        };
        let source = opened.into_source(&self.progress, &self.interrupt);
        let uploaded = self.service.upload(request, source).await?;
        self.progress.add_file();
        Ok(Some(uploaded))
    }

    /// The newest version at this coordinate, if anybody asks and there is one.
    async fn newest(
        &self,
        before: Before,
        coordinate: &Coordinate,
    ) -> Result<Option<ArtifactRecord>> {
        match before {
            Before::NotAsked => Ok(None),
            Before::Newest(records) => Ok(records
                .into_iter()
                .find(|record| record.coordinate == *coordinate)),
            Before::Unknown => {
                let uri = ArtifactUri::from(coordinate.clone());
                match self.service.show(&ArtifactRef::Uri(uri)).await {
                    Ok(record) => Ok(Some(record)),
                    Err(error)
                        if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Expired) =>
                    {
                        Ok(None)
                    }
                    Err(error) => Err(error),
                }
            }
        }
    }
}

/// Whether a file is what the version has, asking its bytes where nothing else tells. May block.
fn is_unchanged(record: &ArtifactRecord, mut opened: Opened) -> Result<(Opened, bool)> {
    let unchanged = match compare(record, &opened.attributes, opened.size_bytes) {
        Comparison::Unchanged => true,
        Comparison::Changed => false,
        Comparison::SameSize => {
            let stored = record.stored_content()?.digest;
            opened
                .digest()
                .map_err(|error| error.context(record.coordinate.name()))?
                == stored
        }
    };
    Ok((opened, unchanged))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|fault| -> Error { exit::internal("a worker thread stopped", fault) })?
}
