//! Connections: accepting them, speaking HTTP/1.1 or HTTP/2 on them, ending them in good order. Must
//! not know what is asked on them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;

use crate::shutdown::Signals;

/// How long accepting pauses when the system has no files left.
const PAUSE: Duration = Duration::from_millis(50);

/// The most that the head of a request may have, in bytes.
const MOST_HEAD_BYTES: usize = 64 << 10;

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

/// Serves until the first signal, and then finishes what was begun, or until the second.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    signals: &mut Signals,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let builder = Arc::new(builder(limits));
    let accept = async {
        loop {
            // It is never closed.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let watcher = graceful.watcher();
                    let (builder, router) = (Arc::clone(&builder), router.clone());
                    tokio::spawn(async move {
                        connection(&builder, stream, router, limits, watcher, place).await;
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
    tracing::info!("finishing what was begun; a second signal ends at once");
    tokio::select! {
        () = graceful.shutdown() => {}
        () = signals.next() => tracing::warn!("ended before all was finished"),
    }
}

fn builder(limits: Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
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

async fn connection(
    builder: &Builder<TokioExecutor>,
    stream: TcpStream,
    router: Router,
    limits: Limits,
    watcher: hyper_util::server::graceful::Watcher,
    place: OwnedSemaphorePermit,
) {
    // An answer's head and its first bytes go out together, and nothing waits for more.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.patience));
    let io = TokioIo::new(Box::pin(stream));
    let service = TowerToHyperService::new(router);
    let served = watcher.watch(builder.serve_connection(io, service).into_owned());
    if let Err(error) = served.await {
        tracing::debug!(error = %error, "a connection ended badly");
    }
    drop(place);
}
