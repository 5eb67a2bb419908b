//! Storing: what comes in is what is there.

use std::time::Duration;

use artifact_domain::port::{BlobStore, PutOptions};
use artifact_domain::{BlobKey, Error, ErrorKind};
use bytes::Bytes;
use futures::{StreamExt, stream};

use super::{MIB, pattern, present_plus, put, read};
use crate::{Subject, body, bytes_stream, sample};

/// What was put is read, and the size is said.
pub async fn a_blob_is_read_as_it_was_put(store: Subject<dyn BlobStore>) {
    let key = sample::blob_key("a.bin");
    let bytes = pattern(1, 10_000);
    let stat = store
        .put(key.clone(), body(bytes.clone()), PutOptions::default())
        .await
        .unwrap();
    assert_eq!(stat.size_bytes, 10_000);
    assert_eq!(read(&*store, &key).await.unwrap(), bytes);
    assert_eq!(store.stat(key).await.unwrap().size_bytes, 10_000);
}

/// A stream without chunks, or with empty ones only, leaves a blob without bytes.
pub async fn an_empty_blob_is_a_blob(store: Subject<dyn BlobStore>) {
    for chunks in [vec![], vec![Bytes::new(); 3]] {
        let key = sample::blob_key("empty");
        let stat = store
            .put(key.clone(), bytes_stream(chunks), PutOptions::default())
            .await
            .unwrap();
        assert_eq!(stat.size_bytes, 0);
        assert_eq!(read(&*store, &key).await.unwrap(), "");
        assert_eq!(store.stat(key).await.unwrap().size_bytes, 0);
    }
}

/// Chunks of any size, empty ones too, are joined in their order.
pub async fn chunks_of_any_size_are_joined_in_order(store: Subject<dyn BlobStore>) {
    let key = sample::blob_key("chunks");
    let sizes = [1, 0, 7, 4_096, 1, 100_000, 0, 3, 65_536, 0];
    let chunks: Vec<_> = (0_u8..)
        .zip(sizes.into_iter().cycle().take(50))
        .map(|(seed, size)| pattern(seed, size))
        .collect();
    let whole = chunks.concat();
    let stat = store
        .put(key.clone(), bytes_stream(chunks), PutOptions::default())
        .await
        .unwrap();
    assert_eq!(stat.size_bytes, whole.len() as u64);
    assert_eq!(read(&*store, &key).await.unwrap(), whole);
}

/// Many tiny chunks are one blob.
pub async fn five_thousand_tiny_chunks_are_one_blob(store: Subject<dyn BlobStore>) {
    let key = sample::blob_key("tiny");
    let whole = pattern(2, 15_000);
    let chunks = whole.chunks(3).map(Bytes::copy_from_slice).collect();
    store
        .put(key.clone(), bytes_stream(chunks), PutOptions::default())
        .await
        .unwrap();
    assert_eq!(read(&*store, &key).await.unwrap(), whole);
}

/// A blob of 20 MB goes through whole.
pub async fn a_stream_of_20_mb_goes_through_whole(store: Subject<dyn BlobStore>) {
    let key = sample::blob_key("big");
    let whole = pattern(3, 20 * MIB);
    let chunks: Vec<_> = (0..20)
        .map(|n| whole.slice(n * MIB..(n + 1) * MIB))
        .collect();
    let stat = store
        .put(key.clone(), bytes_stream(chunks), PutOptions::default())
        .await
        .unwrap();
    assert_eq!(stat.size_bytes, whole.len() as u64);
    assert!(read(&*store, &key).await.unwrap() == whole, "bytes differ");
}

/// A source may be slow.
pub async fn a_slow_source_is_waited_for(store: Subject<dyn BlobStore>) {
    let key = sample::blob_key("slow");
    let slow = stream::iter(0_u8..5).then(|seed| async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(pattern(seed, 100))
    });
    let stat = store
        .put(key.clone(), slow.boxed(), PutOptions::default())
        .await
        .unwrap();
    assert_eq!(stat.size_bytes, 500);
    let whole: Vec<_> = (0..5).flat_map(|seed| pattern(seed, 100)).collect();
    assert_eq!(read(&*store, &key).await.unwrap(), whole);
}

/// A put to a key that has a blob replaces it, by a longer one or a shorter one.
pub async fn a_put_replaces_the_blob_that_was_there(store: Subject<dyn BlobStore>) {
    let key = sample::blob_key("replaced");
    for (seed, length) in [(1, 1_000), (2, 200_000), (3, 10), (4, 0), (5, 10)] {
        let bytes = pattern(seed, length);
        put(&*store, &key, bytes.clone()).await;
        assert_eq!(read(&*store, &key).await.unwrap(), bytes);
        let stat = store.stat(key.clone()).await.unwrap();
        assert_eq!(stat.size_bytes, length as u64);
    }
}

/// The same bytes again leave the same blob.
pub async fn the_same_put_again_leaves_the_same_blob(store: Subject<dyn BlobStore>) {
    let key = sample::blob_key("again");
    for _ in 0..2 {
        put(&*store, &key, "same").await;
        assert_eq!(read(&*store, &key).await.unwrap(), "same");
    }
}

/// A hint at the size is no more than that: bytes are stored as they come, whatever it says.
pub async fn a_hint_at_the_size_changes_no_byte(store: Subject<dyn BlobStore>) {
    for hint in [None, Some(0), Some(999), Some(1_000), Some(50 << 20)] {
        let key = sample::blob_key("hinted");
        let bytes = pattern(4, 1_000);
        let options = PutOptions {
            size_hint_bytes: hint,
            ..PutOptions::default()
        };
        let stat = store
            .put(key.clone(), body(bytes.clone()), options)
            .await
            .unwrap();
        assert_eq!(stat.size_bytes, 1_000, "with the hint {hint:?}");
        assert_eq!(read(&*store, &key).await.unwrap(), bytes);
    }
}

/// A media type may be given, whether the store keeps it or not.
pub async fn a_media_type_may_be_given(store: Subject<dyn BlobStore>) {
    let key = sample::blob_key("page.html");
    let options = PutOptions {
        size_hint_bytes: Some(4),
        content_type: Some("text/html; charset=utf-8".parse().unwrap()),
        ..PutOptions::default()
    };
    store.put(key.clone(), body("<br>"), options).await.unwrap();
    assert_eq!(read(&*store, &key).await.unwrap(), "<br>");
}

/// What is derived is published, replaced and failed like the rest.
pub async fn what_is_derived_is_put_like_the_rest(store: Subject<dyn BlobStore>) {
    let task = sample::coordinate("spec", "task", "log", "x");
    let key = BlobKey::task_metadata(task.spec(), task.task());
    let options = PutOptions {
        derived: true,
        ..PutOptions::default()
    };
    for bytes in [pattern(1, 1_000), pattern(2, 3 * MIB), pattern(3, 0)] {
        let put = store.put(key.clone(), body(bytes.clone()), options.clone());
        assert_eq!(put.await.unwrap().size_bytes, bytes.len() as u64);
        assert_eq!(read(&*store, &key).await.unwrap(), bytes);
    }
    let failing = stream::iter([
        Ok(pattern(4, 10)),
        Err(Error::new(ErrorKind::Unavailable, "cut")),
    ]);
    let failed = store.put(key.clone(), failing.boxed(), options).await;
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(read(&*store, &key).await.unwrap(), pattern(3, 0));
}

/// What put, stat and a listing say of one blob agrees, and the time of its publication, where
/// the store keeps one, is the present.
pub async fn what_is_known_of_a_blob_agrees_everywhere(store: Subject<dyn BlobStore>) {
    let key = sample::blob_key("known");
    let hour = Duration::from_hours(1);
    let before = present_plus(Duration::ZERO).saturating_sub(hour);
    put(&*store, &key, pattern(5, 123)).await;
    let stat = store.stat(key.clone()).await.unwrap();
    assert_eq!(stat.size_bytes, 123);
    if let Some(modified_at) = stat.modified_at {
        assert!(before < modified_at && modified_at < present_plus(hour));
    }
    let listed = super::listed(&*store, artifact_domain::BlobPrefix::all()).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].path, key.as_str());
    assert_eq!(listed[0].stat.size_bytes, 123);
}
