//! Signed URLs to download what is stored.

use std::time::Duration;

use artifact_app::{Change, StoreOptions, UploadRequest};
use artifact_domain::{BlobKey, ErrorKind};
use bytes::Bytes;

use crate::world::{World, put, request, uri};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn a_url_names_the_blob_and_ends_when_it_was_asked_to() {
    let world = World::signing(StoreOptions::default());
    let record = put(&world.store, "src/main.rs", "x").await;
    let signed = world
        .store
        .presign(&uri("src/main.rs"), HOUR)
        .await
        .unwrap();
    let key = record.blob_key().unwrap();
    let expected = format!("https://memory.invalid/{key}?method=GET&valid_for_s=3600");
    assert_eq!(signed.url.url, expected);
    assert_eq!(signed.valid_until, world.store.now().saturating_add(HOUR));
    assert_eq!(signed.record, record);
}

#[tokio::test]
async fn a_url_ends_with_its_artifact_unless_that_is_held() {
    let world = World::signing(StoreOptions::default());
    let kept = UploadRequest {
        retention_days: Some(1),
        ..request("a")
    };
    let record = world
        .store
        .upload(kept, Bytes::from_static(b"x"))
        .await
        .unwrap();
    let week = 7 * 24 * HOUR;
    let signed = world.store.presign(&uri("a"), week).await.unwrap();
    assert_eq!(Some(signed.valid_until), record.expires_at);
    assert!(signed.url.url.ends_with("valid_for_s=86400"), "{signed:?}");
    let hold = Change::Hold {
        reason: None,
        by: None,
    };
    world.store.change(&uri("a"), &hold).await.unwrap();
    let signed = world.store.presign(&uri("a"), week).await.unwrap();
    assert_eq!(signed.valid_until, world.store.now().saturating_add(week));
    let release = Change::ReleaseHold;
    world.store.change(&uri("a"), &release).await.unwrap();
    world.clock.advance(24 * HOUR);
    let error = world.store.presign(&uri("a"), week).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired);
}

#[tokio::test]
async fn what_cannot_be_signed_is_said_so() {
    let world = World::signing(StoreOptions::default());
    let record = put(&world.store, "a", "x").await;
    for wrong in [
        Duration::ZERO,
        Duration::from_millis(999),
        7 * 24 * HOUR + Duration::from_secs(1),
        Duration::MAX,
    ] {
        let error = world.store.presign(&uri("a"), wrong).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{wrong:?}");
    }
    let missing = world.store.presign(&uri("b"), HOUR).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let key: BlobKey = record.blob_key().unwrap();
    world.blobs.remove(key.as_str());
    let lost = world.store.presign(&uri("a"), HOUR).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Integrity);
    let plain = World::new();
    put(&plain.store, "a", "x").await;
    let error = plain.store.presign(&uri("a"), HOUR).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}
