//! Ctrl-C and SIGTERM: the first asks what runs to stop and clean up, the second stops at once.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use artifact_domain::{Error, ErrorKind};
use tokio::sync::Notify;

use crate::exit;
use crate::failures::Failure;

/// How long a command may take to clean up before it is dropped.
const GRACE: Duration = Duration::from_secs(5);
/// How much later the process ends whatever holds it, such as a pipe that nobody reads. What it
/// leaves is reaped.
const LAST: Duration = Duration::from_secs(1);

/// Whether the user wants to stop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<State>);

#[derive(Debug, Default)]
struct State {
    requested: AtomicBool,
    wake: Notify,
}

impl Interrupt {
    /// Listens for the signals, as long as the runtime lives.
    pub(crate) fn listen() -> Result<Self, Error> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind).map_err(|cause| exit::internal("signals cannot be listened for", cause))
        };
        let mut interrupt = listen(SignalKind::interrupt())?;
        let mut terminate = listen(SignalKind::terminate())?;
        let this = Self::default();
        let state = Arc::clone(&this.0);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if state.requested.swap(true, Ordering::SeqCst) {
                    std::process::exit(i32::from(exit::INTERRUPTED));
                }
                state.wake.notify_waiters();
                tokio::spawn(async {
                    tokio::time::sleep(GRACE + LAST).await;
                    std::process::exit(i32::from(exit::INTERRUPTED));
                });
            }
        });
        Ok(this)
    }

    /// Whether the user wants to stop.
    pub(crate) fn is_requested(&self) -> bool {
        self.0.requested.load(Ordering::SeqCst)
    }

    /// Runs a command, and leaves it when the user wants to stop and it does not in time: at once where it
    /// leaves nothing behind.
    pub(crate) async fn guard(
        &self,
        command: impl Future<Output = Result<(), Failure>>,
        leaves_nothing: bool,
    ) -> Result<(), Failure> {
        let stopped = async {
            self.requested().await;
            if !leaves_nothing {
                tokio::time::sleep(GRACE).await;
            }
        };
        let outcome = tokio::select! {
            outcome = command => outcome,
            () = stopped => return Err(Failure::Interrupted),
        };
        if self.is_requested() {
            Err(Failure::Interrupted)
        } else {
            outcome
        }
    }

    /// Runs what can be cut off anywhere, and leaves it as soon as the user wants to stop.
    pub(crate) async fn cut_off<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::select! {
            done = work => Ok(done),
            () = self.requested() => Err(Failure::Interrupted),
        }
    }

    async fn requested(&self) {
        let wake = self.0.wake.notified();
        if !self.is_requested() {
            wake.await;
        }
    }

    /// A reader that fails once the user wants to stop, so that an upload takes itself back.
    pub(crate) fn reader<R>(&self, inner: R) -> InterruptibleReader<R> {
        InterruptibleReader {
            inner,
            interrupt: self.clone(),
        }
    }

    /// The error of what is stopped.
    pub(crate) fn error() -> Error {
        Error::new(ErrorKind::Internal, "interrupted")
    }
}

/// See [`Interrupt::reader`].
#[derive(Debug)]
pub(crate) struct InterruptibleReader<R> {
    inner: R,
    interrupt: Interrupt,
}

impl<R: Read> Read for InterruptibleReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if self.interrupt.is_requested() {
            return Err(io::Error::other(Interrupt::error()));
        }
        Ok(count)
    }
}

impl<R: Seek> Seek for InterruptibleReader<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}
