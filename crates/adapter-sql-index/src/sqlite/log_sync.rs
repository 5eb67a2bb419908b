//! Makes the write-ahead log durable on a thread of its own, so that the thread that writes goes on
//! meanwhile and one sync serves every round that was written before it. Must not know what was
//! written.
//!
//! SQLite could do this itself (`synchronous=FULL`), but holds its lock and its thread while it
//! waits for the disk. Here it is left to order its own writes (`NORMAL`: it syncs the log before it
//! writes it back, and the header of a log that begins anew), and what its `FULL` adds is done from
//! outside: an `fdatasync` of the log after the commit and before anybody is told of it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use artifact_domain::Error;
use tokio::runtime::Handle;

use super::error::{io_error, repeat};
use super::open;
use super::waiting::Answers;

/// How many rounds may wait to be synced.
const ROUNDS: usize = 64;

/// The thread, and the way to it. Dropping it ends the thread once all that waits is synced.
#[derive(Debug)]
pub(super) struct LogSync {
    log: Arc<Log>,
    rounds: Option<mpsc::SyncSender<Answers>>,
    thread: Option<JoinHandle<()>>,
    runtime: Handle,
}

impl LogSync {
    /// Starts the thread for the database at `path`, whose callers live in `runtime`.
    pub(super) fn start(path: &Path, runtime: Handle) -> io::Result<Self> {
        let log = Arc::new(Log {
            database: path.to_owned(),
            state: Mutex::new(State::Closed),
        });
        let (sender, receiver) = mpsc::sync_channel(ROUNDS);
        let (behind, answered) = (Arc::clone(&log), runtime.clone());
        let thread = thread::Builder::new()
            .name("artifact-sync".to_owned())
            .spawn(move || run(&behind, &receiver, &answered))?;
        Ok(Self {
            log,
            rounds: Some(sender),
            thread: Some(thread),
            runtime,
        })
    }

    /// Syncs what is committed and answers, on this thread.
    pub(super) fn sync_here(&self, answers: Answers) {
        if !answers.is_empty() {
            finish(&self.log, answers, &self.runtime);
        }
    }

    /// Has the thread sync what is committed, and answer.
    pub(super) fn sync_behind(&self, answers: Answers) {
        if answers.is_empty() {
            return;
        }
        let Some(rounds) = &self.rounds else {
            return self.sync_here(answers);
        };
        if let Err(mpsc::SendError(answers)) = rounds.send(answers) {
            // The thread is gone, which only a panic of its own can be the cause of.
            self.sync_here(answers);
        }
    }
}

impl Drop for LogSync {
    fn drop(&mut self) {
        drop(self.rounds.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(log: &Log, rounds: &mpsc::Receiver<Answers>, runtime: &Handle) {
    while let Ok(mut answers) = rounds.recv() {
        for others in rounds.try_iter() {
            answers.join(others);
        }
        finish(log, answers, runtime);
    }
}

fn finish(log: &Log, answers: Answers, runtime: &Handle) {
    match log.sync() {
        Ok(()) => answers.send(runtime),
        Err(error) => answers.fail(error, runtime),
    }
}

/// The log as a file.
#[derive(Debug)]
struct Log {
    database: PathBuf,
    /// Held while it is synced: the system reports what could not be written to one caller only,
    /// and the next one must not take that for a success.
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// It is opened when it is first synced.
    Closed,
    /// SQLite keeps it as long as a connection is open, and has no locks on it that closing
    /// another descriptor could drop.
    Open(File),
    /// After a sync that failed nobody knows what is on the disk, and the system may call the next
    /// one a success: so there is no next one.
    Failed(Error),
}

impl Log {
    fn sync(&self) -> Result<(), Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = matches!(*state, State::Closed);
        if is_new {
            let opened = File::open(open::beside(&self.database, "-wal"));
            *state = State::Open(opened.map_err(|cause| self.unsure(cause))?);
        }
        let synced = match &*state {
            State::Open(file) => file.sync_data(),
            State::Failed(error) => return Err(repeat(error)),
            State::Closed => Ok(()),
        };
        // Its name too, which SQLite would have made durable with its own sync.
        let named = synced.and_then(|()| {
            if is_new {
                open::sync_directory(open::directory_of(&self.database))
            } else {
                Ok(())
            }
        });
        named.map_err(|cause| {
            let error = self.unsure(cause);
            *state = State::Failed(repeat(&error));
            error
        })
    }

    fn unsure(&self, cause: io::Error) -> Error {
        io_error(&self.database, cause)
            .context("the change was made, but may not survive a loss of power")
            .with_hint("remove the cause and open the index again")
    }
}

#[cfg(test)]
mod tests {
    use artifact_domain::ErrorKind;

    use super::*;
    use crate::sqlite::waiting::{self, Survives};

    #[tokio::test]
    async fn a_log_that_cannot_be_synced_fails_for_good() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("i.sqlite");
        let log = dir.path().join("i.sqlite-wal");
        // A device that cannot be synced.
        std::os::unix::fs::symlink("/dev/null", &log).unwrap();
        let sync = LogSync::start(&database, Handle::current()).unwrap();
        for round in 0..3 {
            let (mut change, answered) = waiting::change(Survives::PowerLoss, |_| Ok(1));
            let connection = rusqlite::Connection::open_in_memory().unwrap();
            let connection = crate::sqlite::counting::CountingConnection::new(connection);
            change.run(&connection, &database).unwrap();
            let answers = Answers::to(vec![change], None);
            if round == 1 {
                // There is a log now, but what was lost stays lost.
                std::fs::remove_file(&log).unwrap();
                std::fs::write(&log, "").unwrap();
                sync.sync_here(answers);
            } else {
                sync.sync_behind(answers);
            }
            let error = answered.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Internal);
            assert!(error.message().contains("loss of power"), "{error}");
        }
    }

    #[test]
    fn a_log_that_cannot_be_opened_now_is_opened_later() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log {
            database: dir.path().join("i.sqlite"),
            state: Mutex::new(State::Closed),
        };
        assert!(log.sync().is_err());
        std::fs::write(dir.path().join("i.sqlite-wal"), "log").unwrap();
        log.sync().unwrap();
    }

    #[tokio::test]
    async fn what_waits_is_answered_before_the_thread_ends() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("i.sqlite");
        std::fs::write(dir.path().join("i.sqlite-wal"), "log").unwrap();
        let sync = LogSync::start(&database, Handle::current()).unwrap();
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let connection = crate::sqlite::counting::CountingConnection::new(connection);
        let answered: Vec<_> = (0..100)
            .map(|n| {
                let (mut change, answered) = waiting::change(Survives::PowerLoss, move |_| Ok(n));
                change.run(&connection, &database).unwrap();
                sync.sync_behind(Answers::to(vec![change], None));
                answered
            })
            .collect();
        drop(sync);
        for (n, answered) in answered.into_iter().enumerate() {
            assert_eq!(answered.await.unwrap().unwrap(), n);
        }
    }
}
