//! How much memory a process has taken.

use std::fs;

/// The highest resident memory of a process so far, in KiB, but for pages of files, such as its own
/// program, which the system can take back and which differ by how it was built. None once it has
/// ended.
#[must_use]
pub fn peak_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let value = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    };
    value("VmHWM:")?.checked_sub(value("RssFile:")?)
}
