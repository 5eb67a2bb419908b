//! Reading: whole and in ranges, of the blob that was there when reading began.

use artifact_domain::port::{BlobStore, ByteStream};
use artifact_domain::{ByteRange, ErrorKind, Result};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use super::{MIB, pattern, put, read, read_range};
use crate::contract::failure;
use crate::{Subject, collect, sample};

/// A range gives exactly its bytes: at the beginning, in the middle, at the end, the whole.
pub async fn a_range_gives_exactly_its_bytes(store: Subject<dyn BlobStore>) {
    let key = sample::blob_key("ranges");
    let whole = pattern(1, 300_000);
    put(&*store, &key, whole.clone()).await;
    for (offset, length) in [
        (0, 1),
        (0, 100),
        (1, 1),
        (65_535, 2),
        (100_000, 150_000),
        (299_999, 1),
        (200_000, 100_000),
        (0, 300_000),
    ] {
        let range = read_range(&*store, &key, offset as u64, length as u64).await;
        assert!(
            range.unwrap() == whole[offset..offset + length],
            "{length} bytes from {offset} on differ"
        );
    }
}

/// A range without bytes gives none, wherever in the blob it stands.
pub async fn a_range_of_no_bytes_gives_none(store: Subject<dyn BlobStore>) {
    let (key, empty) = (sample::blob_key("some"), sample::blob_key("empty"));
    put(&*store, &key, "0123456789").await;
    put(&*store, &empty, "").await;
    for offset in [0, 5, 10] {
        assert_eq!(read_range(&*store, &key, offset, 0).await.unwrap(), "");
    }
    assert_eq!(read_range(&*store, &empty, 0, 0).await.unwrap(), "");
}

/// Reads to the end or the first error.
async fn drain(mut stream: ByteStream) -> (Vec<u8>, Option<artifact_domain::Error>) {
    let mut bytes = Vec::new();
    loop {
        match stream.try_next().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return (bytes, None),
            Err(error) => return (bytes, Some(error)),
        }
    }
}

/// A range that ends beyond the end gives the bytes there are, and then `Integrity`.
pub async fn a_range_over_the_end_is_an_integrity_error_at_the_end(store: Subject<dyn BlobStore>) {
    let key = sample::blob_key("short");
    put(&*store, &key, "0123456789").await;
    for (offset, length) in [(0, 11), (5, 6), (9, 1_000_000), (0, u64::from(u32::MAX))] {
        let range = ByteRange::new(offset, length).unwrap();
        let stream = store.get(key.clone(), Some(range)).await.unwrap();
        let (bytes, error) = drain(stream).await;
        let start = usize::try_from(offset).unwrap();
        assert!(b"0123456789"[start..].starts_with(&bytes));
        let error = error.expect("a stream that was too short ended without an error");
        assert_eq!(error.kind(), ErrorKind::Integrity);
        assert!(error.message().contains(key.as_str()), "{error}");
    }
}

/// A range that begins at the end or beyond it has no bytes to give: `Integrity`.
pub async fn a_range_beyond_the_end_is_an_integrity_error(store: Subject<dyn BlobStore>) {
    let (key, empty) = (sample::blob_key("short"), sample::blob_key("empty"));
    put(&*store, &key, "0123456789").await;
    put(&*store, &empty, "").await;
    for (key, offset) in [(&key, 10), (&key, 11), (&key, 1 << 40), (&empty, 0)] {
        let error = failure(read_range(&*store, key, offset, 1).await);
        assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
    }
}

/// What is not there is `NotFound` at once, whole or a range of it, and the error names it.
pub async fn what_is_not_there_is_not_found_at_once(store: Subject<dyn BlobStore>) {
    let key = sample::blob_key("nowhere");
    let some = ByteRange::new(0, 10).unwrap();
    let none = ByteRange::new(0, 0).unwrap();
    for range in [None, Some(some), Some(none)] {
        let error = failure(store.get(key.clone(), range).await);
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.message().contains(key.as_str()), "{error}");
    }
    let error = failure(store.stat(key.clone()).await);
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains(key.as_str()), "{error}");
}

/// What happens to a blob while it is read.
async fn disturb(store: &dyn BlobStore, key: &artifact_domain::BlobKey, replace: bool) {
    if replace {
        put(store, key, pattern(99, 7 * MIB)).await;
    } else {
        assert!(store.delete(vec![key.clone()]).await.unwrap().is_empty());
    }
}

/// Reads a blob of 8 MB that is disturbed before or after the first chunk was taken.
async fn read_disturbed(
    store: &dyn BlobStore,
    replace: bool,
    take_first: bool,
    range: Option<ByteRange>,
) -> Result<Vec<u8>> {
    let key = sample::blob_key("disturbed");
    put(store, &key, pattern(1, 8 * MIB)).await;
    let mut stream = store.get(key.clone(), range).await?;
    let mut bytes = Vec::new();
    if take_first {
        let first: Bytes = stream.next().await.expect("it has bytes")?;
        bytes.extend_from_slice(&first);
    }
    disturb(store, &key, replace).await;
    bytes.extend_from_slice(&collect(stream).await?);
    Ok(bytes)
}

/// A stream gives the bytes of the blob that was there when `get` returned, even if the blob is
/// deleted before the stream has ended, or begun.
pub async fn a_stream_survives_the_delete_of_its_blob(store: Subject<dyn BlobStore>) {
    for take_first in [true, false] {
        let bytes = read_disturbed(&*store, false, take_first, None).await;
        assert!(bytes.unwrap() == pattern(1, 8 * MIB), "bytes differ");
    }
}

/// The same if the blob is replaced.
pub async fn a_stream_survives_the_replacement_of_its_blob(store: Subject<dyn BlobStore>) {
    for take_first in [true, false] {
        let bytes = read_disturbed(&*store, true, take_first, None).await;
        assert!(bytes.unwrap() == pattern(1, 8 * MIB), "bytes differ");
    }
}

/// The same for a range.
pub async fn a_stream_of_a_range_survives_too(store: Subject<dyn BlobStore>) {
    let range = ByteRange::new(MIB as u64, 5 * MIB as u64).unwrap();
    for (replace, take_first) in [(true, true), (true, false), (false, true), (false, false)] {
        let bytes = read_disturbed(&*store, replace, take_first, Some(range)).await;
        let whole = pattern(1, 8 * MIB);
        assert!(bytes.unwrap() == whole[MIB..6 * MIB], "bytes differ");
    }
}

/// A stream can be dropped at any time; the blob is read again as if nothing had been.
pub async fn a_stream_can_be_dropped_at_any_time(store: Subject<dyn BlobStore>) {
    let key = sample::blob_key("dropped");
    let whole = pattern(6, 4 * MIB);
    put(&*store, &key, whole.clone()).await;
    for chunks in 0..3 {
        let mut stream = store.get(key.clone(), None).await.unwrap();
        for _ in 0..chunks {
            let _: Option<Bytes> = stream.try_next().await.unwrap();
        }
    }
    assert!(read(&*store, &key).await.unwrap() == whole, "bytes differ");
}
