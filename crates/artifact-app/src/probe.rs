//! Whether the store can be worked with at this moment. Changes nothing.

use artifact_domain::{BlobKey, ErrorKind, Result, SpecName, TaskId};

use crate::Store;

impl Store {
    /// Asks the index and every store of blobs something small.
    ///
    /// # Errors
    /// Those of whichever does not answer.
    pub async fn probe(&self) -> Result<()> {
        self.ports.index.is_complete().await?;
        let key = BlobKey::task_metadata(&SpecName::default(), &TaskId::new("probe")?);
        for place in self.places() {
            match self.blobs_of(place).stat(key.clone()).await {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}
