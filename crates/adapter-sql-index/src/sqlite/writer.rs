//! The one thread that writes: it takes every change that is waiting, makes them in one
//! transaction, and answers all of them once that is durable. Must not know what a change is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use artifact_domain::{Error, ErrorKind};
use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::Durability;
use super::counters;
use super::counting::CountingConnection;
use super::error::{self, Result};
use super::patience::Patience;

/// How many changes wait for the thread at most, and how many one transaction makes.
const ROUND_LIMIT: usize = 256;

/// Whether an acknowledged change must survive a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Survives {
    /// A crash of the process, no more.
    Crash,
    /// A loss of power too.
    PowerLoss,
}

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
        let rounds = Rounds {
            connection: CountingConnection::new(connection),
            path: path.clone(),
            durability,
            patience,
            synced: None,
            runtime: Handle::current(),
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
        let (answer, answered) = oneshot::channel();
        let waiting = Box::new(Change {
            survives,
            work: Some(change),
            result: None,
            answer,
        });
        let changes = self.changes.as_ref().ok_or_else(stopped)?;
        changes.send(waiting).await.map_err(|_| stopped())?;
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

/// A change and whoever waits for it, whatever its result is.
trait Waiting: Send {
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

/// What the thread has.
struct Rounds {
    connection: CountingConnection,
    path: PathBuf,
    durability: Durability,
    patience: Patience,
    /// What commits survive as the connection is set now.
    synced: Option<Survives>,
    /// Where the callers are.
    runtime: Handle,
}

/// The callers of one round, told when it is dropped.
struct Answers {
    round: Vec<Box<dyn Waiting>>,
    failed: Option<Error>,
}

impl Drop for Answers {
    fn drop(&mut self) {
        for change in self.round.drain(..) {
            change.answer(self.failed.as_ref());
        }
    }
}

impl Rounds {
    fn run(mut self, mut changes: mpsc::Receiver<Box<dyn Waiting>>) {
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
            let round = std::mem::take(&mut round);
            let answers = Answers { round, failed };
            // A task of the runtime wakes its like by putting them in a queue of its own, where
            // this thread would ask the system to wake a thread for each.
            if answers.round.len() > 1 {
                self.runtime.spawn(async move { drop(answers) });
            }
        }
    }

    /// Makes every change of a round in one transaction. A change that fails undoes only itself.
    fn transact(&mut self, round: &mut [Box<dyn Waiting>]) -> Result<()> {
        self.set_durability(round)?;
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

    /// Decides whether the commit waits for the disk: it does if one change of the round needs it.
    fn set_durability(&mut self, round: &[Box<dyn Waiting>]) -> Result<()> {
        let needs_sync = self.durability == Durability::Full
            && round
                .iter()
                .any(|change| change.survives() == Survives::PowerLoss);
        let (wanted, level) = if needs_sync {
            (Survives::PowerLoss, "FULL")
        } else {
            (Survives::Crash, "NORMAL")
        };
        if self.synced != Some(wanted) {
            self.connection.pragma_update(None, "synchronous", level)?;
            self.synced = Some(wanted);
        }
        Ok(())
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
            .execute_batch("CREATE TABLE t (n INTEGER UNIQUE)")
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

    /// What the commit of a change waits for: 1 is NORMAL, 2 is FULL.
    async fn synchronous(writer: &Writer, survives: Survives) -> i64 {
        let read =
            |c: &CountingConnection| Ok(c.pragma_query_value(None, "synchronous", |r| r.get(0))?);
        writer.make(survives, read).await.unwrap()
    }

    #[tokio::test]
    async fn only_what_must_survive_a_loss_of_power_waits_for_the_disk() {
        let (_dir, full) = writer_with(Durability::Full);
        assert_eq!(synchronous(&full, Survives::Crash).await, 1);
        assert_eq!(synchronous(&full, Survives::PowerLoss).await, 2);
        assert_eq!(synchronous(&full, Survives::Crash).await, 1);
        let (_dir, relaxed) = writer_with(Durability::Relaxed);
        assert_eq!(synchronous(&relaxed, Survives::PowerLoss).await, 1);
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
