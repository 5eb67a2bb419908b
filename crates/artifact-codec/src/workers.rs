//! The threads that compress and decompress blocks, and the limits that all streams of a process
//! share. It must not know what a job does.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::budget::Budget;
use crate::buffers::Buffers;
use crate::engines::Engines;

/// Threads that work on blocks, for any number of streams at once, and the memory that these
/// streams share.
///
/// A handle: clones are the same workers. The threads are started when they are first needed, and
/// end with the last handle.
///
/// Memory: every stream of more than one block holds a block, all streams together up to two more
/// for each thread. With its output a block takes 1 to 2 MiB, a thread 0.4 MiB. So sixteen streams
/// on four threads stay under 60 MiB, and one takes some 20.
#[derive(Clone)]
pub struct Workers(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the threads and the streams know of each other.
#[derive(Debug)]
pub(crate) struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    limit: usize,
    pub(crate) budget: Arc<Budget>,
    pub(crate) buffers: Arc<Buffers>,
    pub(crate) engines: Engines,
}

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    idle: usize,
    started: usize,
    closed: bool,
}

impl Workers {
    /// Workers of their own, for whoever wants to bound or separate them: this many threads.
    pub fn new(threads: NonZeroUsize) -> Self {
        let limit = threads.get();
        Self(Arc::new(Inner {
            shared: Arc::new(Shared {
                queue: Mutex::default(),
                wake: Condvar::new(),
                limit,
                budget: Arc::new(Budget::new(2 * limit)),
                buffers: Arc::default(),
                engines: Engines::new(2 * limit),
            }),
            threads: Mutex::default(),
        }))
    }

    /// The workers of this process, that all streams use unless told otherwise: a thread for each
    /// core that is available to it, but no more than 16.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Workers> = LazyLock::new(|| {
            let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
            let most = NonZeroUsize::new(16).expect("16 is not 0");
            Workers::new(cores.min(most))
        });
        &SHARED
    }

    /// How many threads there are at most.
    pub fn threads(&self) -> usize {
        self.0.shared.limit
    }

    pub(crate) fn state(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// Runs a job on some thread and gives the place where its result will be. If the job dies,
    /// the receiver says that nobody sends any more.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Receiver<T> {
        let (sender, receiver) = sync_channel(1);
        let job: Job = Box::new(move || {
            // Whoever asked may have given up.
            let _ = sender.send(job());
        });
        let mut queue = lock(&self.0.shared.queue);
        if queue.idle <= queue.jobs.len() && queue.started < self.threads() {
            match self.start() {
                Ok(()) => queue.started += 1,
                // Without a single thread the caller does the work.
                Err(_) if queue.started == 0 => {
                    drop(queue);
                    job();
                    return receiver;
                }
                Err(_) => {}
            }
        }
        queue.jobs.push_back(job);
        drop(queue);
        self.0.shared.wake.notify_one();
        receiver
    }

    fn start(&self) -> std::io::Result<()> {
        let shared = Arc::clone(&self.0.shared);
        let thread = thread::Builder::new()
            .name("codec-worker".to_owned())
            .spawn(move || work(&shared))?;
        lock(&self.0.threads).push(thread);
        Ok(())
    }
}

fn work(shared: &Shared) {
    while let Some(job) = next_job(shared) {
        // A job that panics drops its sender, which tells whoever waits; the thread lives on.
        drop(catch_unwind(AssertUnwindSafe(job)));
    }
}

fn next_job(shared: &Shared) -> Option<Job> {
    let mut queue = lock(&shared.queue);
    loop {
        if let Some(job) = queue.jobs.pop_front() {
            return Some(job);
        }
        if queue.closed {
            return None;
        }
        queue.idle += 1;
        queue = wait(&shared.wake, queue);
        queue.idle -= 1;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        lock(&self.shared.queue).closed = true;
        self.shared.wake.notify_all();
        for thread in lock(&self.threads).drain(..) {
            // A thread catches the panics of its jobs, so there is nothing to learn here.
            drop(thread.join());
        }
    }
}

/// Locks; what a thread that panicked has left is sound, since no lock here is held over foreign
/// code.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits on a condition, likewise.
pub(crate) fn wait<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condition
        .wait(guard)
        .unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Workers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Workers")
            .field("threads", &self.threads())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Queue")
            .field("jobs", &self.jobs.len())
            .field("idle", &self.idle)
            .field("started", &self.started)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workers(threads: usize) -> Workers {
        Workers::new(NonZeroUsize::new(threads).unwrap())
    }

    #[test]
    fn threads_start_when_they_are_needed_and_not_before() {
        let workers = workers(2);
        assert_eq!(lock(&workers.0.threads).len(), 0);
        for n in 0..100 {
            assert_eq!(workers.run(move || n * 2).recv(), Ok(n * 2));
        }
        // Two jobs that wait for each other need two threads, and two hundred no more.
        let meeting = Arc::new(std::sync::Barrier::new(2));
        let results: Vec<_> = (0..200)
            .map(|n| {
                let meeting = Arc::clone(&meeting);
                workers.run(move || {
                    meeting.wait();
                    n
                })
            })
            .collect();
        for (n, result) in results.into_iter().enumerate() {
            assert_eq!(result.recv(), Ok(n));
        }
        assert_eq!(lock(&workers.0.threads).len(), 2);
    }

    #[test]
    fn a_job_that_panics_is_told_from_one_that_ends() {
        let workers = workers(1);
        let dying = workers.run(|| assert!(lock(&Mutex::new(false)).eq(&true), "on purpose"));
        assert!(dying.recv().is_err());
        assert_eq!(workers.run(|| 7).recv(), Ok(7));
    }

    #[test]
    fn the_threads_end_with_the_last_handle() {
        let first = workers(3);
        let second = first.clone();
        let shared = Arc::downgrade(&first.0.shared);
        drop(first);
        assert_eq!(second.run(|| 1).recv(), Ok(1));
        drop(second);
        assert!(shared.upgrade().is_none(), "a thread still runs");
    }
}
