//! Files that become blobs without being written once more.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use artifact_domain::port::{BlobStore, PutOptions};
use artifact_domain::{BlobKey, ErrorKind};
use futures::{StreamExt, stream};

use super::{key, open, read, temporary};

const BYTES: &[u8] = b"what lies in a file already";

fn options(copy: &Path) -> PutOptions {
    PutOptions {
        local_copy: Some(copy.to_owned()),
        ..PutOptions::default()
    }
}

fn file_of(root: &Path, key: &BlobKey) -> fs::Metadata {
    fs::metadata(root.join(key.as_str())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_same_file_system_is_not_written_again() {
    let root = tempfile::tempdir().unwrap();
    let copy = root.path().join("copy");
    fs::write(&copy, BYTES).unwrap();
    let hour = Duration::from_hours(1);
    let long_ago = SystemTime::now() - 24 * hour;
    let file = fs::File::options().append(true).open(&copy).unwrap();
    file.set_modified(long_ago).unwrap();
    let (store, key) = (open(root.path()), key("x"));
    let put = store.put(key.clone(), artifact_testkit::body(BYTES), options(&copy));
    put.await.unwrap();
    assert_eq!(
        file_of(root.path(), &key).ino(),
        fs::metadata(&copy).unwrap().ino()
    );
    assert!(file_of(root.path(), &key).modified().unwrap() > long_ago + hour);
    assert_eq!(temporary(root.path()).len(), 0);
    // Once more over itself.
    let put = store.put(key.clone(), artifact_testkit::body(BYTES), options(&copy));
    put.await.unwrap();
    assert_eq!(temporary(root.path()).len(), 0);
    fs::remove_file(&copy).unwrap();
    assert_eq!(read(&store, &key).await.unwrap(), BYTES);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_other_length_does_not_become_a_blob() {
    let root = tempfile::tempdir().unwrap();
    let copy = root.path().join("copy");
    fs::write(&copy, "short").unwrap();
    let (store, key) = (open(root.path()), key("x"));
    let put = store.put(key.clone(), artifact_testkit::body(BYTES), options(&copy));
    let error = put.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(error.message().contains("has 5 bytes, 27 came"), "{error}");
    assert_eq!(temporary(root.path()).len(), 0);
    assert_eq!(fs::read(&copy).unwrap(), b"short");
    let stat = store.stat(key).await;
    assert_eq!(stat.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_does_not_become_a_blob() {
    let root = tempfile::tempdir().unwrap();
    let (other, link) = (root.path().join("other"), root.path().join("link"));
    fs::write(&other, BYTES).unwrap();
    std::os::unix::fs::symlink(&other, &link).unwrap();
    let (store, key) = (open(root.path()), key("x"));
    for copy in [&link, &root.path().to_owned()] {
        let put = store.put(key.clone(), artifact_testkit::body(BYTES), options(copy));
        put.await.unwrap();
        let blob = file_of(root.path(), &key);
        assert!(blob.is_file() && blob.ino() != fs::metadata(&other).unwrap().ino());
        assert_eq!(read(&store, &key).await.unwrap(), BYTES);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_another_group_than_new_ones_is_written_again() {
    let root = tempfile::tempdir().unwrap();
    let (copy, folder) = (root.path().join("copy"), root.path().join(".tmp"));
    fs::write(&copy, BYTES).unwrap();
    fs::create_dir(&folder).unwrap();
    let group = fs::metadata(&copy).unwrap().gid() + 1;
    if let Err(cause) = std::os::unix::fs::chown(&folder, None, Some(group)) {
        eprintln!("NOT TRIED: another group, since none can be set here: {cause}");
        return;
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o2770)).unwrap();
    let (store, key) = (open(root.path()), key("x"));
    let put = store.put(key.clone(), artifact_testkit::body(BYTES), options(&copy));
    put.await.unwrap();
    let blob = file_of(root.path(), &key);
    assert_eq!(blob.gid(), group);
    assert_ne!(blob.ino(), fs::metadata(&copy).unwrap().ino());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_is_given_up_leaves_the_file_alone() {
    let root = tempfile::tempdir().unwrap();
    let copy = root.path().join("copy");
    fs::write(&copy, BYTES).unwrap();
    let (store, key) = (open(root.path()), key("x"));
    let endless = stream::iter([Ok(BYTES.into())]).chain(stream::pending());
    let mut put = store.put(key.clone(), endless.boxed(), options(&copy));
    while temporary(root.path()).is_empty() {
        let ended = tokio::time::timeout(Duration::from_millis(5), &mut put).await;
        assert!(ended.is_err());
    }
    drop(put);
    while !temporary(root.path()).is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(fs::read(&copy).unwrap(), BYTES);
    assert!(!root.path().join("artifacts").exists());
}
