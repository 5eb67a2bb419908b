//! Replacing a record, if nobody else changed it.

use artifact_domain::port::ArtifactIndex;
use artifact_domain::{
    ArtifactRecord, AttemptId, ErrorKind, Revision, State, Tier, Timestamp, Version,
};

use super::{archive, begun, changed, deleted, found, hold, kind, stored, upload};
use crate::{Subject, sample};

/// Everything that can change is changed, and given back and stored at the next revision.
pub async fn everything_that_can_change_is_changed(index: Subject<dyn ArtifactIndex>) {
    let record = stored(&*index, upload(), 5).await;
    let mut new = record.clone();
    new.attempt = AttemptId::of_move(sample::fresh_id());
    new.content = Some(sample::content(77));
    new.mime_type = "image/png".parse().unwrap();
    archive(&mut new);
    hold(&mut new);
    new.retention_days = Some(3);
    new.expires_at = Some(Timestamp::MAX);
    new.tags = sample::tags(&["a", "b=c"]);
    new.metadata = sample::metadata(r#"{"k": ["v"]}"#);
    let mut expected = new.clone();
    expected.revision = record.revision.next();
    assert_eq!(index.update(new).await.unwrap(), expected);
    assert_eq!(found(&*index, record.id).await, Some(expected.clone()));

    let mut bare = expected.clone();
    bare.hold = None;
    bare.expires_at = None;
    bare.retention_days = None;
    bare.archived_at = None;
    bare.tags = sample::tags(&[]);
    bare.metadata = sample::metadata("{}");
    bare.tier = Tier::Warm;
    bare.state = State::Active;
    let stored = index.update(bare.clone()).await.unwrap();
    bare.revision = expected.revision.next();
    assert_eq!(stored, bare);
    assert_eq!(found(&*index, record.id).await, Some(bare));
}

/// An upload on its way can be changed too, and reaped.
pub async fn an_upload_on_its_way_can_be_changed_and_reaped(index: Subject<dyn ArtifactIndex>) {
    let record = begun(&*index, upload()).await;
    let record = changed(&*index, record, |r| r.tags = sample::tags(&["x"])).await;
    assert_eq!(record.revision, Revision::new(1));
    let reaped = deleted(&*index, record).await;
    assert_eq!(reaped.state, State::Deleted);
    assert_eq!(reaped.lease_until, None);
    assert_eq!(found(&*index, reaped.id).await, Some(reaped));
}

/// What was read before somebody else changed it is a `Conflict`; so is a revision to come.
pub async fn another_revision_is_a_conflict(index: Subject<dyn ArtifactIndex>) {
    let read = stored(&*index, upload(), 5).await;
    let now = changed(&*index, read.clone(), |r| r.tags = sample::tags(&["mine"])).await;
    let mut early = now.clone();
    early.revision = now.revision.next();
    for other in [read, early] {
        assert_eq!(kind(index.update(other).await), ErrorKind::Conflict);
    }
    assert_eq!(found(&*index, now.id).await, Some(now));
}

/// What is not known is `NotFound`.
pub async fn what_is_not_known_cannot_be_changed(index: Subject<dyn ArtifactIndex>) {
    let unknown = sample::record("s", "t", "log", "a");
    assert_eq!(kind(index.update(unknown).await), ErrorKind::NotFound);
    let purged = stored(&*index, upload(), 5).await;
    let purged = deleted(&*index, purged).await;
    index.remove(purged.id).await.unwrap();
    assert_eq!(kind(index.update(purged).await), ErrorKind::NotFound);
    assert_eq!(index.usage().await.unwrap(), []);
}

async fn assert_refused(
    index: &dyn ArtifactIndex,
    record: &ArtifactRecord,
    expected: ErrorKind,
    change: impl FnOnce(&mut ArtifactRecord),
) {
    let mut other = record.clone();
    change(&mut other);
    assert_eq!(kind(index.update(other).await), expected);
    assert_eq!(found(index, record.id).await.as_ref(), Some(record));
}

/// Coordinate, version and time of creation cannot change: `InvalidInput`.
pub async fn what_cannot_change_is_invalid_input(index: Subject<dyn ArtifactIndex>) {
    let record = stored(&*index, upload(), 5).await;
    let invalid = ErrorKind::InvalidInput;
    assert_refused(&*index, &record, invalid, |record| {
        record.version = Version::new(2).unwrap();
    })
    .await;
    assert_refused(&*index, &record, invalid, |record| {
        record.created_at = sample::at(1);
    })
    .await;
    assert_refused(&*index, &record, invalid, |record| {
        record.coordinate = sample::coordinate("spec", "task", "log", "other.log");
    })
    .await;
}

/// A state that disagrees with content or lease is `InvalidInput`.
pub async fn a_state_that_disagrees_is_invalid_input(index: Subject<dyn ArtifactIndex>) {
    let live = stored(&*index, upload(), 5).await;
    let uploading = begun(&*index, upload()).await;
    let invalid = ErrorKind::InvalidInput;
    assert_refused(&*index, &live, invalid, |r| r.content = None).await;
    assert_refused(&*index, &live, invalid, |r| {
        r.lease_until = Some(sample::at(5));
    })
    .await;
    assert_refused(&*index, &uploading, invalid, |r| r.lease_until = None).await;
    assert_refused(&*index, &uploading, invalid, |record| {
        record.state = State::Active;
        record.lease_until = None;
    })
    .await;
}

/// Every step of state that is not legal is a `Conflict`, and nothing changes.
pub async fn steps_that_are_not_legal_are_conflicts(index: Subject<dyn ArtifactIndex>) {
    for from in State::ALL {
        let record = in_state(&*index, from).await;
        for to in State::ALL.into_iter().filter(|to| !from.may_become(*to)) {
            assert_refused(&*index, &record, ErrorKind::Conflict, |record| {
                record.state = to;
                record.content = Some(sample::content(5));
                record.lease_until = (to == State::Uploading).then(|| sample::at(5));
            })
            .await;
        }
    }
}

/// Every step of state that is legal is made, at the next revision.
pub async fn legal_steps_are_made(index: Subject<dyn ArtifactIndex>) {
    for from in State::ALL {
        for to in State::ALL.into_iter().filter(|to| from.may_become(*to)) {
            let record = in_state(&*index, from).await;
            let revision = record.revision;
            let made = changed(&*index, record, |record| {
                record.state = to;
                record.content = to.is_live().then(|| sample::content(5));
                record.lease_until = (to == State::Uploading).then(|| sample::at(5));
            })
            .await;
            assert_eq!((made.state, made.revision), (to, revision.next()));
            assert_eq!(found(&*index, made.id).await, Some(made));
        }
    }
}

async fn in_state(index: &dyn ArtifactIndex, state: State) -> ArtifactRecord {
    if state == State::Uploading {
        return begun(index, upload()).await;
    }
    let record = stored(index, upload(), 5).await;
    match state {
        State::Archived => changed(index, record, archive).await,
        State::Deleted => deleted(index, record).await,
        State::Active | State::Uploading => record,
    }
}
