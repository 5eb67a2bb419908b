//! Exporting artifacts: an archive of what a filter selects, as a stream.

mod entry;
pub(crate) mod line;
mod path;
mod plan;
mod sorted;
mod write;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use artifact_codec::{EncodeOptions, Incompressible};
use artifact_domain::policy::QuotaPolicy;
use artifact_domain::port::ByteStream;
use artifact_domain::query::{Filter, Query};
use artifact_domain::{Error, ErrorKind, Result};
use tokio::runtime::Handle;

use self::plan::Plan;
use crate::pipe::pipe;
use crate::{Body, Level, Store, Verification, encode};

/// The form of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveFormat {
    /// ZIP. What is stored compressed is taken over as it is.
    Zip,
    /// tar, compressed as one gzip member.
    TarGz,
}

/// What is told of an artifact that could not be exported.
pub type LeftOut = Arc<dyn Fn(Error) + Send + Sync>;

/// How to export.
#[derive(Clone)]
pub struct ExportOptions {
    /// Into what.
    pub format: ArchiveFormat,
    /// Whether the archive begins with a file that has what is known of each artifact.
    pub metadata: bool,
    /// Whether the digest of every artifact is compared. Without it, what the encoding itself shows
    /// is an error all the same.
    pub verification: Verification,
    /// Who is told of an artifact that can't be read, and is left out then; where nobody is, the first
    /// one ends the export. To leave one out it must be known beforehand that it is damaged, so what is
    /// larger than a mebibyte is read twice.
    pub left_out: Option<LeftOut>,
    /// Where temporary files may be made, without a name, for what grows with the number of artifacts:
    /// their records while they are sorted, and the directory of a ZIP archive. Up to some ten thousand
    /// artifacts need none.
    pub temporary_folder: PathBuf,
}

impl fmt::Debug for ExportOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportOptions")
            .field("format", &self.format)
            .field("metadata", &self.metadata)
            .field("verification", &self.verification)
            .field("keeps_going", &self.left_out.is_some())
            .field("temporary_folder", &self.temporary_folder)
            .finish()
    }
}

/// How far an export has come.
#[derive(Debug, Default)]
pub struct ExportProgress {
    artifacts: AtomicU64,
    size_bytes: AtomicU64,
    left_out: AtomicU64,
}

impl ExportProgress {
    /// How many artifacts are in the archive so far.
    pub fn artifacts(&self) -> u64 {
        self.artifacts.load(Ordering::Relaxed)
    }

    /// How many original bytes they have.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes.load(Ordering::Relaxed)
    }

    /// How many were left out.
    pub fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    fn add(&self, size_bytes: u64) {
        self.artifacts.fetch_add(1, Ordering::Relaxed);
        self.size_bytes.fetch_add(size_bytes, Ordering::Relaxed);
    }

    fn leave_out(&self) {
        self.left_out.fetch_add(1, Ordering::Relaxed);
    }
}

/// An archive on its way out.
pub struct Export {
    /// How many artifacts it is to hold.
    pub artifacts: u64,
    /// How many original bytes they have.
    pub size_bytes: u64,
    /// How many bytes their blobs have: about the size of a ZIP archive.
    pub stored_size_bytes: u64,
    /// How far it has come.
    pub progress: Arc<ExportProgress>,
    /// The archive. It is sound only if the stream ends without an error: whoever writes it somewhere
    /// must take it back otherwise.
    pub body: ByteStream,
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export")
            .field("artifacts", &self.artifacts)
            .field("size_bytes", &self.size_bytes)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Makes an archive of what `filter` selects now, as a stream.
    ///
    /// What is uploaded later is not in it. The files of the archive stand in the order of spec, task,
    /// type, name and version, at paths made of these; with [`Versions::All`] the version is in every
    /// path. The same records over the same blobs give the same bytes, on every machine.
    ///
    /// Memory: some 30 MiB, whatever the number of artifacts and their size. Takes no lock. Dropping the
    /// stream ends all work on it.
    ///
    /// # Errors
    /// `InvalidInput` for a filter that asks for states which have no bytes; `NotFound` if it selects
    /// nothing. In the stream `Integrity` for damage and `Conflict` for what was deleted meanwhile,
    /// unless it is to be [left out](ExportOptions::left_out).
    ///
    /// [`Versions::All`]: artifact_domain::query::Versions::All
    pub async fn export(&self, filter: Filter, options: ExportOptions) -> Result<Export> {
        if !filter.states.iter().all(|state| state.is_live()) {
            return Err(Error::invalid_input(
                "only active and archived artifacts can be exported",
            ));
        }
        let query = Query::new(filter, self.now());
        let plan = {
            let (store, folder) = (self.clone(), options.temporary_folder.clone());
            let runtime = Handle::current();
            tokio::task::spawn_blocking(move || Plan::new(&store, query, &folder, &runtime))
                .await
                .map_err(|fault| {
                    Error::new(ErrorKind::Internal, "a worker thread stopped").with_source(fault)
                })??
        };
        if plan.count == 0 {
            return Err(
                Error::new(ErrorKind::NotFound, "there is nothing to export")
                    .with_hint("`artifact search` with the same filters lists what there is"),
            );
        }
        let progress = Arc::new(ExportProgress::default());
        let (artifacts, size_bytes) = (plan.count, plan.size_bytes);
        let stored_size_bytes = plan.stored_size_bytes;
        let (store, told, format) = (self.clone(), Arc::clone(&progress), options.format);
        let archive = pipe(move |output| write::write(&store, &plan, &options, &told, &output));
        let body = match format {
            ArchiveFormat::Zip => archive,
            ArchiveFormat::TarGz => {
                let level = self.options.compression.unwrap_or_default();
                compressed(archive, level).await?
            }
        };
        Ok(Export {
            artifacts,
            size_bytes,
            stored_size_bytes,
            progress,
            body,
        })
    }
}

/// The stream as one member of gzip.
async fn compressed(plain: ByteStream, level: Level) -> Result<ByteStream> {
    let options = EncodeOptions::new()
        .with_compression(Some(level))
        .with_incompressible(Incompressible::Gzip);
    let unlimited = QuotaPolicy::default();
    let encoding = encode::encode(Body::Stream(plain), options, unlimited, None).await?;
    Ok(encoding.stream)
}
