//! A few connections that only read, each used by one call at a time on the blocking pool. Must
//! not know what is read.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use artifact_domain::{Error, ErrorKind};
use rusqlite::Connection;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio::task::JoinHandle;

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
    ///
    /// Whoever waits for a connection does so in a task of its own: a future that is not polled for
    /// a while, as in a stream that buffers, would else be given a connection and keep it from all
    /// others.
    pub(super) async fn read<T, F>(&self, work: F) -> artifact_domain::Result<T>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T> + Send + 'static,
    {
        let failed = |what: &str| {
            let path = self.path.display();
            Error::new(ErrorKind::Internal, format!("index {path}: {what}"))
        };
        let stopped = |cause| failed("a reading thread has stopped").with_source(cause);
        let pool = self.clone();
        let task = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => pool.start(permit, work),
            Err(TryAcquireError::NoPermits) => {
                let turn = tokio::spawn(async move {
                    let permit = Arc::clone(&pool.free).acquire_owned().await?;
                    Ok::<_, AcquireError>(pool.start(permit, work))
                });
                let started = turn.await.map_err(stopped)?;
                started.map_err(|cause| failed("the readers are closed").with_source(cause))?
            }
            Err(TryAcquireError::Closed) => return Err(failed("the readers are closed")),
        };
        task.await.map_err(stopped)?
    }

    fn start<T, F>(
        self,
        permit: OwnedSemaphorePermit,
        work: F,
    ) -> JoinHandle<artifact_domain::Result<T>>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T> + Send + 'static,
    {
        tokio::task::spawn_blocking(move || {
            let result = self.read_blocking(work);
            drop(permit);
            result
        })
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::poll;

    use super::*;

    #[tokio::test]
    async fn calls_that_nobody_polls_keep_no_connection_from_others() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("index.sqlite");
        Connection::open(&path)
            .unwrap()
            .execute_batch("PRAGMA user_version = 7")
            .unwrap();
        let readers = Readers::new(path, Patience::new(Duration::from_secs(1)), None);
        let read = || {
            readers.read(|connection| {
                let version = connection.query_row("PRAGMA user_version", [], |row| row.get(0));
                version.map_err(Into::into)
            })
        };
        let mut begun: Vec<_> = (0..4 * MAX_READERS).map(|_| Box::pin(read())).collect();
        for call in &mut begun {
            // It may be quick; then it holds nothing.
            let _ = poll!(call);
        }
        let last = tokio::time::timeout(Duration::from_mins(1), read()).await;
        let version: i64 = last.expect("the others keep all connections").unwrap();
        assert_eq!(version, 7);
    }
}
