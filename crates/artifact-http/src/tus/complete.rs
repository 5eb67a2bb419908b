//! What an upload becomes once all its bytes are there: an artifact, once. Knows no HTTP.

use artifact_app::{Body, DigestMismatch, Finding};
use artifact_domain::{ArtifactId, Error, ErrorKind, Result};

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
///
/// The id is chosen and written down before the store is asked. So whoever comes after a crash asks what
/// became of that id first, and stores nothing that is stored already.
pub(super) async fn complete(app: &App, mut held: Held) -> Result<Completed> {
    if let Some(attempt) = held.info.attempt
        && app.own_store().outcome(attempt).await?.is_some()
    {
        return Ok(Completed {
            artifact: remember(held, attempt).await,
            findings: Vec::new(),
        });
    }
    let id = app.own_store().new_id()?;
    held.info.attempt = Some(id);
    let held = saved(held).await?;
    match store(app, &held, id).await {
        Ok(findings) => Ok(Completed {
            artifact: remember(held, id).await,
            findings,
        }),
        Err(error) => {
            if is_lasting(&error) {
                blocking(move || held.remove()).await?;
            }
            Err(error)
        }
    }
}

async fn store(app: &App, held: &Held, id: ArtifactId) -> Result<Vec<Finding>> {
    let mut request = about::request(&held.info.metadata)?;
    request.id = Some(id);
    request.size_hint_bytes = held.info.length;
    let body = Body::reader(held.reader()?);
    // What it holds meanwhile is large.
    let uploaded = Box::pin(app.own_store().upload_once(request, None, body)).await?;
    if let Some(warning) = uploaded.warning() {
        tracing::warn!("{warning}");
    }
    Ok(uploaded.findings)
}

/// Whether the same bytes would be refused for ever.
fn is_lasting(error: &Error) -> bool {
    let is_mismatch = has_source::<DigestMismatch>(error);
    is_mismatch || matches!(error.kind(), ErrorKind::TooLarge | ErrorKind::InvalidInput)
}

/// Writes down what the upload has become. Where that fails, its bytes stay and its attempt tells.
async fn remember(held: Held, artifact: ArtifactId) -> ArtifactId {
    let id = held.id;
    if let Err(error) = blocking(move || held.finish(artifact)).await {
        tracing::warn!(upload.id = %id, error = %error, "the bytes of a finished upload could not be removed");
    }
    artifact
}
