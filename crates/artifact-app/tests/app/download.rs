//! Downloads: the right bytes, or an error that says why not.

use std::time::Duration;

use crate::world::{World, get, put, request, uri};
use artifact_app::{Compression, DownloadOptions, StoreOptions, UploadRequest, Verification};
use artifact_domain::policy::RetentionPolicy;
use artifact_domain::port::Supersede;
use artifact_domain::query::{Filter, Order};
use artifact_domain::{ArtifactRef, ErrorKind, Hold};
use artifact_testkit::sample;
use bytes::Bytes;
use futures::TryStreamExt;

fn text() -> Bytes {
    let lines: Vec<_> = (0..40_000).map(|n| format!("line {n}\n")).collect();
    lines.concat().into()
}

type Damage = fn(Vec<u8>) -> Vec<u8>;

fn range(text: &str) -> DownloadOptions {
    DownloadOptions {
        range: Some(text.parse().unwrap()),
        ..DownloadOptions::default()
    }
}

async fn stored(compression: Compression) -> World {
    let world = World::new();
    let said = UploadRequest {
        compression,
        ..request("a")
    };
    world.store.upload(said, text()).await.unwrap();
    world
}

#[tokio::test]
async fn any_range_is_the_slice_of_the_whole_in_either_encoding() {
    for compression in [Compression::AsConfigured, Compression::Off] {
        let world = stored(compression).await;
        let text = text();
        let size = text.len();
        let cases = [
            ("0-0", 0..1),
            ("0-99", 0..100),
            ("131071-131073", 131_071..131_074),
            ("300000-", 300_000..size),
            ("-100", size - 100..size),
            ("-99999999", 0..size),
            ("0-99999999", 0..size),
        ];
        for (asked, slice) in cases {
            let download = world.store.download(&uri("a"), range(asked)).await.unwrap();
            assert_eq!(download.range.length(), slice.len() as u64);
            assert_eq!(
                download.bytes().await.unwrap(),
                text.slice(slice),
                "{asked}"
            );
        }
        let error = world
            .store
            .download(&uri("a"), range("999999999-"))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn an_empty_artifact_is_an_artifact() {
    let world = World::new();
    put(&world.store, "a", "").await;
    assert_eq!(get(&world.store, &uri("a")).await.unwrap(), "");
    assert_eq!(world.store.size_bytes(&uri("a")).await.unwrap(), 0);
}

#[tokio::test]
async fn damage_is_found_whatever_it_is() {
    for compression in [Compression::AsConfigured, Compression::Off] {
        let damages: [(&str, Damage); 4] = [
            ("flipped", |mut bytes| {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 0x10;
                bytes
            }),
            ("truncated", |bytes| bytes[..bytes.len() - 9].to_vec()),
            ("longer", |mut bytes| {
                bytes.extend_from_slice(b"more");
                bytes
            }),
            ("emptied", |_| Vec::new()),
        ];
        for (what, damage) in damages {
            let world = stored(compression).await;
            let path = world.content_paths().remove(0);
            let bytes = world.blobs.files()[&path].to_vec();
            world.blobs.plant(path, damage(bytes));
            let error = get(&world.store, &uri("a")).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Integrity, "{what}: {error}");
            assert!(
                error.message().contains("artifact://demo/1/log/a"),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn a_valid_blob_of_other_content_is_found_by_its_digest() {
    let world = World::new();
    put(&world.store, "a", "the original").await;
    put(&world.store, "b", "a forgery!!!").await;
    let files = world.blobs.files();
    let of = |name: &str| files.iter().find(|(path, _)| path.contains(name)).unwrap();
    world.blobs.plant(of("/a@").0.clone(), of("/b@").1.clone());
    let error = get(&world.store, &uri("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(error.message().contains("SHA-256"), "{error}");

    let skip = DownloadOptions {
        verification: Verification::Skip,
        ..Default::default()
    };
    let download = world.store.download(&uri("a"), skip).await.unwrap();
    assert_eq!(download.bytes().await.unwrap(), "a forgery!!!");
}

#[tokio::test]
async fn bytes_that_are_gone_are_damage_not_absence() {
    let world = World::new();
    let record = put(&world.store, "a", "x").await;
    let key = record.blob_key().unwrap();
    artifact_domain::port::BlobStore::delete(&*world.blobs, vec![key])
        .await
        .unwrap();
    let error = get(&world.store, &uri("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
}

#[tokio::test]
async fn a_download_ends_with_the_version_it_began_with() {
    let world = World::new();
    put(&world.store, "a", text()).await;
    let download = world
        .store
        .download(&uri("a"), DownloadOptions::default())
        .await
        .unwrap();
    let mut body = download.body;
    let first = body.try_next().await.unwrap().unwrap();
    put(&world.store, "a", "replaced").await;
    world.store.delete(&uri("a")).await.unwrap();
    let mut all = first.to_vec();
    while let Some(chunk) = body.try_next().await.unwrap() {
        all.extend_from_slice(&chunk);
    }
    assert_eq!(Bytes::from(all), text());
}

#[tokio::test]
async fn reads_find_a_whole_version_while_writers_replace_it() {
    let world = World::new();
    put(&world.store, "a", "0".repeat(5_000)).await;
    let writer = {
        let store = world.store.clone();
        tokio::spawn(async move {
            for n in 1..200 {
                put(&store, "a", (n % 10).to_string().repeat(5_000)).await;
            }
        })
    };
    while !writer.is_finished() {
        let bytes = get(&world.store, &uri("a")).await.unwrap();
        assert_eq!(bytes.len(), 5_000);
        assert!(
            bytes.iter().all(|byte| *byte == bytes[0]),
            "two versions were mixed"
        );
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn one_version_is_named_by_number_or_id() {
    let world = World::with_options(StoreOptions {
        supersede: Supersede::Nothing,
        ..StoreOptions::default()
    });
    let first = put(&world.store, "a", "one").await;
    put(&world.store, "a", "two").await;
    assert_eq!(get(&world.store, &uri("a")).await.unwrap(), "two");
    assert_eq!(
        get(&world.store, &ArtifactRef::Id(first.id)).await.unwrap(),
        "one"
    );
    assert_eq!(
        get(&world.store, &first.version_uri().into())
            .await
            .unwrap(),
        "one"
    );
    let missing = "artifact://demo/1/log/a?version=3".parse().unwrap();
    assert_eq!(
        get(&world.store, &missing).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn expired_is_gone_on_every_read_from_that_instant() {
    let world = World::with_options(StoreOptions {
        retention: RetentionPolicy {
            default_days: Some(7),
            ..RetentionPolicy::default()
        },
        ..StoreOptions::default()
    });
    let record = put(&world.store, "a", "x").await;
    world
        .clock
        .advance(Duration::from_hours(7 * 24) - Duration::from_micros(1));
    assert!(world.store.exists(&uri("a")).await.unwrap());
    world.clock.advance(Duration::from_micros(1));
    for artifact in [
        uri("a"),
        ArtifactRef::Id(record.id),
        record.version_uri().into(),
    ] {
        assert!(!world.store.exists(&artifact).await.unwrap());
        assert_eq!(
            get(&world.store, &artifact).await.unwrap_err().kind(),
            ErrorKind::Expired
        );
    }
    let found: Vec<_> = world
        .store
        .search_all(Filter::default(), Order::default())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(found, []);
    // It can still be deleted, and a hold would have kept it.
    let mut held = record.clone();
    held.hold = Some(Hold {
        reason: None,
        by: None,
        since: sample::now(),
    });
    artifact_domain::port::ArtifactIndex::update(&*world.index, held)
        .await
        .unwrap();
    assert_eq!(get(&world.store, &uri("a")).await.unwrap(), "x");
}
