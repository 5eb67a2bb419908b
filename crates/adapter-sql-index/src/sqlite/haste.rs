//! Whether what is read comes from memory, so that reading it where it is asked for keeps nobody waiting.
//! Must not know what is read.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

/// A read that takes longer has waited for a device. It may have waited for a processor instead, which costs
/// little: so many are not read in place then.
const LONG: Duration = Duration::from_millis(5);

/// For how long nothing is read in place after that.
const PAUSE: Duration = Duration::from_millis(250);

/// What the last reads in place have shown.
#[derive(Debug)]
pub(super) struct Haste {
    begin: Instant,
    /// Until when nothing is read in place, in microseconds since the beginning.
    paused_until: AtomicU64,
    /// How many read in place now.
    at_work: AtomicUsize,
    /// How many do so at most.
    most: usize,
}

impl Haste {
    pub(super) fn new(most: usize) -> Self {
        Self {
            begin: Instant::now(),
            paused_until: AtomicU64::new(0),
            at_work: AtomicUsize::new(0),
            most,
        }
    }

    /// Reads in place, unless such a read has taken long a moment ago, or half of the runtime's threads do so: a
    /// device that does not answer at all must not stop the others.
    pub(super) fn read<T>(&self, read: impl FnOnce() -> Option<T>) -> Option<T> {
        let threads = Handle::try_current().map_or(1, |runtime| runtime.metrics().num_workers());
        self.read_beside(self.most.min(threads / 2), read)
    }

    fn read_beside<T>(&self, most: usize, read: impl FnOnce() -> Option<T>) -> Option<T> {
        let begin = self.begin.elapsed();
        if micros(begin) < self.paused_until.load(Ordering::Relaxed) {
            return None;
        }
        let turn = Turn::take(&self.at_work, most)?;
        let found = read();
        drop(turn);
        let end = self.begin.elapsed();
        if end.saturating_sub(begin) > LONG {
            let until = micros(end + PAUSE);
            self.paused_until.store(until, Ordering::Relaxed);
        }
        found
    }
}

/// One read in place.
struct Turn<'a>(&'a AtomicUsize);

impl<'a> Turn<'a> {
    fn take(at_work: &'a AtomicUsize, most: usize) -> Option<Self> {
        let turn = Self(at_work);
        let before = at_work.fetch_add(1, Ordering::Relaxed);
        (before < most).then_some(turn)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;

    #[test]
    fn after_a_long_read_there_is_none_for_a_while() {
        let haste = Haste::new(2);
        let long = haste.read_beside(1, || {
            sleep(2 * LONG);
            Some(1)
        });
        assert_eq!(long, Some(1));
        assert_eq!(haste.read_beside(1, || Some(2)), None);
        sleep(PAUSE + LONG);
        assert_eq!(haste.read_beside(1, || Some(3)), Some(3));
        assert_eq!(haste.read_beside(1, || None::<i32>), None);
    }

    #[test]
    fn only_so_many_read_at_once() {
        let haste = Haste::new(2);
        let inner = || haste.read_beside(2, || haste.read_beside(2, || Some(1)));
        assert_eq!(haste.read_beside(2, || Some(inner())), Some(None));
        assert_eq!(
            haste.read_beside(2, || Some(haste.read_beside(2, || Some(1)))),
            Some(Some(1))
        );
        assert_eq!(haste.read_beside(0, || Some(1)), None);
        // Where there is one thread for all, it is nobody's to wait with.
        assert_eq!(haste.read(|| Some(1)), None);
    }
}
