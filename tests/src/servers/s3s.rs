//! s3s-fs: S3 over a folder, in the process of the test. Ready in milliseconds and strict about
//! signatures, without lifecycle rules, tags and storage classes. Faults come from the proxy.

// One wrapper for what s3s-fs lacks, of which the adapter's own tests have need too.
#[allow(clippy::unwrap_used, reason = "it is part of tests")]
#[path = "../../../crates/adapter-opendal/tests/bucket/files.rs"]
mod files;

use std::path::Path;
use std::sync::Arc;
use std::thread;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{self, pki_types::PrivateKeyDer};

use super::access::Access;
use files::Files;

/// A running server, gone with the value.
#[derive(Debug)]
pub struct S3s {
    /// The only user it knows.
    pub owner: Access,
    /// The authority of its certificate, in PEM, where it speaks TLS.
    pub certificate: Option<String>,
    thread: Option<(oneshot::Sender<()>, thread::JoinHandle<()>)>,
    /// Goes with it, if it is its own.
    folder: Option<TempDir>,
}

impl S3s {
    /// Starts a server without buckets.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("artifact-e2e-s3s-")
            .tempdir()
            .expect("a temporary folder can be made");
        let mut server = Self::over(folder.path());
        server.folder = Some(folder);
        server
    }

    /// Starts a server over a folder: the folders in it are its buckets, and the files in those its
    /// objects, each at its key.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn over(folder: &Path) -> Self {
        Self::serve(folder, None)
    }

    /// The same by TLS, with a certificate that nobody knows.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn with_tls_over(folder: &Path) -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]);
        let made = made.expect("a certificate can be made");
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("they belong together");
        let mut server = Self::serve(folder, Some(TlsAcceptor::from(Arc::new(settings))));
        server.owner.endpoint = server.owner.endpoint.replacen("http", "https", 1);
        server.certificate = Some(made.cert.pem());
        server
    }

    fn serve(folder: &Path, tls: Option<TlsAcceptor>) -> Self {
        let (key, secret) = ("e2e-owner", "secret-of-owner");
        let files = FileSystem::new(folder).expect("a folder can be served");
        let mut service = S3ServiceBuilder::new(Files::new(files));
        service.set_auth(SimpleAuth::from_single(key, secret));
        let service = service.build();

        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let listener = runtime
            .block_on(TcpListener::bind(("127.0.0.1", 0)))
            .expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(&listener, &service, tls.as_ref()) => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            owner: Access::new(port, key, secret),
            certificate: None,
            thread: Some((stop, thread)),
            folder: None,
        }
    }
}

/// Serves one connection after another, each in a task that ends with the runtime.
async fn serve(listener: &TcpListener, service: &S3Service, tls: Option<&TlsAcceptor>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue; // whoever came has gone already
        };
        // Answers go out in two writes, which must not wait for each other.
        let _ = stream.set_nodelay(true);
        let (service, tls) = (service.clone(), tls.cloned());
        tokio::spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new());
            // What goes wrong the client learns of.
            let Some(tls) = tls else {
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
                return;
            };
            if let Ok(stream) = tls.accept(stream).await {
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            }
        });
    }
}

impl Drop for S3s {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.thread.take() {
            // It has ended if it does not listen to that.
            let _ = stop.send(());
            let _ = thread.join();
        }
    }
}
