//! TLS: the certificate that the server shows, exchanged for a new one while it runs, and the handshake.
//! Knows neither settings nor requests.

mod pair;
mod plain;

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use artifact_domain::{Error, ErrorKind, Result};
use artifact_watch::Watched;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub(crate) use pair::Files;

/// What is spoken behind the handshake, first what is spoken rather.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What the first record of a handshake begins with: its type.
const HANDSHAKE: u8 = 22;

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(2);

/// The server's side of TLS. Cloning it is cheap and gives the same one.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
}

/// Exchanges the certificate when its files change, or SIGHUP says so.
pub(crate) struct Renewal {
    shown: Arc<Shown>,
    watched: Arc<Watched<CertifiedKey>>,
    hangup: Signal,
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
        let hangup = signal(SignalKind::hangup()).map_err(|cause| {
            Error::new(ErrorKind::Internal, "SIGHUP cannot be listened for").with_source(cause)
        })?;
        let paths = [files.cert.clone(), files.key.clone()];
        let watched = Watched::open(paths, move |_| pair::read(&files))?;
        let pair = watched.get().map_err(|cause| {
            Error::new(cause.kind(), "the certificate can't be shown").with_source(cause)
        })?;
        let shown = Arc::new(Shown(RwLock::new(pair)));
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
            watched: Arc::new(watched),
            hangup,
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
            tokio::select! {
                _ = self.hangup.recv() => self.watched.look_again(),
                () = tokio::time::sleep(INTERVAL) => {}
            }
            let watched = Arc::clone(&self.watched);
            let changed = tokio::task::spawn_blocking(move || watched.changed()).await;
            match changed {
                Ok(Some(Ok(pair))) => {
                    *self.shown.0.write().unwrap_or_else(PoisonError::into_inner) = pair;
                    tracing::info!("a new certificate is shown from now on");
                }
                Ok(Some(Err(error))) => tracing::error!(
                    kind = %error.kind(),
                    "the new certificate is not used, the old one goes on: {}",
                    crate::problem::with_causes(&error)
                ),
                // A panic has told of itself.
                Ok(None) | Err(_) => {}
            }
        }
    }
}
