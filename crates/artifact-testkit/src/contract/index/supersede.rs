//! What a commit does to the other versions where versioning is off.

use artifact_domain::port::{ArtifactIndex, CommitUpload, Supersede};
use artifact_domain::{ArtifactRecord, State};

use super::{
    archive, begun, changed, commit_superseding, deleted, found, hold, ids, stored, upload,
};
use crate::{Subject, sample};

/// Every older live version becomes `Deleted` at its next revision, and is given back so.
pub async fn older_live_versions_are_superseded(index: Subject<dyn ArtifactIndex>) {
    let active = stored(&*index, upload(), 5).await;
    let archived = stored(&*index, upload(), 5).await;
    let archived = changed(&*index, archived, archive).await;
    let new = begun(&*index, upload()).await;
    let mut committed = commit_superseding(&*index, new.id).await;
    assert_eq!(committed.record.state, State::Active);
    committed.superseded.sort_by_key(|record| record.version);
    let expected = [active, archived].map(ArtifactRecord::superseded);
    assert_eq!(committed.superseded, expected);
    for record in expected {
        assert_eq!(found(&*index, record.id).await, Some(record));
    }
}

/// `Nothing` leaves the older versions alone.
pub async fn with_versioning_on_nothing_is_superseded(index: Subject<dyn ArtifactIndex>) {
    let older = stored(&*index, upload(), 5).await;
    let new = begun(&*index, upload()).await;
    let committed = index.commit(sample::commit(new.id, 5)).await.unwrap();
    assert_eq!(committed.superseded, []);
    assert_eq!(found(&*index, older.id).await, Some(older));
}

/// Older versions that are held, on their way, or deleted already stay as they are.
pub async fn what_is_held_or_not_live_is_not_superseded(index: Subject<dyn ArtifactIndex>) {
    let held = stored(&*index, upload(), 5).await;
    let held = changed(&*index, held, hold).await;
    let held_archived = stored(&*index, upload(), 5).await;
    let held_archived = changed(&*index, held_archived, |record| {
        archive(record);
        hold(record);
    })
    .await;
    let uploading = begun(&*index, upload()).await;
    let gone = stored(&*index, upload(), 5).await;
    let gone = deleted(&*index, gone).await;
    let new = begun(&*index, upload()).await;
    let committed = commit_superseding(&*index, new.id).await;
    assert_eq!(committed.superseded, []);
    for record in [held, held_archived, uploading, gone] {
        assert_eq!(found(&*index, record.id).await, Some(record));
    }
}

/// Versions of other coordinates stay, however alike they are.
pub async fn other_coordinates_are_not_superseded(index: Subject<dyn ArtifactIndex>) {
    let mut others = Vec::new();
    for [spec, task, artifact_type, name] in [
        ["spec", "task", "log", "build.log.1"],
        ["spec", "task", "log", "Build.log"],
        ["spec", "task", "build-log", "build.log"],
        ["spec", "task2", "log", "build.log"],
        ["spec2", "task", "log", "build.log"],
    ] {
        let other = sample::upload(spec, task, artifact_type, name);
        others.push(stored(&*index, other, 5).await);
    }
    let new = begun(&*index, upload()).await;
    let committed = commit_superseding(&*index, new.id).await;
    assert_eq!(committed.superseded, []);
    for other in others {
        assert_eq!(found(&*index, other.id).await, Some(other));
    }
}

/// An older version that has expired is live all the same, and superseded.
pub async fn an_expired_version_is_superseded(index: Subject<dyn ArtifactIndex>) {
    let mut old = upload();
    old.expires_at = Some(sample::at(-1));
    let old = stored(&*index, old, 5).await;
    let new = begun(&*index, upload()).await;
    let committed = commit_superseding(&*index, new.id).await;
    assert_eq!(ids(&committed.superseded), [old.id]);
}

/// A version that is committed after a newer one is live came too late: it becomes `Deleted` at
/// once, by one revision, with its content. It is not among those that it superseded.
pub async fn who_comes_too_late_is_deleted_at_once(index: Subject<dyn ArtifactIndex>) {
    let late = begun(&*index, upload()).await;
    let newer = stored(&*index, upload(), 5).await;
    let committed = commit_superseding(&*index, late.id).await;
    assert_eq!(committed.record.state, State::Deleted);
    assert_eq!(committed.record.revision, late.revision.next());
    assert_eq!(committed.record.content, Some(sample::content(100)));
    assert_eq!(committed.record.lease_until, None);
    assert_eq!(committed.superseded, []);
    assert_eq!(found(&*index, late.id).await, Some(committed.record));
    assert_eq!(found(&*index, newer.id).await, Some(newer));
}

/// Who comes too late still supersedes those that are older than it.
pub async fn who_comes_too_late_supersedes_the_older_ones(index: Subject<dyn ArtifactIndex>) {
    let oldest = stored(&*index, upload(), 5).await;
    let late = begun(&*index, upload()).await;
    stored(&*index, upload(), 5).await;
    let committed = commit_superseding(&*index, late.id).await;
    assert_eq!(committed.record.state, State::Deleted);
    assert_eq!(committed.superseded, [oldest.superseded()]);
}

/// A newer version that is on its way or deleted makes nobody late; one that is archived or held
/// does.
pub async fn only_a_live_version_makes_others_late(index: Subject<dyn ArtifactIndex>) {
    for newer in ["uploading", "deleted", "archived", "held"] {
        let coordinate = sample::coordinate("s", "t", "log", newer);
        let upload = || sample::upload_to(coordinate.clone());
        let early = begun(&*index, upload()).await;
        let other = begun(&*index, upload()).await;
        if newer != "uploading" {
            let commit = sample::commit(other.id, 5);
            let other = index.commit(commit).await.unwrap().record;
            changed(&*index, other, |record| match newer {
                "deleted" => record.state = State::Deleted,
                "archived" => archive(record),
                _ => hold(record),
            })
            .await;
        }
        let expected = match newer {
            "uploading" | "deleted" => State::Active,
            _ => State::Deleted,
        };
        let committed = commit_superseding(&*index, early.id).await;
        assert_eq!(committed.record.state, expected, "beside {newer}");
    }
}

/// Committing again supersedes nothing, even what became live since.
pub async fn the_same_commit_again_supersedes_nothing(index: Subject<dyn ArtifactIndex>) {
    let late = begun(&*index, upload()).await;
    let new = begun(&*index, upload()).await;
    let commit = CommitUpload {
        supersede: Supersede::Older,
        ..sample::commit(new.id, 100)
    };
    let first = index.commit(commit.clone()).await.unwrap();
    let live = index.commit(sample::commit(late.id, 5)).await.unwrap();
    assert_eq!(live.record.state, State::Active);
    let again = index.commit(commit).await.unwrap();
    assert_eq!(again.record, first.record);
    assert_eq!(again.superseded, []);
    assert_eq!(found(&*index, late.id).await, Some(live.record));
}
