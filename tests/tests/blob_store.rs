//! The contract of the port of blobs, held by its adapter on services that others wrote. Those in
//! the process of the test are tried beside the adapter.

use std::sync::Arc;

use adapter_opendal::{AccessKeys, GcsOptions, OpendalStore, S3Options};
use artifact_domain::port::BlobStore;
use artifact_testkit::Subject;
use e2e::servers::{Access, Garage, GcpEmulator, Moto, Rgw, Server};

/// How often a request is made again.
const RETRIES: u32 = 3;

/// An empty bucket of S3.
async fn s3(access: &Access, server: impl Send + 'static) -> Subject<dyn BlobStore> {
    let options = S3Options {
        bucket: access.make_bucket(),
        endpoint_url: Some(access.endpoint.clone()),
        region: Some(access.region.clone()),
        access_keys: Some(AccessKeys {
            access_key: access.access_key.clone(),
            secret_key: access.secret_key.clone(),
        }),
        retries: RETRIES,
        ..S3Options::default()
    };
    subject(OpendalStore::s3(options).await, server)
}

fn subject(
    opened: artifact_domain::Result<OpendalStore>,
    server: impl Send + 'static,
) -> Subject<dyn BlobStore> {
    let port: Arc<dyn BlobStore> = Arc::new(opened.expect("a bucket can be opened"));
    Subject::new(port).keeping(server)
}

mod moto {
    async fn open() -> Option<super::Subject<dyn super::BlobStore>> {
        let moto: super::Moto = super::Server::at_hand()?;
        Some(super::s3(&moto.owner.clone(), moto).await)
    }
    artifact_testkit::blob_store_contract!(open);
}

mod rgw {
    async fn open() -> Option<super::Subject<dyn super::BlobStore>> {
        let rgw: super::Rgw = super::Server::at_hand()?;
        Some(super::s3(&rgw.owner.clone(), rgw).await)
    }
    artifact_testkit::blob_store_contract!(open);
}

mod garage {
    async fn open() -> Option<super::Subject<dyn super::BlobStore>> {
        let garage: super::Garage = super::Server::at_hand()?;
        let subject = super::s3(&garage.owner.clone(), garage).await;
        let subject = subject.with_keys_up_to(super::Garage::LONGEST_KEY_BYTES);
        Some(subject.breaking_replaced_reads())
    }
    artifact_testkit::blob_store_contract!(open);
}

mod gcs {
    async fn open() -> Option<super::Subject<dyn super::BlobStore>> {
        let emulator: super::GcpEmulator = super::Server::at_hand()?;
        let options = super::GcsOptions {
            bucket: emulator.make_bucket(),
            endpoint_url: Some(emulator.endpoint.clone()),
            prefix: Some("team/a".to_owned()),
            retries: super::RETRIES,
            ..super::GcsOptions::default()
        };
        let store = super::OpendalStore::gcs(&options);
        Some(super::subject(store, emulator))
    }
    artifact_testkit::blob_store_contract!(open);
}
