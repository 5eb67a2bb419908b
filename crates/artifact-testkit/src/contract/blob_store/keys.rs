//! Keys of every legal form.

use artifact_domain::port::{BlobStore, PutOptions};
use artifact_domain::{BlobKey, BlobPrefix, Encoding, ErrorKind, Version};
use std::collections::BTreeSet;

use super::{paths, put, read};
use crate::{Subject, body, sample};

/// Puts a blob under every key, and reads, lists and deletes them.
async fn assert_all_are_told_apart(store: &dyn BlobStore, keys: &[BlobKey]) {
    for key in keys {
        put(store, key, key.to_string()).await;
    }
    for key in keys {
        assert_eq!(read(store, key).await.unwrap(), key.to_string());
    }
    let expected: BTreeSet<_> = keys.iter().map(ToString::to_string).collect();
    assert_eq!(expected.len(), keys.len(), "the test repeats a key");
    let found = paths(store, BlobPrefix::all()).await;
    assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    for path in &found {
        assert_eq!(BlobKey::parse(path).unwrap().as_str(), path);
    }
    assert!(store.delete(keys.to_vec()).await.unwrap().is_empty());
    assert_eq!(paths(store, BlobPrefix::all()).await, [""; 0]);
}

/// Names with odd characters, of one letter, hidden ones, and those that differ only in case or
/// Unicode form, are blobs of their own.
pub async fn odd_names_are_told_apart(store: Subject<dyn BlobStore>) {
    let names = [
        "a",
        "A",
        ".env",
        "...",
        "a.",
        "a ",
        " a",
        "50%",
        "%2e%2e",
        "a\\b",
        "it's \"quoted\"",
        "a?b#c&d=e+f",
        "*",
        "caf\u{e9}",
        "cafe\u{301}",
        "日本/語.txt",
        "🦀/🦀.rs",
        "\u{202e}rtl",
        "x@1.018f3b5a2b7c7def8123456789abcdef.gz",
        "metadata.json",
        "CON",
        "~tmp",
        ".tmp/x",
    ];
    let keys = names.map(sample::blob_key);
    assert_all_are_told_apart(&*store, &keys).await;
}

/// The longest names, whose segments are folded into several path components. Where a service is declared
/// to take shorter ones alone, those are kept and the others refused.
pub async fn the_longest_names_are_kept(store: Subject<dyn BlobStore>) {
    let names = [
        "x".repeat(199),
        "x".repeat(200),
        "x".repeat(201),
        "x".repeat(800),
        "名".repeat(85),
        format!("{}/{}", "d".repeat(300), "é".repeat(60)),
        ["a"; 380].join("/"),
    ];
    let keys = names.map(|name| sample::blob_key(&name));
    let is_taken = |key: &BlobKey| key.as_str().len() <= store.longest_key_bytes();
    let (kept, refused): (Vec<_>, Vec<_>) = keys.into_iter().partition(is_taken);
    assert_all_are_told_apart(&*store, &kept).await;
    for key in refused {
        let put = store.put(key, body("x"), PutOptions::default()).await;
        assert_eq!(put.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

/// A name that is the folder of another is in nobody's way.
pub async fn a_file_and_a_folder_of_one_name_live_together(store: Subject<dyn BlobStore>) {
    let keys = ["a", "a/b", "a/b/c", "a/b/c/d"].map(sample::blob_key);
    assert_all_are_told_apart(&*store, &keys).await;
}

/// Versions, attempts, encodings and types of one name, and the task's metadata, are blobs of
/// their own.
pub async fn every_part_of_a_key_counts(store: Subject<dyn BlobStore>) {
    let mut keys = Vec::new();
    for artifact_type in ["log", "build-log", "data", "custom:log"] {
        let coordinate = sample::coordinate("s", "t", artifact_type, "same");
        let attempts = [sample::id(1), sample::id(2)];
        for (version, attempt) in [(1, attempts[0]), (1, attempts[1]), (2, attempts[1])] {
            for encoding in [Encoding::Gzip, Encoding::Identity] {
                let version = Version::new(version).unwrap();
                let key = BlobKey::content(&coordinate, version, attempt.into(), encoding);
                keys.push(key);
            }
        }
    }
    let at = sample::coordinate("s", "t", "log", "same");
    keys.push(BlobKey::task_metadata(at.spec(), at.task()));
    assert_all_are_told_apart(&*store, &keys).await;
}
