//! Extending the lease of an upload.

use artifact_domain::ErrorKind;
use artifact_domain::port::ArtifactIndex;

use super::{begun, deleted, found, kind, stored, upload};
use crate::{Subject, sample};

/// A renewal changes the lease and nothing else, the revision neither.
pub async fn a_renewal_changes_the_lease_alone(index: Subject<dyn ArtifactIndex>) {
    let mut record = begun(&*index, upload()).await;
    for seconds in [7_200, 9_000, 9_000] {
        let lease_until = sample::at(seconds);
        index.renew(record.id, lease_until).await.unwrap();
        record.lease_until = Some(lease_until);
        assert_eq!(found(&*index, record.id).await, Some(record.clone()));
    }
}

/// A renewed upload is not abandoned before its new lease ends.
pub async fn a_renewed_upload_is_not_abandoned(index: Subject<dyn ArtifactIndex>) {
    let record = begun(&*index, upload()).await;
    index.renew(record.id, sample::at(9_000)).await.unwrap();
    let abandoned = |seconds| index.abandoned_uploads(sample::at(seconds), 10);
    assert_eq!(abandoned(8_999).await.unwrap(), []);
    assert_eq!(abandoned(9_000).await.unwrap().len(), 1);
}

/// A lease that has merely ended can be renewed.
pub async fn an_ended_lease_can_be_renewed(index: Subject<dyn ArtifactIndex>) {
    let record = begun(&*index, upload()).await;
    index.renew(record.id, sample::at(-10)).await.unwrap();
    index.renew(record.id, sample::at(10)).await.unwrap();
    assert_eq!(
        found(&*index, record.id).await.unwrap().lease_until,
        Some(sample::at(10))
    );
}

/// What is not known is `NotFound`, be it never begun or purged.
pub async fn what_is_not_known_cannot_be_renewed(index: Subject<dyn ArtifactIndex>) {
    let until = sample::at(9_000);
    let renewed = index.renew(sample::fresh_id(), until).await;
    assert_eq!(kind(renewed), ErrorKind::NotFound);
    let reaped = begun(&*index, upload()).await;
    let reaped = deleted(&*index, reaped).await;
    index.remove(reaped.id).await.unwrap();
    let renewed = index.renew(reaped.id, until).await;
    assert_eq!(kind(renewed), ErrorKind::NotFound);
}

/// Once a version is no longer `Uploading` a renewal is a `Conflict` and changes nothing.
pub async fn what_is_no_upload_cannot_be_renewed(index: Subject<dyn ArtifactIndex>) {
    let reaped = begun(&*index, upload()).await;
    let reaped = deleted(&*index, reaped).await;
    let live = stored(&*index, upload(), 1).await;
    for record in [reaped, live] {
        let renewed = index.renew(record.id, sample::at(9_000)).await;
        assert_eq!(kind(renewed), ErrorKind::Conflict);
        assert_eq!(found(&*index, record.id).await, Some(record));
    }
}
