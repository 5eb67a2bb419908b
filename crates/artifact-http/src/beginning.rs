//! The beginning of a connection, by which it is known whether HTTP/1.1 or HTTP/2 is spoken: as long as
//! that is open, nobody else watches how long it takes. Must not know what is said afterwards.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// What a connection of HTTP/2 begins with (RFC 9113, 3.4); none of HTTP/1.1 does.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection that ends where its beginning is not there in time.
pub(crate) struct Beginning<S> {
    stream: S,
    /// None once it is known what is spoken.
    open: Option<Open>,
}

struct Open {
    /// How much of the preface was read.
    seen: usize,
    end: Pin<Box<Sleep>>,
}

impl<S> Beginning<S> {
    pub(crate) fn new(stream: S, patience: Duration) -> Self {
        let end = Box::pin(sleep(patience));
        Self {
            stream,
            open: Some(Open { seen: 0, end }),
        }
    }
}

impl Open {
    /// Whether it is open still what is spoken, once more was read.
    fn goes_on(&mut self, read: &[u8]) -> bool {
        let expected = &PREFACE[self.seen..];
        self.seen += read.len();
        read.len() < expected.len() && expected.starts_with(read)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Beginning<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        let Some(open) = &mut this.open else {
            return read;
        };
        if read.is_pending() {
            ready!(open.end.as_mut().poll(context));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let read_now = buffer.filled().get(before..).unwrap_or_default();
        if !open.goes_on(read_now) {
            this.open = None;
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Beginning<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    /// Whether somebody who has sent this and then nothing is cut off.
    async fn is_cut_off(sent: &[u8]) -> bool {
        let (near, mut far) = duplex(64);
        let mut near = Beginning::new(near, PATIENCE);
        let read = async {
            let mut all = [0; 64];
            for _ in 0..=sent.len() {
                match near.read(&mut all).await {
                    Ok(_) => {}
                    Err(error) => return assert_eq!(error.kind(), io::ErrorKind::TimedOut),
                }
            }
        };
        let write = async {
            for byte in sent {
                far.write_all(&[*byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let both = async { tokio::join!(read, write) };
        tokio::time::timeout(2 * PATIENCE, both).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn only_who_does_not_say_what_he_speaks_is_cut_off() {
        assert!(is_cut_off(b"").await);
        assert!(is_cut_off(b"P").await);
        assert!(is_cut_off(&PREFACE[..23]).await);
        assert!(!is_cut_off(PREFACE).await);
        assert!(!is_cut_off(b"GET").await);
        assert!(!is_cut_off(b"PUT").await);
    }
}
