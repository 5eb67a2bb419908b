//! The connection that changes are made on, with what they add to the counters. Must not know what
//! a change is, nor how counters are stored.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Deref;

use rusqlite::Connection;

use super::error::Result;

/// Which row of the counters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct CounterKey {
    pub(super) spec: String,
    pub(super) artifact_type: String,
    pub(super) state: &'static str,
    pub(super) tier: &'static str,
}

/// What is added to a row of the counters, or taken from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CounterDelta {
    pub(super) count: i64,
    pub(super) size_bytes: i64,
    pub(super) stored_size_bytes: i64,
}

/// A connection on which several changes are made in one transaction.
///
/// They hit the same few counters, so these are summed up here and written once.
#[derive(Debug)]
pub(super) struct CountingConnection {
    connection: Connection,
    change: RefCell<Vec<(CounterKey, CounterDelta)>>,
    round: RefCell<HashMap<CounterKey, CounterDelta>>,
    sum: Cell<Option<Sum>>,
}

/// What the counters of stored bytes came to when the transaction began, and in which state of the
/// database: its number changes when another connection writes.
#[derive(Debug, Clone, Copy)]
struct Sum {
    data_version: i64,
    bytes: i64,
}

impl CountingConnection {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            change: RefCell::default(),
            round: RefCell::default(),
            sum: Cell::default(),
        }
    }

    /// Adds to a counter, if the change that is being made succeeds.
    pub(super) fn count(&self, key: CounterKey, delta: CounterDelta) {
        self.change.borrow_mut().push((key, delta));
    }

    /// The change was made.
    pub(super) fn keep_change(&self) {
        let mut round = self.round.borrow_mut();
        for (key, delta) in self.change.borrow_mut().drain(..) {
            let sum = round.entry(key).or_default();
            sum.count += delta.count;
            sum.size_bytes += delta.size_bytes;
            sum.stored_size_bytes += delta.stored_size_bytes;
        }
    }

    /// The change was undone.
    pub(super) fn forget_change(&self) {
        self.change.borrow_mut().clear();
    }

    /// The transaction was undone.
    pub(super) fn forget_all(&self) {
        self.forget_change();
        self.forget_round();
    }

    /// What was counted so far is written already, or undone, and so are sums unknown.
    pub(super) fn forget_round(&self) {
        self.round.borrow_mut().clear();
        self.sum.set(None);
    }

    /// What was counted so far and is not written yet.
    pub(super) fn uncounted(&self) -> HashMap<CounterKey, CounterDelta> {
        self.round.borrow().clone()
    }

    /// The stored bytes of all that was counted so far and is not written yet.
    pub(super) fn uncounted_bytes(&self) -> i64 {
        let (round, change) = (self.round.borrow(), self.change.borrow());
        let deltas = round.values().chain(change.iter().map(|(_, delta)| delta));
        deltas.map(|delta| delta.stored_size_bytes).sum()
    }

    /// What the written counters of stored bytes come to, counted by `count` where that is not
    /// known for this state of the database.
    pub(super) fn sum_of(
        &self,
        data_version: i64,
        count: impl FnOnce() -> Result<i64>,
    ) -> Result<i64> {
        let known = self.sum.get();
        if let Some(sum) = known.filter(|sum| sum.data_version == data_version) {
            return Ok(sum.bytes);
        }
        let bytes = count()?;
        self.sum.set(Some(Sum {
            data_version,
            bytes,
        }));
        Ok(bytes)
    }

    /// What the changes that were made add up to; whoever asks writes it.
    pub(super) fn counted(&self) -> Vec<(CounterKey, CounterDelta)> {
        let written = self.uncounted_bytes();
        if let Some(mut sum) = self.sum.take() {
            sum.bytes = sum.bytes.saturating_add(written);
            self.sum.set(Some(sum));
        }
        let mut round = self.round.borrow_mut();
        round
            .drain()
            .filter(|(_, delta)| *delta != CounterDelta::default())
            .collect()
    }
}

impl Deref for CountingConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_undone_counts_nothing_and_what_cancels_out_is_left_out() {
        let connection = CountingConnection::new(Connection::open_in_memory().unwrap());
        let key = |state| CounterKey {
            spec: "s".to_owned(),
            artifact_type: "log".to_owned(),
            state,
            tier: "HOT",
        };
        let one = |sign| CounterDelta {
            count: sign,
            size_bytes: 5 * sign,
            stored_size_bytes: 3 * sign,
        };
        connection.count(key("UPLOADING"), one(1));
        connection.keep_change();
        connection.count(key("UPLOADING"), one(-1));
        connection.count(key("ACTIVE"), one(1));
        connection.keep_change();
        connection.count(key("ACTIVE"), one(1));
        connection.forget_change();
        assert_eq!(connection.counted(), [(key("ACTIVE"), one(1))]);
        connection.count(key("ACTIVE"), one(1));
        connection.keep_change();
        connection.forget_all();
        assert_eq!(connection.counted(), []);
    }
}
