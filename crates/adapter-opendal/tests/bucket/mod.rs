//! An S3 service in this process, on a port of its own and a folder that goes with it.

mod files;

use std::net::SocketAddr;

use adapter_opendal::{AccessKeys, S3Options};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

pub(crate) const BUCKET: &str = "artifacts-of-tests";
pub(crate) const ACCESS_KEY: &str = "AKIDTESTS";
pub(crate) const SECRET_KEY: &str = "the-secret-of-tests";

/// A service that lives as long as this, and its bucket.
pub(crate) struct Service {
    _folder: tempfile::TempDir,
    pub(crate) address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Service {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let files = s3s_fs::FileSystem::new(folder.path()).unwrap();
        let mut builder = S3ServiceBuilder::new(files::Files::new(files));
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = builder.build();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                socket.set_nodelay(true).unwrap();
                let service = service.clone();
                connections.spawn(async move {
                    let builder = auto::Builder::new(TokioExecutor::new());
                    // What a client cuts off is its own affair.
                    let _ = builder
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                });
            }
        });
        Self {
            _folder: folder,
            address,
            serving,
        }
    }

    pub(crate) fn options(&self) -> S3Options {
        options_at(self.address)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What opens the bucket of the tests in the service at `address`.
pub(crate) fn options_at(address: SocketAddr) -> S3Options {
    S3Options {
        bucket: BUCKET.to_owned(),
        endpoint_url: Some(format!("http://{address}")),
        region: Some("us-east-1".to_owned()),
        access_keys: Some(AccessKeys {
            access_key: ACCESS_KEY.to_owned(),
            secret_key: SECRET_KEY.to_owned(),
        }),
        retries: 3,
        ..S3Options::default()
    }
}
