//! The bridge between blocking work and streams: work on a thread of its own writes chunks that a
//! stream gives. Bounded, and a worker that dies never looks like the end of the stream.

use std::io::{self, Read, Write};
use std::sync::LazyLock;

use artifact_domain::port::ByteStream;
use artifact_domain::{Error, ErrorKind, Result};
use bytes::{Buf, Bytes};
use futures::stream::{BoxStream, Fuse};
use futures::{StreamExt, stream};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;
use tracing::Span;

/// How many chunks may wait to be taken.
const CHUNKS_IN_FLIGHT: usize = 8;

/// How long a chunk is that was written rather than sent, in bytes. With the number in flight it
/// bounds the memory of a pipe.
const CHUNK_BYTES: usize = 64 * 1024;

enum Message<T> {
    Chunk(T),
    Failed(Error),
    /// Without it the stream was cut off.
    End,
}

/// How many pipes may be open at once; the next ones wait. Each has a thread to itself while it is.
const MOST_PIPES: usize = 4_096;

/// The threads of the pipes. Not those that the runtime lends to whoever must wait for a device:
/// whoever reads slowly keeps a thread for as long as that takes, and in the end nobody else would
/// get one.
static THREADS: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    Builder::new_current_thread()
        .max_blocking_threads(MOST_PIPES)
        .thread_name("artifact-pipe")
        .build()
});

/// The pipes whose threads are at work.
static OPEN: LazyLock<TaskTracker> = LazyLock::new(TaskTracker::new);

/// Waits until no stream's thread is at work any more. A program that ends asks, when it has let go
/// of its streams: such a thread works with the runtime of whoever opened its stream.
pub async fn threads_ended() {
    OPEN.close();
    OPEN.wait().await;
}

/// Runs `work` on a thread of its own and gives what it writes as a stream. An error of `work` is
/// the last item. When the stream is dropped, the writer's next call fails.
pub(crate) fn pipe(work: impl FnOnce(PipeWriter) -> Result<()> + Send + 'static) -> ByteStream {
    pipe_of(CHUNKS_IN_FLIGHT, work)
}

/// The same for what is no bytes, of which so many may wait to be taken.
pub(crate) fn pipe_of<T: Send + 'static>(
    in_flight: usize,
    work: impl FnOnce(PipeWriter<T>) -> Result<()> + Send + 'static,
) -> BoxStream<'static, Result<T>> {
    let threads = match &*THREADS {
        Ok(threads) => threads,
        Err(cause) => {
            let error = Error::new(ErrorKind::Unavailable, "no thread could be started");
            let error = error.with_source(cause.to_string());
            return Box::pin(stream::iter([Err(error)]));
        }
    };
    let (sender, receiver) = mpsc::channel(in_flight);
    let (runtime, span) = (Handle::current(), Span::current());
    let at_work = OPEN.token();
    threads.spawn_blocking(move || {
        let _at_work = at_work;
        let _of_caller = runtime.enter();
        let _in_its_span = span.enter();
        let last = match work(PipeWriter(sender.clone())) {
            Ok(()) => Message::End,
            Err(error) => Message::Failed(error),
        };
        // Whoever reads may have gone; then nobody is left to tell.
        let _ = sender.blocking_send(last);
    });
    Box::pin(stream::unfold(Some(receiver), |receiver| async {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Message::Chunk(chunk)) => Some((Ok(chunk), Some(receiver))),
            Some(Message::Failed(error)) => Some((Err(error), None)),
            Some(Message::End) => None,
            None => {
                let error = Error::new(ErrorKind::Internal, "a worker stopped in mid-stream");
                Some((Err(error), None))
            }
        }
    }))
}

/// The end of a pipe that is written, from a thread that may block.
pub(crate) struct PipeWriter<T = Bytes>(mpsc::Sender<Message<T>>);

impl<T> Clone for PipeWriter<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> PipeWriter<T> {
    /// Hands a chunk on; waits while too many are on their way. `BrokenPipe` once nobody reads.
    pub(crate) fn send(&self, chunk: T) -> io::Result<()> {
        self.0
            .blocking_send(Message::Chunk(chunk))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }

    /// Reads `source` for as long as somebody reads this pipe: a stream that has stalled must not
    /// keep a thread once nobody wants its bytes any more.
    pub(crate) fn reader(&self, source: ByteStream) -> StreamReader<T> {
        StreamReader {
            // A reader may be asked again after its end.
            source: source.fuse(),
            chunk: Bytes::new(),
            output: self.clone(),
            runtime: Handle::current(),
        }
    }
}

impl Write for PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let chunk = &bytes[..bytes.len().min(CHUNK_BYTES)];
        self.send(Bytes::copy_from_slice(chunk))?;
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a stream from a thread that may block. A domain error of the stream travels inside the
/// [`io::Error`].
pub(crate) struct StreamReader<T = Bytes> {
    source: Fuse<ByteStream>,
    chunk: Bytes,
    output: PipeWriter<T>,
    runtime: Handle,
}

impl<T> Read for StreamReader<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            let next = self.runtime.block_on(async {
                tokio::select! {
                    chunk = self.source.next() => Ok(chunk),
                    () = self.output.0.closed() => Err(io::Error::from(io::ErrorKind::BrokenPipe)),
                }
            })?;
            match next {
                None => return Ok(0),
                Some(chunk) => self.chunk = chunk.map_err(io::Error::other)?,
            }
        }
        let count = self.chunk.len().min(buffer.len());
        self.chunk.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;

    use super::*;

    #[test]
    fn who_reads_slowly_keeps_no_thread_from_others() {
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            let endless = || {
                pipe(|writer| {
                    while writer.send(Bytes::from_static(b"x")).is_ok() {}
                    Ok(())
                })
            };
            let mut stalled: Vec<_> = (0..100).map(|_| endless()).collect();
            for stream in &mut stalled {
                assert!(stream.next().await.is_some_and(|chunk| chunk.is_ok()));
            }
            tokio::task::spawn_blocking(|| ()).await.unwrap();
        });
    }

    #[tokio::test]
    async fn chunks_and_errors_come_out_in_order() {
        let whole: Vec<_> = pipe(|writer| {
            for n in 0..100_u8 {
                writer.send(Bytes::from(vec![n])).expect("it is read");
            }
            Ok(())
        })
        .try_collect()
        .await
        .unwrap();
        assert_eq!(whole.concat(), (0..100).collect::<Vec<u8>>());
        let failing = pipe(|_| Err(Error::new(ErrorKind::TooLarge, "too much")));
        let error = failing.try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
    }

    #[tokio::test]
    async fn a_worker_that_dies_does_not_look_like_the_end() {
        let dying = pipe(|writer| {
            writer
                .send(Bytes::from_static(b"half"))
                .expect("it is read");
            panic!("a worker that dies")
        });
        let error = dying.try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
    }

    #[tokio::test]
    async fn the_end_of_a_source_stays_its_end() {
        let counts = pipe_of(1, |writer| {
            let source = pipe(|writer| {
                let sent = writer.send(Bytes::from_static(b"all"));
                sent.map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))
            });
            let mut reader = writer.reader(source);
            for _ in 0..3 {
                let count = reader.read(&mut [0; 8]).unwrap_or(usize::MAX);
                writer.send(count).expect("it is read");
            }
            Ok(())
        });
        assert_eq!(counts.try_collect::<Vec<_>>().await.unwrap(), [3, 0, 0]);
    }

    #[tokio::test]
    async fn a_stalled_source_keeps_no_thread_once_nobody_reads() {
        let (ended, end) = tokio::sync::oneshot::channel();
        let stream = pipe(move |writer| {
            let stalled: ByteStream = Box::pin(stream::pending());
            let outcome = writer.reader(stalled).read(&mut [0]);
            let _ = ended.send(outcome.map_err(|error| error.kind()));
            Ok(())
        });
        drop(stream);
        assert_eq!(end.await.unwrap(), Err(io::ErrorKind::BrokenPipe));
    }
}
