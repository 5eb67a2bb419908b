//! Every backend keeps the contract of the port.

#![allow(
    clippy::unwrap_used,
    reason = "what opens a store for a test may fail as the test itself may"
)]

mod bucket;

use std::sync::Arc;

use adapter_opendal::{Durability, FsOptions, OpendalStore};
use artifact_domain::port::BlobStore;
use artifact_testkit::Subject;

fn files(durability: Durability) -> Subject<dyn BlobStore> {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("store");
    let store = OpendalStore::fs(FsOptions { root, durability }).unwrap();
    let port: Arc<dyn BlobStore> = Arc::new(store);
    Subject::new(port).keeping(directory)
}

mod fs_full {
    async fn open() -> super::Subject<dyn super::BlobStore> {
        super::files(super::Durability::Full)
    }
    artifact_testkit::blob_store_contract!(open);
}

mod fs_relaxed {
    async fn open() -> super::Subject<dyn super::BlobStore> {
        super::files(super::Durability::Relaxed)
    }
    artifact_testkit::blob_store_contract!(open);
}

mod memory {
    async fn open() -> super::Subject<dyn super::BlobStore> {
        let port: super::Arc<dyn super::BlobStore> =
            super::Arc::new(super::OpendalStore::memory().unwrap());
        super::Subject::new(port)
    }
    artifact_testkit::blob_store_contract!(open);
}

mod s3 {
    async fn open() -> super::Subject<dyn super::BlobStore> {
        let service = super::bucket::Service::start().await;
        let store = super::OpendalStore::s3(service.options()).await.unwrap();
        let port: super::Arc<dyn super::BlobStore> = super::Arc::new(store);
        super::Subject::new(port).keeping(service)
    }
    artifact_testkit::blob_store_contract!(open);
}

/// Below a prefix, in a bucket that is not the store's alone.
mod s3_prefix {
    async fn open() -> super::Subject<dyn super::BlobStore> {
        let service = super::bucket::Service::start().await;
        let mut options = service.options();
        let mut others = options.clone();
        others.prefix = Some("team/b".to_owned());
        let others = super::OpendalStore::s3(others).await.unwrap();
        let key = artifact_testkit::sample::blob_key("of others");
        let body = artifact_testkit::body("theirs");
        super::BlobStore::put(
            &others,
            key,
            body,
            artifact_domain::port::PutOptions::default(),
        )
        .await
        .unwrap();
        options.prefix = Some("team/a".to_owned());
        let store = super::OpendalStore::s3(options).await.unwrap();
        let port: super::Arc<dyn super::BlobStore> = super::Arc::new(store);
        super::Subject::new(port).keeping(service)
    }
    artifact_testkit::blob_store_contract!(open);
}
