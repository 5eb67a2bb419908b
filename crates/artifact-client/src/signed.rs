//! Signed URLs, and uploads whose bytes are put to one. Knows nothing of how they are put there.

use std::time::Duration;

use artifact_api::{Artifact, BeginRequest, CompleteRequest, SignedUrl};
use artifact_domain::{ArtifactId, Result};
use reqwest::Method;

use crate::address;
use crate::client::{Client, with_json};
use crate::connection::Repeat;

impl Client {
    /// Has a URL signed that a version can be downloaded from.
    ///
    /// # Errors
    /// Those of the server: `NotFound`, `Expired`, and `InvalidInput` for a time that no URL is good for.
    pub async fn presign(&self, id: ArtifactId, valid_for: Duration) -> Result<SignedUrl> {
        let seconds = valid_for.as_secs().to_string();
        let pairs = [("expires_in_s".to_owned(), seconds)];
        let path = format!("/artifacts/{id}/presign{}", address::query(&pairs));
        let make = || self.connection.request(Method::POST, &path);
        self.connection.document(Repeat::Harmless, make).await
    }

    /// Reserves the next version of an artifact, and has a URL of its bucket signed that the bytes can be
    /// put to.
    ///
    /// # Errors
    /// Those of the server: `Unsupported` where its blobs are in no bucket.
    pub async fn begin_upload(&self, begin: &BeginRequest) -> Result<SignedUrl> {
        self.post("/artifacts", &[], Some(begin)).await
    }

    /// Has the bytes checked that were put to a URL, and the upload made visible.
    ///
    /// # Errors
    /// Those of the server: `NotFound` while nothing was put there, `Integrity` for other bytes.
    pub async fn complete_upload(
        &self,
        id: ArtifactId,
        request: &CompleteRequest,
    ) -> Result<Artifact> {
        let path = format!("/artifacts/{id}/complete");
        let make = || with_json(self.connection.request(Method::POST, &path), request);
        self.connection.document(Repeat::Harmless, make).await
    }

    /// Gives an upload up that was begun and not completed.
    ///
    /// # Errors
    /// Those of the server: `Conflict` for one that was completed.
    pub async fn abort_upload(&self, id: ArtifactId) -> Result<()> {
        let path = format!("/artifacts/{id}/abort");
        let make = || self.connection.request(Method::POST, &path);
        self.connection.send(Repeat::Harmful, make).await?;
        Ok(())
    }
}
