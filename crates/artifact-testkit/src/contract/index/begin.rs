//! Reserving a version.

use artifact_domain::port::{ArtifactIndex, NewUpload};
use artifact_domain::{ArtifactRecord, ErrorKind, Revision, State, Version};

use super::{begun, deleted, found, kind, stored, upload};
use crate::{Subject, sample};

/// One upload after the other gets the versions 1, 2, 3 …, whether committed or not.
pub async fn versions_are_counted_from_one(index: Subject<dyn ArtifactIndex>) {
    for expected in 1..=6 {
        let record = begun(&*index, upload()).await;
        assert_eq!(record.version.get(), expected);
        if expected % 2 == 0 {
            index.commit(sample::commit(record.id, 1)).await.unwrap();
        }
    }
}

/// Versions are counted by coordinate: another spec, task, type or name begins at 1.
pub async fn every_coordinate_counts_for_itself(index: Subject<dyn ArtifactIndex>) {
    let coordinates = [
        ["s", "t", "log", "a"],
        ["S", "t", "log", "a"],
        ["s", "T", "log", "a"],
        ["s", "t", "build-log", "a"],
        ["s", "t", "custom:log", "a"],
        ["s", "t", "log", "A"],
        ["s", "t", "log", "a/b"],
        ["s/t", "t", "log", "a"],
        ["s", "t", "log", "caf\u{e9}"],
        ["s", "t", "log", "cafe\u{301}"],
    ];
    for expected in 1..=2 {
        for [spec, task, artifact_type, name] in coordinates {
            let upload = sample::upload(spec, task, artifact_type, name);
            assert_eq!(begun(&*index, upload).await.version.get(), expected);
        }
    }
}

/// Versions in every state count: uploading, live, archived and deleted.
pub async fn every_state_counts(index: Subject<dyn ArtifactIndex>) {
    begun(&*index, upload()).await;
    assert_eq!(begun(&*index, upload()).await.version.get(), 2);
    let live = stored(&*index, upload(), 1).await;
    assert_eq!(live.version.get(), 3);
    super::changed(&*index, live, super::archive).await;
    let gone = stored(&*index, upload(), 1).await;
    assert_eq!(gone.version.get(), 4);
    deleted(&*index, gone).await;
    let reaped = begun(&*index, upload()).await;
    assert_eq!(reaped.version.get(), 5);
    deleted(&*index, reaped).await;
    assert_eq!(begun(&*index, upload()).await.version.get(), 6);
}

/// One more than the highest that is known: what was removed is not known any more.
pub async fn a_version_that_was_removed_does_not_count(index: Subject<dyn ArtifactIndex>) {
    let mut versions = Vec::new();
    for _ in 0..3 {
        versions.push(stored(&*index, upload(), 1).await);
    }
    let [first, _, third] = <[ArtifactRecord; 3]>::try_from(versions).unwrap();
    for (gone, next) in [(first, 4), (third, 5)] {
        let id = deleted(&*index, gone).await.id;
        index.remove(id).await.unwrap();
        assert_eq!(begun(&*index, upload()).await.version.get(), next);
    }
}

/// The record says all that was known, is `Uploading`, has revision 0, no content, its lease, and
/// its id as its attempt.
pub async fn the_record_of_an_upload_says_all_that_was_known(index: Subject<dyn ArtifactIndex>) {
    let new = NewUpload {
        mime_type: "text/plain; charset=utf-8".parse().unwrap(),
        tags: sample::tags(&["os=linux", "nightly"]),
        metadata: sample::metadata(r#"{"job": {"id": 7, "ok": true, "list": [1, 2.5, null]}}"#),
        retention_days: Some(30),
        expires_at: Some(sample::at(1_000)),
        ..upload()
    };
    let record = begun(&*index, new.clone()).await;
    assert_eq!(record, ArtifactRecord::begin(new, Version::FIRST));
    assert_eq!(record.state, State::Uploading);
    assert_eq!(record.revision, Revision::new(0));
    assert_eq!(record.attempt.artifact_id(), record.id);
    assert_eq!(record.content, None);
    assert!(record.lease_until.is_some());
    assert_eq!(found(&*index, record.id).await, Some(record));
}

/// An id that is known gives `AlreadyExists`, in any state and at any coordinate, and reserves
/// nothing.
pub async fn an_id_that_is_known_already_exists(index: Subject<dyn ArtifactIndex>) {
    let first = upload();
    let record = begun(&*index, first.clone()).await;
    let elsewhere = NewUpload {
        id: first.id,
        ..sample::upload("other", "other", "code", "other")
    };
    let again = async || {
        for upload in [first.clone(), elsewhere.clone()] {
            assert_eq!(kind(index.begin(upload).await), ErrorKind::AlreadyExists);
        }
    };
    again().await;
    let commit = sample::commit(first.id, 1);
    let live = index.commit(commit).await.unwrap().record;
    again().await;
    let gone = deleted(&*index, live).await;
    again().await;
    assert_eq!(found(&*index, record.id).await, Some(gone));
    assert_eq!(begun(&*index, upload()).await.version.get(), 2);
    let elsewhere = NewUpload {
        id: sample::fresh_id(),
        ..elsewhere
    };
    assert_eq!(begun(&*index, elsewhere).await.version.get(), 1);
}

/// An upload on its way is neither the newest version nor selected by default.
pub async fn an_upload_on_its_way_is_not_visible(index: Subject<dyn ArtifactIndex>) {
    let record = begun(&*index, upload()).await;
    let newest = index.find_newest(record.coordinate, sample::now()).await;
    assert_eq!(newest.unwrap(), None);
    let filter = artifact_domain::query::Filter::default();
    assert_eq!(super::names(&*index, filter).await, [""; 0]);
}
