//! How many blocks may be in memory, over all streams: each stream always has one, and takes more
//! of a common store while there are any. It must not know what a block holds.

use std::sync::{Arc, Condvar, Mutex};

use crate::workers::{lock, wait};

/// The common store of block permits.
#[derive(Debug)]
pub(crate) struct Budget {
    total: usize,
    state: Mutex<Spread>,
}

#[derive(Debug, Default)]
struct Spread {
    taken: usize,
    streams: usize,
}

impl Budget {
    /// With this many permits beside the one that each stream has.
    pub(crate) fn new(total: usize) -> Self {
        Self {
            total,
            state: Mutex::default(),
        }
    }

    /// A permit, unless all are taken or this stream has its fair share of them.
    fn take(&self, held_by_stream: usize) -> bool {
        let mut state = lock(&self.state);
        let share = self.total / state.streams.max(1);
        let granted = state.taken < self.total && held_by_stream <= share;
        state.taken += usize::from(granted);
        granted
    }

    fn give_back(&self) {
        lock(&self.state).taken -= 1;
    }
}

/// The permits of one stream. Nobody ever waits for another stream: one that gets no permit goes on
/// with the block it has.
#[derive(Debug)]
pub(crate) struct StreamBudget {
    stream: Arc<Stream>,
}

#[derive(Debug)]
struct Stream {
    budget: Arc<Budget>,
    held: Mutex<usize>,
    released: Condvar,
}

/// A permit for one block, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    stream: Arc<Stream>,
    is_common: bool,
}

impl StreamBudget {
    pub(crate) fn new(budget: &Arc<Budget>) -> Self {
        lock(&budget.state).streams += 1;
        Self {
            stream: Arc::new(Stream {
                budget: Arc::clone(budget),
                held: Mutex::new(0),
                released: Condvar::new(),
            }),
        }
    }

    /// A permit; always if the stream has none.
    pub(crate) fn try_take(&self) -> Option<Permit> {
        let mut held = lock(&self.stream.held);
        let is_common = *held > 0;
        if is_common && !self.stream.budget.take(*held) {
            return None;
        }
        *held += 1;
        Some(Permit {
            stream: Arc::clone(&self.stream),
            is_common,
        })
    }

    /// A permit, once a block of this stream is done with: for who has nothing else to do.
    pub(crate) fn take(&self) -> Permit {
        loop {
            if let Some(permit) = self.try_take() {
                return permit;
            }
            let held = lock(&self.stream.held);
            if *held > 0 {
                drop(wait(&self.stream.released, held));
            }
        }
    }
}

impl Drop for StreamBudget {
    fn drop(&mut self) {
        lock(&self.stream.budget.state).streams -= 1;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.is_common {
            self.stream.budget.give_back();
        }
        *lock(&self.stream.held) -= 1;
        self.stream.released.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grab(stream: &StreamBudget) -> Vec<Permit> {
        std::iter::from_fn(|| stream.try_take()).collect()
    }

    #[test]
    fn a_stream_alone_gets_all_and_many_get_their_share() {
        let budget = Arc::new(Budget::new(8));
        let first = StreamBudget::new(&budget);
        let of_first = grab(&first);
        assert_eq!(of_first.len(), 1 + 8);

        let second = StreamBudget::new(&budget);
        assert_eq!(grab(&second).len(), 1, "it goes on with one");
        drop(of_first);
        let of_first = grab(&first);
        let of_second = grab(&second);
        assert_eq!((of_first.len(), of_second.len()), (1 + 4, 1 + 4));
        drop((of_first, of_second));

        let many: Vec<_> = (0..20).map(|_| StreamBudget::new(&budget)).collect();
        let taken: Vec<_> = many.iter().map(grab).collect();
        assert!(taken.iter().all(|permits| !permits.is_empty()));
        assert!(taken.iter().map(Vec::len).sum::<usize>() <= 20 + 8);
        drop((many, taken, second));
        assert_eq!(grab(&first).len(), 1 + 8, "all came back");
    }

    #[test]
    fn who_waits_goes_on_when_a_block_of_its_own_is_done() {
        let budget = Arc::new(Budget::new(0));
        let stream = StreamBudget::new(&budget);
        let only = stream.take();
        assert!(stream.try_take().is_none());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| drop(stream.take()));
            drop(only);
            waiting.join().unwrap();
        });
    }
}
