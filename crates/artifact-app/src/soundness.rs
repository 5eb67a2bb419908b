//! Whether a blob has the bytes that were uploaded: read from beginning to end, decoded, compared.
//! Knows nothing of where a blob should lie, nor of what becomes of one that is damaged.

use artifact_domain::port::BlobStore;
use artifact_domain::{BlobKey, Content, Error, ErrorKind, Result};

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
        let stat = self.retrying("stat", || blobs.stat(key.clone())).await?;
        let wrong = |message: String| Err(Error::new(ErrorKind::Integrity, message));
        if stat.size_bytes != content.stored_size_bytes {
            return wrong(format!(
                "it has {} stored bytes, {} were written",
                stat.size_bytes, content.stored_size_bytes
            ));
        }
        let blob = match self.retrying("get", || blobs.get(key.clone(), None)).await {
            // It would have to be restored first.
            Err(error) if error.kind() == ErrorKind::Conflict => return Ok(Soundness::Unread),
            blob => blob?,
        };
        let found = measure(blob, content.encoding, content.size_bytes).await?;
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
}
