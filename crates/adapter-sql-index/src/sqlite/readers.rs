//! A few connections that only read, each used by one call at a time on the blocking pool. Must
//! not know what is read.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use artifact_domain::{Error, ErrorKind};
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::error::Result;
use super::open;
use super::patience::Patience;
use super::presence::Presence;

/// How many calls read at once; the others wait.
const MAX_READERS: usize = 4;

/// The pool. A clone is the same pool.
#[derive(Debug, Clone)]
pub(super) struct Readers {
    path: Arc<PathBuf>,
    patience: Patience,
    free: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
    /// A call that nobody waits for any more may outlive the index.
    _presence: Option<Arc<Presence>>,
}

impl Readers {
    /// An empty pool: connections are opened when they are first needed.
    pub(super) fn new(path: PathBuf, patience: Patience, presence: Option<Arc<Presence>>) -> Self {
        Self {
            path: Arc::new(path),
            patience,
            free: Arc::new(Semaphore::new(MAX_READERS)),
            idle: Arc::default(),
            _presence: presence,
        }
    }

    /// Reads what is true at one moment, no earlier than the call.
    pub(super) async fn read<T, F>(&self, work: F) -> artifact_domain::Result<T>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T> + Send + 'static,
    {
        let failed = |what: &str| {
            let path = self.path.display();
            Error::new(ErrorKind::Internal, format!("index {path}: {what}"))
        };
        let permit = Arc::clone(&self.free).acquire_owned().await;
        let permit = permit.map_err(|_| failed("the readers are closed"))?;
        let pool = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            let result = pool.read_blocking(work);
            drop(permit);
            result
        });
        task.await
            .map_err(|cause| failed("a reading thread has stopped").with_source(cause))?
    }

    fn read_blocking<T>(
        &self,
        work: impl Fn(&Connection) -> Result<T>,
    ) -> artifact_domain::Result<T> {
        self.patience
            .wait_for(|| {
                let connection = self.take()?;
                let transaction = connection.unchecked_transaction()?;
                let result = work(&transaction)?;
                // Nothing was written, so there is nothing to commit.
                transaction.finish()?;
                self.give_back(connection);
                Ok(result)
            })
            .map_err(|failure| failure.into_error(&self.path))
    }

    fn take(&self) -> Result<Connection> {
        let idle = self.lock().pop();
        idle.map_or_else(|| open::reader(&self.path), Ok)
    }

    /// A connection whose call failed never comes here, so that no error outlives it.
    fn give_back(&self, connection: Connection) {
        self.lock().push(connection);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // A push or a pop cannot leave the list half changed.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
