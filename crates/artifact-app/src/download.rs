//! Fetching an artifact: its original bytes as a stream, whole or a range, verified on the way.

use artifact_domain::port::ByteStream;
use artifact_domain::{
    ArtifactRecord, ArtifactRef, ByteRange, Error, ErrorKind, RangeRequest, Result, Tier,
};
use bytes::Bytes;
use futures::StreamExt;
use tracing::Instrument;

use crate::Store;
use crate::find::not_found;
use crate::lines::{self, Page};
use crate::source::{Source, collect};

/// How often a version is looked up again whose blob was superseded before it could be opened.
const RESOLVE_ROUNDS: usize = 8;

/// Whether the digest of what is fetched is compared with the one recorded at upload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verification {
    /// Compared; a difference is an `Integrity` error at the end of the stream.
    #[default]
    Digest,
    /// Not compared. Damage that the encoding itself shows is an error all the same.
    Skip,
}

/// How to fetch.
#[derive(Debug, Clone, Copy, Default)]
pub struct DownloadOptions {
    /// Which bytes; all of them where none is given. The digest is of the whole: a range of an
    /// artifact of more than 256 KiB is verified by the CRC-32 of the blocks that it touches.
    pub range: Option<RangeRequest>,
    /// Whether the digest is compared.
    pub verification: Verification,
}

/// An artifact on its way out.
pub struct Download {
    /// Which version it is.
    pub record: ArtifactRecord,
    /// Which of its original bytes come.
    pub range: ByteRange,
    /// The bytes. They are sound only if the stream ends without an error: whoever writes them
    /// somewhere must take them back otherwise.
    pub body: ByteStream,
}

impl Download {
    /// Collects the bytes in memory; for artifacts known to be small.
    pub async fn bytes(self) -> Result<Bytes> {
        collect(self.body).await
    }
}

impl std::fmt::Debug for Download {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Download")
            .field("record", &self.record)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

/// Which bytes of a version are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All original bytes.
    All,
    /// Those of a range.
    Range(RangeRequest),
    /// The last lines; all of them where there are fewer.
    LastLines(u64),
    /// The lines of a page.
    Page(Page),
    /// The bytes as they are stored, for whoever decodes and checks them.
    Stored,
}

impl Store {
    /// Fetches an artifact: its newest version, or the one that the address or the id names.
    ///
    /// The stream gives the bytes of the version that was found when this returned, whatever is
    /// uploaded or deleted meanwhile. Takes no lock. Memory: a few blocks, whatever the size. Of a
    /// range only the blocks that it touches are read.
    ///
    /// # Errors
    /// `NotFound` and `Expired`; `InvalidInput` for a range beyond the end; `Conflict` for a
    /// version of a tier that must be restored before it is read; in the stream `Integrity` when
    /// stored bytes are damaged.
    pub async fn download(
        &self,
        artifact: &ArtifactRef,
        options: DownloadOptions,
    ) -> Result<Download> {
        let part = options.range.map_or(Part::All, Part::Range);
        self.fetch(artifact, part, options.verification).await
    }

    /// Fetches the last lines of an artifact, as [`Self::download`] does; all of them where there
    /// are fewer. A newline at the very end ends the last line, and begins none.
    ///
    /// # Errors
    /// Those of [`Self::download`].
    pub async fn tail(&self, artifact: &ArtifactRef, lines: u64) -> Result<Download> {
        let verification = Verification::default();
        self.fetch(artifact, Part::LastLines(lines), verification)
            .await
    }

    /// Fetches a page of an artifact, as [`Self::download`] does.
    ///
    /// # Errors
    /// Those of [`Self::download`]; `InvalidInput` for a page behind the last.
    pub async fn page(&self, artifact: &ArtifactRef, page: Page) -> Result<Download> {
        let verification = Verification::default();
        self.fetch(artifact, Part::Page(page), verification).await
    }

    /// Fetches bytes of a version that was found before, wherever it is by now, as
    /// [`Self::download`] does.
    ///
    /// # Errors
    /// Those of [`Self::download`]; `NotFound` if it was deleted meanwhile.
    pub async fn read(
        &self,
        record: &ArtifactRecord,
        part: Part,
        verification: Verification,
    ) -> Result<Download> {
        if record.tier == Tier::Cold && !self.options.tiers.cold_read_through {
            return Err(needs_restore(record));
        }
        let found = self.read_found(record, part, verification).await?;
        found.ok_or_else(|| not_found(&ArtifactRef::Id(record.id)))
    }

    async fn fetch(
        &self,
        artifact: &ArtifactRef,
        part: Part,
        verification: Verification,
    ) -> Result<Download> {
        let span = tracing::info_span!("download", artifact.uri = %artifact);
        async {
            for _ in 0..RESOLVE_ROUNDS {
                let record = self.show(artifact).await?;
                if record.tier == Tier::Cold && !self.options.tiers.cold_read_through {
                    return Err(needs_restore(&record));
                }
                match self.open(&record, part, verification).await {
                    Err(error) if error.kind() == ErrorKind::NotFound => {
                        self.explain_missing(&record, error).await?;
                    }
                    opened => return opened,
                }
            }
            Err(Error::new(
                ErrorKind::Conflict,
                format!("{artifact} was replaced each time before it could be opened"),
            )
            .with_hint("try again, or name one version"))
        }
        .instrument(span)
        .await
    }

    /// The bytes of a version that was found before, wherever it is by now; none if it has been
    /// deleted since.
    pub(crate) async fn fetch_found(
        &self,
        record: &ArtifactRecord,
        verification: Verification,
    ) -> Result<Option<Download>> {
        self.read_found(record, Part::All, verification).await
    }

    async fn read_found(
        &self,
        record: &ArtifactRecord,
        part: Part,
        verification: Verification,
    ) -> Result<Option<Download>> {
        let mut record = record.clone();
        for _ in 0..RESOLVE_ROUNDS {
            match self.open(&record, part, verification).await {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    self.explain_missing(&record, error).await?;
                }
                opened => return opened.map(Some),
            }
            match self.ports.index.find(record.id).await? {
                Some(moved) if moved.state.is_live() => record = moved,
                _ => return Ok(None),
            }
        }
        Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "{} was moved each time before it could be opened",
                record.version_uri()
            ),
        )
        .with_hint("try again"))
    }

    /// A blob that is not there is damage, unless its version was deleted or moved since it was
    /// found.
    pub(crate) async fn explain_missing(
        &self,
        record: &ArtifactRecord,
        missing: Error,
    ) -> Result<()> {
        match self.ports.index.find(record.id).await? {
            Some(current) if current.state.is_live() && !current.has_moved(record) => {
                Err(Error::new(
                    ErrorKind::Integrity,
                    format!(
                        "the bytes of {} are missing from the store",
                        record.version_uri()
                    ),
                )
                .with_source(missing))
            }
            _ => Ok(()),
        }
    }

    async fn open(
        &self,
        record: &ArtifactRecord,
        part: Part,
        verification: Verification,
    ) -> Result<Download> {
        let uri = record.version_uri();
        let opened = self.open_unnamed(record, part, verification).await;
        let (range, body) = opened.map_err(|error| error.context(&uri))?;
        let body = body.map(move |chunk| chunk.map_err(|error| error.context(&uri)));
        Ok(Download {
            record: record.clone(),
            range,
            body: Box::pin(body),
        })
    }

    /// The same, with errors that do not say which version they are about.
    async fn open_unnamed(
        &self,
        record: &ArtifactRecord,
        part: Part,
        verification: Verification,
    ) -> Result<(ByteRange, ByteStream)> {
        let source = Source::new(self, record).await?;
        let range = match part {
            Part::All | Part::Stored => ByteRange::new(0, source.size_bytes()),
            Part::Range(request) => request.resolve(source.size_bytes()),
            Part::LastLines(count) => lines::last_lines(&source, count).await,
            Part::Page(page) => lines::page(&source, page).await,
        }?;
        let body = match part {
            Part::All => source.whole(verification).await,
            Part::Stored => source.blob().await,
            _ => source.range(range, verification).await,
        }?;
        Ok((range, body))
    }
}

pub(crate) fn needs_restore(record: &ArtifactRecord) -> Error {
    let uri = record.version_uri();
    let place = match record.tier {
        // A rule of the bucket's own has put it there.
        Tier::Hot => "a storage class that".to_owned(),
        tier => format!("the {} tier, which", tier.to_string().to_lowercase()),
    };
    let message = format!("{uri} is kept in {place} is not read from");
    Error::new(ErrorKind::Conflict, message)
        .with_hint(format!("`artifact restore {uri}` brings it back"))
}
