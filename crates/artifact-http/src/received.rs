//! The body of a request as it comes in: counted, cut off where it stands still, and read on for a while
//! where nobody wants it. Knows no route.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::StreamExt;
use http::HeaderMap;
use http::header::EXPECT;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep, timeout};

use crate::body::Stalled;
use crate::metrics::Metrics;

/// How much of a body is read that nobody wants, so that whoever sends it sees the answer.
const MOST_DRAINED_BYTES: u64 = 64 << 20;

/// How long the next bytes of it are waited for.
const DRAIN_PATIENCE: Duration = Duration::from_secs(2);

/// A request's body.
#[derive(Debug)]
pub(crate) struct Received {
    body: Body,
    /// Whether its bytes come, asked for or not.
    is_wanted: bool,
    is_over: bool,
    stall: Stall,
    metrics: Metrics,
}

/// How long nothing has come that somebody waits for.
#[derive(Debug)]
struct Stall {
    patience: Duration,
    /// Made where nothing was there the first time.
    end: Option<Pin<Box<Sleep>>>,
    is_awaited: bool,
}

impl Stall {
    /// Ready once nothing has come for too long.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let patience = self.patience;
        let end = self.end.get_or_insert_with(|| Box::pin(sleep(patience)));
        if !mem::replace(&mut self.is_awaited, true) {
            end.as_mut().reset(Instant::now() + patience);
        }
        end.as_mut().poll(context)
    }
}

impl Received {
    /// A body that fails where nothing comes for `patience`.
    pub(crate) fn new(
        body: Body,
        headers: &HeaderMap,
        metrics: Metrics,
        patience: Duration,
    ) -> Self {
        Self {
            is_over: body.is_end_stream(),
            body,
            is_wanted: headers.get(EXPECT).is_none(),
            stall: Stall {
                patience,
                end: None,
                is_awaited: false,
            },
            metrics,
        }
    }
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // Whoever waits to be asked is asked now.
        self.is_wanted = true;
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            ready!(self.stall.poll(context));
            self.is_over = true;
            return Poll::Ready(Some(Err(axum::Error::new(Stalled))));
        };
        self.stall.is_awaited = false;
        match &frame {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                self.metrics.received(bytes as u64);
                self.is_over = self.body.is_end_stream();
            }
            Some(Err(_)) | None => self.is_over = true,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Received {
    /// Reads on for a while what is not wanted: many clients see no answer before they have sent all,
    /// and the connection can be used again only behind it.
    fn drop(&mut self) {
        if self.is_over || !self.is_wanted {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut rest = mem::take(&mut self.body).into_data_stream();
        runtime.spawn(async move {
            let mut drained = 0;
            while let Ok(Some(Ok(chunk))) = timeout(DRAIN_PATIENCE, rest.next()).await {
                drained += chunk.len() as u64;
                if drained > MOST_DRAINED_BYTES {
                    break;
                }
            }
        });
    }
}
