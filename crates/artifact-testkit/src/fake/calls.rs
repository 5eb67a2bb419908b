//! How often each operation of a port was called.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Counters, one per operation.
#[derive(Debug)]
pub(crate) struct Calls<Op>(Mutex<HashMap<Op, u64>>);

impl<Op: Eq + Hash> Calls<Op> {
    pub(crate) fn record(&self, operation: Op) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *calls.entry(operation).or_default() += 1;
    }

    pub(crate) fn of(&self, operation: &Op) -> u64 {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.get(operation).copied().unwrap_or(0)
    }
}

impl<Op> Default for Calls<Op> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}
