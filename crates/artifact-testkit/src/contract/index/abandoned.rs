//! Uploads whose lease has ended.

use artifact_domain::ArtifactId;
use artifact_domain::port::{ArtifactIndex, NewUpload};

use super::{begun, changed, deleted, ids};
use crate::{Subject, sample};

async fn leased(index: &dyn ArtifactIndex, name: &str, lease_until: i64) -> ArtifactId {
    let upload = NewUpload {
        lease_until: sample::at(lease_until),
        ..sample::upload("s", "t", "log", name)
    };
    begun(index, upload).await.id
}

async fn abandoned(index: &dyn ArtifactIndex, now: i64, limit: usize) -> Vec<ArtifactId> {
    let abandoned = index.abandoned_uploads(sample::at(now), limit).await;
    ids(&abandoned.unwrap())
}

/// An upload is abandoned from the very instant at which its lease ends, those first whose lease
/// ended first, no more than were asked for.
pub async fn those_come_first_whose_lease_ended_first(index: Subject<dyn ArtifactIndex>) {
    let third = leased(&*index, "third", 30).await;
    let first = leased(&*index, "first", 10).await;
    let second = leased(&*index, "second", 20).await;
    assert_eq!(abandoned(&*index, 9, 10).await, []);
    assert_eq!(abandoned(&*index, 10, 10).await, [first]);
    assert_eq!(abandoned(&*index, 99, 10).await, [first, second, third]);
    assert_eq!(abandoned(&*index, 99, 2).await, [first, second]);
    assert_eq!(abandoned(&*index, 99, 0).await, []);
    assert_eq!(abandoned(&*index, 10, 10).await, [first]);
}

/// What was committed, reaped or removed is not abandoned.
pub async fn only_uploads_are_abandoned(index: Subject<dyn ArtifactIndex>) {
    let committed = leased(&*index, "committed", 10).await;
    let reaped = leased(&*index, "reaped", 10).await;
    let removed = leased(&*index, "removed", 10).await;
    let left = leased(&*index, "left", 10).await;
    index.commit(sample::commit(committed, 1)).await.unwrap();
    for id in [reaped, removed] {
        let record = index.find(id).await.unwrap().unwrap();
        deleted(&*index, record).await;
    }
    index.remove(removed).await.unwrap();
    assert_eq!(abandoned(&*index, 99, 10).await, [left]);
}

/// An upload that was changed meanwhile is abandoned as it is now.
pub async fn an_abandoned_upload_is_given_as_it_is_now(index: Subject<dyn ArtifactIndex>) {
    let id = leased(&*index, "changed", 10).await;
    let record = index.find(id).await.unwrap().unwrap();
    let record = changed(&*index, record, |record| {
        record.tags = sample::tags(&["x"]);
        record.lease_until = Some(sample::at(20));
    })
    .await;
    assert_eq!(abandoned(&*index, 19, 10).await, []);
    let found = index.abandoned_uploads(sample::at(20), 10).await.unwrap();
    assert_eq!(found, [record]);
}
