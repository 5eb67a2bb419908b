//! Fetching an artifact: its original bytes as a stream, whole or a range, verified on the way.

use artifact_domain::port::ByteStream;
use artifact_domain::{
    ArtifactRecord, ArtifactRef, ByteRange, Encoding, Error, ErrorKind, RangeRequest, Result,
};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt};
use tracing::Instrument;

use crate::Store;
use crate::decode::{decode_range, decode_whole};

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
    /// Which bytes; all of them where none is given. A range is not verified by the digest, which
    /// is of the whole.
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
        let start = BytesMut::new();
        let add = |mut all: BytesMut, chunk: Bytes| async move {
            all.extend_from_slice(&chunk);
            Ok(all)
        };
        self.body.try_fold(start, add).await.map(BytesMut::freeze)
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

impl Store {
    /// Fetches an artifact: its newest version, or the one that the address or the id names.
    ///
    /// The stream gives the bytes of the version that was found when this returned, whatever is
    /// uploaded or deleted meanwhile. Takes no lock. Memory: a few chunks, whatever the size.
    ///
    /// # Errors
    /// `NotFound` and `Expired`; `InvalidInput` for a range beyond the end; in the stream
    /// `Integrity` when stored bytes are damaged.
    pub async fn download(
        &self,
        artifact: &ArtifactRef,
        options: DownloadOptions,
    ) -> Result<Download> {
        let span = tracing::info_span!("download", artifact.uri = %artifact);
        async {
            for _ in 0..RESOLVE_ROUNDS {
                let record = self.show(artifact).await?;
                match self.open(&record, options).await {
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

    /// A blob that is not there is damage, unless its version has been deleted since it was found.
    async fn explain_missing(&self, record: &ArtifactRecord, missing: Error) -> Result<()> {
        match self.ports.index.find(record.id).await? {
            Some(current) if current.state.is_live() => Err(Error::new(
                ErrorKind::Integrity,
                format!(
                    "the bytes of {} are missing from the store",
                    record.version_uri()
                ),
            )
            .with_source(missing)),
            _ => Ok(()),
        }
    }

    async fn open(&self, record: &ArtifactRecord, options: DownloadOptions) -> Result<Download> {
        let content = record.stored_content()?.clone();
        let range = match options.range {
            None => ByteRange::new(0, content.size_bytes)?,
            Some(request) => request
                .resolve(content.size_bytes)
                .map_err(|error| error.context(record.version_uri()))?,
        };
        // Of bytes stored as they are only the range is fetched.
        let direct = options
            .range
            .filter(|_| content.encoding == Encoding::Identity)
            .map(|_| range);
        let key = record.blob_key()?;
        let blob = self
            .retrying("get", || self.ports.blobs.get(key.clone(), direct))
            .await?;
        let body = match (options.range, direct) {
            (_, Some(_)) => blob,
            (Some(_), None) => decode_range(blob, content.encoding, range),
            (None, None) => decode_whole(blob, &content, options.verification),
        };
        let uri = record.version_uri();
        let body = body.map(move |chunk| chunk.map_err(|error| error.context(&uri)));
        Ok(Download {
            record: record.clone(),
            range,
            body: Box::pin(body),
        })
    }
}
