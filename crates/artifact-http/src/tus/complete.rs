//! What an upload becomes once all its bytes are there: an artifact, once. Knows no HTTP.

use std::sync::Arc;

use artifact_app::{Body, DigestMismatch, Finding, UploadRequest};
use artifact_domain::{ArtifactId, Error, ErrorKind, Result};

use super::keeper::Keeper;
use super::receive::saved;
use super::spool::Held;
use super::{about, blocking};
use crate::problem::has_source;
use crate::state::App;

/// What an upload has become.
#[derive(Debug)]
pub(super) struct Completed {
    pub(super) artifact: ArtifactId,
    /// What in it looks like secrets.
    pub(super) findings: Vec<Finding>,
}

/// Stores an upload that is whole and removes its bytes. Gives the artifact that it has become.
pub(super) async fn complete(app: &App, held: Held) -> Result<Completed> {
    if let Some(artifact) = stored_before(app, &held).await? {
        return Ok(Completed {
            artifact: remember(held, artifact).await,
            findings: Vec::new(),
        });
    }
    let keeper = Arc::new(Keeper::new(&held, 0));
    let (held, attempt) = Attempt::begin(app, held, keeper).await?;
    let body = Body::reader(held.reader()?);
    match attempt.store(app, body).await {
        Ok(findings) => Ok(attempt.succeed(held, findings).await),
        Err(error) => Err(attempt.fail(held, error).await?),
    }
}

/// What the last try to store an upload has made of it.
pub(super) async fn stored_before(app: &App, held: &Held) -> Result<Option<ArtifactId>> {
    let Some(attempt) = held.info.attempt else {
        return Ok(None);
    };
    let outcome = app.own_store().outcome(attempt).await?;
    Ok(outcome.map(|record| record.id))
}

/// One try to store an upload.
///
/// Its id is chosen and written down before the store is asked. So whoever comes after a crash asks what
/// became of that id first, and stores nothing that is stored already.
pub(super) struct Attempt {
    id: ArtifactId,
    request: UploadRequest,
}

impl Attempt {
    pub(super) async fn begin(
        app: &App,
        mut held: Held,
        keeper: Arc<Keeper>,
    ) -> Result<(Held, Self)> {
        let id = app.own_store().new_id()?;
        held.info.attempt = Some(id);
        let mut request = about::request(&held.info.metadata)?;
        request.id = Some(id);
        request.size_hint_bytes = held.info.length;
        request.local_copy = Some(keeper);
        Ok((saved(held).await?, Self { id, request }))
    }

    /// Gives bytes to the store. It may be tried once only.
    pub(super) async fn store(&self, app: &App, body: Body) -> Result<Vec<Finding>> {
        let request = self.request.clone();
        // What it holds meanwhile is large.
        let uploaded = Box::pin(app.own_store().upload_once(request, None, body)).await?;
        if let Some(warning) = uploaded.warning() {
            tracing::warn!("{warning}");
        }
        Ok(uploaded.findings)
    }

    /// Writes down what has come of it.
    pub(super) async fn succeed(self, held: Held, findings: Vec<Finding>) -> Completed {
        Completed {
            artifact: remember(held, self.id).await,
            findings,
        }
    }

    /// Throws the bytes away where they would be refused for ever. Gives the error back.
    pub(super) async fn fail(self, held: Held, error: Error) -> Result<Error> {
        if is_lasting(&error) {
            blocking(move || held.remove()).await?;
        }
        Ok(error)
    }
}

/// Whether the same bytes would be refused for ever.
pub(super) fn is_lasting(error: &Error) -> bool {
    let is_mismatch = has_source::<DigestMismatch>(error);
    is_mismatch || matches!(error.kind(), ErrorKind::TooLarge | ErrorKind::InvalidInput)
}

/// Writes down what the upload has become. Where that fails, its bytes stay and its attempt tells.
pub(super) async fn remember(held: Held, artifact: ArtifactId) -> ArtifactId {
    let id = held.id;
    if let Err(error) = blocking(move || held.finish(artifact)).await {
        tracing::warn!(upload.id = %id, error = %error, "the bytes of a finished upload could not be removed");
    }
    artifact
}
