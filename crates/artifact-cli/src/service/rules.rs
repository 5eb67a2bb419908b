//! What the settings of a server say, which are its own. Prints nothing.

use artifact_bootstrap::settings::Retention;
use artifact_domain::Result;

use super::Remote;

impl Remote {
    /// The rules by which artifacts expire.
    pub(crate) async fn retention(&self) -> Result<Retention> {
        self.client.get("/retention", &[]).await
    }
}
