//! One artifact made ready for an archive: its bytes in the form that the archive takes, verified, and
//! what must be known of them before the first is written. Knows no archive.

use artifact_archive::ZipData;
use artifact_codec::{CodecError, DecodeOptions, Hasher, Member, SeekTable};
use artifact_domain::port::ByteStream;
use artifact_domain::{ArtifactRecord, Content, Encoding, Error, ErrorKind, Result};
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;

use super::ArchiveFormat;
use crate::decode::{check_digest, content_by_table, damaged, decode_error, decode_options};
use crate::source::{Source, collect};
use crate::{Store, Verification};

/// A blob up to this size is read and verified in memory before its turn comes.
const AT_ONCE_BYTES: u64 = 1 << 20;

/// An artifact that can be written to an archive.
pub(super) struct Ready {
    /// Of what form and length the bytes are; for tar only the length is of interest.
    pub(super) data: ZipData,
    pub(super) bytes: ReadyBytes,
}

/// The bytes of an artifact.
pub(super) enum ReadyBytes {
    /// At hand, and verified.
    Here(Bytes),
    /// To be opened when their turn comes, and verified on the way.
    Content(Box<SeekTable>),
    /// The same, decoded.
    Plain,
}

/// How artifacts are made ready.
#[derive(Debug, Clone, Copy)]
pub(super) struct Preparation {
    pub(super) verification: Verification,
    /// Whether all is verified before the first byte is given, at the price of reading it twice.
    pub(super) verify_first: bool,
}

impl Preparation {
    /// For an archive of that format.
    pub(super) async fn ready(
        self,
        format: ArchiveFormat,
        store: &Store,
        record: &ArtifactRecord,
    ) -> Result<Ready> {
        let ready = match format {
            ArchiveFormat::Zip => self.zip(store, record).await,
            ArchiveFormat::TarGz => self.tar(store, record).await,
        };
        ready.map_err(|error| error.context(record.version_uri()))
    }

    /// For a ZIP archive: as it is stored, where that is possible.
    async fn zip(self, store: &Store, record: &ArtifactRecord) -> Result<Ready> {
        let content = record.stored_content()?;
        let mut source = Source::new(store, record).await?;
        if content.stored_size_bytes <= AT_ONCE_BYTES {
            let blob = whole_blob(&source, content).await?;
            let (content, verification) = (content.clone(), self.verification);
            let checked = blocking(move || check(blob, &content, verification)).await;
            if let Some(ready) = checked? {
                return Ok(ready);
            }
        } else {
            source.find_table().await?;
            if let Some(table) = source.table() {
                let table = table.clone();
                if self.verify_first {
                    drain(source.whole(self.verification).await?).await?;
                }
                let range = table.content_range();
                let deflated_size_bytes =
                    (content.encoding == Encoding::Gzip).then_some(range.end - range.start);
                return Ok(Ready {
                    data: ZipData {
                        crc32: table.crc32(),
                        size_bytes: content.size_bytes,
                        deflated_size_bytes,
                    },
                    bytes: ReadyBytes::Content(Box::new(table)),
                });
            }
        }
        // Gzip of another form than the codec writes: its plain bytes are read once for their CRC-32.
        let crc32 = drain(source.whole(self.verification).await?).await?;
        Ok(Ready {
            data: plain(content, crc32),
            bytes: ReadyBytes::Plain,
        })
    }

    /// For a tar archive: decoded.
    async fn tar(self, store: &Store, record: &ArtifactRecord) -> Result<Ready> {
        let content = record.stored_content()?;
        let source = Source::new(store, record).await?;
        let bytes = if content.size_bytes <= AT_ONCE_BYTES {
            let body = source.whole(self.verification).await?;
            ReadyBytes::Here(collect(body).await?)
        } else {
            if self.verify_first {
                drain(source.whole(self.verification).await?).await?;
            }
            ReadyBytes::Plain
        };
        Ok(Ready {
            data: plain(content, 0),
            bytes,
        })
    }

    /// Opens what was left for its turn.
    pub(super) async fn open(
        self,
        store: &Store,
        record: &ArtifactRecord,
        bytes: ReadyBytes,
    ) -> Result<ByteStream> {
        let uri = record.version_uri();
        let opened = self.open_unnamed(store, record, bytes).await;
        let body = opened.map_err(|error| error.context(&uri))?;
        Ok(Box::pin(body.map_err(move |error| error.context(&uri))))
    }

    async fn open_unnamed(
        self,
        store: &Store,
        record: &ArtifactRecord,
        bytes: ReadyBytes,
    ) -> Result<ByteStream> {
        let source = Source::new(store, record).await?;
        Ok(match bytes {
            ReadyBytes::Here(bytes) => Box::pin(futures::stream::iter([Ok(bytes)])),
            ReadyBytes::Plain => source.whole(self.verification).await?,
            ReadyBytes::Content(table) => {
                let digest = record.stored_content()?.digest;
                content_by_table(source.blob().await?, digest, *table, self.verification)
            }
        })
    }
}

fn plain(content: &Content, crc32: u32) -> ZipData {
    ZipData {
        crc32,
        size_bytes: content.size_bytes,
        deflated_size_bytes: None,
    }
}

/// The stored bytes, if there are as many as there should be.
async fn whole_blob(source: &Source<'_>, content: &Content) -> Result<Bytes> {
    let mut blob = source.blob().await?;
    let mut bytes = BytesMut::new();
    while let Some(chunk) = blob.try_next().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > content.stored_size_bytes {
            return Err(damaged("the blob has more bytes than were stored"));
        }
    }
    if bytes.len() as u64 != content.stored_size_bytes {
        return Err(damaged("the blob has fewer bytes than were stored"));
    }
    Ok(bytes.freeze())
}

/// Verifies a blob and takes its content out. None for gzip of another form.
fn check(blob: Bytes, content: &Content, verification: Verification) -> Result<Option<Ready>> {
    let options = decode_options(verification);
    let (bytes, data, digest) = match content.encoding {
        Encoding::Identity => {
            let digest = (verification == Verification::Digest).then(|| {
                let mut hasher = Hasher::new();
                hasher.update(&blob);
                hasher.finish()
            });
            let data = plain(content, crc32fast::hash(&blob));
            (blob, data, digest)
        }
        Encoding::Gzip => {
            let Some(member) = find_member(&blob, &options)? else {
                return Ok(None);
            };
            if member.size_bytes != content.size_bytes {
                return Err(damaged("it has another number of bytes than were uploaded"));
            }
            let at = |offset| usize::try_from(offset).unwrap_or(usize::MAX);
            let deflate = blob.slice(at(member.deflate.start)..at(member.deflate.end));
            let data = ZipData {
                crc32: member.crc32,
                size_bytes: member.size_bytes,
                deflated_size_bytes: Some(deflate.len() as u64),
            };
            (deflate, data, member.digest)
        }
    };
    check_digest(digest, content.digest)?;
    Ok(Some(Ready {
        data,
        bytes: ReadyBytes::Here(bytes),
    }))
}

fn find_member(blob: &[u8], options: &DecodeOptions) -> Result<Option<Member>> {
    Member::check(blob, options).map_err(|error: CodecError| decode_error(error.into()))
}

/// Reads to the end, and gives the CRC-32 of what was read.
async fn drain(mut body: ByteStream) -> Result<u32> {
    let mut crc = crc32fast::Hasher::new();
    while let Some(chunk) = body.try_next().await? {
        crc.update(&chunk);
    }
    Ok(crc.finalize())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|fault| {
        Error::new(ErrorKind::Internal, "a worker thread stopped").with_source(fault)
    })?
}
