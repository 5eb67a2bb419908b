//! As what the files of an archive are stored of which it says nothing: as an upload of each would be. Must not
//! know how what a file is is guessed.

use std::sync::Arc;

use artifact_domain::{ArtifactType, Coordinate, MimeType, SpecName, Tags, TaskId};

use super::{Describe, ForeignFile};
use crate::UploadRequest;

/// Has each stored at its own name in `spec` and `task`, with `tags`: of the type `given`, or of the one that is
/// guessed with the media type.
pub fn describe_as_uploads(
    (spec, task): (SpecName, TaskId),
    given: Option<ArtifactType>,
    tags: Tags,
    guess: impl Fn(&ForeignFile<'_>) -> (ArtifactType, MimeType) + Send + Sync + 'static,
) -> Describe {
    Arc::new(move |file: &ForeignFile<'_>| {
        let (guessed, mime_type) = guess(file);
        let artifact_type = given.clone().unwrap_or(guessed);
        let (spec, task, name) = (spec.clone(), task.clone(), file.name.clone());
        Ok(UploadRequest {
            mime_type,
            tags: tags.clone(),
            metadata: file.attributes()?,
            ..UploadRequest::new(Coordinate::new(spec, task, artifact_type, name)?)
        })
    })
}
