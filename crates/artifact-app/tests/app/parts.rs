//! Parts of artifacts: ranges, last lines and pages, of every form in which bytes may be stored.

use std::fmt::Write;
use std::num::NonZeroU64;

use crate::world::{World, get, put, request, uri};
use artifact_app::{Compression, Download, DownloadOptions, Page, UploadRequest, Verification};
use artifact_domain::port::{ArtifactIndex, CommitUpload, Supersede};
use artifact_domain::{ArtifactRef, Encoding, ErrorKind, Result};
use artifact_testkit::sample;
use bytes::Bytes;

/// Lines of very different lengths, `size` bytes and a little more.
fn text(size: usize, ends_with_newline: bool) -> Bytes {
    let mut text = String::new();
    for n in 0_usize.. {
        if text.len() > size {
            break;
        }
        writeln!(text, "line {n} {}", "x".repeat(n * 7919 % 300)).unwrap();
    }
    if !ends_with_newline {
        text.push_str("the end");
    }
    text.into()
}

/// The same bytes in every form: compressed and not, with their seek table, without one, and with
/// one that is of no use.
const FORMS: [&str; 6] = [
    "gzip",
    "identity",
    "gzip-without",
    "identity-without",
    "gzip-broken",
    "gzip-foreign",
];

async fn in_every_form(text: &Bytes) -> World {
    let world = World::new();
    for (name, compression) in [
        ("gzip", Compression::AsConfigured),
        ("identity", Compression::Off),
    ] {
        let said = UploadRequest {
            compression,
            ..request(name)
        };
        let record = world.store.upload(said, text.clone()).await.unwrap();
        let content = record.content.clone().unwrap();
        assert_eq!(content.encoding == Encoding::Gzip, name == "gzip");
        let blob = world.blobs.files()[record.blob_key().unwrap().as_str()].clone();
        for (form, seek_table) in [
            ("without", None),
            ("broken", Some(Bytes::from_static(b"AST\x01 no table"))),
            ("foreign", Some(table_of_other_bytes(&world).await)),
        ] {
            let coordinate = sample::coordinate("demo", "1", "log", &format!("{name}-{form}"));
            let mut upload = sample::upload_to(coordinate);
            upload.reservation.bytes = content.stored_size_bytes;
            let begun = world.index.begin(upload).await.unwrap();
            let commit = CommitUpload {
                id: begun.id,
                attempt: begun.attempt,
                content: content.clone(),
                supersede: Supersede::Nothing,
                seek_table,
            };
            let record = world.index.commit(commit).await.unwrap().record;
            let key = record.blob_key().unwrap();
            world.blobs.plant(key.as_str().to_owned(), blob.clone());
        }
    }
    world
}

async fn table_of_other_bytes(world: &World) -> Bytes {
    let other = put(&world.store, "other", text(700_000, true)).await;
    world.index.seek_table(other.id).await.unwrap().unwrap()
}

async fn bytes(download: Result<Download>) -> Bytes {
    let download = download.unwrap();
    let length = download.range.length();
    let bytes = download.bytes().await.unwrap();
    assert_eq!(bytes.len() as u64, length);
    bytes
}

fn range(text: &str) -> DownloadOptions {
    DownloadOptions {
        range: Some(text.parse().unwrap()),
        ..DownloadOptions::default()
    }
}

#[tokio::test]
async fn whole_and_ranges_are_the_same_in_every_form() {
    let text = text(3_000_000, true);
    let world = in_every_form(&text).await;
    let end = text.len();
    for form in FORMS {
        assert!(
            get(&world.store, &uri(form)).await.unwrap() == text,
            "{form}"
        );
        for (asked, slice) in [
            ("0-0", 0..1),
            ("262143-262144", 262_143..262_145),
            ("100000-1500000", 100_000..1_500_001),
            ("2999999-", 2_999_999..end),
            ("-100", end - 100..end),
            ("-0", end..end),
            ("-99999999", 0..end),
        ] {
            let found = bytes(world.store.download(&uri(form), range(asked)).await).await;
            assert!(found == text.slice(slice), "{form} {asked}");
        }
    }
}

#[tokio::test]
async fn the_last_lines_are_those_of_tail() {
    for (size, ends_with_newline) in [(1_500_000, true), (1_500_000, false), (300, true)] {
        let text = text(size, ends_with_newline);
        let world = in_every_form(&text).await;
        let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        for form in FORMS {
            for count in [0, 1, 2, 100, 5_000, lines.len() - 1, lines.len(), 99_999] {
                let expected = lines[lines.len().saturating_sub(count)..].concat();
                let found = bytes(world.store.tail(&uri(form), count as u64).await).await;
                assert!(found == expected, "{form} {count} of {}", lines.len());
            }
        }
    }
}

#[tokio::test]
async fn lines_may_be_empty_missing_or_longer_than_blocks() {
    let world = World::new();
    let long = [&b"first\n"[..], &vec![b'y'; 1_500_000], b"\nlast"].concat();
    for (name, text) in [
        ("none", Vec::new()),
        ("newlines", b"\n\n\n".to_vec()),
        ("one", b"no newline".to_vec()),
        ("long", long),
    ] {
        let text = Bytes::from(text);
        put(&world.store, name, text.clone()).await;
        let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        for count in 0..5 {
            let expected = lines[lines.len().saturating_sub(count)..].concat();
            let found = bytes(world.store.tail(&uri(name), count as u64).await).await;
            assert!(found == expected, "{name} {count}");
        }
    }
}

fn page(number: u64, size_bytes: u64) -> Page {
    Page {
        number: NonZeroU64::new(number).unwrap(),
        size_bytes: NonZeroU64::new(size_bytes).unwrap(),
    }
}

#[tokio::test]
async fn pages_have_every_line_once_whole_and_in_order() {
    let text = text(1_500_000, false);
    let world = in_every_form(&text).await;
    for form in FORMS {
        for size in [100_000, 262_144, 1_499_999, 5_000_000] {
            let count = page(1, size).count(text.len() as u64);
            let mut all = Vec::new();
            for number in 1..=count {
                let found = bytes(world.store.page(&uri(form), page(number, size)).await).await;
                assert!(found.is_empty() || number == count || found.ends_with(b"\n"));
                all.extend_from_slice(&found);
            }
            assert!(all == text, "{form} {size}");
            let beyond = page(count + 1, size);
            let error = world.store.page(&uri(form), beyond).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    }
    // Shorter than lines: some pages are empty, none is lost.
    put(&world.store, "short", "a long line\nb\n\nc").await;
    let mut all = Vec::new();
    for number in 1..=page(1, 3).count(16) {
        all.extend(bytes(world.store.page(&uri("short"), page(number, 3)).await).await);
    }
    assert_eq!(all, b"a long line\nb\n\nc");
    put(&world.store, "empty", "").await;
    let empty = world.store.page(&uri("empty"), page(1, 10)).await;
    assert_eq!(bytes(empty).await, "");
}

/// Flips a byte in the middle of the stored bytes.
fn flip_middle(world: &World, name: &str) {
    let files = world.blobs.files();
    let (path, blob) = files
        .iter()
        .find(|(path, _)| path.contains(&format!("/{name}@")))
        .unwrap();
    let mut damaged = blob.to_vec();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    world.blobs.plant(path.clone(), damaged);
}

#[tokio::test]
async fn only_the_blocks_that_are_touched_are_read_and_all_of_them_are_checked() {
    let text = text(6_000_000, true);
    let world = in_every_form(&text).await;
    let end = text.len();
    for form in ["gzip", "identity"] {
        flip_middle(&world, form);
        let (store, at) = (&world.store, uri(form));
        let head = bytes(store.download(&at, range("0-999")).await).await;
        assert!(head == text.slice(..1_000));
        let tail = bytes(store.download(&at, range("-1000")).await).await;
        assert!(tail == text.slice(end - 1_000..));
        let last = bytes(store.tail(&at, 3).await).await;
        assert_eq!(last.split_inclusive(|byte| *byte == b'\n').count(), 3);
        assert_eq!(
            bytes(store.page(&at, page(1, 1_000)).await).await[..4],
            text[..4]
        );

        for skip in [Verification::Digest, Verification::Skip] {
            for asked in ["0-", "1000000-5000000"] {
                let options = DownloadOptions {
                    verification: skip,
                    ..range(asked)
                };
                let download = store.download(&at, options).await.unwrap();
                let error = download.bytes().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Integrity, "{form} {asked}");
            }
        }
        let error = store.tail(&at, 1_000_000).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity);
        assert!(
            error.message().contains("artifact://demo/1/log/"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_range_of_something_short_is_verified_by_its_digest() {
    let world = World::new();
    let said = UploadRequest {
        compression: Compression::Off,
        ..request("short")
    };
    world.store.upload(said, text(5_000, true)).await.unwrap();
    flip_middle(&world, "short");
    let at = ArtifactRef::clone(&uri("short"));
    let error = world.store.download(&at, range("0-9")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    let skip = DownloadOptions {
        verification: Verification::Skip,
        ..range("0-9")
    };
    assert_eq!(bytes(world.store.download(&at, skip).await).await.len(), 10);
}
