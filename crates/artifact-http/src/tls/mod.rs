//! TLS: the certificate that the server shows, exchanged for a new one while it runs, and the handshake.
//! Knows neither settings nor requests.

mod files;
mod pair;
mod plain;

use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use artifact_domain::{Error, ErrorKind, Result};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use files::Changes;
pub(crate) use files::Files;

/// What is spoken behind the handshake, first what is spoken rather.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What the first record of a handshake begins with: its type.
const HANDSHAKE: u8 = 22;

/// The server's side of TLS. Cloning it is cheap and gives the same one.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
}

/// Exchanges the certificate when its files change.
pub(crate) struct Renewal {
    shown: Arc<Shown>,
    files: Files,
    changes: Changes,
}

/// The certificate that is shown at the moment.
#[derive(Debug)]
struct Shown(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // It is whole after every change.
        Some(Arc::clone(
            &self.0.read().unwrap_or_else(PoisonError::into_inner),
        ))
    }
}

impl Tls {
    /// Reads the certificate and its key. Whoever wants to show new ones runs what comes with it.
    ///
    /// # Errors
    /// `InvalidInput` for files that can't be read, hold neither, or do not fit each other.
    pub(crate) fn new(files: Files) -> Result<(Self, Renewal)> {
        // What changes while they are read is seen then.
        let changes = files.changes()?;
        let shown = Arc::new(Shown(RwLock::new(Arc::new(pair::read(&files)?))));
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|cause| {
                let message = "TLS can't be set up";
                Error::new(ErrorKind::Internal, message).with_source(cause)
            })?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&shown) as _);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        let tls = Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
        };
        let renewal = Renewal {
            shown,
            files,
            changes,
        };
        Ok((tls, renewal))
    }

    /// Does the handshake. Nothing where the client has spoken plain HTTP and was told so.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<Option<TlsStream<TcpStream>>> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 1 && first[0] != HANDSHAKE {
            plain::answer(stream).await;
            return Ok(None);
        }
        self.acceptor.accept(stream).await.map(Some)
    }
}

impl Renewal {
    /// Shows the new certificate whenever the files have one, for ever. One that can't be used is told
    /// of, and the old one stays.
    pub(crate) async fn run(mut self) {
        loop {
            self.changes.next().await;
            let files = self.files.clone();
            let read = tokio::task::spawn_blocking(move || pair::read(&files)).await;
            match read {
                Ok(Ok(pair)) => {
                    *self.shown.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
                    tracing::info!("a new certificate is shown from now on");
                }
                Ok(Err(error)) => tracing::error!(
                    kind = %error.kind(),
                    "the new certificate is not used, the old one goes on: {}",
                    crate::problem::with_causes(&error)
                ),
                // A panic has told of itself.
                Err(_) => {}
            }
        }
    }
}
