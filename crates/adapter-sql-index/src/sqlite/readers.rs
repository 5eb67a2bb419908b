//! A few connections that only read, each used by one call at a time on the blocking pool. Must
//! not know what is read.

use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use artifact_domain::{Error, ErrorKind};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::error::Result;
use super::open;
use super::patience::Patience;
use super::presence::Presence;

/// How many calls read at once; the others wait.
const MAX_READERS: usize = 4;

/// A call that waits for its turn.
type Call = Box<dyn FnOnce(&Readers) + Send>;

/// The pool. A clone is the same pool.
#[derive(Debug, Clone)]
pub(super) struct Readers {
    path: Arc<PathBuf>,
    patience: Patience,
    turns: Arc<Mutex<Turns>>,
    idle: Arc<Mutex<Vec<Connection>>>,
    /// A call that nobody waits for any more may outlive the index.
    _presence: Option<Arc<Presence>>,
}

/// Whose turn it is. Who waits has no thread; a thread that has read goes on with the next call, so
/// that under load none is woken for each.
#[derive(Default)]
struct Turns {
    waiting: VecDeque<Call>,
    threads: usize,
}

impl std::fmt::Debug for Turns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turns")
            .field("waiting", &self.waiting.len())
            .field("threads", &self.threads)
            .finish()
    }
}

impl Readers {
    /// An empty pool: connections are opened when they are first needed.
    pub(super) fn new(path: PathBuf, patience: Patience, presence: Option<Arc<Presence>>) -> Self {
        Self {
            path: Arc::new(path),
            patience,
            turns: Arc::default(),
            idle: Arc::default(),
            _presence: presence,
        }
    }

    /// Reads what is true at one moment, no earlier than the call.
    ///
    /// Once asked, it is read whether the future is polled or not: one that is not polled for a
    /// while, as in a stream that buffers, keeps nothing from the others.
    pub(super) async fn read<T, F>(&self, work: F) -> artifact_domain::Result<T>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.queue(Box::new(move |pool| {
            // Who has gone needs no answer.
            if !answer.is_closed() {
                let _ = answer.send(pool.read_blocking(work));
            }
        }));
        answered.await.map_err(|cause| {
            let message = format!(
                "index {}: a reading thread has stopped",
                self.path.display()
            );
            Error::new(ErrorKind::Internal, message).with_source(cause)
        })?
    }

    fn queue(&self, call: Call) {
        let mut turns = self.turns();
        turns.waiting.push_back(call);
        if turns.threads < MAX_READERS {
            turns.threads += 1;
            drop(turns);
            let turn = Turn::new(self.clone());
            tokio::task::spawn_blocking(move || turn.take_calls());
        }
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        // No change of it can be cut off half-way.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_blocking<T>(
        &self,
        work: impl Fn(&Connection) -> Result<T>,
    ) -> artifact_domain::Result<T> {
        self.patience
            .wait_for(|| {
                let connection = self.take()?;
                connection.prepare_cached("BEGIN")?.execute([])?;
                let result = work(&connection)?;
                // Nothing was written, so there is nothing to commit.
                connection.prepare_cached("ROLLBACK")?.execute([])?;
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

    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        // A push or a pop cannot leave the list half changed.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the threads that read.
struct Turn {
    pool: Readers,
    is_over: bool,
}

impl Turn {
    fn new(pool: Readers) -> Self {
        let is_over = false;
        Self { pool, is_over }
    }

    fn take_calls(mut self) {
        while let Some(call) = self.next() {
            // A call that panics drops its answer, by which its caller learns of it.
            let _ = panic::catch_unwind(AssertUnwindSafe(|| call(&self.pool)));
        }
    }

    /// Ends the turn where nobody waits, in one step: whoever comes next begins another.
    fn next(&mut self) -> Option<Call> {
        let mut turns = self.pool.turns();
        let call = turns.waiting.pop_front();
        if call.is_none() {
            turns.threads -= 1;
            self.is_over = true;
        }
        call
    }
}

impl Drop for Turn {
    /// Where it never began, since the runtime ends, nobody will read any more.
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut turns = self.pool.turns();
        turns.threads -= 1;
        if turns.threads == 0 {
            // Those who wait are told when their calls are dropped.
            let unread = std::mem::take(&mut turns.waiting);
            drop(turns);
            drop(unread);
        }
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

    #[tokio::test]
    async fn a_call_that_panics_leaves_the_others_their_turn() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("index.sqlite");
        Connection::open(&path).unwrap();
        let readers = Readers::new(path, Patience::new(Duration::from_secs(1)), None);
        let calls = (0..5 * MAX_READERS).map(|number| {
            readers.read(move |_| {
                assert!(number % 2 == 0, "it was asked for");
                Ok(number)
            })
        });
        let calls = futures::future::join_all(calls);
        let found = tokio::time::timeout(Duration::from_mins(1), calls).await;
        for (number, found) in found.unwrap().into_iter().enumerate() {
            assert_eq!(found.ok(), Some(number).filter(|number| number % 2 == 0));
        }
    }
}
