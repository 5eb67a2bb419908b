//! Answers over HTTP/2 of which the client takes nothing: they are let go, and the others of the connection
//! go on. Over HTTP/1.1 what is not taken fills the socket, where it is seen without this. Must not know
//! what is sent.

use std::future::poll_fn;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::rt::Executor;
use tokio::time::{Instant, sleep};

/// How much is given to be sent at a time. The next piece is asked for when the client makes room for it, so
/// this is what it has to take within the patience that there is.
const PIECE_BYTES: usize = 32 << 10;

/// How many times as long an answer may wait while others of its connection move: they may have to share a
/// narrow line.
const SHARED: u32 = 10;

tokio::task_local! {
    static PACE: Arc<Pace>;
}

/// Whether an answer waits for its client.
#[derive(Debug)]
pub(crate) struct Pace {
    /// How many pieces were given to be sent.
    given: AtomicU64,
    /// Whether the next one was asked for.
    is_asked: AtomicBool,
    connection: Arc<Connection>,
}

/// When anything was taken last of what is sent over a connection.
#[derive(Debug)]
struct Connection(Mutex<Instant>);

impl Connection {
    fn lock(&self) -> MutexGuard<'_, Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    fn new(connection: Arc<Connection>) -> Self {
        Self {
            given: AtomicU64::new(0),
            is_asked: AtomicBool::new(true),
            connection,
        }
    }

    /// That of the stream which this task is for; none where no stream is.
    pub(crate) fn of_this_task() -> Option<Arc<Self>> {
        PACE.try_with(Arc::clone).ok()
    }

    /// The number of the piece that the client has to take before anything goes on.
    fn awaited(&self) -> Option<u64> {
        let is_asked = self.is_asked.load(Ordering::Relaxed);
        (!is_asked).then(|| self.given.load(Ordering::Relaxed))
    }

    fn ask(&self) {
        if !self.is_asked.swap(true, Ordering::Relaxed) {
            *self.connection.lock() = Instant::now();
        }
    }

    fn give(&self) {
        self.given.fetch_add(1, Ordering::Relaxed);
        self.is_asked.store(false, Ordering::Relaxed);
    }
}

/// Runs the streams of a connection of HTTP/2, each as a task that ends when its client takes nothing for so
/// long.
#[derive(Debug, Clone)]
pub(crate) struct Streams {
    patience: Duration,
    connection: Arc<Connection>,
}

impl Streams {
    pub(crate) fn new(patience: Duration) -> Self {
        let connection = Arc::new(Connection(Mutex::new(Instant::now())));
        Self {
            patience,
            connection,
        }
    }

    /// Runs a stream. Where it is dropped before its end, the client is told that it was reset.
    async fn watch(self, stream: impl Future<Output = ()>) {
        let pace = Arc::new(Pace::new(self.connection));
        let mut stream = pin!(PACE.scope(Arc::clone(&pace), stream));
        let mut end = pin!(sleep(self.patience));
        let (mut before, mut begun) = (0, Instant::now());
        poll_fn(|context| {
            if stream.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            let Some(awaited) = pace.awaited() else {
                return Poll::Pending;
            };
            if mem::replace(&mut before, awaited) != awaited {
                begun = Instant::now();
                end.as_mut().reset(begun + self.patience);
            }
            loop {
                ready!(end.as_mut().poll(context));
                let moved = *pace.connection.lock() + self.patience;
                let until = moved.min(begun + SHARED * self.patience);
                if until <= Instant::now() {
                    tracing::debug!("nothing was taken of an answer for too long");
                    return Poll::Ready(());
                }
                end.as_mut().reset(until);
            }
        })
        .await;
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        tokio::spawn(self.clone().watch(stream));
    }
}

/// A body that is given piece by piece where somebody watches whether they are taken.
#[derive(Debug)]
pub(crate) struct Pieces {
    body: Body,
    /// What the body has given, and is not sent yet.
    rest: Bytes,
    pace: Option<Arc<Pace>>,
}

impl Pieces {
    pub(crate) fn new(body: Body, pace: Option<Arc<Pace>>) -> Self {
        let rest = Bytes::new();
        Self { body, rest, pace }
    }

    /// Whether nothing has to be made any more and little waits here to be sent.
    pub(crate) fn is_as_good_as_sent(&self) -> bool {
        self.rest.len() <= PIECE_BYTES && self.body.is_end_stream()
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let Some(pace) = &this.pace else {
            return Pin::new(&mut this.body).poll_frame(context);
        };
        pace.ask();
        if this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(frame) => {
                        pace.give();
                        return Poll::Ready(Some(Ok(frame)));
                    }
                },
                end => return Poll::Ready(end),
            }
        }
        let length = this.rest.len().min(PIECE_BYTES);
        pace.give();
        Poll::Ready(Some(Ok(Frame::data(this.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, hint) = (self.rest.len() as u64, self.body.size_hint());
        let mut sum = SizeHint::new();
        sum.set_lower(hint.lower().saturating_add(rest));
        if let Some(upper) = hint.upper() {
            sum.set_upper(upper.saturating_add(rest));
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::{StreamExt, stream};
    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// A body of chunks, each of which is there so long after the one before.
    fn body(chunks: usize, each_bytes: usize, every: Duration) -> Body {
        let chunks = stream::iter(0..chunks).then(move |_| async move {
            sleep(every).await;
            Ok::<_, Infallible>(Bytes::from(vec![b'x'; each_bytes]))
        });
        Body::from_stream(chunks)
    }

    /// How many bytes of a body come to a client that takes each piece after so long, and how long that is.
    async fn taken(body: Body, each: Duration) -> (usize, Duration) {
        taken_of(Streams::new(PATIENCE), body, each).await
    }

    async fn taken_of(streams: Streams, body: Body, each: Duration) -> (usize, Duration) {
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let begun = Instant::now();
        let stream = async move {
            let mut pieces = Pieces::new(body, Pace::of_this_task());
            while let Some(frame) = poll_fn(|cx| Pin::new(&mut pieces).poll_frame(cx)).await {
                let piece = frame.unwrap().into_data().unwrap();
                assert!(piece.len() <= PIECE_BYTES);
                sleep(each).await;
                sender.send(piece.len()).unwrap();
            }
        };
        timeout(1_000 * PATIENCE, streams.watch(stream))
            .await
            .unwrap();
        let mut bytes = 0;
        while let Some(piece) = receiver.recv().await {
            bytes += piece;
        }
        (bytes, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_let_go_and_nobody_else() {
        let (now, slow) = (Duration::ZERO, 9 * PATIENCE / 10);
        let all = 10 * PIECE_BYTES + 1;
        // What is slow takes far longer than there is patience with one that stands still.
        assert_eq!(taken(body(1, all, now), slow).await, (all, 11 * slow));
        assert_eq!(taken(body(1, all, now), 2 * PATIENCE).await, (0, PATIENCE));
        // Time that is taken here is none of the client's.
        let (bytes, took) = taken(body(5, 10, 10 * PATIENCE), slow).await;
        assert_eq!((bytes, took), (50, 50 * PATIENCE + 5 * slow));
        let (bytes, took) = taken(body(5, 10, 10 * PATIENCE), 2 * PATIENCE).await;
        assert_eq!((bytes, took), (0, 11 * PATIENCE));
    }

    #[tokio::test(start_paused = true)]
    async fn answers_of_one_connection_may_share_a_narrow_line() {
        let streams = Streams::new(PATIENCE);
        let long = |pieces: usize| body(1, pieces * PIECE_BYTES, Duration::ZERO);
        let each = PATIENCE / 2;
        let one = |pieces, each| taken_of(streams.clone(), long(pieces), each);
        // As long as one moves the other may wait, and no longer than all that there is patience for.
        let (all, (bytes, took)) = tokio::join!(one(6, each), one(2, 100 * PATIENCE));
        assert_eq!(all, (6 * PIECE_BYTES, 6 * each));
        assert_eq!((bytes, took), (0, 6 * each + PATIENCE));
        let (_, (bytes, took)) = tokio::join!(one(100, each), one(2, 100 * PATIENCE));
        assert_eq!((bytes, took), (0, SHARED * PATIENCE));
        let (_, (bytes, _)) = tokio::join!(one(100, each), one(2, 9 * PATIENCE));
        assert_eq!(bytes, 2 * PIECE_BYTES);
    }

    #[tokio::test]
    async fn pieces_are_the_whole_body() {
        let text: Bytes = (0..100_000_u32).flat_map(u32::to_be_bytes).collect();
        let pace = Pace::new(Streams::new(PATIENCE).connection);
        let mut pieces = Pieces::new(Body::from(text.clone()), Some(Arc::new(pace)));
        let mut all = Vec::new();
        while !pieces.is_end_stream() {
            let left = (text.len() - all.len()) as u64;
            assert_eq!(pieces.size_hint().exact(), Some(left));
            let frame = poll_fn(|cx| Pin::new(&mut pieces).poll_frame(cx)).await;
            all.extend(frame.unwrap().unwrap().into_data().unwrap());
            assert_eq!(
                pieces.is_as_good_as_sent(),
                text.len() - all.len() <= PIECE_BYTES
            );
        }
        assert_eq!(all, text);
    }
}
