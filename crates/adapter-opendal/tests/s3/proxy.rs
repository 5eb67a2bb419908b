//! A proxy that breaks connections, or lets them stand still. Knows bytes and nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// How the first connections end; later ones are whole.
#[derive(Clone, Copy)]
pub(crate) struct Cuts {
    pub(crate) connections: usize,
    /// After how many bytes to the service.
    pub(crate) sent: usize,
    /// After how many bytes from the service.
    pub(crate) received: usize,
    /// Whether they stay open then, and nothing more passes.
    pub(crate) stalls: bool,
}

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    cut: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(to: SocketAddr, cuts: Cuts) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let cut = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&cut);
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            for number in 0.. {
                let (client, _) = listener.accept().await.unwrap();
                let counted = Arc::clone(&counted);
                let is_cut = number < cuts.connections;
                let limit = |bytes| if is_cut { bytes } else { usize::MAX };
                let (sent, received) = (limit(cuts.sent), limit(cuts.received));
                connections.spawn(async move {
                    let ends = (&*counted, cuts.stalls);
                    let service = TcpStream::connect(to).await.unwrap();
                    let (from_client, to_client) = client.into_split();
                    let (from_service, to_service) = service.into_split();
                    // Whichever is cut first ends both.
                    tokio::select! {
                        () = pass(from_client, to_service, sent, ends) => {}
                        () = pass(from_service, to_client, received, ends) => {}
                    }
                });
            }
        });
        Self {
            address,
            cut,
            serving,
        }
    }

    /// How many connections were cut, or stand still.
    pub(crate) fn cut(&self) -> usize {
        self.cut.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Passes on up to `limit` bytes; one that ends there is counted, and stands still or returns.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    limit: usize,
    (ended, stalls): (&AtomicUsize, bool),
) {
    let mut passed = 0;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        let wanted = read.min(limit - passed);
        if read == 0 || to.write_all(&buffer[..wanted]).await.is_err() {
            return;
        }
        passed += wanted;
        if passed == limit {
            ended.fetch_add(1, Ordering::Relaxed);
            if stalls {
                std::future::pending::<()>().await;
            }
            return;
        }
    }
}
