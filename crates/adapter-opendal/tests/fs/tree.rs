//! Roots of every sort, and things in the tree that this software did not put there.

use std::fs;

use artifact_domain::ErrorKind;
use artifact_domain::port::{BlobStore, PresignMethod, PresignRequest};
use futures::TryStreamExt;

use super::{key, open, put, read, temporary, try_open};

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_root_is_made_and_a_link_to_one_serves() {
    let directory = tempfile::tempdir().unwrap();
    let real = directory.path().join("a/b/store");
    let blob = key("x");
    put(&open(&real), &blob, "x").await.unwrap();
    assert!(real.join(blob.as_str()).is_file());
    #[cfg(unix)]
    {
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert_eq!(read(&open(&link), &blob).await.unwrap(), b"x");
        put(&open(&link), &key("y"), "y").await.unwrap();
    }
}

#[test]
fn a_root_that_is_or_lies_below_a_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "x").unwrap();
    for root in [file.clone(), file.join("store")] {
        let error = try_open(&root).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.message().contains("file"), "{error}");
        assert!(error.hint().is_some());
    }
    assert_eq!(fs::read(file).unwrap(), b"x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_that_vanishes_makes_the_store_unavailable_and_is_not_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("store");
    let store = open(&root);
    fs::remove_dir(&root).unwrap();
    let error = put(&store, &key("x"), "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.hint().is_some() && !root.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_too_long_is_invalid_input() {
    let directory = tempfile::tempdir().unwrap();
    let mut root = directory.path().to_owned();
    while root.as_os_str().len() < 3_600 {
        root.push("r".repeat(200));
    }
    let store = open(&root);
    let error = put(&store, &key(&"n".repeat(700)), "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert_eq!(temporary(&root).len(), 0);
    put(&store, &key("short"), "x").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_directories_go_with_their_last_blob_and_foreign_files_stay() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let (lone, beside) = (key("a/b/c/lone"), key("d/e/beside"));
    for blob in [&lone, &beside] {
        put(&store, blob, "x").await.unwrap();
    }
    let foreign = directory
        .path()
        .join(beside.as_str())
        .with_file_name("foreign");
    fs::write(&foreign, "not ours").unwrap();
    let failures = store.delete(vec![lone, beside.clone()]).await.unwrap();
    assert!(failures.is_empty());
    let data = directory.path().join("artifacts/spec/task/output/data");
    assert!(!data.join("a").exists() && !data.join(beside.as_str()).exists());
    assert_eq!(fs::read(&foreign).unwrap(), b"not ours");
    fs::remove_file(&foreign).unwrap();
    // Absent by now; what it left is removed all the same.
    store.delete(vec![beside]).await.unwrap();
    assert!(!directory.path().join("artifacts/spec").exists());
    assert!(directory.path().join("artifacts").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_in_place_of_a_blob_is_no_blob_and_is_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let (blocked, fine) = (key("blocked"), key("fine"));
    put(&store, &fine, "x").await.unwrap();
    let place = directory.path().join(blocked.as_str());
    fs::create_dir(&place).unwrap();
    fs::write(place.join("inside"), "x").unwrap();
    let kinds = [
        store.stat(blocked.clone()).await.unwrap_err().kind(),
        read(&store, &blocked).await.unwrap_err().kind(),
    ];
    assert_eq!(kinds, [ErrorKind::NotFound; 2]);
    let error = put(&store, &blocked, "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert_eq!(temporary(directory.path()).len(), 0);
    let failures = store
        .delete(vec![blocked.clone(), fine.clone()])
        .await
        .unwrap();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!(failures[0].key, blocked);
    assert!(place.join("inside").exists());
    assert!(
        store.stat(fine).await.is_err(),
        "one failure stopped the rest"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_place_of_a_directory_is_in_the_way_of_puts_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    fs::write(directory.path().join("artifacts"), "not ours").unwrap();
    let blob = key("x");
    let error = put(&store, &blob, "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert_eq!(temporary(directory.path()).len(), 0);
    let error = read(&store, &blob).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(store.delete(vec![blob]).await.unwrap().is_empty());
    let all = artifact_domain::BlobPrefix::all();
    let listed: Vec<_> = store.list(all).await.unwrap().try_collect().await.unwrap();
    assert!(listed.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_cut_while_it_is_read_is_an_integrity_error() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let blob = key("cut");
    put(&store, &blob, vec![7; 1 << 20]).await.unwrap();
    let stream = store.get(blob.clone(), None).await.unwrap();
    let path = directory.path().join(blob.as_str());
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(300_000).unwrap();
    let error = artifact_testkit::collect(stream).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(error.message().contains(blob.as_str()), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_can_not_do_names_the_backend() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let request = PresignRequest {
        method: PresignMethod::Get,
        valid_for: std::time::Duration::from_mins(1),
        file_name: None,
    };
    let error = store.presign(key("x"), request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("`fs`"), "{error}");
}
