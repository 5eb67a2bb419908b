//! Uploads: what they promise when all goes well, and when something does not.

use std::io::{self, Read};
use std::time::Duration;

use crate::world::{World, get, put, request, uri};
use artifact_app::{Body, Compression, StoreOptions};
use artifact_domain::policy::{QuotaPolicy, RetentionPolicy};
use artifact_domain::port::{ByteStream, Supersede};
use artifact_domain::{ArtifactRef, Encoding, Error, ErrorKind, State};
use artifact_testkit::{IndexOperation, bytes_stream, sample};
use bytes::Bytes;
use futures::{StreamExt, stream};

#[tokio::test]
async fn bytes_a_reader_and_a_stream_are_stored_alike() {
    let world = World::new();
    let text = Bytes::from("hello, store\n".repeat(10_000));
    let bodies: [(&str, Body); 3] = [
        ("bytes", Body::Bytes(text.clone())),
        ("reader", Body::reader(io::Cursor::new(text.clone()))),
        (
            "stream",
            Body::Stream(bytes_stream(
                text.chunks(977).map(Bytes::copy_from_slice).collect(),
            )),
        ),
    ];
    let mut contents = Vec::new();
    for (name, body) in bodies {
        let record = world.store.upload(request(name), body).await.unwrap();
        assert_eq!(record.state, State::Active);
        assert_eq!(get(&world.store, &uri(name)).await.unwrap(), text);
        contents.push(record.content.unwrap());
    }
    assert_eq!(contents[0].size_bytes, 130_000);
    assert!(contents[0].stored_size_bytes < 13_000);
    assert!(contents.iter().all(|content| *content == contents[0]));
    world.assert_tidy();
}

#[tokio::test]
async fn what_is_said_of_an_artifact_is_kept() {
    let world = World::with_options(StoreOptions {
        retention: RetentionPolicy {
            default_days: Some(30),
            ..RetentionPolicy::default()
        },
        ..StoreOptions::default()
    });
    let mut said = request("a");
    said.tags = sample::tags(&["branch=main", "nightly"]);
    said.metadata = sample::metadata(r#"{"passed": true}"#);
    said.mime_type = "text/plain".parse().unwrap();
    said.retention_days = Some(2);
    let record = world
        .store
        .upload(said.clone(), Bytes::new())
        .await
        .unwrap();
    assert_eq!(
        (&record.tags, &record.metadata),
        (&said.tags, &said.metadata)
    );
    assert_eq!(record.mime_type, said.mime_type);
    assert_eq!(record.expires_at, Some(sample::at(2 * 86_400)));
    let by_rule = put(&world.store, "b", "x").await;
    assert_eq!(by_rule.expires_at, Some(sample::at(30 * 86_400)));
}

#[tokio::test]
async fn compression_can_be_left_out() {
    let world = World::new();
    let mut plain = request("plain");
    plain.compression = Compression::Off;
    let record = world
        .store
        .upload(plain, Bytes::from_static(b"as it is"))
        .await
        .unwrap();
    let key = record.blob_key().unwrap();
    assert_eq!(record.content.unwrap().encoding, Encoding::Identity);
    assert_eq!(
        world.blobs.files()[key.as_str()],
        Bytes::from_static(b"as it is")
    );
}

#[tokio::test]
async fn without_versioning_the_newest_supersedes_and_the_older_bytes_go() {
    let world = World::new();
    let first = put(&world.store, "a", "one").await;
    let second = put(&world.store, "a", "two").await;
    assert_eq!(second.version.get(), 2);
    assert_eq!(get(&world.store, &uri("a")).await.unwrap(), "two");
    let error = world
        .store
        .show(&ArtifactRef::Id(first.id))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(world.index.records().len(), 1);
    assert_eq!(world.content_paths().len(), 1);
}

#[tokio::test]
async fn with_versioning_every_writer_gets_a_version_of_its_own() {
    const WRITERS: u32 = 40;
    let world = World::with_options(StoreOptions {
        supersede: Supersede::Nothing,
        ..StoreOptions::default()
    });
    let uploads = (0..WRITERS).map(|n| {
        let store = world.store.clone();
        async move { put(&store, "a", n.to_string()).await.version.get() }
    });
    let mut versions: Vec<_> = stream::iter(uploads).buffer_unordered(16).collect().await;
    versions.sort_unstable();
    assert_eq!(versions, (1..=WRITERS).collect::<Vec<_>>());
    world.assert_tidy();
}

#[tokio::test]
async fn a_held_version_is_not_superseded() {
    let world = World::new();
    let first = put(&world.store, "a", "keep me").await;
    let mut held = first.clone();
    held.hold = Some(artifact_domain::Hold {
        reason: None,
        by: None,
        since: sample::now(),
    });
    artifact_domain::port::ArtifactIndex::update(&*world.index, held)
        .await
        .unwrap();
    put(&world.store, "a", "newer").await;
    assert_eq!(
        get(&world.store, &ArtifactRef::Id(first.id)).await.unwrap(),
        "keep me"
    );
}

#[tokio::test]
async fn a_source_that_fails_leaves_nothing_and_gives_its_own_error() {
    let world = World::new();
    let chunk = || Ok(Bytes::from(vec![7; 100_000]));
    let cut = Error::new(ErrorKind::Unavailable, "the network was cut").with_hint("try again");
    let body: ByteStream = Box::pin(stream::iter([chunk(), chunk(), Err(cut)]));
    let error = world.store.upload(request("a"), body).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error.message().contains("artifact://demo/1/log/a"),
        "{error}"
    );
    assert_eq!(error.hint(), Some("try again"));
    world.assert_empty();
}

#[tokio::test]
async fn too_large_is_refused_before_and_while_it_streams() {
    let world = World::with_options(StoreOptions {
        quota: QuotaPolicy {
            max_artifact_bytes: Some(1_000),
            ..QuotaPolicy::default()
        },
        ..StoreOptions::default()
    });
    let mut announced = request("a");
    announced.size_hint_bytes = Some(1_001);
    let unread = Body::reader(Unreadable);
    let error = world.store.upload(announced, unread).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert_eq!(world.index.calls(IndexOperation::Begin), 0);

    let body = Body::reader(io::repeat(1).take(1_001));
    let error = world.store.upload(request("a"), body).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    world.assert_empty();
    put(&world.store, "a", vec![1; 1_000]).await;
}

struct Unreadable;

impl Read for Unreadable {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        panic!("read although it was refused")
    }
}

#[tokio::test]
async fn an_upload_in_progress_is_invisible() {
    let world = World::new();
    put(&world.store, "a", "old").await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let body: ByteStream = Box::pin(stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|bytes| (Ok(bytes), receiver))
    }));
    let store = world.store.clone();
    let upload = tokio::spawn(async move { store.upload(request("a"), body).await });
    sender.send(Bytes::from_static(b"new")).await.unwrap();
    sender.reserve().await.unwrap();
    assert_eq!(get(&world.store, &uri("a")).await.unwrap(), "old");
    drop(sender);
    upload.await.unwrap().unwrap();
    assert_eq!(get(&world.store, &uri("a")).await.unwrap(), "new");
}

#[tokio::test]
async fn a_slow_upload_keeps_its_lease() {
    const STEP: Duration = Duration::from_millis(100);
    let lease = STEP * 3;
    let world = World::with_options(StoreOptions {
        lease,
        ..StoreOptions::default()
    });
    let clock = world.clock.clone();
    let body: ByteStream = Box::pin(stream::unfold(0, move |n| {
        let clock = clock.clone();
        async move {
            tokio::time::sleep(STEP).await;
            clock.advance(STEP);
            (n < 10).then(|| (Ok(Bytes::from_static(b"slow")), n + 1))
        }
    }));
    let reaper = {
        let store = world.store.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(STEP / 3).await;
                store
                    .reap(artifact_domain::query::PageSize::MAX)
                    .await
                    .unwrap();
            }
        })
    };
    let record = world.store.upload(request("a"), body).await.unwrap();
    reaper.abort();
    assert_eq!(record.content.unwrap().size_bytes, 40);
    assert!(world.index.calls(IndexOperation::Renew) >= 3);
}

#[tokio::test]
async fn a_writer_that_wakes_up_too_late_gets_an_error_and_overwrites_nothing() {
    let world = World::new();
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let body: ByteStream = Box::pin(stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|bytes| (Ok(bytes), receiver))
    }));
    let store = world.store.clone();
    let late = tokio::spawn(async move { store.upload(request("a"), body).await });
    sender.send(Bytes::from_static(b"late")).await.unwrap();
    sender.reserve().await.unwrap();
    // It sleeps past its lease, is reaped, and its lock is broken.
    world.clock.advance(Duration::from_hours(1));
    let report = world
        .store
        .reap(artifact_domain::query::PageSize::MAX)
        .await
        .unwrap();
    assert_eq!(report.uploads, 1);
    let locks = world.store.locks().unwrap();
    let coordinate = request("a").coordinate;
    locks
        .force_unlock(artifact_domain::port::LockKey::artifact(&coordinate))
        .await
        .unwrap();
    put(&world.store, "a", "winner").await;

    drop(sender);
    let error = late.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("lease"), "{error}");
    assert_eq!(get(&world.store, &uri("a")).await.unwrap(), "winner");
    assert_eq!(world.content_paths().len(), 1);
    assert_eq!(world.index.records().len(), 1);
}

/// What a bucket got in parts goes with the lease, and the put hears of that before the lease is
/// asked for.
#[tokio::test]
async fn a_put_whose_upload_was_given_up_meanwhile_says_so() {
    for is_given_up in [true, false] {
        let world = World::new();
        let (store, clock) = (world.store.clone(), world.clock.clone());
        let broken: ByteStream = Box::pin(stream::once(async move {
            if is_given_up {
                clock.advance(Duration::from_hours(1));
                let reaped = store.reap(artifact_domain::query::PageSize::MAX).await;
                assert_eq!(reaped.unwrap().uploads, 1);
            }
            Err(Error::new(ErrorKind::Unavailable, "there are no parts"))
        }));
        let error = world.store.upload(request("a"), broken).await.unwrap_err();
        if is_given_up {
            assert_eq!(error.kind(), ErrorKind::Conflict);
            assert!(error.message().contains("lease"), "{error}");
        } else {
            assert_eq!(error.kind(), ErrorKind::Unavailable);
        }
        world.assert_empty();
    }
}

#[tokio::test]
async fn a_dropped_upload_is_reaped_after_its_lease() {
    let world = World::new();
    let endless: ByteStream =
        Box::pin(stream::once(async { Ok(Bytes::from_static(b"some")) }).chain(stream::pending()));
    let upload = world.store.upload(request("a"), endless);
    let cut = tokio::time::timeout(Duration::from_millis(50), upload).await;
    assert!(cut.is_err(), "an endless upload ended");
    assert!(!world.store.exists(&uri("a")).await.unwrap());
    world.clock.advance(Duration::from_hours(1));
    world
        .store
        .reap(artifact_domain::query::PageSize::MAX)
        .await
        .unwrap();
    assert_eq!(world.index.records(), []);
    assert_eq!(world.content_paths(), [""; 0]);
    assert_eq!(world.blobs.temporaries(), 0);
}

#[tokio::test]
async fn a_clock_that_goes_back_reaps_nothing() {
    let world = World::new();
    put(&world.store, "a", "kept").await;
    world.clock.go_back(Duration::from_hours(24 * 365));
    let report = world
        .store
        .reap(artifact_domain::query::PageSize::MAX)
        .await
        .unwrap();
    assert_eq!(report, artifact_app::ReapReport::default());
    assert_eq!(get(&world.store, &uri("a")).await.unwrap(), "kept");
}
