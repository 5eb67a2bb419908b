//! What blobs as files promise beyond the contract of the port: what lies on the disk after every
//! end that a put can come to, odd things in the tree, disks that are full or read-only.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what helps a test may fail and speak as the test itself may"
)]

mod disk;
#[cfg(target_os = "linux")]
mod local_copy;
mod put;
mod race;
mod sync;
mod tree;

use std::path::{Path, PathBuf};

use adapter_opendal::{Durability, FsOptions, OpendalStore};
use artifact_domain::port::{BlobStat, BlobStore, PutOptions};
use artifact_domain::{BlobKey, Result};

fn open(root: &Path) -> OpendalStore {
    try_open(root).unwrap()
}

fn try_open(root: &Path) -> Result<OpendalStore> {
    OpendalStore::fs(FsOptions {
        root: root.to_owned(),
        durability: Durability::Full,
    })
}

fn key(name: &str) -> BlobKey {
    artifact_testkit::sample::blob_key(name)
}

async fn put(store: &OpendalStore, key: &BlobKey, bytes: impl Into<Vec<u8>>) -> Result<BlobStat> {
    let body = artifact_testkit::body(bytes.into());
    store.put(key.clone(), body, PutOptions::default()).await
}

async fn read(store: &OpendalStore, key: &BlobKey) -> Result<Vec<u8>> {
    let stream = store.get(key.clone(), None).await?;
    Ok(artifact_testkit::collect(stream).await?.to_vec())
}

/// What lies in the directory of temporary files; nothing where that was never made.
fn temporary(root: &Path) -> Vec<PathBuf> {
    match std::fs::read_dir(root.join(".tmp")) {
        Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(cause) => panic!("{cause}"),
    }
}
