//! Whether what is read comes from memory, so that reading it where it is asked for keeps nobody waiting.
//! Must not know what is read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

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
}

impl Haste {
    pub(super) fn new() -> Self {
        Self {
            begin: Instant::now(),
            paused_until: AtomicU64::new(0),
        }
    }

    /// Reads in place, unless such a read has taken long a moment ago.
    pub(super) fn read<T>(&self, read: impl FnOnce() -> Option<T>) -> Option<T> {
        let begin = self.begin.elapsed();
        if micros(begin) < self.paused_until.load(Ordering::Relaxed) {
            return None;
        }
        let found = read();
        let end = self.begin.elapsed();
        if end.saturating_sub(begin) > LONG {
            let until = micros(end + PAUSE);
            self.paused_until.store(until, Ordering::Relaxed);
        }
        found
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
        let haste = Haste::new();
        let long = haste.read(|| {
            sleep(2 * LONG);
            Some(1)
        });
        assert_eq!(long, Some(1));
        assert_eq!(haste.read(|| Some(2)), None);
        sleep(PAUSE + LONG);
        assert_eq!(haste.read(|| Some(3)), Some(3));
        assert_eq!(haste.read(|| None::<i32>), None);
    }
}
