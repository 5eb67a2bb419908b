//! Making an upload visible.

use artifact_domain::port::{ArtifactIndex, CommitUpload};
use artifact_domain::query::Filter;
use artifact_domain::{ArtifactRecord, AttemptId, Content, Encoding, ErrorKind, Revision, State};

use super::{begun, changed, deleted, found, kind, selected, stored, upload};
use crate::{Subject, sample};

/// A commit makes the version `Active`, with its content, without a lease, at the next revision,
/// and leaves the rest of it as it was.
pub async fn a_commit_makes_an_upload_visible(index: Subject<dyn ArtifactIndex>) {
    let mut expected = begun(&*index, upload()).await;
    let commit = CommitUpload {
        content: Content {
            stored_size_bytes: 42,
            encoding: Encoding::Gzip,
            ..sample::content(1_000)
        },
        ..sample::commit(expected.id, 0)
    };
    let committed = index.commit(commit.clone()).await.unwrap();
    expected.state = State::Active;
    expected.content = Some(commit.content);
    expected.lease_until = None;
    expected.revision = Revision::new(1);
    assert_eq!(committed.record, expected);
    assert_eq!(committed.superseded, []);
    assert_eq!(found(&*index, expected.id).await, Some(expected.clone()));
    let newest = index.find_newest(expected.coordinate.clone(), sample::now());
    assert_eq!(newest.await.unwrap(), Some(expected.clone()));
    let all = selected(&*index, Filter::default(), sample::now()).await;
    assert_eq!(all, [expected]);
}

/// A commit keeps what was changed of the upload while it was on its way.
pub async fn a_commit_keeps_changes_made_meanwhile(index: Subject<dyn ArtifactIndex>) {
    let record = begun(&*index, upload()).await;
    let record = changed(&*index, record, |r| r.tags = sample::tags(&["a=b"])).await;
    let commit = sample::commit(record.id, 1);
    let committed = index.commit(commit).await.unwrap().record;
    assert_eq!(committed.tags, sample::tags(&["a=b"]));
    assert_eq!(committed.revision, Revision::new(2));
}

/// The same content again gives the record as it is: live, changed since, archived or deleted.
pub async fn the_same_commit_again_changes_nothing(index: Subject<dyn ArtifactIndex>) {
    let id = begun(&*index, upload()).await.id;
    let commit = sample::commit(id, 5);
    let mut record = index.commit(commit.clone()).await.unwrap().record;
    for step in 0..4 {
        let again = index.commit(commit.clone()).await.unwrap();
        assert_eq!(again.record, record);
        assert_eq!(again.superseded, []);
        assert_eq!(found(&*index, id).await, Some(record.clone()));
        record = changed(&*index, record, |record| match step {
            0 => record.tags = sample::tags(&["changed"]),
            1 => super::archive(record),
            _ => record.state = State::Deleted,
        })
        .await;
    }
}

/// A version that was committed with other content gives `Conflict` and stays as it is.
pub async fn other_content_is_a_conflict(index: Subject<dyn ArtifactIndex>) {
    let record = stored(&*index, upload(), 5).await;
    let content = sample::content(5);
    let others = [
        sample::content(6),
        Content {
            stored_size_bytes: 4,
            ..content.clone()
        },
        Content {
            encoding: Encoding::Gzip,
            ..content.clone()
        },
        Content {
            digest: sample::content(7).digest,
            ..content
        },
    ];
    for content in others {
        let commit = CommitUpload {
            content,
            ..sample::commit(record.id, 5)
        };
        assert_eq!(kind(index.commit(commit).await), ErrorKind::Conflict);
        assert_eq!(found(&*index, record.id).await, Some(record.clone()));
    }
}

/// Once another attempt has taken an upload over, the former one gives `Conflict` and changes
/// nothing; the new one commits.
pub async fn an_attempt_that_was_replaced_cannot_commit(index: Subject<dyn ArtifactIndex>) {
    let begun = begun(&*index, upload()).await;
    let taken_over = ArtifactRecord {
        attempt: AttemptId::of_move(sample::fresh_id()),
        ..begun.clone()
    };
    let taken_over = index.update(taken_over).await.unwrap();
    let former = sample::commit(begun.id, 5);
    assert_eq!(kind(index.commit(former).await), ErrorKind::Conflict);
    assert_eq!(found(&*index, begun.id).await, Some(taken_over.clone()));
    let commit = CommitUpload {
        attempt: taken_over.attempt,
        ..sample::commit(begun.id, 5)
    };
    let committed = index.commit(commit).await.unwrap().record;
    assert_eq!(
        (committed.state, committed.attempt),
        (State::Active, taken_over.attempt)
    );
    assert_eq!(found(&*index, begun.id).await, Some(committed));
}

/// An upload that was reaped gives `Conflict`, one that was purged too `NotFound`, and so does
/// one that never began.
pub async fn a_reaped_upload_cannot_be_committed(index: Subject<dyn ArtifactIndex>) {
    let reaped = begun(&*index, upload()).await;
    let reaped = deleted(&*index, reaped).await;
    let commit = sample::commit(reaped.id, 5);
    let late = index.commit(commit.clone()).await;
    assert_eq!(kind(late), ErrorKind::Conflict);
    assert_eq!(found(&*index, reaped.id).await, Some(reaped.clone()));
    index.remove(reaped.id).await.unwrap();
    assert_eq!(kind(index.commit(commit).await), ErrorKind::NotFound);
    let unknown = sample::commit(sample::fresh_id(), 5);
    assert_eq!(kind(index.commit(unknown).await), ErrorKind::NotFound);
    assert_eq!(index.usage().await.unwrap(), []);
}

/// A lease that has merely ended is no error.
pub async fn an_ended_lease_does_not_forbid_a_commit(index: Subject<dyn ArtifactIndex>) {
    let record = begun(&*index, upload()).await;
    index.renew(record.id, sample::at(-1_000)).await.unwrap();
    let committed = index.commit(sample::commit(record.id, 5)).await.unwrap();
    assert_eq!(committed.record.state, State::Active);
}

/// Uploads may be committed in another order than they began.
pub async fn commits_come_in_any_order(index: Subject<dyn ArtifactIndex>) {
    let first = begun(&*index, upload()).await;
    let second = begun(&*index, upload()).await;
    for record in [&second, &first] {
        let committed = index.commit(sample::commit(record.id, 5)).await.unwrap();
        assert_eq!(committed.record.state, State::Active);
        let newest = index.find_newest(first.coordinate.clone(), sample::now());
        assert_eq!(newest.await.unwrap().unwrap().id, second.id);
    }
}
