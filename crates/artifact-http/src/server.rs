//! Connections: accepting them, speaking HTTP/1.1 or HTTP/2 on them, ending them in good order. Must
//! not know what is asked on them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::beginning::Beginning;
use crate::client::Peer;
use crate::pace::Streams;
use crate::shutdown::Signals;
use crate::tls::Tls;

/// How long accepting pauses when the system has no files left.
const PAUSE: Duration = Duration::from_millis(50);

/// The most that the head of a request may have, in bytes: all metadata of an artifact in base64, and the rest.
const MOST_HEAD_BYTES: usize = 128 << 10;

/// How many requests one connection of HTTP/2 has under way at once.
const MOST_STREAMS: u32 = 128;

/// What connections may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How many there are at once.
    pub(crate) connections: usize,
    /// How long one may stand still.
    pub(crate) patience: Duration,
}

/// What every connection is served with.
struct Serving {
    router: Router,
    limits: Limits,
    /// None where plain HTTP is spoken.
    tls: Option<Tls>,
    /// Cancelled when no more connections are taken: handshakes are not waited for.
    closing: CancellationToken,
}

/// How serving has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// What was begun is finished.
    InOrder,
    /// By a second signal: nothing is waited for.
    AtOnce,
}

/// Serves until the first signal, and then finishes what was begun, or until the second.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    router: Router,
    limits: Limits,
    signals: &mut Signals,
) -> End {
    let places = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let serving = Arc::new(Serving {
        router,
        limits,
        tls,
        closing: CancellationToken::new(),
    });
    let accept = async {
        loop {
            // It is never closed.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((stream, address)) => {
                    let watcher = graceful.watcher();
                    let serving = Arc::clone(&serving);
                    tokio::spawn(async move {
                        serving.connection(stream, address, watcher).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(error = %error, "a connection could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = accept => {}
        () = signals.next() => {}
    }
    drop(listener);
    serving.closing.cancel();
    tracing::info!("finishing what was begun; a second signal ends at once");
    tokio::select! {
        () = graceful.shutdown() => End::InOrder,
        () = signals.next() => End::AtOnce,
    }
}

fn builder(limits: Limits) -> Builder<Streams> {
    let mut builder = Builder::new(Streams::new(limits.patience));
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.patience)
        .max_buf_size(MOST_HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.patience)
        .keep_alive_timeout(limits.patience)
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(u32::try_from(MOST_HEAD_BYTES).unwrap_or(u32::MAX));
    builder
}

impl Serving {
    async fn connection(&self, stream: TcpStream, address: SocketAddr, watcher: Watcher) {
        // An answer's head and its first bytes go out together, and nothing waits for more.
        let _ = stream.set_nodelay(true);
        let is_secure = self.tls.is_some();
        let peer = Peer { address, is_secure };
        match &self.tls {
            None => self.requests(stream, peer, watcher).await,
            Some(tls) => {
                if let Some(stream) = self.secured(tls, stream).await {
                    self.requests(stream, peer, watcher).await;
                }
            }
        }
    }

    /// Does the handshake, within what patience there is.
    async fn secured(&self, tls: &Tls, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let handshake = timeout(self.limits.patience, tls.accept(stream));
        let done = tokio::select! {
            done = handshake => done,
            () = self.closing.cancelled() => return None,
        };
        match done {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::debug!(error = %error, "a handshake failed");
                None
            }
            Err(_) => {
                tracing::debug!("a handshake was not finished in time");
                None
            }
        }
    }

    async fn requests(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Peer,
        watcher: Watcher,
    ) {
        let stream = Beginning::new(stream, self.limits.patience);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.limits.patience));
        let io = TokioIo::new(Box::pin(stream));
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            router.call(request)
        });
        let builder = builder(self.limits);
        let served = builder.serve_connection(io, service).into_owned();
        if let Err(error) = watcher.watch(served).await {
            tracing::debug!(error = %error, "a connection ended badly");
        }
    }
}
