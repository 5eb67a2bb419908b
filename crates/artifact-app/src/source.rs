//! The stored bytes of one version, read as a whole or in part by the cheapest way there is. Knows
//! nothing of how a version was found, nor of lines and pages.

use artifact_codec::SeekTable;
use artifact_domain::port::ByteStream;
use artifact_domain::{ArtifactRecord, BlobKey, ByteRange, Content, Encoding, ErrorKind, Result};
use bytes::{Bytes, BytesMut};
use futures::{TryStreamExt, stream};

use crate::decode::{codec_encoding, decode_by_table, decode_part, decode_range, decode_whole};
use crate::download::needs_restore;
use crate::measure::{Measured, rebuild_seek_table};
use crate::plain::as_it_is;
use crate::{Store, Verification};

/// An artifact of this length or less is read whole: it is one block, and has no seek table.
const SHORT_BYTES: u64 = 256 * 1024;

/// How much is read at a time of bytes that are stored as they are, where there is no seek table.
const WINDOW_BYTES: u64 = 1024 * 1024;

/// One version that can be read.
pub(crate) struct Source<'a> {
    store: &'a Store,
    record: &'a ArtifactRecord,
    key: BlobKey,
    content: Content,
    table: Option<SeekTable>,
}

impl<'a> Source<'a> {
    /// Looks up what helps to read the version. No byte of it is read yet.
    pub(crate) async fn new(store: &'a Store, record: &'a ArtifactRecord) -> Result<Self> {
        let content = record.stored_content()?.clone();
        let table = match content.size_bytes {
            0..=SHORT_BYTES => None,
            _ => table(store, record, &content).await?,
        };
        Ok(Self {
            store,
            record,
            key: record.blob_key()?,
            content,
            table,
        })
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.content.size_bytes
    }

    /// Whether parts can be read without what comes before them.
    pub(crate) fn is_seekable(&self) -> bool {
        self.table.is_some()
            || self.content.encoding == Encoding::Identity
            || self.content.size_bytes <= SHORT_BYTES
    }

    /// A stretch that ends at `end` and costs no more to read than a part of it. Of a version that is
    /// not seekable it is all that comes before.
    pub(crate) fn window_before(&self, end: u64) -> Result<ByteRange> {
        let start = match &self.table {
            Some(table) => table.block_around(end.saturating_sub(1)).start,
            None if self.is_seekable() => end.saturating_sub(WINDOW_BYTES),
            None => 0,
        };
        ByteRange::new(start, end.saturating_sub(start))
    }

    /// A stretch that begins at `start`, likewise; all that follows, if not seekable.
    pub(crate) fn window_after(&self, start: u64) -> Result<ByteRange> {
        let size = self.content.size_bytes;
        let end = match &self.table {
            Some(table) => table.block_around(start).end,
            None if self.is_seekable() => size.min(start.saturating_add(WINDOW_BYTES)),
            None => size,
        };
        ByteRange::new(start, end.saturating_sub(start))
    }

    /// All bytes, compared with the digest of the upload where that is asked for.
    pub(crate) async fn whole(&self, verification: Verification) -> Result<ByteStream> {
        let blob = self.stored(None).await?;
        let Content {
            digest,
            size_bytes,
            encoding,
            ..
        } = self.content;
        Ok(match (encoding, &self.table) {
            (Encoding::Identity, table) => {
                as_it_is(blob, size_bytes, digest, table.clone(), verification)
            }
            (_, Some(table)) => decode_by_table(blob, digest, table.clone(), verification),
            (_, None) => decode_whole(blob, &self.content, verification),
        })
    }

    /// The bytes of a range. They are checked by what is at hand: the digest where all bytes are read
    /// anyway, otherwise the CRC-32 of each block.
    pub(crate) async fn range(
        &self,
        range: ByteRange,
        verification: Verification,
    ) -> Result<ByteStream> {
        if range.length() == 0 {
            // The blob must be there all the same.
            drop(self.stored(None).await?);
            return Ok(Box::pin(stream::empty()));
        }
        if self.content.size_bytes <= SHORT_BYTES {
            let whole = collect(self.whole(verification).await?).await?;
            let at = |offset| usize::try_from(offset).map_or(whole.len(), |at| at.min(whole.len()));
            let slice = whole.slice(at(range.offset())..at(range.end()));
            return Ok(Box::pin(stream::iter([Ok(slice)])));
        }
        if let Some(table) = &self.table {
            let part = table.part(range.offset()..range.end()).map_err(|error| {
                crate::body::domain_error(error.into(), "finding the blocks of the range")
            })?;
            let stored = part.stored_range();
            let stored = ByteRange::new(stored.start, stored.end - stored.start)?;
            return Ok(decode_part(self.stored(Some(stored)).await?, part));
        }
        match self.content.encoding {
            Encoding::Identity => self.stored(Some(range)).await,
            Encoding::Gzip => {
                let blob = self.stored(None).await?;
                Ok(decode_range(blob, self.content.encoding, range))
            }
        }
    }

    /// Where its blocks lie, where that is known.
    pub(crate) fn table(&self) -> Option<&SeekTable> {
        self.table.as_ref()
    }

    /// Finds a seek table that is not known by reading all bytes, if they can have one.
    pub(crate) async fn find_table(&mut self) -> Result<()> {
        if self.table.is_none() {
            let Content {
                digest,
                size_bytes,
                encoding,
                ..
            } = self.content;
            let measured = Measured {
                digest,
                size_bytes,
                head: Bytes::new(),
            };
            let found = rebuild_seek_table(self.blob().await?, encoding, &measured).await;
            self.table = found.and_then(|bytes| SeekTable::from_bytes(&bytes).ok());
        }
        Ok(())
    }

    /// The stored bytes, as they are and unchecked.
    pub(crate) async fn blob(&self) -> Result<ByteStream> {
        self.stored(None).await
    }

    async fn stored(&self, range: Option<ByteRange>) -> Result<ByteStream> {
        let opened = self.store.get_blob(self.record.tier, &self.key, range);
        opened.await.map_err(|error| match error.kind() {
            // Its store gives no bytes of a colder tier, nor of what a rule of the bucket's own has
            // put there.
            ErrorKind::Conflict => needs_restore(self.record).with_source(error),
            _ => error,
        })
    }

    /// What an error is about.
    pub(crate) fn name(&self) -> String {
        self.record.version_uri().to_string()
    }
}

/// The seek table, if there is one that fits. One that does not is no reason to fail: without it
/// everything is read as before, only slower.
async fn table(
    store: &Store,
    record: &ArtifactRecord,
    content: &Content,
) -> Result<Option<SeekTable>> {
    let index = &store.ports.index;
    let kept = store
        .retrying("seek_table", || index.seek_table(record.id))
        .await?;
    let Some(kept) = kept else {
        return Ok(None);
    };
    match SeekTable::from_bytes(&kept) {
        Ok(table)
            if table.size_bytes() == content.size_bytes
                && table.stored_size_bytes() == content.stored_size_bytes
                && table.encoding() == codec_encoding(content.encoding) =>
        {
            Ok(Some(table))
        }
        Ok(_) => {
            tracing::warn!(artifact.id = %record.id, "the seek table is of other bytes");
            Ok(None)
        }
        Err(error) => {
            tracing::warn!(artifact.id = %record.id, error = %error, "the seek table is not used");
            Ok(None)
        }
    }
}

/// Collects what is known to be small.
pub(crate) async fn collect(body: ByteStream) -> Result<Bytes> {
    let add = |mut all: BytesMut, chunk: Bytes| async move {
        all.extend_from_slice(&chunk);
        Ok(all)
    };
    body.try_fold(BytesMut::new(), add)
        .await
        .map(BytesMut::freeze)
}
