//! A few connections that only read, each used by one call at a time on the blocking pool, or where it stands for
//! what is small and in memory. Must not know what is read.

use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use artifact_domain::{Error, ErrorKind};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::error::Result;
use super::haste::Haste;
use super::open;
use super::patience::Patience;
use super::presence::Presence;

/// How many calls read at once on threads of their own, while the others wait.
const MAX_READERS: usize = 4;

/// How many calls read at once where they stand.
const MAX_HERE: usize = 4;

/// How many connections are kept, each with a cache of 2 MB: fewer than are used at once would be opened again and
/// again, and that costs more than what is read.
const MAX_IDLE: usize = MAX_READERS + MAX_HERE;

/// A call that waits for its turn.
type Call = Box<dyn FnOnce(&Readers) + Send>;

/// The pool. A clone is the same pool.
#[derive(Debug, Clone)]
pub(super) struct Readers {
    path: Arc<PathBuf>,
    patience: Patience,
    turns: Arc<Mutex<Turns>>,
    idle: Arc<Mutex<Vec<Connection>>>,
    haste: Arc<Haste>,
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
            haste: Arc::new(Haste::new(MAX_HERE)),
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

    /// The same for what takes some microseconds where it is in memory: to wake a thread for that costs more than
    /// to read it. It is read here as long as such reads are quick and a connection is idle.
    pub(super) async fn read_little<T, F>(&self, work: F) -> artifact_domain::Result<T>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T> + Send + 'static,
    {
        match self.haste.read(|| self.read_here(&work)) {
            Some(found) => Ok(found),
            None => self.read(work).await,
        }
    }

    /// Reads with an idle connection, if there is one, and what goes well.
    fn read_here<T>(&self, work: &impl Fn(&Connection) -> Result<T>) -> Option<T> {
        let connection = self.lock().pop()?;
        let read = AssertUnwindSafe(|| read_once(&connection, work));
        let found = panic::catch_unwind(read).ok()?.ok()?;
        self.give_back(connection);
        Some(found)
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
                let result = read_once(&connection, &work)?;
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
        let mut idle = self.lock();
        if idle.len() < MAX_IDLE {
            idle.push(connection);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        // A push or a pop cannot leave the list half changed.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_once<T>(connection: &Connection, work: &impl Fn(&Connection) -> Result<T>) -> Result<T> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let result = work(connection)?;
    // Nothing was written, so there is nothing to commit.
    connection.prepare_cached("ROLLBACK")?.execute([])?;
    Ok(result)
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
    use std::thread;
    use std::time::Duration;

    use futures::poll;

    use super::*;

    fn pool(directory: &tempfile::TempDir) -> Readers {
        let path = directory.path().join("index.sqlite");
        Connection::open(&path).unwrap();
        Readers::new(path, Patience::new(Duration::from_secs(1)), None)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn little_is_read_where_it_is_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let readers = pool(&directory);
        let here = thread::current().id();
        let read = |takes| {
            readers.read_little(move |_| {
                thread::sleep(takes);
                Ok(thread::current().id())
            })
        };
        // Connections are opened where that keeps nobody waiting.
        assert_ne!(read(Duration::ZERO).await.unwrap(), here);
        // A machine that is busy makes any read a long one.
        while read(Duration::ZERO).await.unwrap() != here {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        while read(Duration::from_millis(20)).await.unwrap() != here {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_ne!(read(Duration::ZERO).await.unwrap(), here);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_fails_where_it_is_asked_for_is_read_again_elsewhere() {
        let directory = tempfile::tempdir().unwrap();
        let readers = pool(&directory);
        let here = thread::current().id();
        readers.read_little(|_| Ok(())).await.unwrap();
        let busy = move |_: &Connection| {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
            let is_here = thread::current().id() == here;
            let failed = || Err(rusqlite::Error::SqliteFailure(code, None).into());
            if is_here { failed() } else { Ok(7) }
        };
        assert_eq!(readers.read_little(busy).await.unwrap(), 7);
        let panics = move |_: &Connection| {
            assert!(thread::current().id() != here, "it was asked for");
            Ok(8)
        };
        assert_eq!(readers.read_little(panics).await.unwrap(), 8);
        let ends = readers.read_little(|_| -> Result<()> { panic!("it was asked for") });
        assert!(ends.await.is_err());
    }

    #[tokio::test]
    async fn so_many_connections_are_kept_and_no_more() {
        let directory = tempfile::tempdir().unwrap();
        let readers = pool(&directory);
        for _ in 0..2 * MAX_IDLE {
            readers.give_back(open::reader(&readers.path).unwrap());
        }
        assert_eq!(readers.lock().len(), MAX_IDLE);
    }

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
        let readers = pool(&directory);
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
