//! The one thread that writes: it takes every change that is waiting, makes them in one
//! transaction, and has them answered once that is durable. Must not know what a change is.

use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use artifact_domain::{Error, ErrorKind};
use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::Durability;
use super::counters;
use super::counting::CountingConnection;
use super::error::Result;
use super::log_sync::LogSync;
use super::patience::Patience;
use super::waiting::{self, Answers, Survives, Waiting};

/// How many changes wait for the thread at most, and how many one transaction makes.
const ROUND_LIMIT: usize = 256;

/// The thread and the way to it. Dropping it ends the thread once what is waiting is done.
#[derive(Debug)]
pub(super) struct Writer {
    changes: Option<mpsc::Sender<Box<dyn Waiting>>>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
}

impl Writer {
    /// Starts the thread. Its callers live in the runtime that this is called from.
    pub(super) fn start(
        connection: Connection,
        path: PathBuf,
        durability: Durability,
        patience: Patience,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(ROUND_LIMIT);
        let runtime = Handle::current();
        let log = match durability {
            Durability::Full => Some(LogSync::start(&path, runtime.clone())?),
            Durability::Relaxed => None,
        };
        let rounds = Rounds {
            connection: CountingConnection::new(connection),
            path: path.clone(),
            patience,
            log,
            runtime,
        };
        let thread = thread::Builder::new()
            .name("artifact-index".to_owned())
            .spawn(move || rounds.run(receiver))?;
        Ok(Self {
            changes: Some(sender),
            thread: Some(thread),
            path,
        })
    }

    /// Makes a change, and gives its result once it has the durability asked for. If the caller
    /// goes away the change is made all the same, or not begun.
    pub(super) async fn make<T, F>(
        &self,
        survives: Survives,
        change: F,
    ) -> artifact_domain::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&CountingConnection) -> Result<T> + Send + 'static,
    {
        let stopped = || {
            let path = self.path.display();
            Error::new(
                ErrorKind::Internal,
                format!("index {path}: the writing thread has stopped"),
            )
        };
        let (change, answered) = waiting::change(survives, change);
        let changes = self.changes.as_ref().ok_or_else(stopped)?;
        changes.send(change).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.changes.take());
        if let Some(thread) = self.thread.take() {
            // It catches the panics of changes; one of its own has told the callers already.
            let _ = thread.join();
        }
    }
}

/// What the thread has.
struct Rounds {
    connection: CountingConnection,
    path: PathBuf,
    patience: Patience,
    /// What makes commits durable; nothing where that is not asked for.
    log: Option<LogSync>,
    /// Where the callers are.
    runtime: Handle,
}

impl Rounds {
    fn run(self, mut changes: mpsc::Receiver<Box<dyn Waiting>>) {
        let mut round = Vec::new();
        while changes.blocking_recv_many(&mut round, ROUND_LIMIT) > 0 {
            let start = Instant::now();
            let failed = self
                .transact(&mut round)
                .map_err(|failure| failure.into_error(&self.path))
                .err();
            tracing::trace!(
                index.changes = round.len(),
                index.failed = failed.is_some(),
                duration_ms = start.elapsed().as_secs_f64() * 1e3,
                "index transaction"
            );
            self.acknowledge(std::mem::take(&mut round), failed, changes.is_empty());
        }
    }

    /// Tells the callers of a round: at once, or once the log is durable, if they wait for that.
    fn acknowledge(&self, round: Vec<Box<dyn Waiting>>, failed: Option<Error>, is_idle: bool) {
        let Some(log) = self.log.as_ref().filter(|_| failed.is_none()) else {
            return Answers::to(round, failed).send(&self.runtime);
        };
        let is_alone = is_idle && round.len() == 1;
        let (lasting, passing) = round
            .into_iter()
            .partition(|change| change.survives() == Survives::PowerLoss);
        Answers::to(passing, None).send(&self.runtime);
        let lasting = Answers::to(lasting, None);
        if is_alone {
            log.sync_here(lasting);
        } else {
            log.sync_behind(lasting);
        }
    }

    /// Makes every change of a round in one transaction. A change that fails undoes only itself.
    fn transact(&self, round: &mut [Box<dyn Waiting>]) -> Result<()> {
        self.patience
            .wait_for(|| execute(&self.connection, "BEGIN IMMEDIATE"))?;
        let outcome = self.run_all(round);
        if outcome.is_err() {
            self.connection.forget_all();
            if !self.connection.is_autocommit() {
                execute(&self.connection, "ROLLBACK")?;
            }
        }
        outcome
    }

    fn run_all(&self, round: &mut [Box<dyn Waiting>]) -> Result<()> {
        let connection = &self.connection;
        // One alone is undone with its transaction.
        let has_others = round.len() > 1;
        for change in round {
            if has_others {
                execute(connection, "SAVEPOINT change")?;
            }
            match change.run(connection, &self.path) {
                Ok(()) => connection.keep_change(),
                // SQLite has given up the whole transaction, as it does on a full disk.
                Err(error) if !has_others || connection.is_autocommit() => return Err(error.into()),
                Err(_) => {
                    connection.forget_change();
                    execute(connection, "ROLLBACK TO change")?;
                }
            }
            if has_others {
                execute(connection, "RELEASE change")?;
            }
        }
        counters::write(connection)?;
        execute(connection, "COMMIT")
    }
}

fn execute(connection: &Connection, sql: &str) -> Result<()> {
    connection.prepare_cached(sql)?.execute(())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn writer() -> (tempfile::TempDir, Writer) {
        writer_with(Durability::Full)
    }

    fn writer_with(durability: Durability) -> (tempfile::TempDir, Writer) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w.sqlite");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER UNIQUE)")
            .unwrap();
        let patience = Patience::new(Duration::from_secs(30));
        let writer = Writer::start(connection, path, durability, patience).unwrap();
        (dir, writer)
    }

    async fn insert(writer: &Writer, n: i64) -> artifact_domain::Result<usize> {
        let insert = move |c: &CountingConnection| Ok(c.execute("INSERT INTO t VALUES (?)", [n])?);
        writer.make(Survives::PowerLoss, insert).await
    }

    async fn count(writer: &Writer) -> usize {
        let sql = "SELECT count(*) FROM t";
        let count = move |c: &CountingConnection| Ok(c.query_row(sql, (), |row| row.get(0))?);
        writer.make(Survives::Crash, count).await.unwrap()
    }

    #[tokio::test]
    async fn a_change_that_fails_undoes_itself_alone() {
        let (_dir, writer) = writer();
        let half = writer.make::<(), _>(Survives::Crash, |c| {
            c.execute("INSERT INTO t VALUES (1)", ())?;
            Err(Error::new(ErrorKind::Conflict, "no").into())
        });
        let (half, whole) = tokio::join!(half, insert(&writer, 2));
        assert_eq!(half.unwrap_err().kind(), ErrorKind::Conflict);
        assert!(whole.is_ok());
        assert_eq!(count(&writer).await, 1);
    }

    #[tokio::test]
    async fn a_panic_harms_nobody_else() {
        let (_dir, writer) = writer();
        let panics = writer.make::<(), _>(Survives::Crash, |_| panic!("on purpose"));
        let (panics, insert) = tokio::join!(panics, insert(&writer, 1));
        assert_eq!(panics.unwrap_err().kind(), ErrorKind::Internal);
        assert!(insert.is_ok());
        assert_eq!(count(&writer).await, 1);
    }

    #[tokio::test]
    async fn if_the_transaction_fails_every_change_of_it_does() {
        let (_dir, writer) = writer();
        // What SQLite does by itself when the disk is full.
        let gives_up = writer.make::<(), _>(Survives::Crash, |c| {
            c.execute_batch("ROLLBACK")?;
            Err(Error::new(ErrorKind::StorageFull, "full").into())
        });
        let (before, gives_up) = tokio::join!(insert(&writer, 1), gives_up);
        assert_eq!(gives_up.unwrap_err().kind(), ErrorKind::StorageFull);
        let kind = before.as_ref().err().map(Error::kind);
        assert!(kind.is_none_or(|kind| kind == ErrorKind::StorageFull));
        // The two may have come into one round or two: what was acknowledged is there.
        assert_eq!(count(&writer).await, usize::from(before.is_ok()));
        insert(&writer, 2).await.unwrap();
    }

    #[tokio::test]
    async fn dropping_the_writer_finishes_what_waits() {
        let (dir, writer) = writer();
        let mut pending = Box::pin(insert(&writer, 1));
        assert!(futures::poll!(pending.as_mut()).is_pending());
        drop(pending);
        drop(writer);
        let connection = Connection::open(dir.path().join("w.sqlite")).unwrap();
        let count: i64 = connection
            .query_row("SELECT count(*) FROM t", (), |row| row.get(0))
            .unwrap();
        assert_eq!(count, 1);
    }

    #[tokio::test]
    async fn only_what_must_survive_a_loss_of_power_waits_for_the_log() {
        let (dir, writer) = writer();
        insert(&writer, 1).await.unwrap();
        drop(writer);
        // A journal of another kind, so there is no log that could be synced.
        let path = dir.path().join("w.sqlite");
        let set_up = |durability| {
            let connection = Connection::open(&path).unwrap();
            let mode = connection.pragma_update(None, "journal_mode", "DELETE");
            mode.unwrap();
            let patience = Patience::new(Duration::from_secs(30));
            Writer::start(connection, path.clone(), durability, patience).unwrap()
        };
        let relaxed = set_up(Durability::Relaxed);
        insert(&relaxed, 2).await.unwrap();
        drop(relaxed);
        let full = set_up(Durability::Full);
        assert_eq!(count(&full).await, 2);
        let error = insert(&full, 3).await.unwrap_err();
        assert!(error.message().contains("loss of power"), "{error}");
        assert_eq!(count(&full).await, 3);
    }

    #[tokio::test]
    async fn a_full_device_is_said_so_and_undoes_the_change() {
        let (_dir, writer) = writer();
        let fill = |c: &CountingConnection| {
            c.pragma_update(None, "max_page_count", 4)?;
            c.execute("INSERT INTO t VALUES (1)", ())?;
            c.execute("CREATE TABLE big AS SELECT zeroblob(100000)", ())?;
            Ok(())
        };
        let error = writer.make(Survives::PowerLoss, fill).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert_eq!(count(&writer).await, 0);
        insert(&writer, 2).await.unwrap();
    }
}
