//! Asking whether there is room, for those whose bytes come to the store only later. Reserves nothing.

use artifact_domain::Result;

use crate::Store;

impl Store {
    /// Refuses what an upload of `size_bytes` would be refused for before its first byte: that it is
    /// too large, or that the storage limit is reached. What is admitted may be refused when it comes.
    ///
    /// # Errors
    /// `TooLarge` and `QuotaExceeded`; those of the index.
    pub async fn admit(&self, size_bytes: Option<u64>) -> Result<()> {
        let quota = &self.options.quota;
        if let Some(size_bytes) = size_bytes {
            quota.admit_artifact(size_bytes)?;
        }
        if quota.max_storage_bytes.is_none() {
            return Ok(());
        }
        let held_bytes = self.usage().await?.total().held_bytes();
        // What is compressed may need less than its size.
        let least = match (size_bytes, self.options.compression) {
            (Some(size_bytes), None) => size_bytes,
            _ => 0,
        };
        quota.reserve(least).admit(held_bytes)
    }
}
