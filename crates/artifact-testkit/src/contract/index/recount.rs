//! Counting anew, which agrees with the counters as long as nobody else writes them.

use artifact_domain::port::{ArtifactIndex, Recount};
use artifact_domain::{ArtifactId, Tier};

use super::{archive, begun, changed, commit_superseding, deleted, stored, upload};
use crate::{Subject, sample};

/// Counters that were never touched from outside agree with the records, in every state.
pub async fn an_index_that_is_sound_has_no_drift(index: Subject<dyn ArtifactIndex>) {
    let sound = Recount::default();
    assert_eq!(index.recount(false).await.unwrap(), sound);
    some_of_each(&*index).await;
    assert_eq!(index.recount(false).await.unwrap(), sound);
}

/// Where nothing is wrong a repair changes nothing.
pub async fn a_repair_of_what_is_sound_changes_nothing(index: Subject<dyn ArtifactIndex>) {
    let upload = some_of_each(&*index).await;
    let before = index.usage().await.unwrap();
    for _ in 0..2 {
        assert_eq!(index.recount(true).await.unwrap(), Recount::default());
        assert_eq!(index.usage().await.unwrap(), before);
    }
    // What is reserved counts as it did.
    let all: u64 = before.iter().map(|row| row.stored_size_bytes).sum();
    let full = index.reserve(upload, sample::reservation(41, all)).await;
    assert!(full.is_err());
    let room = index.reserve(upload, sample::reservation(41, all + 1));
    room.await.unwrap();
}

/// Versions in every state, and one upload that has reserved 40 bytes.
async fn some_of_each(index: &dyn ArtifactIndex) -> ArtifactId {
    for name in ["a", "b", "c", "d"] {
        let to = sample::upload("spec", "task", "log", name);
        let record = stored(index, to, 10).await;
        match name {
            "a" => drop(changed(index, record, archive).await),
            "b" => drop(changed(index, record, |r| r.tier = Tier::Warm).await),
            "c" => drop(deleted(index, record).await),
            _ => {}
        }
    }
    let reaped = begun(index, upload()).await;
    deleted(index, reaped).await;
    let superseding = begun(index, sample::upload("spec", "task", "log", "d")).await;
    commit_superseding(index, superseding.id).await;
    let mut last = upload();
    last.reservation.bytes = 40;
    begun(index, last).await.id
}
