//! Finding one version.

use artifact_domain::port::ArtifactIndex;
use artifact_domain::{State, Timestamp, Version};

use super::{archive, begun, changed, deleted, found, hold, stored, upload};
use crate::{Subject, sample};

/// By its id, and by coordinate and version, a version is found in any state.
pub async fn a_version_is_found_in_any_state(index: Subject<dyn ArtifactIndex>) {
    let uploading = begun(&*index, upload()).await;
    let active = stored(&*index, upload(), 5).await;
    let archived = stored(&*index, upload(), 5).await;
    let archived = changed(&*index, archived, archive).await;
    let gone = stored(&*index, upload(), 5).await;
    let gone = deleted(&*index, gone).await;
    for record in [uploading, active, archived, gone] {
        assert_eq!(found(&*index, record.id).await.as_ref(), Some(&record));
        let by_version = index.find_version(record.coordinate.clone(), record.version);
        assert_eq!(by_version.await.unwrap(), Some(record));
    }
}

/// What is expired is found too, by id and by version.
pub async fn what_has_expired_is_found(index: Subject<dyn ArtifactIndex>) {
    let mut expired = upload();
    expired.expires_at = Some(Timestamp::UNIX_EPOCH);
    let expired = stored(&*index, expired, 5).await;
    assert_eq!(found(&*index, expired.id).await.as_ref(), Some(&expired));
    let by_version = index.find_version(expired.coordinate.clone(), Version::FIRST);
    assert_eq!(by_version.await.unwrap(), Some(expired));
}

/// What is not there is nothing, not an error.
pub async fn what_is_not_there_is_nothing(index: Subject<dyn ArtifactIndex>) {
    let record = stored(&*index, upload(), 5).await;
    assert_eq!(found(&*index, sample::fresh_id()).await, None);
    let at = &record.coordinate;
    for version in [2, u32::MAX] {
        let version = Version::new(version).unwrap();
        let by_version = index.find_version(at.clone(), version);
        assert_eq!(by_version.await.unwrap(), None);
    }
    for name in ["build.lo", "build.log2", "Build.log", "build%log"] {
        let other = sample::coordinate("spec", "task", "log", name);
        let by_version = index.find_version(other.clone(), Version::FIRST);
        assert_eq!(by_version.await.unwrap(), None);
        let newest = index.find_newest(other, sample::now());
        assert_eq!(newest.await.unwrap(), None);
    }
}

/// The newest is the highest that can be read: neither on its way nor deleted; archived will do.
pub async fn the_newest_is_the_highest_live_version(index: Subject<dyn ArtifactIndex>) {
    let newest = async || {
        let found = index.find_newest(upload().coordinate, sample::now());
        found.await.unwrap().map(|record| record.version.get())
    };
    assert_eq!(newest().await, None);
    let first = stored(&*index, upload(), 5).await;
    assert_eq!(newest().await, Some(1));
    let second = stored(&*index, upload(), 5).await;
    begun(&*index, upload()).await;
    assert_eq!(newest().await, Some(2));
    let second = changed(&*index, second, archive).await;
    assert_eq!(newest().await, Some(2));
    deleted(&*index, second).await;
    assert_eq!(newest().await, Some(1));
    changed(&*index, first, |record| record.state = State::Deleted).await;
    assert_eq!(newest().await, None);
}

/// Versions are compared as numbers: the tenth is higher than the ninth.
pub async fn the_tenth_version_is_higher_than_the_ninth(index: Subject<dyn ArtifactIndex>) {
    for expected in 1..=12 {
        stored(&*index, upload(), 5).await;
        let newest = index.find_newest(upload().coordinate, sample::now());
        assert_eq!(newest.await.unwrap().unwrap().version.get(), expected);
    }
}

/// A version is gone from the very instant at which it expires, and an older one is the newest
/// then; should the clock go back, it is there again.
pub async fn a_version_is_the_newest_until_it_expires(index: Subject<dyn ArtifactIndex>) {
    let older = stored(&*index, upload(), 5).await;
    let mut newer = upload();
    newer.expires_at = Some(sample::at(100));
    let newer = stored(&*index, newer, 5).await;
    let before = Timestamp::from_micros(sample::at(100).as_micros() - 1).unwrap();
    for (now, expected) in [
        (sample::at(99), &newer),
        (before, &newer),
        (sample::at(100), &older),
        (Timestamp::MAX, &older),
        (before, &newer),
    ] {
        let newest = index.find_newest(older.coordinate.clone(), now);
        assert_eq!(newest.await.unwrap().as_ref(), Some(expected), "at {now}");
    }
}

/// What is held does not expire until the hold is released.
pub async fn what_is_held_does_not_expire(index: Subject<dyn ArtifactIndex>) {
    let mut held = upload();
    held.expires_at = Some(sample::at(100));
    let held = stored(&*index, held, 5).await;
    let held = changed(&*index, held, hold).await;
    let newest = async || {
        let newest = index.find_newest(upload().coordinate, sample::at(1_000));
        newest.await.unwrap()
    };
    assert_eq!(newest().await.as_ref(), Some(&held));
    changed(&*index, held, |record| record.hold = None).await;
    assert_eq!(newest().await, None);
}
