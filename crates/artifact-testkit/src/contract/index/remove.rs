//! Forgetting what is deleted.

use artifact_domain::ErrorKind;
use artifact_domain::port::ArtifactIndex;

use super::{archive, begun, changed, deleted, everything, found, kind, selected, stored, upload};
use crate::{Subject, sample};

/// A version that was removed is unknown by every way of asking; the others stay.
pub async fn a_removed_version_is_unknown(index: Subject<dyn ArtifactIndex>) {
    let kept = stored(&*index, upload(), 5).await;
    let gone = stored(&*index, upload(), 5).await;
    let gone = deleted(&*index, gone).await;
    index.remove(gone.id).await.unwrap();
    assert_eq!(found(&*index, gone.id).await, None);
    let version = index.find_version(gone.coordinate, gone.version);
    assert_eq!(version.await.unwrap(), None);
    let all = selected(&*index, everything(), sample::now()).await;
    assert_eq!(all, [kept]);
}

/// A version that is not known is no error.
pub async fn removing_again_is_no_error(index: Subject<dyn ArtifactIndex>) {
    let gone = stored(&*index, upload(), 5).await;
    let gone = deleted(&*index, gone).await;
    for _ in 0..3 {
        index.remove(gone.id).await.unwrap();
    }
    index.remove(sample::fresh_id()).await.unwrap();
    assert_eq!(index.usage().await.unwrap(), []);
}

/// A version in any other state is a `Conflict` and stays.
pub async fn only_deleted_versions_are_removed(index: Subject<dyn ArtifactIndex>) {
    let uploading = begun(&*index, upload()).await;
    let active = stored(&*index, upload(), 5).await;
    let archived = stored(&*index, upload(), 5).await;
    let archived = changed(&*index, archived, archive).await;
    for record in [uploading, active, archived] {
        assert_eq!(kind(index.remove(record.id).await), ErrorKind::Conflict);
        assert_eq!(found(&*index, record.id).await, Some(record));
    }
}

/// An upload that was reaped has no content and is removed all the same.
pub async fn a_reaped_upload_is_removed(index: Subject<dyn ArtifactIndex>) {
    let reaped = begun(&*index, upload()).await;
    let reaped = deleted(&*index, reaped).await;
    index.remove(reaped.id).await.unwrap();
    assert_eq!(found(&*index, reaped.id).await, None);
}
