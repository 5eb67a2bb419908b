//! What became of an upload whose answer nobody has heard.

use artifact_domain::{ArtifactId, ArtifactRecord, Result, State};

use crate::Store;

impl Store {
    /// The record of an upload that was committed under this id, whatever became of it since; none where
    /// it was not, or is gone altogether. An upload that still runs has no outcome.
    ///
    /// # Errors
    /// Those of the index.
    pub async fn outcome(&self, id: ArtifactId) -> Result<Option<ArtifactRecord>> {
        let found = self.retrying("find", || self.ports.index.find(id)).await?;
        // What was given up was marked as deleted without ever having had content.
        Ok(found.filter(|record| record.state != State::Uploading && record.content.is_some()))
    }
}
