//! Uploads that look like secrets, over strict fakes: nothing stays of what is refused.

use std::time::Duration;

use artifact_app::{
    Body, CompleteRequest, Compression, Guard, GuardPolicy, OnSecret, StoreOptions, UploadRequest,
};
use artifact_domain::{Error, ErrorKind};
use bytes::Bytes;
use futures::stream;

use crate::world::{World, get, request, uri};

/// A token that no service has given.
fn token() -> String {
    ["ghp", "q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6j7K8"].join("_")
}

fn options(on_secret: OnSecret) -> StoreOptions {
    let guard = Some(GuardPolicy {
        guard: Guard::default(),
        on_secret,
    });
    StoreOptions {
        guard,
        ..StoreOptions::default()
    }
}

/// The same bytes in every form that an upload can have, by every way through the codec.
fn bodies(size: usize) -> Vec<Body> {
    let bytes = Bytes::from([token().as_bytes(), &b" \n".repeat(size / 2)].concat());
    let pieces: Vec<_> = bytes.chunks(7).map(Bytes::copy_from_slice).collect();
    vec![
        Body::Bytes(bytes.clone()),
        Body::reader(std::io::Cursor::new(bytes)),
        Body::Stream(Box::pin(stream::iter(
            pieces.into_iter().map(Ok::<_, Error>),
        ))),
    ]
}

#[tokio::test]
async fn what_is_refused_leaves_nothing() {
    let world = World::with_options(options(OnSecret::Refuse));
    for size in [0, 100_000, 600_000] {
        for body in bodies(size) {
            let refused = world.store.upload(request("a"), body).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput);
            assert!(refused.message().contains("line 1"), "{refused}");
            assert!(refused.message().contains("github-token"), "{refused}");
            world.assert_empty();
        }
    }
}

#[tokio::test]
async fn what_is_told_of_is_stored() {
    let world = World::with_options(options(OnSecret::Warn));
    for size in [0, 100_000, 600_000] {
        for body in bodies(size) {
            let uploaded = world.store.upload_once(request("a"), None, body).await;
            let uploaded = uploaded.unwrap();
            let told: Vec<_> = uploaded.findings.iter().map(ToString::to_string).collect();
            assert_eq!(told, ["github-token in line 1"]);
            assert!(
                uploaded
                    .warning()
                    .unwrap()
                    .contains("github-token in line 1")
            );
            let stored = get(&world.store, &uri("a")).await.unwrap();
            assert!(stored.starts_with(token().as_bytes()));
        }
    }
    let plain = world
        .store
        .upload_once(request("b"), None, Bytes::from("x").into());
    assert_eq!(plain.await.unwrap().warning(), None);
}

#[tokio::test]
async fn nobody_looks_where_there_is_no_policy() {
    let world = World::new();
    for body in bodies(100_000) {
        let uploaded = world.store.upload_once(request("a"), None, body).await;
        assert!(uploaded.unwrap().findings.is_empty());
    }
}

#[tokio::test]
async fn what_was_put_to_a_url_is_looked_at_too() {
    let world = World::signing(options(OnSecret::Refuse));
    let upload = UploadRequest::new(request("a").coordinate);
    let handover = world
        .store
        .begin_upload(upload, Duration::from_hours(1))
        .await;
    let handover = handover.unwrap();
    let key = handover.record.handover_blob_key();
    world.blobs.plant(key.to_string(), token());
    let complete = CompleteRequest {
        id: handover.record.id,
        expected_digest: None,
        expected_size_bytes: None,
        compression: Compression::AsConfigured,
    };
    let refused = world.store.complete_upload(complete).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    assert!(refused.message().contains("github-token"), "{refused}");
    world.assert_empty();
}
