//! Disks that are full or read-only. Needs the right to mount a `tmpfs`, as root in a container
//! has it; where that is missing each test says loudly what it could not try.

#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;

use artifact_domain::ErrorKind;
use artifact_domain::port::BlobStore;

use super::{key, open, put, read, temporary, try_open};

/// A `tmpfs` of its own, unmounted when dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount(options: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(directory.path())
            .output();
        match mounted {
            Ok(done) if done.status.success() => Some(Self(directory)),
            other => {
                eprintln!(
                    "NOT TRIED: a real disk with {options}, since it can't be mounted: {other:?}"
                );
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn make_read_only(&self) {
        let done = Command::new("mount")
            .args(["-o", "remount,ro"])
            .arg(self.path())
            .status();
        assert!(done.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let done = Command::new("umount").arg("-l").arg(self.path()).status();
        assert!(done.is_ok_and(|status| status.success()), "umount failed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_storage_full_and_leaves_all_as_it_was() {
    let Some(disk) = Disk::mount("size=1m") else {
        return;
    };
    let store = open(disk.path());
    let old = key("old");
    put(&store, &old, vec![1; 300_000]).await.unwrap();
    // More than fits, in one batch and in many.
    for size in [900_000, 5_000_000] {
        for blob in [&old, &key("new")] {
            let error = put(&store, blob, vec![2; size]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::StorageFull, "{error:?}");
            assert!(error.message().contains(blob.as_str()), "{error}");
            assert!(error.hint().is_some() && !error.is_transient());
            assert_eq!(temporary(disk.path()).len(), 0);
        }
    }
    assert_eq!(read(&store, &old).await.unwrap(), vec![1; 300_000]);
    // What was taken is free again.
    put(&store, &old, vec![3; 400_000]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_room_for_files_or_directories_is_full_too() {
    for inodes in 2..12 {
        let Some(disk) = Disk::mount(&format!("size=1m,nr_inodes={inodes}")) else {
            return;
        };
        let store = open(disk.path());
        // The disk's own, the temporary folder, five above the blob and two of its name, the blob.
        let result = put(&store, &key("a/b/x"), "x").await;
        if inodes < 10 {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::StorageFull, "{error:?}");
            let left = std::fs::read_dir(disk.path().join("artifacts"));
            assert_eq!(left.map_or(0, Iterator::count), 0, "empty directories left");
        } else {
            result.unwrap();
        }
        assert_eq!(temporary(disk.path()).len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_disk_is_read_and_denies_the_rest() {
    let Some(disk) = Disk::mount("size=1m") else {
        return;
    };
    let there = key("there");
    put(&open(disk.path()), &there, "x").await.unwrap();
    disk.make_read_only();
    let store = open(disk.path());
    assert_eq!(read(&store, &there).await.unwrap(), b"x");
    let error = put(&store, &there, "y").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
    assert!(error.message().contains(there.as_str()) && error.hint().is_some());
    let failures = store.delete(vec![there.clone()]).await.unwrap();
    assert_eq!(failures[0].error.kind(), ErrorKind::PermissionDenied);
    let error = try_open(&disk.path().join("below")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
    assert_eq!(read(&store, &there).await.unwrap(), b"x");
}

/// Root may write anywhere, so this is tried by others alone; root tries the read-only disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_without_write_permission_denies_puts() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let mode = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(directory.path(), mode).unwrap();
    };
    mode(0o555);
    if std::fs::write(directory.path().join("probe"), "x").is_ok() {
        eprintln!("NOT TRIED: a directory without write permission, since permissions do not bind");
        return;
    }
    let error = put(&open(directory.path()), &key("x"), "x")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
    let error = try_open(&directory.path().join("below")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
    mode(0o755);
}
