//! How much processor time something took, and whether other programs worked on the machine meanwhile.
//! Only where the system tells (Linux): elsewhere nothing counts as disturbed. It must not know what is
//! measured.

use std::fs;

/// The share of all processor time that others may take from a measurement.
const DISTURBED: f64 = 0.1;

/// `sysconf(_SC_CLK_TCK)`, which is this number on every Linux of today.
const TICKS_PER_SECOND: f64 = 100.0;

/// A point in time, in ticks of the system's clock.
pub(crate) struct Ticks {
    busy: u64,
    all: u64,
    own: u64,
}

impl Ticks {
    pub(crate) fn now() -> Self {
        let machine = fs::read_to_string("/proc/stat").unwrap_or_default();
        let line = machine.lines().next().unwrap_or_default();
        let fields = numbers(line.strip_prefix("cpu").unwrap_or_default());
        // user nice system idle iowait irq softirq steal: see proc_stat(5).
        let all: u64 = fields.iter().take(8).sum();
        let idle: u64 = fields.iter().skip(3).take(2).sum();
        let own = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let own = own.rsplit_once(')').map_or("", |(_, rest)| rest);
        Self {
            busy: all - idle,
            all,
            // utime stime cutime cstime, proc_pid_stat(5), counted from behind the name.
            own: numbers(own).iter().skip(11).take(4).sum(),
        }
    }

    /// How many seconds of processor time this process and those that it started have had since then.
    pub(crate) fn own_seconds(&self) -> f64 {
        (Self::now().own - self.own) as f64 / TICKS_PER_SECOND
    }

    /// Whether others had much of the machine since then.
    pub(crate) fn were_disturbed(&self) -> bool {
        let now = Self::now();
        let others = (now.busy - self.busy).saturating_sub(now.own - self.own);
        others as f64 > DISTURBED * (now.all - self.all) as f64
    }
}

/// The fields of a line as numbers; 0 for what is none, or below 0.
fn numbers(line: &str) -> Vec<u64> {
    line.split_whitespace()
        .map(|field| field.parse().unwrap_or(0))
        .collect()
}
