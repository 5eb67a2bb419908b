//! What this process has cost so far. Must not know what it did.

use std::fs;
use std::time::Duration;

use crate::Outcome;

/// How many ticks a second has, which Linux has told every program for decades.
const TICKS_PER_SECOND: u64 = 100;

/// The time that all threads, those that have ended too, spent on a processor.
pub(crate) fn cpu_time() -> Outcome<Duration> {
    let line = fs::read_to_string("/proc/self/stat")?;
    // After the name, which may hold anything, come the fields from the third on.
    let (_, fields) = line.rsplit_once(')').ok_or("no name in /proc/self/stat")?;
    let ticks: Vec<u64> = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let ticks: u64 = ticks.iter().sum();
    Ok(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
}
