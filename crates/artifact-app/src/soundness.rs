//! Whether a blob has the bytes that were uploaded: read from beginning to end, decoded, compared.
//! Knows nothing of where a blob should lie, nor of what becomes of one that is damaged.

use artifact_domain::port::{BlobStore, ByteStream};
use artifact_domain::{BlobKey, Content, Error, ErrorKind, Result};
use futures::{StreamExt, stream};

use crate::Store;
use crate::measure::measure;

/// What was seen of a blob that is not wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Soundness {
    /// Every byte is what was uploaded.
    Sound,
    /// Its tier gives no bytes now; it has as many as it should.
    Unread,
}

impl Store {
    /// Reads a blob and compares it with what is known of its version.
    ///
    /// Errors: `NotFound`; `Integrity` for other bytes, or more, or fewer; those of the store.
    pub(crate) async fn check_blob(
        &self,
        blobs: &dyn BlobStore,
        key: &BlobKey,
        content: &Content,
    ) -> Result<Soundness> {
        let blob = match self.retrying("get", || blobs.get(key.clone(), None)).await {
            // It would have to be restored first.
            Err(error) if error.kind() == ErrorKind::Conflict => {
                self.check_size(blobs, key, content).await?;
                return Ok(Soundness::Unread);
            }
            blob => exactly(blob?, content.stored_size_bytes),
        };
        let found = match measure(blob, content.encoding, content.size_bytes).await {
            // Of bytes that cannot be decoded, their number says more.
            Err(error) if error.kind() == ErrorKind::Integrity => {
                self.check_size(blobs, key, content).await?;
                return Err(error);
            }
            found => found?,
        };
        let wrong = |message: String| Err(Error::new(ErrorKind::Integrity, message));
        if found.size_bytes != content.size_bytes {
            return wrong(format!(
                "it has {} bytes, {} were uploaded",
                found.size_bytes, content.size_bytes
            ));
        }
        if found.digest != content.digest {
            return wrong(format!(
                "its SHA-256 is {}, that of the upload was {}",
                found.digest, content.digest
            ));
        }
        Ok(Soundness::Sound)
    }

    async fn check_size(
        &self,
        blobs: &dyn BlobStore,
        key: &BlobKey,
        content: &Content,
    ) -> Result<()> {
        let stat = self.retrying("stat", || blobs.stat(key.clone())).await?;
        if stat.size_bytes == content.stored_size_bytes {
            return Ok(());
        }
        let message = format!(
            "it has {} stored bytes, {} were written",
            stat.size_bytes, content.stored_size_bytes
        );
        Err(Error::new(ErrorKind::Integrity, message))
    }
}

/// The stream, with an error at its end unless it had just so many bytes: what is short must not be
/// published.
pub(crate) fn exactly(body: ByteStream, size_bytes: u64) -> ByteStream {
    let damaged = move || {
        let message = format!("it does not have the {size_bytes} stored bytes that were written");
        Error::new(ErrorKind::Integrity, message)
    };
    let state = Some((body, size_bytes));
    stream::unfold(state, move |state| async move {
        let (mut body, left) = state?;
        match body.next().await {
            None if left == 0 => None,
            None => Some((Err(damaged()), None)),
            Some(Err(error)) => Some((Err(error), None)),
            Some(Ok(chunk)) => match left.checked_sub(chunk.len() as u64) {
                None => Some((Err(damaged()), None)),
                Some(left) => Some((Ok(chunk), Some((body, left)))),
            },
        }
    })
    .boxed()
}
