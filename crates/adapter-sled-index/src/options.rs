//! What a caller can choose about an index on sled.

use std::time::Duration;

/// What an acknowledged change survives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// A crash of the process and a loss of power.
    #[default]
    Full,
    /// A crash of the process. A loss of power may take the changes of the last seconds.
    Relaxed,
}

/// How to open an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SledOptions {
    /// What an acknowledged change survives.
    pub durability: Durability,
    /// How long to wait for other processes that have the index open. Zero tries once.
    pub lock_timeout: Duration,
    /// How many bytes of pages sled tries to keep in memory. It may take more for a while.
    pub cache_bytes: u64,
}

impl Default for SledOptions {
    /// Full durability, two minutes, 64 MiB.
    ///
    /// Whoever waits stands in line behind whole processes, not single changes: two minutes let
    /// some dozens of batch uploads pass, and still end in an error where a server holds the index.
    fn default() -> Self {
        Self {
            durability: Durability::Full,
            lock_timeout: Duration::from_mins(2),
            cache_bytes: 64 * 1024 * 1024,
        }
    }
}
