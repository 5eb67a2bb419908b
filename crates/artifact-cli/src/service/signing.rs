//! Signed URLs and uploads that are put to one, from either place. Prints nothing.

use std::time::Duration;

use artifact_api::{BeginRequest, SignedUrl};
use artifact_app::{CompleteRequest, Compression, UploadRequest, view};
use artifact_domain::{ArtifactId, ArtifactRecord, ArtifactRef, Error, ErrorKind, Result};

use super::remote::RESOLVE_ROUNDS;
use super::{Remote, Service};

impl Service {
    /// A URL that an artifact can be downloaded from.
    pub(crate) async fn presign(
        &self,
        artifact: &ArtifactRef,
        valid_for: Duration,
    ) -> Result<SignedUrl> {
        match self {
            Self::Local(local) => {
                let (urls, store) = (&local.urls, &local.store);
                let signed = urls.download(store, artifact, valid_for, urls.public_url());
                Ok(view::presign::download(&signed.await?))
            }
            Self::Remote(remote) => remote.presign(artifact, valid_for).await,
        }
    }

    /// Reserves a version, and gives a URL that its bytes can be put to.
    pub(crate) async fn begin_upload(
        &self,
        request: UploadRequest,
        valid_for: Duration,
    ) -> Result<SignedUrl> {
        match self {
            Self::Local(local) => {
                let handover = local.store.begin_upload(request, valid_for).await?;
                Ok(view::presign::upload(&handover))
            }
            Self::Remote(remote) => {
                let at = request.coordinate;
                let begin = BeginRequest {
                    spec: at.spec().clone(),
                    task: at.task().clone(),
                    artifact_type: Some(at.artifact_type().clone()),
                    name: at.name().clone(),
                    mime_type: Some(request.mime_type),
                    tags: request.tags,
                    metadata: request.metadata,
                    retention_days: request.retention_days,
                    size_bytes: request.size_hint_bytes,
                    expires_in_s: Some(valid_for.as_secs()),
                };
                remote.client.begin_upload(&begin).await
            }
        }
    }

    /// Makes an upload visible whose bytes were put to its URL.
    pub(crate) async fn complete_upload(&self, request: CompleteRequest) -> Result<ArtifactRecord> {
        match self {
            Self::Local(local) => local.store.complete_upload(request).await,
            Self::Remote(remote) => {
                let asked = artifact_api::CompleteRequest {
                    sha256: request.expected_digest,
                    size_bytes: request.expected_size_bytes,
                    compress: (request.compression == Compression::Off).then_some(false),
                };
                let completed = remote.client.complete_upload(request.id, &asked).await?;
                completed.into_record()
            }
        }
    }

    /// Gives an upload up that was begun and not completed.
    pub(crate) async fn abort_upload(&self, id: ArtifactId) -> Result<()> {
        match self {
            Self::Local(local) => local.store.abort_upload(id).await,
            Self::Remote(remote) => remote.client.abort_upload(id).await,
        }
    }
}

impl Remote {
    /// Looks an artifact up and has that version signed, as often as it is superseded between the two.
    async fn presign(&self, artifact: &ArtifactRef, valid_for: Duration) -> Result<SignedUrl> {
        for _ in 0..RESOLVE_ROUNDS {
            let id = self.client.show(artifact).await?.id;
            match self.client.presign(id, valid_for).await {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                signed => return signed,
            }
        }
        let message = format!("{artifact} was replaced each time before it could be signed");
        Err(Error::new(ErrorKind::Conflict, message).with_hint("try again, or name one version"))
    }
}
