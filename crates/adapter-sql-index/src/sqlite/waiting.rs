//! Changes on their way to the thread that writes, and their answers on the way back. Must not know
//! how a transaction is made.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use artifact_domain::{Error, ErrorKind};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::counting::CountingConnection;
use super::error::{self, Result};

/// Whether an acknowledged change must survive a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Survives {
    /// A crash of the process, no more.
    Crash,
    /// A loss of power too.
    PowerLoss,
}

/// A change and whoever waits for it, whatever its result is.
pub(super) trait Waiting: Send {
    fn survives(&self) -> Survives;
    /// Makes the change; an error, which the caller gets too, if it failed and must be undone.
    fn run(&mut self, connection: &CountingConnection, path: &Path) -> artifact_domain::Result<()>;
    /// Tells the caller, who gets the error of the transaction if that failed.
    fn answer(self: Box<Self>, transaction: Option<&Error>);
}

struct Change<T, F> {
    survives: Survives,
    work: Option<F>,
    result: Option<artifact_domain::Result<T>>,
    answer: oneshot::Sender<artifact_domain::Result<T>>,
}

/// A change, and where its result will come.
pub(super) fn change<T, F>(
    survives: Survives,
    work: F,
) -> (
    Box<dyn Waiting>,
    oneshot::Receiver<artifact_domain::Result<T>>,
)
where
    T: Send + 'static,
    F: FnOnce(&CountingConnection) -> Result<T> + Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    let change = Change {
        survives,
        work: Some(work),
        result: None,
        answer,
    };
    (Box::new(change), answered)
}

impl<T, F> Waiting for Change<T, F>
where
    T: Send + 'static,
    F: FnOnce(&CountingConnection) -> Result<T> + Send + 'static,
{
    fn survives(&self) -> Survives {
        self.survives
    }

    fn run(&mut self, connection: &CountingConnection, path: &Path) -> artifact_domain::Result<()> {
        let fault = |what: &str| {
            let message = format!("index {}: a change {what}", path.display());
            Error::new(ErrorKind::Internal, message)
        };
        let work = self.work.take().ok_or_else(|| fault("was made twice"))?;
        let result = match catch_unwind(AssertUnwindSafe(|| work(connection))) {
            Ok(result) => result.map_err(|failure| failure.into_error(path)),
            Err(_) => Err(fault("panicked")),
        };
        let outcome = result.as_ref().map(|_| ()).map_err(error::repeat);
        self.result = Some(result);
        outcome
    }

    fn answer(self: Box<Self>, transaction: Option<&Error>) {
        let result = match (self.result, transaction) {
            (Some(Err(error)), _) => Err(error),
            (_, Some(error)) => Err(error::repeat(error)),
            (Some(Ok(value)), None) => Ok(value),
            (None, None) => Err(Error::new(ErrorKind::Internal, "a change was never made")),
        };
        // Whoever went away does not want to know.
        let _ = self.answer.send(result);
    }
}

/// The callers of changes that were made, told when it is dropped.
#[derive(Default)]
pub(super) struct Answers {
    changes: Vec<Box<dyn Waiting>>,
    failed: Option<Error>,
}

impl Answers {
    /// The answers to `changes`; an error where the whole transaction failed.
    pub(super) fn to(changes: Vec<Box<dyn Waiting>>, failed: Option<Error>) -> Self {
        Self { changes, failed }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Takes the answers of others along.
    pub(super) fn join(&mut self, mut others: Self) {
        self.changes.append(&mut others.changes);
    }

    /// Tells the callers, from inside their runtime: a task of it wakes its like by putting them in
    /// a queue of its own, where a thread from outside would ask the system to wake a thread for
    /// each.
    pub(super) fn send(self, runtime: &Handle) {
        if self.changes.len() > 1 {
            runtime.spawn(async move { drop(self) });
        }
    }

    /// Tells the callers that what they wait for failed.
    pub(super) fn fail(mut self, error: Error, runtime: &Handle) {
        self.failed = Some(error);
        self.send(runtime);
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        for change in self.changes.drain(..) {
            change.answer(self.failed.as_ref());
        }
    }
}
