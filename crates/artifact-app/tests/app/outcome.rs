//! Uploads under an id that was chosen before, and what can be learnt of them after a crash.

use std::time::Duration;

use artifact_app::{Compression, StoreOptions, UploadRequest};
use artifact_domain::policy::QuotaPolicy;
use artifact_domain::{Digest, ErrorKind, State};
use artifact_testkit::{FaultyIndex, IndexFault, IndexOperation, When};
use bytes::Bytes;

use crate::world::{World, put, request};

#[tokio::test]
async fn an_upload_has_the_id_that_was_chosen_for_it_and_its_outcome_is_told() {
    let world = World::new();
    let store = &world.store;
    let id = store.new_id().unwrap();
    assert_eq!(store.outcome(id).await.unwrap(), None);
    let chosen = UploadRequest {
        id: Some(id),
        ..request("a")
    };
    let record = store
        .upload(chosen.clone(), Bytes::from_static(b"x"))
        .await
        .unwrap();
    assert_eq!(record.id, id);
    assert_eq!(store.outcome(id).await.unwrap(), Some(record.clone()));
    // An id is good for one version.
    let again = store.upload(chosen, Bytes::from_static(b"x")).await;
    assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(store.outcome(id).await.unwrap(), Some(record));
}

#[tokio::test]
async fn what_failed_or_still_runs_has_no_outcome() {
    let world = World::signing(StoreOptions::default());
    let store = &world.store;
    let id = store.new_id().unwrap();
    let failing = UploadRequest {
        id: Some(id),
        expected_digest: Some(Digest::new([0; 32])),
        ..request("a")
    };
    let failed = store.upload(failing, Bytes::from_static(b"x")).await;
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Integrity);
    assert_eq!(store.outcome(id).await.unwrap(), None);
    let begun = store.begin_upload(request("b"), Duration::from_mins(1));
    let begun = begun.await.unwrap().record;
    assert_eq!(begun.state, State::Uploading);
    assert_eq!(store.outcome(begun.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_found_by_its_id() {
    let world = World::new();
    let index = FaultyIndex::new(world.index.clone());
    index.inject(
        IndexOperation::Commit,
        When::Always,
        IndexFault::FailAfter(ErrorKind::Internal),
    );
    let store = world.store_as(|ports| ports.index = std::sync::Arc::new(index));
    let id = store.new_id().unwrap();
    let chosen = UploadRequest {
        id: Some(id),
        ..request("a")
    };
    let unheard = store.upload(chosen, Bytes::from_static(b"x")).await;
    assert!(unheard.is_err());
    let record = world.store.outcome(id).await.unwrap().unwrap();
    assert_eq!((record.id, record.state), (id, State::Active));
}

#[tokio::test]
async fn what_is_admitted_is_what_an_upload_would_begin_with() {
    let limited = |compression| {
        World::with_options(StoreOptions {
            compression,
            quota: QuotaPolicy {
                max_storage_bytes: Some(1_000),
                max_artifact_bytes: Some(10_000),
                ..QuotaPolicy::default()
            },
            ..StoreOptions::default()
        })
    };
    let kind = |outcome: artifact_domain::Result<()>| outcome.map_err(|error| error.kind());
    let world = limited(Some(artifact_app::Level::default()));
    let store = &world.store;
    assert_eq!(kind(store.admit(None).await), Ok(()));
    // It may shrink.
    assert_eq!(kind(store.admit(Some(10_000)).await), Ok(()));
    let too_large = Err(ErrorKind::TooLarge);
    assert_eq!(kind(store.admit(Some(10_001)).await), too_large);

    let world = limited(None);
    let store = &world.store;
    assert_eq!(kind(store.admit(Some(1_000)).await), Ok(()));
    let full = Err(ErrorKind::QuotaExceeded);
    assert_eq!(kind(store.admit(Some(1_001)).await), full);
    put(store, "a", vec![7; 1_000]).await;
    assert_eq!(kind(store.admit(None).await), full);
    assert_eq!(kind(store.admit(Some(0)).await), full);
    let refused = UploadRequest {
        compression: Compression::Off,
        ..request("b")
    };
    let refused = store.upload(refused, Bytes::new()).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::QuotaExceeded);
}
